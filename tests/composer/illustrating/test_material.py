"""A person's own pictures as material: described by what travels with them, placed before a gallery's."""

import math
from pathlib import Path

import pytest

from composer.article import Article, Candidate, Section
from composer.errors import FewerPlaces, InputError, PictureError
from composer.events import Notice
from composer.illustrating import MOST_OWN, OwnFirst, OwnPictures
from composer.illustrating.material import place_own
from composer.pipeline import Composer, Options
from tests.composer.answering import answer
from tests.fakes import FakeModel, NamedGallery
from tests.retrieval.helpers import paint

TEXTS = (
    "In the morning we took the bicycle out of the shed and rode down to the river, where nobody was awake yet.",
    "There is a cat in the garden of the inn, and it sleeps below the apple tree until somebody brings it fish.",
    "The bridge is older than the town. Two carts cannot pass on it, and so people learned to wait for each other.",
    "At night the moon stood over the tents, and we heard an owl far away in the woods behind the last houses.",
)
NOTHING = "Nothing happened for a long while, and nobody minded it, since everybody was tired enough."
ARTICLE = Article("A week in the valley", tuple(Section(f"s{i}", text) for i, text in enumerate(TEXTS, 1)))


def model() -> FakeModel:
    """Finds that a picture fits where its name stands in the paragraph."""

    def score(messages: object, option: str) -> float:
        asked = messages[-1].text.removeprefix("Does a picture of ").split(" fit ")[0]  # type: ignore[index]
        paragraph = next(m.text for m in reversed(messages) if m.text in (*TEXTS, NOTHING))  # type: ignore[call-overload]
        fits = any(word in paragraph for word in asked.split())
        return math.log(0.95 if fits == (option == "Yes") else 0.05)

    return FakeModel(answer=answer, scorer=score)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "own").mkdir()
    names = ("old bridge.png", "red bicycle.png")
    return [paint(tmp_path / "own" / name, colour) for name, colour in zip(names, ("grey", "red"), strict=True)]


@pytest.fixture
def gallery(tmp_path: Path) -> NamedGallery:
    return NamedGallery(tmp_path, ["bicycle", "cat", "moon", "bridge"])


def shown(article: Article) -> dict[str, str]:
    """Section -> what the picture that stands there is called."""
    return {
        s.id: s.illustration.chosen.caption for s in article.illustrated if s.illustration and s.illustration.chosen
    }


def test_each_stands_once_beside_its_paragraph_and_the_gallerys_where_there_is_none(
    files: list[Path], gallery: NamedGallery
) -> None:
    composer = Composer(model(), gallery)
    with OwnPictures(files) as own:
        list(composer.illustrate(ARTICLE, Options(pictures=4), own=own))
    assert shown(composer.article) == {"s1": "red bicycle", "s2": "cat", "s3": "old bridge", "s4": "moon"}
    by_hand = {s.id: s.illustration.by_hand for s in composer.article.illustrated if s.illustration}
    assert by_hand == {"s1": True, "s2": False, "s3": True, "s4": False}
    bicycle = composer.article.section("s1").illustration
    assert bicycle is not None
    assert bicycle.chosen is not None
    assert bicycle.chosen.path == str(files[1])
    assert bicycle.caption == "Red bicycle"
    list(composer.illustrate(composer.article, Options(pictures=0)))  # planning anew keeps what a person gave
    assert shown(composer.article) == {"s1": "red bicycle", "s3": "old bridge"}


@pytest.mark.parametrize(("pictures", "count"), [(0, 0), (1, 1), (2, 2)])
def test_no_more_stand_than_are_asked_for(pictures: int, count: int, files: list[Path], gallery: NamedGallery) -> None:
    composer = Composer(model(), gallery)
    with OwnPictures(files) as own:
        list(composer.illustrate(ARTICLE, Options(pictures=pictures), own=own))
    assert len(shown(composer.article)) == count
    assert set(shown(composer.article).values()) <= {"red bicycle", "old bridge"}


def test_pictures_that_nothing_is_known_of_stand_too_without_a_caption(tmp_path: Path, gallery: NamedGallery) -> None:
    files = [paint(tmp_path / f"IMG_{number}.png", colour) for number, colour in enumerate(("blue", "green"), 1000)]
    composer = Composer(model(), gallery)
    with OwnPictures(files) as own:
        assert all(picture.approximate for picture in own)
        events = list(composer.illustrate(ARTICLE, Options(), own=own))
    own_places = [s.illustration for s in composer.article.illustrated if s.illustration and s.illustration.by_hand]
    assert {i.chosen.path for i in own_places if i.chosen} == {str(file) for file in files}
    assert [i.caption for i in own_places] == ["", ""]
    assert not [e for e in events if isinstance(e, Notice)]


def test_more_pictures_than_paragraphs(tmp_path: Path, gallery: NamedGallery) -> None:
    files = [paint(tmp_path / f"bridge {number}.png", "grey") for number in range(6)]
    composer = Composer(model(), gallery)
    with OwnPictures(files) as own:
        events = list(composer.illustrate(ARTICLE, Options(pictures=6), own=own))
    assert len(shown(composer.article)) == 4
    assert [type(e.problem) for e in events if isinstance(e, Notice)] == [FewerPlaces]


def test_a_broken_file_is_said_and_the_others_stand(files: list[Path], tmp_path: Path, gallery: NamedGallery) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    composer = Composer(model(), gallery)
    with OwnPictures([files[0], tmp_path / "broken.jpg", tmp_path / "gone.jpg", files[0]]) as own:
        assert len(own) == 1
        events = list(composer.illustrate(ARTICLE, Options(), own=own))
    said = [e.problem.text("en") for e in events if isinstance(e, Notice)]
    assert len(said) == 2
    assert "broken.jpg" in said[0]
    assert "gone.jpg" in said[1]
    assert "old bridge" in shown(composer.article).values()


def test_too_many_are_refused_with_the_number(files: list[Path]) -> None:
    with pytest.raises(InputError) as refused:
        OwnPictures(files[:1] * (MOST_OWN + 1))
    assert "21 pictures" in refused.value.text("en")
    assert "20" in refused.value.text("en")


def test_a_family_that_searches_by_captions_is_offered_them_first(files: list[Path], gallery: NamedGallery) -> None:
    with OwnPictures(files) as own:
        both = OwnFirst(own, gallery)
        found = both.search("an old bridge", k=3)
        assert [hit.caption for hit in found] == ["old bridge", "bridge", "bicycle"]
        assert both.get(found[0].id).path == str(files[0])
        assert both.get(found[1].id).caption == "bridge"
        (other,) = both.search(["an old bridge"], k=1, exclude=[found[0].id])
        assert other.id in gallery.pictures, "the red bicycle is not likely"


def test_a_picture_that_fits_nowhere_stands_where_it_displaces_least(tmp_path: Path, gallery: NamedGallery) -> None:
    article = ARTICLE.with_sections([*ARTICLE.sections[:2], Section("s9", NOTHING), *ARTICLE.sections[2:]])
    composer = Composer(model(), gallery)
    with OwnPictures([paint(tmp_path / "IMG_1000.png", "green")]) as own:
        list(composer.illustrate(article, Options(), own=own))
    places = {s.id for s in composer.article.illustrated if s.illustration and s.illustration.by_hand}
    assert places == {"s9"}
    assert len(shown(composer.article)) > 1, "the gallery's pictures stand beside it"


def test_files_are_checked_before_anything_is_written(files: list[Path], tmp_path: Path) -> None:
    OwnPictures(files).check()
    (tmp_path / "text.jpg").write_text("no picture")
    for bad, said in (
        (tmp_path / "gone.jpg", "no such file"),
        (tmp_path, "no such file"),
        (tmp_path / "text.jpg", "text.jpg"),
    ):
        with pytest.raises(PictureError) as refused:
            OwnPictures([*files, bad]).check()
        assert said in refused.value.text("en")


@pytest.mark.parametrize(("here", "there", "place"), [(0.30, 0.28, 1), (0.9, 0.5, 0)])
def test_only_what_fits_nowhere_gives_way_to_the_gallery(here: float, there: float, place: int) -> None:
    """The gallery has a sure picture for the first paragraph and none for the second."""
    options = [[Candidate("upload-1", "a.png", fit=fit)] for fit in (here, there)]
    picks = place_own([500, 500], options, 2, fixed=(), others=[0.95, 0.0])
    assert {at: picture.fit for at, picture in picks.items()} == {place: (here, there)[place]}
