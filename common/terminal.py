"""What the commands read and print: no character ends a command, and none of them steers the terminal.

Knows streams and characters, not what is said with them.
"""

import codecs
import io
import json
import logging
import os
import re
import sys
from pathlib import Path

from common.decoding import decode_text, without_invisible_ends
from common.errors import TypedTextUnreadable
from common.messages import preferred_language

INSTALLED = "xcomposer"  # the command of the installed package
INSTALLED_UNDER = {"retrieval": ("gallery",), "evaluation": ("evaluate",)}  # package -> its part of that command
# what stands for a sign where the output's encoding does not have it; no quotes or backslashes, which JSON reads
_ASCII = str.maketrans({
    "✓": "+", "✗": "x", "–": "-", "—": "-", "−": "-", "·": "-", "•": "-", "…": "...", "→": "->", "←": "<-", "×": "x",
    "≤": "<=", "≥": ">=", "“": "'", "”": "'", "„": "'", "«": "'", "»": "'", "‘": "'", "’": "'", "\u00a0": " ",
})  # fmt: skip
_HANDLER = "ascii-signs"  # the name of `_ascii_signs` among Python's handlers of encoding errors
# control characters but the line end and the tab, and the marks that turn the direction of what follows
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_BYTES_OF_NO_TEXT = re.compile("[\ud800-\udfff]")


def _ascii_signs(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = (character.translate(_ASCII) for character in error.object[error.start : error.end])
    return "".join(sign if sign.isascii() else _escaped(sign) for sign in signs), error.end


def _escaped(character: str) -> str:
    """The character as JSON writes it: \\u001b."""
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"


codecs.register_error(_HANDLER, _ascii_signs)


def make_output_safe() -> None:
    """From now on a character that stdout or stderr cannot encode, redirected on Windows or in an old locale, comes
    out as an ASCII sign or as \\u732b, instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def printable(text: str) -> str:
    """The text with its control characters shown, as \\u001b: names of files and answers of models may hold some that
    clear the screen, recolour it or write over lines."""
    return _CONTROLS.sub(lambda match: _escaped(match[0]), text)


def printable_line(text: str) -> str:
    """The same as one line, with U+FFFD for bytes that are no text: names of files may hold line ends and both."""
    return _BYTES_OF_NO_TEXT.sub("\ufffd", printable(text).replace("\n", "\\n"))


class _PrintableFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def log_to_stderr(form: str) -> None:
    """Sends warnings of the program's parts to stderr; names of files in them cannot steer the terminal."""
    handler = logging.StreamHandler()
    handler.setFormatter(_PrintableFormatter(form))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def terminal_language() -> str:
    """The language that the person at this terminal has chosen ("zh_CN.UTF-8"), where there is a catalogue for it; else
    English."""
    chosen = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return preferred_language(chosen.partition(".")[0])


def this_command(package: str) -> str:
    """How the commands of a package are started, in the way in which this program was: "xcomposer gallery" where the
    installed command was typed, else "python -m retrieval"."""
    if Path(sys.argv[0]).stem.lower() != INSTALLED:
        return f"python -m {package}"
    return " ".join([INSTALLED, *INSTALLED_UNDER.get(package, ())])


def json_line(value: object) -> str:
    """The value as JSON on one line, which stdout can take without a loss: ASCII only, unless it is UTF-8."""
    utf8 = codecs.lookup(sys.stdout.encoding or "ascii").name == "utf-8"
    text = printable(json.dumps(value, ensure_ascii=not utf8))
    return _BYTES_OF_NO_TEXT.sub(lambda half: _escaped(half[0]), text)  # names of files come out as they are


def typed_text(argument: str) -> str:
    """An argument of the command line that is text; not for paths, which may be any bytes. Raises
    TypedTextUnreadable for bytes that are no text in the terminal's encoding, which Python hands on as half emoji."""
    if _BYTES_OF_NO_TEXT.search(argument):
        shown = argument.encode("utf-8", "surrogateescape" if _is_bytes(argument) else "replace")
        raise TypedTextUnreadable(
            text=shown.decode("utf-8", "backslashreplace"), encoding=sys.getfilesystemencoding().upper()
        )
    return argument


def _is_bytes(argument: str) -> bool:
    return all("\udc80" <= half <= "\udcff" for half in _BYTES_OF_NO_TEXT.findall(argument))


def piped_text() -> str:
    """All of standard input as text, in whatever encoding it is, without invisible characters at its ends."""
    return without_invisible_ends(decode_text(sys.stdin.buffer.read()))
