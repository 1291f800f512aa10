"""What differs between two versions of a text, by words; Chinese, which writes no blanks, by characters."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from common.language import HAN_RANGES

# a Chinese or Japanese character, a word (with its apostrophes), a run of blanks, or any other single character
_WIDE = rf"[\u3040-\u30ff{HAN_RANGES}]"
_TOKEN = re.compile(rf"{_WIDE}|(?:(?!{_WIDE})\w)+(?:['’]\w+)*|\s+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Change:
    """A piece of both texts: `old` in the first, `new` in the second. Where nothing changed they are the same."""

    old: str
    new: str

    @property
    def changed(self) -> bool:
        return self.old != self.new


def compare(old: str, new: str) -> tuple[Change, ...]:
    """The pieces of both texts in order: all `old` joined are the first, all `new` the second.

    Two changes with nothing but a blank between them are one: "a red | fox" for "the brown | fox" reads better whole.
    """
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    pieces: list[Change] = []
    for _, start, end, begin, stop in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        pieces.append(Change("".join(before[start:end]), "".join(after[begin:stop])))
    joined: list[Change] = []
    for at, piece in enumerate(pieces):
        blank = not piece.changed and not piece.old.strip() and 0 < at < len(pieces) - 1
        if joined and joined[-1].changed and (piece.changed or blank):
            joined[-1] = Change(joined[-1].old + piece.old, joined[-1].new + piece.new)
        else:
            joined.append(piece)
    return tuple(joined)


def accepted(changes: Sequence[Change], dropped: Collection[int] = ()) -> str:
    """The text with all changes but those of the given positions, where the old words stay."""
    return "".join(change.old if at in dropped else change.new for at, change in enumerate(changes))
