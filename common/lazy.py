"""Lets a room export names from files that import heavy libraries, without importing them (PEP 562)."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_exports(package: str, files: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """A package's `__getattr__`. files: file of the package -> the names it exports from it.

    A name must not be that of a file: Python would give the file once it is imported. For type checkers the package
    imports the same names under `if TYPE_CHECKING:`.
    """
    homes = {name: file for file, names in files.items() for name in names}

    def export(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return export
