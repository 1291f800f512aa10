"""The benchmark for illustrating: its numbers by hand, its forms, its methods."""

import itertools
import json
import math
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from common.errors import ReadableError
from evaluation.cli import app
from evaluation.illustrating import (
    AsTheStudio,
    BySimilarity,
    Item,
    ItemPicture,
    assigned,
    auroc,
    measure_item,
    measure_method,
    placement_f1,
    read_articles,
    results_markdown,
    shipped_articles,
    summarize,
)
from tests.fakes import FakeModel
from tests.retrieval.helpers import ColourEncoder, paint

SENTENCES = ("Nothing here.", "A red door.", "Nothing again.", "A green tree.", "The blue sea.")


def item(*pictures: tuple[int, str]) -> Item:
    found = tuple(ItemPicture(f"p{number}", after, caption) for number, (after, caption) in enumerate(pictures))
    return Item("1", "en", "Colours", SENTENCES, found)


@pytest.mark.parametrize(
    ("found", "true", "f1"),
    [
        ([1, 3], [1, 3], 1.0),
        ([0, 4], [1, 3], 1.0),  # one paragraph away
        ([3, 4], [0, 1], 0.0),
        ([1, 2, 3, 4], [2], 0.4),  # a true place counts once
        ([1, 2], [0, 1], 1.0),  # the first to 0, so that the second has 1
        ([], [1], 0.0),
    ],
)
def test_places_one_paragraph_away_count(found: list[int], true: list[int], f1: float) -> None:
    assert placement_f1(found, true) == f1


def test_pairs_of_places_are_as_many_as_can_be() -> None:
    draw = random.Random(2)
    for _ in range(100):
        found, true = (sorted(draw.sample(range(7), draw.randint(1, 4))) for _side in range(2))
        short, long = sorted((found, true), key=len)
        most = max(
            sum(abs(a - b) <= 1 for a, b in zip(short, order, strict=True))
            for order in itertools.permutations(long, len(short))
        )
        assert placement_f1(found, true) == 2 * most / (len(found) + len(true))


def test_the_assignment_has_the_highest_sum() -> None:
    draw = random.Random(1)
    for _ in range(60):
        places = draw.randint(1, 5)
        pictures = draw.randint(1, places)
        fits = [[draw.uniform(-1, 1) for _picture in range(pictures)] for _place in range(places)]
        best = max(
            itertools.permutations(range(places), pictures),
            key=lambda order: sum(fits[place][picture] for picture, place in enumerate(order)),
        )
        assert assigned(fits) == sorted(best)
    assert assigned([[1.0, 2.0, 3.0]]) == [0]  # more pictures than paragraphs
    same = [assigned([[0.0] * 3] * count) for count in range(5, 12)]
    assert [0, 1, 2] not in same, "where all fits are equal, the author's order does not help"


def test_auroc_counts_ties_half() -> None:
    assert auroc([2.0, 3.0], [1.0, 2.0]) == 3.5 / 4
    assert auroc([1.0], []) is None


def test_an_articles_numbers_by_hand() -> None:
    two = item((1, "red"), (3, "green"))
    fits = [[0.0, 0.0], [0.9, 0.1], [0.0, 0.0], [0.5, 0.5], [0.0, 0.0]]
    found = measure_item(two, fits, [1, 4])
    assert (found.f1, found.exact, found.f1_assigned) == (1.0, 0.5, 1.0)
    assert (found.hit, found.reciprocal_rank) == (0.5, 0.75)  # a tie counts as if the other came first
    assert found.with_true == (0.9, 0.5)
    assert found.without_true == (0.1, 0.5)
    # two of five places at random: the mean over all ten pairs
    pairs = list(itertools.combinations(range(5), 2))
    exact = sum(placement_f1(pair, [1, 3]) for pair in pairs) / len(pairs)
    assert found.f1_chance == pytest.approx(exact, abs=0.05)
    assert found.exact_chance == pytest.approx(2 / 5, abs=0.05)


def test_intervals_are_drawn_by_article() -> None:
    two = item((1, "red"), (3, "green"))
    good = measure_item(two, [[0.0, 0.0], [0.9, 0.1], [0.0, 0.0], [0.1, 0.9], [0.0, 0.0]], [1, 3])
    bad = measure_item(two, [[0.0, 0.0], [0.1, 0.9], [0.0, 0.0], [0.9, 0.1], [0.0, 0.0]], [])
    found = summarize([good, bad])
    assert (found["choice_hit_1"].value, found["choice_hit_1"].low, found["choice_hit_1"].high) == (0.5, 0.0, 1.0)
    assert summarize([good])["placement_f1"].low == 1.0
    assert found["refusal_auroc"].value == 12 / 16  # of 0.9 four times against 0.1 twice and 0.9 twice


def test_similarity_puts_pictures_where_their_words_are() -> None:
    three = item((1, "red"), (3, "green"), (4, "blue"))
    result = measure_method(BySimilarity(ColourEncoder()), [three])
    assert result.numbers["choice_hit_1"].value == 1.0
    assert "similarity, colours" in results_markdown([result])


def test_pixels_decide_where_an_encoder_looks_at_them(tmp_path: Path) -> None:
    class Looking(ColourEncoder):
        words_first = False

    paths = [paint(tmp_path / f"{colour}.png", colour) for colour in ("red", "green", "blue")]
    pictures = tuple(ItemPicture(str(n), place, "red", str(paths[n])) for n, place in enumerate((1, 3, 4)))
    found = measure_method(BySimilarity(Looking()), [Item("1", "en", "t", SENTENCES, pictures)])
    assert found.numbers["choice_hit_1"].value == 1.0


def test_the_studio_refuses_what_does_not_fit() -> None:
    fits, places = AsTheStudio(ColourEncoder()).illustrate(item((1, "door"), (3, "tree")))
    assert fits[1][0] > fits[0][0]
    assert fits[3][1] > fits[3][0]
    assert set(places) <= {1, 3}
    yes = FakeModel(
        answer=lambda messages: "tree", scorer=lambda _m, option: math.log(0.99 if option == "Yes" else 0.01)
    )
    sure, found = AsTheStudio(ColourEncoder(), yes).illustrate(item((1, "door"), (3, "tree")))
    assert sure[3][1] > fits[3][1]
    assert 3 in found


def test_our_articles_are_whole() -> None:
    rows = [json.loads(line) for line in shipped_articles().read_text("utf-8").splitlines()]
    assert len(rows) == 15
    assert {row["language"] for row in rows} == {"en", "zh"}
    for row in rows:
        assert all(1 <= picture["after"] <= len(row["paragraphs"]) for picture in row["pictures"])
        assert len({picture["drawing"] for picture in row["pictures"]}) == len(row["pictures"]) > 1


@pytest.mark.real
def test_our_articles_are_measured_with_the_bundled_drawings() -> None:
    ran = CliRunner().invoke(app, ["illustrating", "--encoder", "labels", "--limit", "8", "--json"])
    assert ran.exit_code == 0, ran.output
    similarity, studio = json.loads(ran.stdout)["methods"]
    assert similarity["articles"] == studio["articles"] == 8
    assert similarity["choice_hit_1"][0] > 0.4  # 0.43 without the Chinese dictionary
    assert studio["placement_exact"][0] > studio["placement_exact_chance"][0]
    assert studio["refusal_auroc"][0] > 0.6


def write_lines(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_our_form_names_what_is_wrong_with_its_line(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", "red")
    good = {"paragraphs": ["a", "b"], "pictures": [{"after": 1, "file": "a.png", "caption": "x"}, {"after": 2}]}
    (found,) = read_articles(write_lines(tmp_path / "d.jsonl", good))
    assert found.places == [0, 1]
    assert [Path(picture.path).name for picture in found.pictures] == ["a.png", ""]
    for bad, reason in (
        ({"paragraphs": ["a"], "pictures": []}, "line 2: it has no list of paragraphs"),
        ({"paragraphs": ["a"], "pictures": [{"after": 2}]}, "line 2: the picture after paragraph 2: there are 1"),
        ({"paragraphs": ["a"], "pictures": [{"after": 1, "drawing": "nobody"}]}, "no drawing 'nobody'"),
    ):
        with pytest.raises(ReadableError, match=reason):
            read_articles(write_lines(tmp_path / "d.jsonl", good, bad))
    with pytest.raises(ReadableError, match="in no form that is known"):
        read_articles(write_lines(tmp_path / "d.jsonl", {"text": "a"}))
    with pytest.raises(ReadableError, match="no article with two pictures"):
        read_articles(write_lines(tmp_path / "d.jsonl", {"paragraphs": ["a"], "pictures": [{"after": 1}]}))
    ran = CliRunner().invoke(app, ["illustrating", "--data", str(tmp_path / "none")])
    assert ran.exit_code == 2
    assert "there is no such file or folder" in ran.stderr


def test_atomic_is_read_in_its_published_form(tmp_path: Path) -> None:
    section = "context_section_description"
    write_lines(
        tmp_path / "texts.jsonl",
        {"text_id": "page-7-002", "page_title": "Doors", "section_title": "Trees", section: "A green tree."},
        {"text_id": "page-7-001", "page_title": "Doors", "section_title": "", section: "A red door."},
        {"text_id": "page-8-001", "page_title": "Alone", "section_title": "", section: "Nothing."},
    )
    write_lines(
        tmp_path / "images.jsonl",
        {"image_id": "i1", "caption_reference_description": ["红", "A door"], "caption_alt_text_description": None},
        {"image_id": "i2", "caption_reference_description": [], "caption_alt_text_description": ["A tree"]},
    )
    (tmp_path / "images").mkdir()
    paint(tmp_path / "images" / "i1.png", "red")
    (tmp_path / "validation.qrels.txt").write_text("page-7-001 0 i1 1\npage-7-002\t0\ti2\t1\npage-7-002 0 i1 0\n")
    (found,) = read_articles(tmp_path)
    assert (found.id, found.title) == ("page-7", "Doors")
    assert found.paragraphs == ("A red door.", "Trees. A green tree.")
    assert [(p.id, p.after, p.caption, Path(p.path).name) for p in found.pictures] == [
        ("i1", 0, "A door", "i1.png"),
        ("i2", 1, "A tree", ""),
    ]
    (tmp_path / "validation.qrels.txt").write_text("page-7-001 i1\n")
    with pytest.raises(ReadableError, match="line 1: it has no text_id 0 image_id relevance"):
        read_articles(tmp_path)
    (tmp_path / "validation.qrels.txt").unlink()
    with pytest.raises(ReadableError, match=r"it has no qrels\.txt"):
        read_articles(tmp_path)


def test_m2rag_is_read_in_its_published_form(tmp_path: Path) -> None:
    def image(number: int, split: int | None, valid: bool = True) -> dict[str, object]:
        return {"image_id": number, "split_id": split, "valid": valid, "detailed_image_caption": f"picture {number}"}

    page = {
        "webpage_id": 4,
        "cleaned_webpage_splits": [
            {"split_id": 3, "text": "A red door. <IMAGE_PLACEHOLDER>[1]", "score": 7, "image_ids": [1]},
            {"split_id": 5, "text": "A green tree.", "score": 6, "image_ids": [2]},
        ],
        "images": [image(1, 3), image(2, 5), image(3, None), image(4, 5, valid=False), image(5, 9)],
    }
    path = write_lines(tmp_path / "dev.jsonl", {"query_id": 11, "content": "doors?", "webpages": [page], "level": 1})
    (found,) = read_articles(path)
    assert (found.id, found.title, found.paragraphs) == ("11/4", "doors?", ("A red door.", "A green tree."))
    assert [(p.id, p.after, p.caption) for p in found.pictures] == [("1", 0, "picture 1"), ("2", 1, "picture 2")]
    write_lines(path, {"webpages": [{**page, "images": [{"image_id": 1}]}]})
    with pytest.raises(ReadableError, match="line 1: it has no 'valid'"):
        read_articles(path)
