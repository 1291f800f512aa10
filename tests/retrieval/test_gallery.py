"""A person's own gallery: what goes in, what comes out, and what a folder can do to it."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from retrieval.base import PictureGallery
from retrieval.errors import PictureUnreadable
from retrieval.gallery import Gallery
from retrieval.ingest.decode import Job, decode, start
from retrieval.ingest.report import IngestOptions
from retrieval.maintenance import verify
from retrieval.records import Filters, Picture
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import ColourEncoder, paint
from tests.retrieval.test_pictures import SVG, huge_png


def captions(gallery: Gallery, query: str, **options: object) -> list[str]:
    return [hit.caption for hit in gallery.search(query, **options)]  # type: ignore[arg-type]  # passed on


def seen(gallery: Gallery) -> int:
    encoder = gallery.encoder
    assert isinstance(encoder, ColourEncoder)
    return encoder.encoded


def test_finds_by_looks_by_words_and_in_chinese(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "IMG_1.png", "red")
    paint(pictures / "a blue lake.png", "blue")
    paint(pictures / "IMG_3.png", "green").with_suffix(".txt").write_text("牛肉面条\ncredit: Li\nlicence: CC0\n")
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.found, report.added, report.skipped) == (3, 3, [])
    assert isinstance(gallery, PictureGallery)
    assert Path(gallery.search("red")[0].path).name == "IMG_1.png"
    assert captions(gallery, "lake")[0] == "a blue lake"
    hit = gallery.search("面条")[0]
    assert (hit.caption, hit.credit, hit.licence) == ("牛肉面条", "Li", "CC0")
    assert gallery.get(hit.id).caption == "牛肉面条"
    assert gallery.search(Image.new("RGB", (50, 50), (30, 40, 220)))[0].caption == "a blue lake"
    assert gallery.info().pictures == 3
    with Image.open(gallery.thumbnail(hit.id)) as thumbnail:
        assert thumbnail.format == "WEBP"


def test_indexing_alone_reads_nothing_that_only_searching_needs(
    gallery: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(pictures / "a blue lake.png", "blue")
    with monkeypatch.context() as indexing:
        indexing.setattr("retrieval.gallery.Searcher", lambda *_, **__: pytest.fail("made ready for searching"))
        gallery.add(pictures, options=ONE_WORKER)
    assert captions(gallery, "lake") == ["a blue lake"]
    paint(pictures / "a red barn.png", "red")
    gallery.add(pictures, options=ONE_WORKER)
    assert captions(gallery, "barn")[0] == "a red barn"


def test_phrasings_are_fused_and_exclusion_holds(gallery: Gallery, pictures: Path) -> None:
    for colour in ("red", "blue", "green"):
        paint(pictures / f"a {colour} thing.png", colour)
    gallery.add(pictures, options=ONE_WORKER)
    assert captions(gallery, ["red", "a red thing"])[0] == "a red thing"  # type: ignore[arg-type]  # phrasings
    first = gallery.search("red", k=1)[0]
    assert first.id not in [hit.id for hit in gallery.search("red", k=3, exclude=[first.id])]


def test_many_queries_find_the_same_and_make_no_file(gallery: Gallery, pictures: Path) -> None:
    for colour in ("red", "blue", "green"):
        paint(pictures / f"a {colour} thing.png", colour)
    gallery.add(pictures, options=ONE_WORKER)
    queries = ["red", "", "a blue thing", "绿"]
    found = gallery.find_many(queries, k=2)
    assert [[hit.id for hit in hits] for hits in found] == [
        [hit.id for hit in gallery.search(query, k=2)] for query in queries
    ]
    assert {hit.path for hits in found for hit in hits} == {""}


def test_second_run_reads_nothing(gallery: Gallery, pictures: Path) -> None:
    for number in range(5):
        paint(pictures / f"{number}x.png")
    gallery.add(pictures, options=ONE_WORKER)
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.unchanged, report.bytes_read, report.added, seen(gallery)) == (5, 0, 0, 5)


def test_renamed_file_keeps_its_picture_and_its_edits(gallery: Gallery, pictures: Path) -> None:
    path = paint(pictures / "old name.png")
    kept = paint(pictures / "other.png", "blue")
    gallery.add(pictures, options=ONE_WORKER)
    edited, followed = gallery.search("other")[0].id, gallery.search("old name")[0].id
    gallery.edit(edited, caption="my own words", credit="Me")
    path.rename(pictures / "new name.png")
    kept.rename(pictures / "moved.png")
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.renamed, report.added, report.removed, seen(gallery)) == (2, 0, 0, 2)
    assert gallery.get(followed).caption == "new name"
    assert Path(gallery.get(followed).path).name == "new name.png"
    assert (gallery.get(edited).caption, gallery.get(edited).credit) == ("my own words", "Me")
    assert captions(gallery, "own words")[0] == "my own words"


def test_copies_are_one_picture_and_deleted_ones_go(gallery: Gallery, pictures: Path) -> None:
    path = paint(pictures / "one.png")
    (pictures / "sub").mkdir()
    copy = pictures / "sub" / "copy.png"
    copy.write_bytes(path.read_bytes())
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.added, report.copies, gallery.info().pictures) == (1, 1, 1)
    path.unlink()
    assert gallery.add(pictures, options=ONE_WORKER).removed == 0
    copy.unlink()
    assert gallery.add(pictures, options=replace(ONE_WORKER, prune=True)).removed == 1
    assert gallery.search("red") == []
    assert verify(gallery) == []


def test_two_files_that_swap_their_contents(gallery: Gallery, pictures: Path) -> None:
    one, two = paint(pictures / "one.png", "red"), paint(pictures / "two.png", "blue")
    gallery.add(pictures, options=ONE_WORKER)
    red, blue = one.read_bytes(), two.read_bytes()
    one.write_bytes(blue)
    two.write_bytes(red)
    os.utime(one, (1, 1))
    os.utime(two, (2, 2))
    gallery.add(pictures, options=ONE_WORKER)
    assert gallery.info().pictures == 2
    assert Path(gallery.search("red")[0].path).name == "two.png"
    assert verify(gallery) == []


def test_a_new_version_of_a_file_keeps_what_a_person_wrote(gallery: Gallery, pictures: Path) -> None:
    path = paint(pictures / "IMG_1.png", "red")
    gallery.add(pictures, options=ONE_WORKER)
    gallery.edit(gallery.search("red")[0].id, caption="the front door", tags="house, door")
    paint(path, "blue", mark="new")
    os.utime(path, (1, 1))
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.added, report.removed) == (1, 1)
    assert captions(gallery, "blue") == ["the front door"]


def test_a_changed_text_file_changes_the_words(gallery: Gallery, pictures: Path) -> None:
    text = paint(pictures / "a.png").with_suffix(".txt")
    text.write_text("first words")
    gallery.add(pictures, options=ONE_WORKER)
    text.write_text("other lines")
    os.utime(text, (1, 1))
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.updated, seen(gallery)) == (1, 1)
    assert captions(gallery, "lines") == ["other lines"]


def test_bad_files_are_left_out_with_a_reason(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "good.png")
    bad = {"empty.png": b"", "broken.jpg": b"\xff\xd8\xff nothing", "bomb.png": huge_png(30_000), "text.gif": b"hello"}
    for name, content in bad.items():
        (pictures / name).write_bytes(content)
    (pictures / "lying.jpg").write_bytes((pictures / "good.png").read_bytes() + b"")
    (pictures / "drawing.svg").write_text(SVG)
    (pictures / "notes.doc").write_text("no picture at all")
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.added, report.copies) == (2, 1)  # the PNG that calls itself JPEG is read for what it is
    assert {Path(path).name for path, _ in report.skipped} == set(bad)
    assert all(reason for _, reason in report.skipped)
    again = gallery.add(pictures, options=ONE_WORKER)
    assert (again.bytes_read, len(again.skipped), gallery.info().skipped) == (0, 4, 4)
    hit = next(hit for hit in gallery.search("drawing") if hit.caption == "drawing")
    assert Path(hit.path).suffix == ".webp"  # a stranger's SVG is never shown as it is
    assert verify(gallery) == []


def test_a_file_that_takes_too_long_is_left_out(gallery: Gallery, pictures: Path) -> None:
    size, clouds = 'width="900" height="900"', '<feTurbulence baseFrequency="0.1" numOctaves="9"/>' * 12
    drawing = f'<filter id="f">{clouds}</filter><rect {size} filter="url(#f)"/>'
    (pictures / "slow.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{drawing}</svg>', "utf-8")
    paint(pictures / "quick.png")
    report = gallery.add(pictures, options=IngestOptions(workers=1, seconds_a_file=2))
    assert [Path(path).name for path, reason in report.skipped if "longer than" in reason] == ["slow.svg"]
    assert report.added == 1


def test_names_in_any_script_loops_of_links_and_hidden_files(gallery: Gallery, pictures: Path) -> None:
    names = ["猫.png", "кот.png", "قطة.png", "a 'quoted\" name;--.png", "🐈.png", "line\nbreak.png", "e\u0301.png"]
    for name in names:
        paint(pictures / "deep" / name)
    paint(pictures / ".hidden" / "x.png")
    (pictures / "deep" / "loop").symlink_to(pictures)
    (pictures / "dead.png").symlink_to(pictures / "nowhere.png")
    report = gallery.add(pictures, options=ONE_WORKER)
    assert report.added == len(names)
    assert [Path(hit.path).name for hit in gallery.search("猫", k=1)] == ["猫.png"]
    assert gallery.add(pictures, options=ONE_WORKER).unchanged == len(names)


def test_the_gallery_may_lie_inside_the_folder(pictures: Path) -> None:
    paint(pictures / "a.png")
    with Gallery.open(pictures / "my.gallery", create=True, encoder=ColourEncoder()) as gallery:
        gallery.add(pictures, options=ONE_WORKER)
        assert gallery.add(pictures, options=ONE_WORKER).found == 1


def test_a_picture_replaced_while_it_is_read(
    pictures: Path, tmp_path: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a worker limits its memory and steps back; here that would bind the whole test run
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)
    monkeypatch.setattr("os.nice", lambda _: 0)
    path = paint(pictures / "a.png")
    state = path.stat()
    start(ColourEncoder.preparation, str(tmp_path / "t"), str(gallery.catalogue.path))
    with pytest.raises(PictureUnreadable, match="changed"):
        decode(Job(str(path), state.st_size, state.st_mtime_ns - 1))


def test_stopping_keeps_what_was_read_and_drops_nothing(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "gone.png", "blue")
    gallery.add(pictures, options=ONE_WORKER)
    (pictures / "gone.png").unlink()
    for number in range(200):
        paint(pictures / f"{number}x.png")
    calls = iter(range(10_000))
    report = gallery.add(pictures, options=ONE_WORKER, stop=lambda: next(calls) >= 100)
    assert report.stopped
    assert report.added == 100
    assert gallery.info().pictures == 101
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.unchanged, report.added, gallery.info().pictures) == (100, 100, 200)


def test_filters(gallery: Gallery, pictures: Path) -> None:
    exif = Image.Exif()
    exif[0x0132] = "2020:01:02 00:00:00"
    text = paint(pictures / "trip" / "wide red.jpg", "red", (80, 40), exif=exif).with_suffix(".txt")
    text.write_text("tags: Sea, 海\nlicence: CC BY 4.0")
    paint(pictures / "tall red.png", "red", (40, 80))
    paint(pictures / "large red.png", "red", (300, 300))
    gallery.add(pictures, options=ONE_WORKER)
    for filters, expected in [
        (Filters(tag="sea"), {"wide red"}),
        (Filters(tag="海"), {"wide red"}),
        (Filters(folder=str(pictures / "trip")), {"wide red"}),
        (Filters(folder=str(pictures)), {"wide red", "tall red", "large red"}),
        (Filters(before="2021-01-01"), {"wide red"}),
        (Filters(after="2021-01-01"), {"tall red", "large red"}),
        (Filters(orientation="portrait"), {"tall red"}),
        (Filters(orientation="square", min_width=200), {"large red"}),
        (Filters(min_height=1000), set()),
        (Filters(licence="CC BY"), {"wide red"}),
    ]:
        for query in ("red", Image.new("RGB", (9, 9), "red")):
            assert {hit.caption for hit in gallery.search(query, k=9, filters=filters)} == expected, filters


def test_arithmetic_likeness_and_variety(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "red door.png", "red")
    paint(pictures / "red house.png", "red", mark="another")
    paint(pictures / "blue door.png", "blue")
    twin = Image.open(paint(pictures / "yellow.png", "yellow", (200, 200)))
    for number in range(3):
        twin.resize((198 - number, 198)).save(pictures / f"yellow {number + 7} twin.png")
    gallery.add(pictures, options=ONE_WORKER)
    assert captions(gallery, "red - door", k=1) == ["red house"]
    assert captions(gallery, "door + blue", k=1) == ["blue door"]
    red = gallery.search("red house", k=1)[0]
    similar = gallery.like(red.id, k=1)
    assert [hit.caption for hit in similar] == ["red door"]
    assert captions(gallery, "yellow", k=3) == ["yellow", "red door", "blue door"]  # near-twins stand behind


def test_searches_from_threads_while_indexing(gallery: Gallery, pictures: Path) -> None:
    for number in range(120):
        paint(pictures / f"red {number}x.png")
    done = threading.Event()

    def searching() -> int:
        count = 0
        while not done.is_set():
            assert len(gallery.search("red", k=4)) <= 4
            count += 1
        return count

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(searching) for _ in range(4)]
        try:
            gallery.add(pictures, options=ONE_WORKER)
        finally:
            done.set()
        assert all(one.result() > 0 for one in running)
    assert len(gallery.search("red", k=200)) == 120


def test_removed_pictures_come_back_with_the_next_index(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "a.png")
    gallery.add(pictures, options=ONE_WORKER)
    assert gallery.remove([gallery.search("red")[0].id, "unknown"]) == 1
    assert gallery.search("red") == []
    assert gallery.add(pictures, options=ONE_WORKER).added == 1


def test_pictures_dropped_in_are_copied_and_found(gallery: Gallery, pictures: Path) -> None:
    first = paint(pictures / "a red door.png", "red")
    other = paint(pictures / "more" / "a red door.png", "blue", mark="other")
    odd = paint(pictures / "..x$(rm -rf).png", "green")
    report = gallery.take([first, other, odd])
    assert report.added == 3
    for path in (first, other, odd):
        path.unlink()
    hit = gallery.search("red", k=1)[0]
    assert Path(hit.path).is_relative_to(gallery.place)
    assert hit.caption == "a red door"
    assert gallery.take([]).unchanged == 3
    assert verify(gallery) == []


def test_words_that_are_dropped_in_with_a_picture_are_its_words(gallery: Gallery, pictures: Path) -> None:
    door = paint(pictures / "a red door.png", "red")
    (pictures / "a red door.png.txt").write_text("Our door in May\ncredit: Ann\nlicence: CC BY 4.0\n")
    twins = [
        paint(pictures / folder / "twin.png", colour, mark=folder) for folder, colour in (("1", "blue"), ("2", "green"))
    ]
    (pictures / "1" / "twin.txt").write_text("Only one of them")
    words = [pictures / "a red door.png.txt", pictures / "1" / "twin.txt"]
    assert gallery.take([*words, door, *twins]).added == 3
    found = {hit.caption: (hit.credit, hit.licence) for hit in gallery.browse()}
    assert found == {"Our door in May": ("Ann", "CC BY 4.0"), "twin": ("", "")}  # whose words they are, nobody knows
    (pictures / "a red door.png.txt").write_text("Our door in June")
    assert gallery.take([door, words[0]]).updated == 1
    gallery.take([door])
    assert {hit.caption for hit in gallery.browse()} == {"Our door in June", "twin"}  # the words stay


def test_a_dropped_picture_that_was_removed_does_not_come_back_with_the_next(gallery: Gallery, pictures: Path) -> None:
    red, blue = paint(pictures / "red.png", "red"), paint(pictures / "blue.png", "blue")
    gallery.take([red])
    assert gallery.remove([gallery.browse()[0].id]) == 1
    assert gallery.take([]).added == 0
    assert gallery.take([blue]).added == 1
    assert [hit.caption for hit in gallery.browse()] == ["blue"]
    gallery.take([red])  # unless it is dropped in again
    assert {hit.caption for hit in gallery.browse()} == {"blue", "red"}
    assert verify(gallery) == []


def test_browsing_tags_and_duplicates(gallery: Gallery, pictures: Path) -> None:
    for year, colour in ((2019, "red"), (2021, "blue")):
        exif = Image.Exif()
        exif[0x0132] = f"{year}:01:02 00:00:00"
        paint(pictures / f"{colour}.jpg", colour, (200, 200), exif=exif).with_suffix(".txt").write_text("tags: Sea, 海")
    with Image.open(pictures / "blue.jpg") as blue:
        blue.resize((150, 150)).save(pictures / "blue again.png")
    gallery.add(pictures, options=ONE_WORKER)
    assert [hit.caption for hit in gallery.browse(filters=Filters(tag="sea"))] == ["blue", "red"]
    assert [hit.caption for hit in gallery.browse(limit=1, offset=1, filters=Filters(tag="sea"))] == ["red"]
    assert gallery.tags() == {"sea": 2, "海": 2}
    assert [{hit.caption for hit in group} for group in gallery.duplicates()] == [{"blue", "blue again"}]


def test_threads_that_end_leave_no_connection_behind(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "a.png")
    gallery.add(pictures, options=ONE_WORKER)
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0
    for _ in range(30):
        thread = threading.Thread(target=gallery.browse)
        thread.start()
        thread.join()
    if before:
        assert len(list(Path("/proc/self/fd").iterdir())) < before + 15


def test_what_is_likely_comes_before_what_is_not(
    gallery: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the rankings together put it behind the pictures that were asked for."""
    for number in range(6):
        paint(pictures / f"bright red {number}.png", "red", mark=str(number))
    gallery.add(pictures, options=ONE_WORKER)
    ranked = [hit.id for hit in gallery.search("red", k=6)]

    def judge(_catalogue: object, _phrasings: object, found: list[tuple[Picture, float]], *_: object) -> list[object]:
        return [(picture, score, ranked.index(picture.id) >= 4) for picture, score in found]

    monkeypatch.setattr("retrieval.index.search.judged", judge)
    assert [hit.id for hit in gallery.search("red", k=3)][:2] == [ranked[4], ranked[5]]
