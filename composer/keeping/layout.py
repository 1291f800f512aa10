"""What one kind of kept things brings: its tables, and what a person reads where they cannot be used."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from composer.errors import ComposerError

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Layout(Generic[R]):
    """One file. `facts(name, value)` is a table of every file and need not be named."""

    file: str  # its name
    format: int  # of the tables; grows when an older program could not use them
    schema: str  # SQL that makes what is missing
    tables: Mapping[str, str]  # table -> column of whole numbers by which its rows stand; "": in no such order
    unavailable: type[ComposerError]  # raised with `place` and `reason`
    is_whole: Callable[[str, sqlite3.Row], bool]  # table and row of a damaged file: whether it is worth saving
    mend: Callable[[sqlite3.Connection], None]  # makes saved rows fit each other
    recovered: Callable[[Mapping[str, int], Path], R]  # saved rows by table, copy of the damaged file -> what is told
