"""The value that everyone passes on."""

import dataclasses
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composer.article import SCHEMA, Article, Candidate, Evidence, Illustration, Imported, Section
from composer.errors import ArticleUnreadable

PICTURE = Candidate(
    "p1", "/p1.png", "a cat", 0.5, 0.25, 0.75, Evidence("cat", True, 0, ("cat",), 1.0, 0.9, False, 0.8),
    "Ann", "CC0", "https://a.b", approximate=True, drawing=True,
)  # fmt: skip
ARTICLE = Article(
    "Cats",
    (
        Section("s1", "Food", "heading", 2),
        Section("s2", "A cat.", illustration=Illustration("A cat", "cat", "alt", (PICTURE,), PICTURE, by_hand=True)),
        Section("s7", "猫。"),
    ),
    "zh",
    "fake",
    3,
    {"seed": 1, "sampling": {"stop": []}},
)


def test_json_in_and_out_is_lossless() -> None:
    assert Article.from_json(ARTICLE.to_json()) == ARTICLE
    assert "猫" in ARTICLE.to_json()


@pytest.mark.parametrize("schema", [None, 1, 2, 3])
def test_json_of_older_versions_opens(schema: int | None) -> None:
    older = ARTICLE.to_dict()
    assert older.pop("schema") == SCHEMA
    section = older["sections"][1]
    del section["looked_for"]
    del section["illustration"]["text_changed"]
    del section["illustration"]["width"]
    del older["imported"]
    for each in older["sections"]:
        del each["source"]
        del each["gap"]
    for candidate in (*section["illustration"]["candidates"], section["illustration"]["chosen"]):
        del candidate["fit"]
        del candidate["evidence"]
    read = Article.from_dict(older if schema is None else {"schema": schema, **older})
    assert read.section("s2").illustration is not None
    assert read.used_pictures == ARTICLE.used_pictures


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("A cat sleeps.", True),
        ("一只猫。", True),
        ("A **cat**", False),
        ("a cat …", False),
    ],
)
def test_other_words_beside_a_picture_mark_it(text: str, marked: bool) -> None:
    for place in ("s2", "s7"):  # the other has no picture
        edited = ARTICLE.with_text(place, text)
        assert [s.illustration.text_changed for s in edited.illustrated if s.illustration] == [marked and place == "s2"]
        assert Article.from_json(edited.to_json()) == edited


def test_a_place_without_a_picture_is_not_marked() -> None:
    empty = ARTICLE.with_illustration("s2", Illustration("A cat", candidates=(PICTURE,)))
    assert empty.with_text("s2", "Other words.").section("s2").illustration == Illustration(
        "A cat", candidates=(PICTURE,)
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "title: it is missing."),
        ('{"title": "x", "sections": [{"nonsense": 1}]}', "sections.0.id: it is missing."),
        (
            '{"title": "x", "sections": [{"id": "s1", "text": "a", "kind": "poem"}]}',
            "sections.0.kind is 'poem': it must be 'heading', 'paragraph', 'list', 'quote', 'code', 'table', 'rule' or "
            "'other'.",
        ),
        ('{"title": "x", "sections": [], "x": 1}', "x is 1: there is no such field."),
        ('{"title": 3}', "title is 3: it must be text."),
        ('{"title": "x", "revision": "new"}', "revision is 'new': it must be a whole number."),
        ('{"title": "x", "sections": 7}', "sections is 7: it must be a list."),
        ('{"title": "x", "parameters": []}', "parameters is []: it must be an object with fields."),
        ('{"title": "x", "schema": 99}', "its format is version 99; this program reads 4."),
        ("[]", "article is []: it must be an object with fields."),
        ("{", "it is no JSON: line 1, column 2."),
        ("[" * 100_000, "it is no JSON: "),
    ],
)
def test_other_json_is_refused_with_the_field_and_its_value(text: str, problem: str) -> None:
    with pytest.raises(ArticleUnreadable, match=re.escape(f"The article cannot be read: {problem}")) as caught:
        Article.from_json(text)
    assert caught.value.text("zh").startswith("无法读取文章：")


def test_a_long_value_is_shortened_in_the_error() -> None:
    with pytest.raises(ArticleUnreadable) as caught:
        Article.from_dict({"title": "x", "language": "y" * 10_000})
    assert len(str(caught.value)) < 200
    assert "应为" in caught.value.text("zh")


def test_edits_make_new_articles_of_a_higher_revision() -> None:
    edited = ARTICLE.with_text("s7", " Two\n words ")
    assert edited.section("s7").text == "Two words"
    assert edited.revision == ARTICLE.revision + 1
    assert ARTICLE.section("s7").text == "猫。"
    assert ARTICLE.with_title("x").revision == 4
    assert [s.id for s in ARTICLE.without_section("s2")] == ["s1", "s7"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        ARTICLE.title = "x"  # type: ignore[misc]  # frozen on purpose


IMPORTED = Article(
    "Cats",
    (
        Section("s1", "A **cat**.", source="A __cat__.", gap="\r\n\r\n"),
        Section("s2", "- milk\n- fish", "list", source="- milk\r\n- fish", gap=""),
    ),
    imported=Imported("\ufeff---\r\na: b\r\n---\r\n", "Cats\r\n====", "\r\n\r\n"),
)


def test_an_edited_block_loses_its_source_and_no_other_does() -> None:
    assert Article.from_json(IMPORTED.to_json()) == IMPORTED
    edited = IMPORTED.with_text("s2", "\n- milk\r\n- cod\n\n").with_title("Dogs")
    assert edited.section("s2") == Section("s2", "- milk\n- cod", "list", gap="")
    assert edited.section("s1") == IMPORTED.section("s1")
    assert edited.imported == Imported("\ufeff---\r\na: b\r\n---\r\n", None, "\r\n\r\n")
    same = IMPORTED.with_text("s1", "A **cat**.").with_text("s2", "- milk\n- fish").with_title("Cats")
    assert (same.sections, same.imported) == (IMPORTED.sections, IMPORTED.imported)


def test_unknown_sections_are_refused() -> None:
    for edit in (ARTICLE.section, ARTICLE.without_section, lambda name: ARTICLE.with_text(name, "x")):
        with pytest.raises(KeyError):
            edit("s9")


def test_pictures_and_credits_are_counted_once() -> None:
    twice = ARTICLE.with_illustration("s7", Illustration("again", chosen=PICTURE))
    assert twice.credits == ("Ann",)
    assert twice.used_pictures == {"p1"}
    assert [s.id for s in twice.illustrated] == ["s2", "s7"]
    assert twice.with_illustration("s7", None).illustrated == ARTICLE.illustrated


def test_new_ids_are_unused() -> None:
    assert ARTICLE.next_section_id() == "s8"
    assert Article("x").next_section_id() == "s1"
    assert Article("x", (Section("intro", "a"),)).next_section_id() == "s1"


ONE = st.sampled_from([None, True, 0, -1, 10**400, 0.5, float("nan"), "", "猫", "half an emoji \ud83d", "s1", "\x00"])
JSON = (
    ONE
    | st.lists(ONE, max_size=2)
    | st.dictionaries(st.sampled_from(["id", "text", "kind", "\udce9"]), ONE, max_size=2)
)
FIELDS = st.sampled_from(sorted(ARTICLE.to_dict()))
SECTION_FIELDS = st.sampled_from([field.name for field in dataclasses.fields(Section)])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(FIELDS, JSON, SECTION_FIELDS, JSON)
def test_any_json_is_an_article_that_can_be_kept_or_is_refused(
    field: str, value: object, section_field: str, section_value: object
) -> None:
    data = ARTICLE.to_dict()
    for changed in (
        {**data, field: value},
        {**data, "sections": [{**data["sections"][0], section_field: section_value}]},
        value,
    ):
        try:
            article = Article.from_json(json.dumps(changed))
        except ArticleUnreadable:
            continue
        assert Article.from_json(article.to_json().encode().decode()).to_json() == article.to_json()


def test_half_an_emoji_does_not_keep_an_article_from_being_saved() -> None:
    read = Article.from_json(
        '{"title": "Red \\ud83d bus", "parameters": {"request": "\\ud83d", "mark": "\\ud83d\\udc31"}}'
    )
    assert read.title == "Red ? bus"
    assert read.parameters == {"request": "?", "mark": "🐱"}
    assert read.to_json().encode()
