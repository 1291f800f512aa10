"""What the Chat tab makes of words before they are shown as Markdown."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from composer.conversations import Exchange, Tree
from ui.chat import escape_markdown, escape_tags, history, read_shown, rows
from ui.session import Session, Talk


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("What does <template> do?", r"What does \<template\> do\?"),
        ("f(x) is [here](there)", "f&#40;x&#41; is &#91;here&#93;&#40;there&#41;"),  # a backslash would begin a formula
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
        (">     <b>", ">     <b>"),
        (r"\<b> \\<b>", r"\<b> \\\<b>"),
        ("so $a<b$ holds", r"so \(a\lt b\) holds"),  # a backslash before the sign would be wrong in a formula
        (r"\(a<b\) and <i>", r"\(a\lt b\) and \<i>"),
        ("$$a\n<b$$", "$$a\n\\lt b$$"),
        (r"\[a\\[2pt] b<c\] <i>", r"\[a\\[2pt] b\lt c\] \<i>"),  # a line of a matrix, which does not begin a formula
        ("from $5 to $6, US$7-$8, $ 9 $", "from $5 to $6, US$7-$8, $ 9 $"),
        ("`$a$` and $b$", r"`$a$` and \(b\)"),
        ("```sh\necho $a $b$\n```", "```sh\necho $a $b$\n```"),
    ],
)
def test_tags_in_an_answer_are_text_and_code_is_left_alone(answer: str, shown: str) -> None:
    assert escape_tags(answer) == shown


@pytest.mark.parametrize("piece", ["<", "\\[", "\\(", "$$ "])
def test_an_answer_of_nothing_but_marks_takes_no_time(piece: str) -> None:
    start = time.process_time()
    escape_tags(piece * (400_000 // len(piece)))  # as long as one that is imported can be
    assert time.process_time() - start < 1


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


def talk_of(*said: Exchange) -> Talk:
    tree = Tree()
    for exchange in said:
        tree = tree.with_exchange(replace(exchange, parent=tree.last))
    return Talk(tree=tree)


def test_the_page_says_once_from_where_on_turns_are_left_out(studio: Any) -> None:
    session = Session()
    session.talk = talk_of(*(Exchange(f"q{number}", answer=f"a{number}", left_out=number) for number in range(3)))
    shown = [message["content"] for message in history(studio, session)]
    assert len(shown) == len(rows(studio, session)) == 7
    assert "4,096 tokens".replace(",", "\\,") in shown[3]
    assert [one.answer for one in read_shown(history(studio, session))[0].path] == ["a0", "a1", "a2"]


WORDS = st.text(st.sampled_from("a*_<>`\\[]()!#-1.|~&$;\n 猫\U0001f431"), max_size=30).map(str.strip)
ANSWERS = WORDS.filter(lambda words: words not in ("", "…"))


@given(st.lists(st.tuples(WORDS.filter(bool), ANSWERS), max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_page_shows_can_be_read_back(studio: Any, said: list[tuple[str, str]]) -> None:
    session = Session()
    session.talk = talk_of(*(Exchange(question, answer=answer) for question, answer in said))
    read, pictures = read_shown(history(studio, session))
    assert [one.question for one in read.path] == [question for question, _answer in said]
    assert [escape_tags(one.answer) for one in read.path] == [escape_tags(answer) for _question, answer in said]
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
    tree, pictures = read_shown(shown)
    assert [one for one in tree.exchanges if one.question or one.answer] == []
    assert pictures == {}


def test_pictures_of_questions_are_kept_as_they_are_shown() -> None:
    pictures = "![Picture 1](studio/pictures/0a)\n\n![Picture 2](studio/pictures/0b)"
    parts = [{"type": "text", "text": f"{pictures}\n\nWho is \\!\\[there\\] \ud83d?"}]
    tree, kept = read_shown([{"role": "user", "content": parts}, {"role": "assistant", "content": "…"}])
    assert [one.question for one in tree.path] == ["Who is ![there] \ufffd?"]
    assert kept == {1: pictures}
