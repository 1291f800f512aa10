"""A damaged gallery is noticed, and mended without losing what can be saved."""

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image

from retrieval.errors import GalleryBusy, GalleryNotFound, GalleryUnreadable
from retrieval.gallery import LOCK_FILE, Gallery
from retrieval.index import vectors
from retrieval.maintenance import mend, repair, salvage, verify
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import COLOURS, ColourEncoder, paint


@pytest.fixture
def filled(gallery: Gallery, pictures: Path) -> Gallery:
    for colour in COLOURS:
        paint(pictures / f"a {colour} thing.png", colour)
    gallery.add(pictures, options=ONE_WORKER)
    assert verify(gallery) == []
    return gallery


def execute(statement: str) -> Callable[[Gallery], None]:
    return lambda gallery: gallery.catalogue.connection.execute(statement) and None


def remove_thumbnail(gallery: Gallery) -> None:
    next((gallery.place / "thumbnails").rglob("*.webp")).unlink()


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("vectors", execute("DELETE FROM vectors WHERE number = 2")),
        ("vectors", execute("UPDATE vectors SET vector = x'00' WHERE number = 2")),
        ("vectors", execute("INSERT INTO vectors (number, vector) SELECT 999, vector FROM vectors LIMIT 1")),
        ("words", execute("DELETE FROM words WHERE rowid = 3")),
        ("files", execute("UPDATE files SET number = 999 WHERE number = 1")),
        ("files", execute("UPDATE files SET number = NULL WHERE number = 1")),
        ("full text", execute("UPDATE words_content SET c0 = 'other words' WHERE id = 1")),
        ("thumbnails", remove_thumbnail),
    ],
)
def test_found_mended_and_whole_again(
    filled: Gallery, pictures: Path, kind: str, damage: Callable[[Gallery], None]
) -> None:
    damage(filled)
    assert kind in {problem.kind for problem in verify(filled)}
    assert repair(filled)
    filled.add(pictures, options=ONE_WORKER)
    assert verify(filled) == []
    for colour in COLOURS:
        assert filled.search(f"a {colour} thing", k=1)[0].caption == f"a {colour} thing"


def test_edited_words_survive_a_repair(filled: Gallery, pictures: Path) -> None:
    picture_id = filled.search("red")[0].id
    filled.edit(picture_id, caption="the gate of the garden")
    filled.catalogue.connection.execute("DELETE FROM words")
    repair(filled)
    filled.add(pictures, options=ONE_WORKER)
    assert filled.search("gate")[0].id == picture_id


def test_the_index_file_is_built_checked_and_replaced(filled: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "EXACT_LIMIT", 3)
    monkeypatch.setattr(vectors, "kind_for", lambda count, dim: ("IVF1,SQ8", 1, False))
    filled.searcher.rebuild_if_wanted()
    filled.searcher.wait()
    manifest = filled.searcher.index.manifest
    assert manifest is not None
    assert manifest.count == len(COLOURS)
    assert filled.search("blue", k=1)[0].caption == "a blue thing"
    assert verify(filled) == []
    file = filled.place / "vectors" / manifest.file
    content = bytearray(file.read_bytes())
    content[-20] ^= 0xFF
    file.write_bytes(content)
    assert "checksum" in verify(filled)[0].text
    assert any("index file" in line for line in repair(filled))
    assert verify(filled) == []
    assert filled.search("blue", k=1)[0].caption == "a blue thing"


def test_a_broken_database_file_is_salvaged(filled: Gallery, pictures: Path) -> None:
    for number in range(150):
        paint(pictures / f"{number} more.png", "grey")
    filled.add(pictures, options=ONE_WORKER)
    filled.catalogue.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    filled.close()
    file = filled.place / "gallery.sqlite"
    content = bytearray(file.read_bytes())
    half = len(content) // 8192 * 4096
    content[half : half + 4096] = b"\xaa" * 4096
    file.write_bytes(content)
    lines = salvage(filled.place)
    assert any("rows of 'pictures'" in line for line in lines)
    assert (filled.place / "gallery.sqlite.damaged").is_file()
    with Gallery.open(filled.place, encoder=ColourEncoder()) as again:
        repair(again)
        again.add(pictures, options=ONE_WORKER)
        assert verify(again) == []
        assert again.info().pictures == 155
    with pytest.raises(GalleryNotFound):
        salvage(pictures)


@pytest.mark.parametrize("where", ["header", "middle"])
def test_a_damaged_catalogue_is_named_and_mended_whatever_is_damaged(
    filled: Gallery, pictures: Path, where: str
) -> None:
    for number in range(150):
        paint(pictures / f"{number} more.png", "grey")
    filled.add(pictures, options=ONE_WORKER)
    filled.catalogue.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    page = int(filled.catalogue.connection.execute("PRAGMA page_size").fetchone()[0])
    root = filled.catalogue.connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'vectors'").fetchone()[
        0
    ]
    filled.close()
    file = filled.place / "gallery.sqlite"
    content = bytearray(file.read_bytes())
    start = 16 if where == "header" else page * (root - 1)  # the tables' list, or the top of one table
    content[start : start + page - 16] = b"\xaa" * (page - 16)
    file.write_bytes(content)
    if where == "middle":
        with Gallery.open(filled.place, encoder=ColourEncoder()) as broken:
            assert [problem.kind for problem in verify(broken)] == ["catalogue"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("retrieval.gallery.load_encoder", lambda name: ColourEncoder())
        assert any("rows of 'pictures'" in line for line in mend(filled.place))
        with Gallery.open(filled.place, create=True, encoder=ColourEncoder()) as again:
            again.add(pictures, options=ONE_WORKER)
            assert verify(again) == []
            assert again.info().pictures == 155


def test_another_format_is_named_and_nothing_is_mended(filled: Gallery) -> None:
    filled.catalogue.set_fact("schema", "99")
    for opened in (Gallery.open, mend):
        with pytest.raises(GalleryUnreadable, match="version 99"):
            opened(filled.place)
    assert not (filled.place / "gallery.sqlite.damaged").exists()


def test_nothing_is_salvaged_while_another_program_indexes(filled: Gallery) -> None:
    with FileLock(filled.place / LOCK_FILE), pytest.raises(GalleryBusy):
        salvage(filled.place)


def test_a_salvaged_catalogue_does_not_meet_the_old_index(
    filled: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "EXACT_LIMIT", 3)
    monkeypatch.setattr(vectors, "kind_for", lambda count, dim: ("IVF1,SQ8", 1, False))
    filled.searcher.rebuild()
    last = filled.catalogue.newest_slot()
    with filled.catalogue.transaction() as connection:  # as if its last page could not be read
        connection.execute("DELETE FROM vectors WHERE slot = ?", (last,))
        connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'vectors'", (last - 1,))
    filled.close()
    salvage(filled.place)
    (pictures / "a yellow thing.png").unlink()  # the last one
    paint(pictures / "a new thing.png", "green")
    with Gallery.open(filled.place, encoder=ColourEncoder()) as again:
        repair(again)
        again.add(pictures, options=ONE_WORKER)
        again.searcher.wait()
        assert again.catalogue.newest_slot() == last
        assert again.search(Image.new("RGB", (9, 9), COLOURS["yellow"]), k=1)[0].score < 0.9
