"""Limited inline Markdown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer import inline
from composer.inline import Span, clean, plain, spans


def test_spans_take_a_text_apart() -> None:
    assert list(spans("a **b c** *d* [e](https://f.g/h_(i)) j")) == [
        Span("text", "a "),
        Span("bold", "b c"),
        Span("text", " "),
        Span("italic", "d"),
        Span("text", " "),
        Span("link", "e", "https://f.g/h_(i)"),
        Span("text", " j"),
    ]


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//x.y", "/x", "HtTp:x"]
)
def test_links_with_other_schemes_are_text(href: str) -> None:
    assert [span.kind for span in spans(f"[label]({href})")] == ["text"]
    assert clean(f"[label]({href})") == "label"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("**a** b", "**a** b"),
        ("**a b", "a b"),
        ("a* b", "a b"),
        ("3*4 and 3 * 4", "3*4 and 3 * 4"),
        ("3*4*5 is 60", "3*4*5 is 60"),
        ("***a***", "**a**"),
        ("__a__ _b_ snake_case_name", "**a** *b* snake_case_name"),
        ("  a \t b\u00a0 ", "a b"),
        ("a<br>b", "a b"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("\x01**a**", "**a**"),
        ("[a](https://x.y 'no')", "[a](https://x.y 'no')"),
        ('[a](https://x.y "title")', '[a](https://x.y "title")'),
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_plain_has_no_marks() -> None:
    assert plain("a **b** [c](https://d.e) [f](javascript:g)") == "a b c f"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("H<sub>2</sub>O and CO<sub>2</sub>", "H2O and CO2"),
        ("10<sup>3</sup> m", "10^3 m"),
        ("the 1<sup>st</sup> of May", "the 1st of May"),
        ("这是<b>重要</b>的", "这是重要的"),
        ("true if a<b and c>d, else false", "true if a<b and c>d, else false"),
        ('a <span style="color:red">red</span> car', "a red car"),
        ("one<br>two<br/>three", "one two three"),
        ('see <a href="https://x.y">here</a>, <img src="z.png"/>ok', "see here, ok"),
        ("<h2>Rest</h2><!-- a note -->", "Rest"),
        ("a <placeholder> and <T>", "a <placeholder> and <T>"),
    ],
)
def test_known_tags_go_and_other_marks_stay(written: str, read: str) -> None:
    assert inline.clean(written) == read


WORDS = st.text(st.sampled_from("ab1 <>/=*_`[](){}!?\"'-^~|&;:.,中。\u200b"), max_size=40)


@given(WORDS)
def test_cleaning_again_changes_nothing_and_no_letter_is_lost_outside_of_marks(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    if not set(text) & set("<>[]()*_`"):
        assert cleaned == " ".join(text.split())


@given(WORDS)
def test_spans_hold_the_whole_text(text: str) -> None:
    cleaned = clean(text)
    again = "".join(
        {"bold": "**{}**", "italic": "*{}*", "link": "[{}](" + span.href + ")", "text": "{}"}[span.kind].replace(
            "{}", span.text
        )
        for span in spans(cleaned)
    )
    assert again == cleaned
