"""Blocks of Markdown: their words, and their elements for a page."""

import pytest

from composer import blocks
from composer.article import Article, Section
from composer.blocks import Element
from composer.importing import from_markdown


def section(markdown: str) -> Section:
    return from_markdown(f"# T\n\n{markdown}").sections[0]


def flat(found: tuple[Element | str, ...]) -> str:
    return "".join(
        each if isinstance(each, str) else f"<{each.tag}{each.attributes or ''}>{flat(each.children)}</{each.tag}>"
        for each in found
    )


@pytest.mark.parametrize(
    ("markdown", "kind", "words"),
    [
        ("A *cat* and `code` and [a link](https://a.b).", "paragraph", "A cat and code and a link."),
        ("- feed the **cat**\n- play\n  - with a ball.\n- sleep", "list", "feed the cat; play; with a ball. sleep"),
        ("1. 喂猫\n2. 玩耍", "list", "喂猫； 玩耍"),
        ("> A cat\n> sleeps.\n>\n> It purrs.", "quote", "A cat sleeps. It purrs."),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "table", "a; b; 1; 2"),
        ("```\ncat\n```", "code", ""),
        ("***", "rule", ""),
        ("<div>cat</div>", "other", ""),
        ("![a cat](cat.png)", "other", ""),
    ],
)
def test_words_are_what_a_reader_reads(markdown: str, kind: str, words: str) -> None:
    read = section(markdown)
    assert (read.kind, blocks.words(read)) == (kind, words)
    assert read.illustratable == (kind in ("paragraph", "list", "quote"))


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("Plain *text*,\non two lines.", ""),
        ("With `code`.", "With <code>code</code>."),
        ("A ~~b~~\\\nc <kbd>d</kbd> if a <b and c> d", "A <del>b</del><br></br>c d if a <b and c> d"),
        ("[a](javascript:alert(1)) `x`", "[a](javascript:alert(1)) <code>x</code>"),
        ("[b](ftp://b) [b](b.md) [c](https://c.d) `x`", "b b <a{'href': 'https://c.d'}>c</a> <code>x</code>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("3. a", "<ol{'start': '3'}><li>a</li></ol>"),
        ("> a\n>\n> - b", "<blockquote><p>a</p><ul><li>b</li></ul></blockquote>"),
        ("```js\nx < y\n```", "<pre><code>x < y</code></pre>"),
        (
            "| a | b |\n|---|--:|\n| 1 | *2* |",
            "<table><thead><tr><th>a</th><th{'align': 'right'}>b</th></tr></thead>"
            "<tbody><tr><td>1</td><td{'align': 'right'}><em>2</em></td></tr></tbody></table>",
        ),
        ("***", "<hr></hr>"),
        ("<script>alert(1)</script>", "<pre{'class': 'source'}><script>alert(1)</script></pre>"),
        ("![a cat](http://a.b/c.png)", "<p><span{'class': 'picture'}>a cat</span></p>"),
        ("> <img src=x>", "<blockquote><pre{'class': 'source'}><img src=x></pre></blockquote>"),
    ],
)  # fmt: skip
def test_a_section_is_shown_as_elements_with_text_in_them(markdown: str, shown: str) -> None:
    assert flat(blocks.shown(section(markdown))) == shown


def test_links_by_reference_are_found_in_the_whole_text() -> None:
    article = from_markdown("# T\n\n- [a]\n- [b][a]\n\n[a]: https://a.b\n")
    shown = flat(blocks.shown(article.sections[0], blocks.definitions(article)))
    assert shown.count("<a{'href': 'https://a.b'}>") == 2


def test_text_that_a_model_wrote_has_no_elements() -> None:
    article = Article("T", (Section("s1", "A **cat** with `marks` <b>."), Section("s2", "Food", "heading", 2)))
    assert [blocks.shown(each) for each in article] == [(), ()]


def test_items_of_a_list_of_tasks_have_boxes() -> None:
    shown = flat(blocks.shown(section("- [ ] nets [ ]\n- [x] boats\n- [y] no box\n\n  [ ] nor this")))
    assert "☐ nets [ ]" in shown
    assert "☑ boats" in shown
    assert "[y] no box" in shown
    assert "[ ] nor this" in shown
