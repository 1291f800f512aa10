"""What Markdown's renderers read in an export: CommonMark, GitHub's with formulas, and pandoc's."""

from html.parser import HTMLParser

import pypandoc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from composer.article import Article, Section
from composer.exporting import to_markdown

TEXTS = (
    "(1) First of all",
    "1. Not a list",
    "1) Not a list",
    "a. Not a list",
    "iv) Not a list",
    "(a) Not a list",
    "#. Not a list",
    "(@) Not an example",
    "(@good) Nor this",
    "# Not a heading",
    "#5 is alive",
    "- No item",
    "+ No item",
    "* No item",
    "-- and --- are dashes",
    "1914--1918",
    "Wait... what",
    "It costs $5 or $6",
    "$x$ and $$y$$",
    "5 * 3 * 2 and 5*3*2",
    "snake_case_name and _private_",
    "H~2~O and ~~gone~~",
    "x^2^ and [^1]",
    "a | b",
    "| a | b |",
    "@smith says [@smith]",
    "a@b.c and @team",
    "[label] and [label][ref]",
    "![no picture]",
    "[x]{.class} {#id}",
    "<b>no tag</b> <https:x>",
    "AT&amp;T and AT&T",
    "back\\slash \\( \\)",
    "`code` and ``code``",
    ": no definition",
    "% no title",
    "===",
    "---",
    "***",
    "~~~ no code",
    "``` no code",
    "See https://a.b/c_d_e?f=$g$&h=i_ there",
    "www.a_b_.com is bare",
    "> no quote",
    "C#",
    "word #",
    "a\\",
    "(c) (tm) 1/2",
    "::: no div",
    "https://a.b/c (and more)",
)


class Blocks(HTMLParser):
    """The text of each paragraph and heading; everything else is noted as a tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag in ("p", "h1", "h2"):
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts and data.strip("\n"):
            self.texts[-1] += data.replace("\n", " ")


def rendered(markdown: str, form: str) -> Blocks:
    if form == "markdown-it":
        return Blocks(MarkdownIt("gfm-like", {"linkify": False}).render(markdown))
    return Blocks(pypandoc.convert_text(markdown, "html", form, extra_args=["--wrap=none", "--mathjax"]))


@pytest.mark.parametrize("form", ["markdown-it", "commonmark", "gfm+tex_math_dollars", "markdown"])
def test_punctuation_means_itself(form: str) -> None:
    sections = [Section(f"s{number}", text) for number, text in enumerate(TEXTS)]
    headings = [Section(f"h{number}", text, "heading", 2) for number, text in enumerate(TEXTS)]
    page = rendered(to_markdown(Article("$5 -- (1) @me #1 [x] {#y} *z*", (*sections, *headings))), form)
    assert page.texts == ["$5 -- (1) @me #1 [x] {#y} *z*", *TEXTS, *TEXTS]
    assert page.tags <= {"h1", "h2", "p", "a"}


@example("# ")
@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab1 (){}[].,:;!?-_*~^$@#%&<>|\\/+=`\"'中，。"), max_size=24))
def test_any_title_is_read_as_it_is_written(title: str) -> None:
    wanted = " ".join(title.split())
    page = rendered(to_markdown(Article(title)), "markdown-it")
    assert " ".join(page.texts) == wanted
    assert page.tags <= {"h1", "a"}
