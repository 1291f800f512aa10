"""One row of a table, whatever the file."""

import binascii
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from common.messages import Text, _
from evaluation.errors import DataUnusable
from evaluation.questions import PictureSource

ABSENT = frozenset(("", "nan"))  # how a table writes that a field has no value
_LONGEST_ABSENT = max(map(len, ABSENT))


@dataclass(frozen=True, slots=True)
class Record:
    """One row. `fields` holds what has a value, by column name."""

    fields: dict[str, str]
    line: int  # where it begins, from 1; of parquet files the number of the row, all parts counted
    start: int = 0  # bytes in the file
    size: int = 0
    picture: PictureSource | None = None  # where it is no text among the fields

    def get(self, *names: str) -> str:
        """The first of these columns that has a value here, else an empty string."""
        return next((self.fields[name] for name in names if name in self.fields), "")


def present(names: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    """The fields that have a value, without blanks around it."""
    fields = ((name, field.strip()) for name, field in zip(names, row, strict=True))
    return {name: text for name, text in fields if text and (len(text) > _LONGEST_ABSENT or text.lower() not in ABSENT)}


def decode_base64(text: str, path: Path, line: int) -> bytes:
    """The bytes of a picture. Raises DataUnusable for what is no base64."""
    with suppress(ValueError):  # also where it is not ASCII
        if data := binascii.a2b_base64("".join(text.split()), strict_mode=True):
            return data
    raise unusable(path, line, _("the picture is no base64 ('{beginning}…').", beginning=text[:24]))


def unusable(path: Path, line: int, reason: Text) -> DataUnusable:
    """The error for one line of a file."""
    return DataUnusable(place=path, reason=_("line {line}: {reason}", line=line, reason=reason))
