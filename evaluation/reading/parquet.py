"""Tables of a hub as parquet files: the same columns as in the TSV, each picture as bytes. Needs pyarrow."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from common.messages import _
from evaluation.errors import DataUnusable
from evaluation.reading.records import Record, decode_base64, present, unusable

PICTURES = "image"  # the column; of video questions it holds several
_PART = re.compile(r"(?P<split>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?:-\w+)?\.parquet")


def parquet_columns(path: Path) -> list[str]:
    """The names of the columns, and `index`, which is counted where there is none. Raises DataUnusable."""
    names = list(_opened(path).schema_arrow.names)
    return names if "index" in names else ["index", *names]


def read_parquet(path: Path) -> Iterator[Record]:
    """The rows of a file, or of all parts of which it is one. Raises DataUnusable, which names the row."""
    count = 0
    for part in _parts(path):
        file = _opened(part)
        names = [name for name in file.schema_arrow.names if name != PICTURES]
        number = 0
        for group in range(file.num_row_groups):
            for row, values in enumerate(file.read_row_group(group, columns=names).to_pylist()):
                number += 1
                texts = ["" if values[name] is None else str(values[name]) for name in names]
                fields = {"index": str(count), **present(names, texts)}
                count += 1
                yield Record(fields, count, picture=PictureInParquet(part, number, group, row))


@dataclass(frozen=True, slots=True)
class PictureInParquet:
    """A picture in a column of pictures; only its place is kept."""

    path: Path
    number: int  # of the row in the file, from 1
    group: int
    row: int  # in the group

    @property
    def name(self) -> str:
        return f"{self.path.name}:{self.number}"

    def read(self) -> bytes:
        value = _pictures(self.path, self.group)[self.row].as_py()
        if isinstance(value, list):
            value = value[0] if value else None
        if isinstance(value, str):
            return decode_base64(value, self.path, self.number)
        if isinstance(value, dict):
            value = value.get("bytes")
        if not isinstance(value, bytes) or not value:
            raise unusable(self.path, self.number, _("it has no picture."))
        return value


@lru_cache(maxsize=2)  # groups: pictures are read in order
def _pictures(path: Path, group: int) -> Any:
    return _opened(path).read_row_group(group, columns=[PICTURES]).column(0)


def _opened(path: Path) -> Any:
    if find_spec("pyarrow") is None:
        raise DataUnusable(place=path, reason=_("reading .parquet files needs pyarrow: pip install pyarrow"))
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise DataUnusable(place=path, reason=_("it is no .parquet file ({error}).", error=error)) from error


def _parts(path: Path) -> list[Path]:
    """The file alone, or all `SPLIT-00000-of-00002….parquet` beside it, of which it is one."""
    own = _PART.fullmatch(path.name)
    if own is None:
        return [path]
    found = {}
    for other in sorted(path.parent.glob("*.parquet")):
        part = _PART.fullmatch(other.name)
        if part and (part["split"], part["count"]) == (own["split"], own["count"]):
            found[int(part["number"])] = other
    count = int(own["count"])
    missing = [number for number in range(count) if number not in found]
    if missing:
        reason = _("part {number} of its {count} parts is not beside it.", number=missing[0], count=count)
        raise DataUnusable(place=path, reason=reason)
    return [found[number] for number in range(count)]
