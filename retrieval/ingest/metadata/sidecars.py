"""Which files beside a picture hold its words. Knows names only.

beach.jpg.txt  beach.txt                        a person's own words
beach.jpg.xmp  beach.xmp                        Lightroom, digiKam, darktable, Bridge
beach.jpg.json  beach.jpg.supplemental-metadata.json        Google Takeout, also cut to 46 characters
"""

import re
from collections.abc import Iterable, Iterator

from common.decoding import same_name

SUFFIXES = (".txt", ".xmp", ".json")  # in the order in which they count
_TAKEOUT = ".supplemental-metadata"
_SHORTEST_CUT = 44  # Takeout cuts names to 46 characters before ".json", a copy's "(1)" apart
_COPY = re.compile(r"^(.*)(\(\d+\))(\.[^.]*)$")
_EDITED = re.compile(r"-(edited|bearbeitet|modifié|editado|已修改|已编辑)$")


class Beside:
    """The files of one folder that may hold words. Names are compared as people read them, exact ones first; a file
    that belongs to one picture by its exact name does not belong to another whose name differs in case only."""

    def __init__(self, names: Iterable[str]) -> None:
        names = set(names)
        self._owners = names | {name.rpartition(".")[0] for name in names if not name.lower().endswith(SUFFIXES)}
        self._exact = {name for name in names if name.lower().endswith(SUFFIXES)}
        self._folded: dict[str, str] = {}
        for name in sorted(self._exact):
            self._folded.setdefault(same_name(name), name)
        self._has_json = any(name.endswith(".json") for name in self._folded)

    def of(self, name: str) -> list[str]:
        """The names of the files that belong to the picture `name`, in the order in which they count."""
        if not self._exact:
            return []
        stem = name.rpartition(".")[0] or name
        found = []
        for suffix in (".txt", ".xmp"):
            found.append(next(filter(None, (self._find(base + suffix) for base in (name, stem))), ""))
        if self._has_json:
            found.append(next(filter(None, map(self._find, _takeout_names(name, stem))), ""))
        return [one for one in found if one]

    def _find(self, name: str) -> str:
        if name in self._exact:
            return name
        found = self._folded.get(same_name(name), "")
        owner = found.rpartition(".")[0]
        return "" if owner in self._owners and owner != name.rpartition(".")[0] else found


def _takeout_names(name: str, stem: str) -> Iterator[str]:
    copy = _COPY.match(name)
    original, number = (f"{copy[1]}{copy[3]}", copy[2]) if copy else (name, "")
    edited = _EDITED.sub("", original.rpartition(".")[0]) + "." + original.rpartition(".")[2]
    for base in dict.fromkeys((name, original, edited)):
        own = "" if base == name else number
        full = base + _TAKEOUT
        for end in range(len(full), min(len(base), _SHORTEST_CUT) - 1, -1):
            if end >= len(base) or end >= _SHORTEST_CUT:
                yield f"{full[:end]}{own}.json"  # cut behind a dot: "a..json"
                yield f"{full[:end].rstrip('.')}{own}.json"
    yield f"{stem}.json"
