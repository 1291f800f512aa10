"""What the Chat tab makes of words before they are shown as Markdown."""

import pytest

from ui.chat import escape_markdown, escape_tags


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
    ],
)
def test_tags_in_an_answer_are_text_and_code_is_left_alone(answer: str, shown: str) -> None:
    assert escape_tags(answer) == shown
