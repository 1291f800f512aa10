"""What differs between two texts and between two articles. Texts are compared as `composer.writing.compare` does."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from composer.article import Article, Illustration, Section
from composer.writing import compare as words_changed

Kind = Literal["same", "added", "removed"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text that both have, or only the later ("added") or earlier ("removed") one."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class SectionChange:
    """One section, or the title (id "title"), beside its counterpart in the other article."""

    id: str
    kind: Literal["same", "changed", "added", "removed"]
    pieces: tuple[Piece, ...]  # of the text
    # captions before and after, where the picture or its caption is another; alternative texts, where only those are
    picture: tuple[str, str] | None = None


def difference(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces of two texts in order: "same" and "removed" joined give `before`, "same" and "added" give `after`."""
    found: list[Piece] = []
    for change in words_changed(before, after):
        if not change.changed:
            found.append(Piece("same", change.old))
            continue
        if change.old:
            found.append(Piece("removed", change.old))
        if change.new:
            found.append(Piece("added", change.new))
    return tuple(found)


def compare(before: Article, after: Article) -> tuple[SectionChange, ...]:
    """What became of each section, in the order of the later article; removed ones stand where they stood."""
    changes = [_change("title", before.title, after.title)] if before.title or after.title else []
    old = {section.id: section for section in before}
    new = {section.id: section for section in after}
    # sections that stayed in their order; one that moved is removed there and added here
    blocks = SequenceMatcher(None, list(old), list(new), autojunk=False).get_opcodes()
    for tag, a, b, c, d in blocks:
        if tag == "equal":
            changes += [_section_change(old[one.id], one) for one in list(new.values())[c:d]]
            continue
        changes += [_one_sided("removed", section) for section in list(old.values())[a:b]]
        changes += [_one_sided("added", section) for section in list(new.values())[c:d]]
    return tuple(changes)


def _change(name: str, before: str, after: str) -> SectionChange:
    return SectionChange(name, "same" if before == after else "changed", difference(before, after))


def _section_change(before: Section, after: Section) -> SectionChange:
    picture = _picture_change(before.illustration, after.illustration)
    same = before.text == after.text and picture is None
    return SectionChange(after.id, "same" if same else "changed", difference(before.text, after.text), picture)


def _one_sided(kind: Literal["added", "removed"], section: Section) -> SectionChange:
    return SectionChange(section.id, kind, (Piece(kind, section.text),))


def _picture_change(before: Illustration | None, after: Illustration | None) -> tuple[str, str] | None:
    old, new = before or Illustration(""), after or Illustration("")
    chosen = [one.chosen.id if one.chosen else "" for one in (old, new)]
    if chosen[0] != chosen[1] or old.caption != new.caption:
        return old.caption, new.caption
    return (old.alt, new.alt) if old.alt != new.alt else None
