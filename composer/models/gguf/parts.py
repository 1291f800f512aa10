"""Files of one model that is cut into several, as publishers do with large ones: NAME-00001-of-00003.gguf.

Knows names of files, not what is in them.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_PART = re.compile(r"(?P<name>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.gguf)", re.IGNORECASE)
SUFFIX = ".gguf"


def parts_of(path: Path) -> list[Path]:
    """All files of the model that this one belongs to, in order, whether they are here or not; most have one."""
    part = _PART.fullmatch(path.name)
    if part is None:
        return [path]
    count = int(part["count"])
    names = (f"{part['name']}-{number:05d}-of-{part['count']}{part['suffix']}" for number in range(1, count + 1))
    return [path.with_name(name) for name in names] if 0 < int(part["number"]) <= count else [path]


def model_name(path: Path) -> str:
    """The name of the file's model, without the suffix and the numbers of parts."""
    part = _PART.fullmatch(path.name)
    return part["name"] if part else path.stem


def whole_models(paths: Iterable[Path]) -> Iterator[Path]:
    """One file of each model: of those in several parts the first that is here."""
    seen: set[Path] = set()
    for path in sorted(paths):
        first = parts_of(path)[0]
        if first not in seen:
            seen.add(first)
            yield path
