"""HTML for clipboards and for editors of other sites: every look stands in the element itself."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from composer.article import WIDTHS, Article, Section
from composer.exporting import to_html, to_rich_html, to_wechat_html


class Fragment(HTMLParser):
    """Tags with their attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_a_clipboard_gets_styles_in_the_elements_and_pictures_inside(harbour: Article) -> None:
    page = Fragment(to_rich_html(harbour, made_by=True))
    assert not {tag for tag, _ in page.tags} & {"style", "script", "link", "html", "body"}
    assert all("class" not in attributes and "id" not in attributes for _, attributes in page.tags)
    for tag in ("h1", "h2", "h3", "p", "li", "th", "td", "figure", "img", "figcaption"):
        assert page.named(tag), tag
        assert all(attributes.get("style") for attributes in page.named(tag)), tag
    assert [image["alt"] for image in page.named("img")] == ["Nets, 1914–1918", "Two blue boats"]
    assert all(str(image["src"]).startswith("data:image/") for image in page.named("img"))
    assert "Ann Example · CC BY 4.0" in page.text
    assert "Seed: 7" in page.text


def test_wechat_gets_no_title_and_numbers_for_its_links(harbour: Article) -> None:
    page = Fragment(to_wechat_html(harbour))
    assert page.named("h1") == []
    assert page.named("a") == []
    assert "see the tide table[1]." in page.text
    assert "[1] https://tides.example/a_b" in page.text
    assert all("class" not in attributes for _, attributes in page.tags)
    assert "Nets, 1914–1918" in page.text
    assert "OpenMoji · CC BY-SA 4.0" in page.text


def test_blocks_of_imported_texts_are_shown_and_bring_in_nothing() -> None:
    sections = (
        Section("s1", "1. one\n2. [ref][a] <b>two</b> ![far](https://far.example/x.png)\n   - [ ] to do", "list"),
        Section("s2", "> quoted `code`", "quote"),
        Section("s3", "```html\n<b>kept</b>\n```", "code"),
        Section("s4", "| a | b |\n|:-:|---|\n| 1 | [x](javascript:y) |", "table"),
        Section("s5", "---", "rule"),
        Section("s6", "[a]: https://a.example/ref", "other"),
        Section("s7", "<div onclick='x'>Words<script>no</script></div>", "other"),
        Section("s8", "A line with code.", source="A line  \nwith `code`."),
    )
    for written in (to_html(Article("t", sections)), to_rich_html(Article("t", sections))):
        page = Fragment(written)
        assert page.named("ol")
        assert [link["href"] for link in page.named("a")] == ["https://a.example/ref"]
        assert page.named("img") == []
        assert page.named("script") == page.named("div")[1:] == []
        assert page.named("blockquote")
        assert "<b>kept</b>" in page.text
        assert "☐ to do" in page.text
        assert "Words" in page.text
        assert page.named("hr")
        assert "center" in str(page.named("td")[0]["style"])
        assert len(page.named("br")) == 1
        assert len(page.named("code")) == 3


@pytest.mark.parametrize("made", [to_rich_html, to_wechat_html])
def test_pictures_are_copied_as_wide_as_was_chosen(harbour: Article, made: Callable[[Article], str]) -> None:
    found = []
    for width in WIDTHS:
        article = harbour
        for section in harbour.illustrated:
            assert section.illustration is not None
            article = article.with_illustration(section.id, replace(section.illustration, width=width))
        page = made(article)
        found.append(re.findall(r'<div style="width: (\d+)%|<img [^>]*style="((?:max-)?width: \d+%)', page))
    drawings = [pieces[0][0] for pieces in found]
    assert drawings == ["24", "48", "100"]
    assert [pieces[-1][1] for pieces in found] == ["max-width: 50%", "max-width: 100%", "width: 100%"]
