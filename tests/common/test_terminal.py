"""What commands read and print, in any encoding."""

import io
import json
import logging
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import TypedTextUnreadable
from common.terminal import (
    json_line,
    log_to_stderr,
    make_output_safe,
    piped_text,
    printable,
    printable_line,
    this_command,
    typed_text,
)

ANY_TEXT = st.text(st.characters(codec=None))  # with half emoji


def stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")


def printed(text: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> str:
    output = stream(encoding)
    monkeypatch.setattr(sys, "stdout", output)
    make_output_safe()
    output.write(text)
    output.flush()
    return output.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]  # a BytesIO


@pytest.mark.parametrize(
    ("encoding", "text", "read"),
    [
        ("cp1252", "✓ ready → 3 × “cats” …", "+ ready -> 3 × “cats” …"),
        ("gbk", "✓ 猫 – ok ✗", "+ 猫 – ok x"),
        ("ascii", "“猫” café 🐱", "'\\u732b' caf\\u00e9 \\ud83d\\udc31"),
        ("utf-8", "✓ 猫 \udce9", "✓ 猫 \\udce9"),
    ],
)
def test_what_an_output_cannot_hold_becomes_a_sign_or_an_escape(
    encoding: str, text: str, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert printed(text, encoding, monkeypatch) == read


@pytest.mark.parametrize("encoding", ["cp1252", "gbk", "ascii", "utf-8"])
@given(text=ANY_TEXT)
def test_json_loses_nothing_in_any_encoding(encoding: str, text: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sys, "stdout", stream(encoding))
        line = json_line({"text": text})
        assert json.loads(printed(line, encoding, monkeypatch)) == {"text": text}


@given(ANY_TEXT)
def test_no_control_character_is_printed(text: str) -> None:
    shown = printable(text)
    assert not {c for c in shown if unicodedata.category(c) == "Cc"} - {"\n", "\t"}
    assert all(c in shown for c in text if unicodedata.category(c)[0] in "LNPS")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[2Jcat.png", "\\u001b[2Jcat.png"),
        ("a\x9b31mb\x7f", "a\\u009b31mb\\u007f"),
        ("gnp\u202etac", "gnp\\u202etac"),
        ("a\rb", "a\\rb"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
    ],
)
def test_a_name_cannot_steer_the_terminal(name: str, shown: str) -> None:
    assert printable(name) == shown


def test_bytes_that_are_no_text_are_named() -> None:
    assert typed_text("café 猫") == "café 猫"
    with pytest.raises(TypedTextUnreadable, match=r"'caf\\xe9' cannot be read: it is not in") as caught:
        typed_text("caf\udce9")
    assert "无法读取" in caught.value.text("zh")
    with pytest.raises(TypedTextUnreadable):
        typed_text("half an emoji \ud83d")


@pytest.mark.parametrize(
    "data", ["\ufeffcafé 猫\n".encode(), "\u200b café 猫 ".encode(), "café 猫\r\n".encode("utf-16")]
)
def test_piped_text_may_be_in_any_encoding(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
    assert piped_text() == "café 猫"


def test_a_line_stays_one_line_and_logs_are_printable(capsys: pytest.CaptureFixture[str]) -> None:
    assert printable_line("x\ny\x1b[2J.jpg") == r"x\ny\u001b[2J.jpg"
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        log_to_stderr("%(message)s")
        logging.getLogger("retrieval").warning("left out: %s", "a\x1b[2J.jpg")
    finally:
        root.handlers = before
    assert capsys.readouterr().err.strip() == r"left out: a\u001b[2J.jpg"


@pytest.mark.parametrize(
    ("argument", "commands"),
    [
        ("/home/ann/.local/bin/xcomposer", ("xcomposer", "xcomposer gallery", "xcomposer evaluate")),
        ("xcomposer.exe", ("xcomposer", "xcomposer gallery", "xcomposer evaluate")),
        ("app.py", ("python -m composer", "python -m retrieval", "python -m evaluation")),
        ("", ("python -m composer", "python -m retrieval", "python -m evaluation")),
    ],
)
def test_hints_name_the_command_that_was_typed(
    argument: str, commands: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [argument])
    assert tuple(map(this_command, ("composer", "retrieval", "evaluation"))) == commands
