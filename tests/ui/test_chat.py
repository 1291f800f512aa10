"""What the Chat tab makes of words before they are shown as Markdown."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from composer.chat import Conversation, Turn
from tests.fakes import FakeModel
from ui.chat import escape_markdown, escape_tags, history, read_turns
from ui.session import Session


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("What does <template> do?", r"What does \<template\> do\?"),
        ("# no heading\n1. no list", r"\# no heading" + "\n" + r"1\. no list"),
        ("if x:\n    y\n\tz", r"if x\:" + "\n\u00a0\u00a0\u00a0\u00a0y\n\u00a0\u00a0\u00a0\u00a0z"),
        ("猫 \U0001f431", "猫 \U0001f431"),
    ],
)
def test_a_question_is_shown_as_it_was_typed(typed: str, shown: str) -> None:
    assert escape_markdown(typed) == shown


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("Use <b> and **bold**.", r"Use \<b> and **bold**."),
        ("Use `<b>` or `a < b`.", "Use `<b>` or `a < b`."),
        ("```html\n<b>\n```\nor <i>", "```html\n<b>\n```\nor \\<i>"),
        ("```html\n<b>", "```html\n<b>"),  # still streaming
        ("~~~html\n<div>\n~~~\n<p>", "~~~html\n<div>\n~~~\n\\<p>"),
        ("    if a<b:\n\na<b", "    if a<b:\n\na\\<b"),
        ("````md\n```html\n<p>\n```\n````\n", "````md\n```html\n<p>\n```\n````\n"),
        ("Use ``a<b`` here, a<b.", "Use ``a<b`` here, a\\<b."),
        ("- item\n\n      if a<b:\n\n  a<b", "- item\n\n      if a<b:\n\n  a\\<b"),
        ("> ~~~\n> <b>\n> ~~~\n> <b>", "> ~~~\n> <b>\n> ~~~\n> \\<b>"),
        ("<i title='`'>`x`", "\\<i title='`'>`x`"),  # a tag is text, so its ` begins code
        ("`<a` <b `c", "`<a` \\<b `c"),  # the last one has no partner
        ("word\n    goes on <b>", "word\n    goes on \\<b>"),
        ("\t<b>", "\t<b>"),
        (r"\<b> \\<b>", r"\<b> \\\<b>"),
    ],
)
def test_tags_in_an_answer_are_text_and_code_is_left_alone(answer: str, shown: str) -> None:
    assert escape_tags(answer) == shown


@given(
    st.lists(
        st.sampled_from(["<b>", "a<b", "`", "``", "```", "~~~", "\n", "\n\n", "    ", "> ", "- ", "x", "\t", "\\"])
    )
)
def test_no_tag_is_swallowed_and_no_code_changed(pieces: list[str]) -> None:
    tokens = list(_leaves(MarkdownIt("commonmark").parse(escape_tags("".join(pieces)))))
    assert not [token for token in tokens if token.type.startswith("html")]
    text = "".join(token.info.replace("\\<", "<") + token.content for token in tokens)
    assert text.count("<") == "".join(pieces).count("<")
    assert "\\<" not in text or "\\" in pieces


def _leaves(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from _leaves(token.children) if token.children else [token]


def test_the_page_says_once_from_where_on_turns_are_left_out() -> None:
    session = Session()
    turns = [Turn(f"q{number}", answer=f"a{number}", left_out=left_out) for number, left_out in enumerate((0, 1, 2))]
    session.conversation = Conversation(FakeModel(), turns=turns)
    shown = [message["content"] for message in history(session)]
    assert len(shown) == 7
    assert "4,096 tokens".replace(",", "\\,") in shown[3]
    assert [turn.answer for turn in read_turns(history(session))[0]] == ["a0", "a1", "a2"]


WORDS = st.text(st.sampled_from("a*_<>`\\[]()!#-1.|~&\n 猫\U0001f431"), max_size=30).map(str.strip)


@given(st.lists(st.tuples(WORDS.filter(bool), WORDS.filter(lambda words: words != "…")), max_size=3))
def test_what_the_page_shows_can_be_read_back(said: list[tuple[str, str]]) -> None:
    session = Session()
    turns = tuple(Turn(question, answer=answer, finished=True) for question, answer in said)
    session.conversation = Conversation(FakeModel(), turns=turns)
    read, pictures = read_turns(history(session))
    assert [turn.question for turn in read] == [turn.question for turn in turns]
    assert [escape_tags(turn.answer) for turn in read] == [escape_tags(turn.answer) for turn in turns]
    assert pictures == {}


@pytest.mark.parametrize(
    "shown",
    [
        None,
        "x",
        [None],
        [{"role": "assistant", "content": "x"}],
        [{"role": "user"}],
        [{"role": 5, "content": {}}],
        [[]],
    ],
)
def test_what_is_no_conversation_is_passed_over(shown: object) -> None:
    turns, pictures = read_turns(shown)
    assert [turn for turn in turns if turn.question or turn.answer] == []
    assert pictures == {}


def test_pictures_of_questions_are_kept_as_they_are_shown() -> None:
    pictures = "![Picture 1](studio/pictures/0a)\n\n![Picture 2](studio/pictures/0b)"
    parts = [{"type": "text", "text": f"{pictures}\n\nWho is \\!\\[there\\] \ud83d?"}]
    turns, kept = read_turns([{"role": "user", "content": parts}, {"role": "assistant", "content": "…"}])
    assert turns == (Turn("Who is ![there] \ufffd?", finished=True),)
    assert kept == {0: pictures}
