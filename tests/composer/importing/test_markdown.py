"""Markdown in and out: what is not edited stays to the byte."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composer import blocks
from composer.article import Article, Candidate, Illustration, Imported
from composer.errors import InputError
from composer.exporting import to_markdown
from composer.importing import LONGEST_TEXT, MOST_SECTIONS, from_markdown, with_appended, with_source

FILE = Path(__file__).parents[2] / "data" / "every_block.md"
EVERY_BLOCK = FILE.read_bytes().decode()
PICTURE = Illustration("A tram", chosen=Candidate("p1", "tram.png", credit="Ann"))


def kinds(article: Article) -> list[tuple[str, str]]:
    return [(section.kind, section.text) for section in article]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file_with_every_block_goes_in_and_out_unchanged(line_end: str, mark: str) -> None:
    text = mark + EVERY_BLOCK.replace("\n", line_end)
    article = from_markdown(text)
    assert to_markdown(article) == text
    assert to_markdown(Article.from_json(article.to_json())) == text
    assert {s.kind for s in article} == {"heading", "paragraph", "list", "quote", "code", "table", "rule", "other"}
    assert {s.level for s in article if s.kind == "heading"} == {1, 2, 3, 4, 5, 6}


def test_the_file_has_300_lines_and_is_read_as_a_person_reads_it() -> None:
    assert EVERY_BLOCK.count("\n") >= 299
    article = from_markdown(EVERY_BLOCK)
    assert (article.title, article.language) == ("A weekend in Lisbon", "en")
    texts = dict(zip([s.text for s in article], article.sections, strict=False))
    first = next(s for s in article if s.kind == "paragraph")
    assert first.text.startswith(
        "Lisbon is built on *seven hills*, and every one of them has a **view** over the river."
    )
    assert "inline code, a word that is gone, a link, a [reference](https://example.org/tram)," in first.text
    assert "- [ ] book a hotel\n- [x] pack\n- a tight list of another mark" in texts
    assert texts['![A view over the river](images/river.jpg "The river")'].kind == "other"
    assert any(s.text.endswith("链接](https://example.org/%E4%B8%AD%E6%96%87)，换行的地方没有空格。") for s in article)
    assert next(s for s in article if s.text.startswith("[^1]")).text.endswith("    - and a list")
    assert not any("\u202e" in s.text for s in article if s.one_line)


def test_only_what_is_edited_changes() -> None:
    text = EVERY_BLOCK.replace("\n", "\r\n")
    article = from_markdown(text)
    heading = next(s for s in article if s.text == "Trams")
    edited = article.with_text(heading.id, "Trams & buses")
    assert to_markdown(edited) == text.replace("Trams\r\n=====", "# Trams & buses")
    table = next(s for s in article if s.kind == "table")
    edited = with_source(article, table.id, table.text.replace("€15", "€17"))
    assert to_markdown(edited) == text.replace("€15", "€17")
    edited = article.with_title("Lisbon_")
    assert to_markdown(edited) == text.replace("# A weekend in Lisbon", "# Lisbon\\_")


def test_pictures_are_the_only_additions() -> None:
    article = from_markdown(EVERY_BLOCK)
    for section in article:
        if section.illustratable:
            article = article.with_illustration(section.id, PICTURE)
    left = re.sub(r"!\[Picture \d+\]\(images/[^)]*\)  \n\*A tram\*\n\n", "", to_markdown(article))
    left = left[: left.index("\n\n![Picture")] if "![Picture" in left else left
    before, after = EVERY_BLOCK.split(), left.split()
    assert after[: len(before)] == before
    again = from_markdown(to_markdown(article))
    assert [s.text for s in again if not s.text.startswith(("![Picture", "*A tram"))][: len(article.sections)] == [
        s.text for s in article
    ]


def test_text_of_one_block_may_become_several() -> None:
    article = from_markdown("# T\n\nOne.\n\n\nTwo.").with_illustration("s1", PICTURE)
    edited = with_source(article, "s1", "One.\n\n- a\n- b\n")
    assert kinds(edited) == [("paragraph", "One."), ("list", "- a\n- b"), ("paragraph", "Two.")]
    assert edited.section("s1").illustration == PICTURE
    assert to_markdown(edited.with_illustration("s1", None)) == "# T\n\nOne.\n\n- a\n- b\n\n\nTwo."
    assert with_source(article, "s1", " \n") == article
    assert with_source(article, "s1", "One.\n") == article
    with pytest.raises(KeyError):
        with_source(article, "s9", "x")


@pytest.mark.parametrize(
    ("text", "changed", "saved"),
    [
        ("# T\n\n## One\nTwo.\n", "- One", "# T\n\n- One\n\nTwo.\n"),
        ("T\n- One\n- Two\n", "One.", "T\n\nOne.\n"),
        ("# T\n\n---\n\n    code\n", "    first", "# T\n\n    first\n\n<!-- -->\n\n    code\n"),
    ],
)
def test_a_block_that_becomes_another_kind_takes_in_no_neighbour(text: str, changed: str, saved: str) -> None:
    article = from_markdown(text)
    edited = with_source(article, "s1", changed)
    assert to_markdown(edited) == saved
    assert len([s for s in from_markdown(saved) if s.kind != "other"]) == len(article.sections)


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("# T\n\n- a\n\nText.\n\n- b\n", "# T\n\n- a\n\n<!-- -->\n\n- b\n\nText.\n"),
        ("# T\n\nOne.\n- a\n\nTwo.", "# T\n\nOne.\n\nTwo.\n\n- a\n"),
    ],
)
def test_blocks_that_were_moved_stay_blocks(text: str, moved: str) -> None:
    article = from_markdown(text)
    first, second, third = article.sections
    shown = to_markdown(article.with_sections([first, third, second])).rstrip("\n") + "\n"
    assert shown == moved
    assert [s.text for s in from_markdown(shown) if s.kind != "other"] == [first.text, third.text, second.text]


@pytest.mark.parametrize(
    ("text", "title", "imported", "first"),
    [
        ("# One #\n\nTwo.", "One", Imported("", "# One #", "\n\n"), "Two."),
        ("One\n===\nTwo.", "One", Imported("", "One\n===", "\n"), "Two."),
        ("My trip\n\nIt was good.", "My trip", Imported("", "My trip", "\n\n"), "It was good."),
        ("It was good. It rained.\n", "It was good. It rained.", Imported(), "It was good. It rained."),
        ("It was good.\n\n## Rain", "Rain", Imported(), "It was good."),
        (
            "---\ntitle: A trip\n---\n\n\nIt was good.",
            "A trip",
            Imported("---\ntitle: A trip\n---\n\n\n"),
            "It was good.",
        ),
        ("---\n: [\n---\n# One\n\nTwo", "One", Imported("---\n: [\n---\n", "# One", "\n\n"), "Two"),
        ("<!-- c -->\n\n# One\n\nTwo", "One", Imported("<!-- c -->\n\n", "# One", "\n\n"), "Two"),
        ("***\n\nOne.", "One.", Imported(), "***"),
        ("- one\n- two", "- one - two", Imported(), "- one\n- two"),
        ("word " * 40, "word " * 15 + "word …", Imported(), ("word " * 40).strip()),
    ],
)
def test_the_title_is_a_heading_or_a_first_line(text: str, title: str, imported: Imported, first: str) -> None:
    article = from_markdown(text)
    assert (article.title, article.imported, article.sections[0].text) == (title, imported, first)
    assert to_markdown(article) == text


def test_a_title_that_the_file_does_not_hold_is_written_once_it_is_edited() -> None:
    assert (
        to_markdown(from_markdown("It was good. It rained.").with_title("Rain")) == "# Rain\n\nIt was good. It rained."
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" \n\u200b\ufeff", "There is no text to illustrate"),
        ("a" * (LONGEST_TEXT + 1), f"has {LONGEST_TEXT + 1:,} characters; at most {LONGEST_TEXT:,}"),
        ("# h\n\n" * (MOST_SECTIONS + 1), f"has {MOST_SECTIONS + 1:,} paragraphs"),
    ],
)
def test_text_that_cannot_be_used_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        from_markdown(text)
    assert said in error.value.text("en")
    assert re.search("[一-龥]", error.value.text("zh"))


@pytest.mark.parametrize(
    "text", ["a" * LONGEST_TEXT, "[" * 50_000, "# h\n\n" * 1000, "*a **b " * 20_000, "> " * 50_000, "a\n" * 20_000]
)
@pytest.mark.timeout(60)
def test_long_and_hostile_text_is_read_in_time(text: str) -> None:
    assert to_markdown(from_markdown(text)) == text


LINES = st.lists(
    st.sampled_from(
        (
            *("# h", "## h ##", "h\n===", "para *x*", "two  ", "- a", "  - b", "* c", "+ d", "1. x", "2) y", "> q"),
            *(
                "> > r",
                "```",
                "~~~",
                "    code",
                "\tcode",
                "",
                "",
                "",
                "| a | b |",
                "|-|-|",
                "***",
                "---",
                "[r]: http://x",
            ),
            *(
                "[^1]: note",
                "<div>",
                "</div>",
                "<!-- c -->",
                "![p](q.png)",
                "[r]",
                "$$",
                "\\",
                "   ",
                ":::",
                "a",
                "中文",
            ),
            *("中文", "+++", "title: x"),
        )
    ),
    max_size=14,
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_any_markdown_comes_out_as_it_went_in(lines: list[str], line_end: str, ended: bool) -> None:
    text = line_end.join(line.replace("\n", line_end) for line in lines) + line_end * ended
    head, found = blocks.split(text)
    assert head + "".join(block.source + block.gap for block in found) == text
    text = f"# Title{line_end}{line_end}{text}"
    article = from_markdown(text)
    assert to_markdown(article) == text
    for section in article:
        blocks.elements(section.source, blocks.definitions(article))
        blocks.words(section)
        if section.illustratable:
            article = article.with_illustration(section.id, PICTURE)
    kept = [s.text for s in from_markdown(to_markdown(article)) if not s.text.startswith(("![Picture", "*A tram"))]
    assert len(kept) >= len(article.sections)
    for section, text in zip(article, kept, strict=False):
        assert text == section.text or (text.startswith(section.text) and section.text[:3] in ("```", "~~~")), "closed"


@given(st.text(max_size=200))
def test_any_text_comes_out_as_it_went_in(text: str) -> None:
    try:
        article = from_markdown(text)
    except InputError:
        return
    assert to_markdown(article) == text


@pytest.mark.parametrize("text", ["# T\n\nOne.\n", "# T\r\n\r\nOne.", "# T\n\n```\ncode\n```\n"])
def test_blocks_are_put_behind_those_of_an_article(text: str) -> None:
    article = from_markdown(text)
    longer = with_appended(article, "\n## Two\n\n- a\n- b\n\n| c |\n|---|\n")
    assert [section.kind for section in longer][len(article.sections) :] == ["heading", "list", "table"]
    assert len({section.id for section in longer}) == len(longer.sections)
    shown = to_markdown(longer)
    assert shown.startswith(text.rstrip())
    assert shown.rstrip().endswith("## Two\n\n- a\n- b\n\n| c |\n|---|")
    assert [section.kind for section in from_markdown(shown)] == [section.kind for section in longer]
    assert with_appended(article, " \n") == article
    with pytest.raises(InputError, match="at most 300,000"):
        with_appended(article, "a" * 300_001)
