"""What the Chat tab makes of words before they are shown as Markdown."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from composer.chat import Conversation, Turn
from tests.fakes import FakeModel
from ui.chat import escape_markdown, escape_tags, history
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
