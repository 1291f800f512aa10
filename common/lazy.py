"""Heavy libraries: a room exports names from files that import them, without importing them (PEP 562); and one thread
imports them at a time.

transformers imports its parts when they are first asked for, and they need each other in circles. Where two threads ask
for different parts at the same time, Python gives one of them a part that is half imported: "cannot import name
'DynamicCache'". The page loads its model and its gallery at the same time, and both need parts of it.
"""

import importlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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


_importing = threading.RLock()


@contextmanager
def one_import_at_a_time() -> Iterator[None]:
    """Around whatever imports transformers, timm or open_clip, or makes the first of them load a part of itself."""
    with _importing:
        yield
