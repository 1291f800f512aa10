"""Writes .xlsx sheets that hold text as it is."""

from collections.abc import Iterable, Sequence
from pathlib import Path


def write_sheet(path: Path, header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> None:
    """A text that begins with "=" stays a text; control characters, which the format cannot hold, are left out."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.append(list(header))
    for row in rows:
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value) if isinstance(value, str) else value)
            if isinstance(value, str):
                cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
