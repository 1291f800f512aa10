"""Tables: TSV and CSV read row by row whatever their size, sheets of .xlsx files, parquet files."""

import csv
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from common.messages import _
from evaluation.errors import DataUnusable
from evaluation.reading.parquet import parquet_columns, read_parquet
from evaluation.reading.records import Record, decode_base64, present, unusable

LONGEST_RECORD = 256 * 1024 * 1024  # bytes; a quote that is never closed would otherwise take the rest of the file
TABLES = (".tsv", ".csv", ".parquet")  # that can hold pictures
_BOM = b"\xef\xbb\xbf"


class _Lines:
    """The lines of a file as text, counting bytes for the record that is being read."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.file, self.path = file, path
        self.line, self.start, self.position = 0, 0, 0
        if file.read(3) == _BOM:
            self.position = self.start = 3
        else:
            file.seek(0)

    def begin(self) -> None:
        """The next line is the first of a record."""
        self.start = self.position

    def __iter__(self) -> Iterator[str]:
        for raw in self.file:
            self.line += 1
            self.position += len(raw)
            if self.position - self.start > LONGEST_RECORD:
                raise unusable(self.path, self.line, _("a quotation mark before this line is never closed."))
            try:
                yield raw.decode("utf-8")
            except UnicodeDecodeError as error:
                reason = _("the text is not UTF-8 ({error}). Save the file in this encoding.", error=error)
                raise unusable(self.path, self.line, reason) from error


def read_table(path: Path) -> Iterator[Record]:
    """The rows of a .tsv, .csv, .xlsx or .parquet file. Raises DataUnusable, which names the line."""
    if not path.is_file():
        raise DataUnusable(place=path, reason=_("there is no such file."))
    if path.suffix.lower() == ".xlsx":
        yield from _read_sheet(path)
        return
    if path.suffix.lower() == ".parquet":
        yield from read_parquet(path)
        return
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a field may be a whole picture
    with path.open("rb") as file:
        lines = _Lines(file, path)
        rows = csv.reader(lines, delimiter=delimiter(path))
        header = [name.strip() for name in next(rows, [])]
        if len(header) < 2:
            columns = _("the first line holds no column names, which a tab (.tsv) or a comma (.csv) separates.")
            raise unusable(path, 1, columns)
        while True:
            lines.begin()
            first = lines.line + 1
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                raise unusable(path, first, _("{error}.", error=error)) from error
            if not row:
                continue
            if len(row) != len(header):
                counts = _(
                    "it has {found} fields, the header has {expected}. A quotation mark may be missing or too many.",
                    found=len(row),
                    expected=len(header),
                )
                raise unusable(path, first, counts)
            yield Record(present(header, row), first, lines.start, lines.position - lines.start)


def delimiter(path: Path) -> str:
    return "," if path.suffix.lower() == ".csv" else "\t"


def _read_sheet(path: Path) -> Iterator[Record]:
    rows = _sheet_rows(path)
    header = next(rows, [])
    for number, cells in enumerate(rows, 2):
        if any(cells):
            padded = cells[: len(header)] + [""] * (len(header) - len(cells))
            yield Record(present(header, padded), number)


def _sheet_rows(path: Path) -> Iterator[list[str]]:
    """The rows of the first sheet as texts, the header first. Raises DataUnusable."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with closing(load_workbook(path, read_only=True, data_only=True)) as book:
            for row in book.worksheets[0].iter_rows(values_only=True):
                yield [_cell(value).strip() for value in row]
    except (InvalidFileException, zipfile.BadZipFile, OSError, KeyError, ValueError, IndexError) as error:
        raise DataUnusable(place=path, reason=_("it is no .xlsx file ({error}).", error=error)) from error


def _cell(value: object) -> str:
    """A cell as text; Excel keeps whole numbers as 12.0."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


@dataclass(frozen=True, slots=True)
class PictureInTable:
    """A picture in base64 in a field of a table; only the place of its row is kept."""

    path: Path
    line: int
    start: int
    size: int
    column: int

    @property
    def name(self) -> str:
        return f"{self.path.name}:{self.line}"

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.start)
            text = file.read(self.size).decode("utf-8")
        csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
        row = next(csv.reader(text.splitlines(keepends=True), delimiter=delimiter(self.path)))
        return decode_base64(row[self.column], self.path, self.line)


def columns(path: Path) -> list[str]:
    """The names of a table's columns. Raises DataUnusable."""
    if path.suffix.lower() == ".xlsx":
        return next(_sheet_rows(path), [])
    if path.suffix.lower() == ".parquet":
        return parquet_columns(path)
    with path.open("rb") as file:
        return [name.strip() for name in next(csv.reader(_Lines(file, path), delimiter=delimiter(path)), [])]
