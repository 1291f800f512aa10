"""Articles whose pictures were taken out: the values of the benchmark, and its own file format.

    {"language", "title", "paragraphs": ["…"], "pictures": [{"after": 2, "file" or "drawing": "…", "caption": "…"}]}

`after` counts paragraphs from 1. A picture is a file beside the data, or a drawing of the bundled gallery by its name.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from common.language import is_chinese
from common.messages import Text, _
from common.resources import resource_folder
from evaluation.errors import DataUnusable


@dataclass(frozen=True, slots=True)
class ItemPicture:
    """A picture and where its author put it."""

    id: str
    after: int  # number of the paragraph it stands behind, from 0
    caption: str
    path: str = ""  # empty where only the words are there


@dataclass(frozen=True, slots=True)
class Item:
    """One article without its pictures, and the pictures."""

    id: str
    language: str
    title: str
    paragraphs: tuple[str, ...]
    pictures: tuple[ItemPicture, ...]

    @property
    def places(self) -> list[int]:
        """The paragraphs with a picture, ascending, each once."""
        return sorted({picture.after for picture in self.pictures})


def shipped_articles() -> Path:
    """Our own articles: texts, and the bundled drawings by name."""
    return resource_folder("configs") / "evaluation" / "illustrating.jsonl"


def read_own(path: Path) -> list[Item]:
    """The articles of our form. Raises DataUnusable, with the line."""
    items = []
    for number, item in read_lines(path):
        paragraphs: Any = item.get("paragraphs")
        pictures = item.get("pictures")
        if not _texts(paragraphs) or not isinstance(pictures, list) or not pictures:
            raise bad_line(path, number, _("it has no list of paragraphs with pictures."))
        found = tuple(_picture(path, number, index, each, len(paragraphs)) for index, each in enumerate(pictures))
        language = str(item.get("language") or ("zh" if is_chinese(paragraphs[0]) else "en"))
        items.append(Item(str(item.get("id", number)), language, str(item.get("title", "")), tuple(paragraphs), found))
    return items


def read_lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Number and object of each line. Raises DataUnusable."""
    rows = []
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataUnusable(place=path, reason=_("it cannot be read ({error}).", error=error)) from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise bad_line(path, number, _("it is no JSON ({reason}).", reason=error)) from error
        rows.append((number, row if isinstance(row, dict) else {}))
    return rows


def bad_line(path: Path, number: int, reason: Text) -> DataUnusable:
    return DataUnusable(place=path, reason=_("line {line}: {reason}", line=number, reason=reason))


def _picture(path: Path, number: int, index: int, given: Any, count: int) -> ItemPicture:
    after = given.get("after") if isinstance(given, dict) else None
    if not isinstance(after, int) or not 1 <= after <= count:
        reason = _("the picture after paragraph {after}: there are {count} paragraphs.", after=after, count=count)
        raise bad_line(path, number, reason)
    if name := given.get("drawing"):
        known = _drawings()
        if name not in known:
            raise bad_line(path, number, _("there is no drawing '{name}' in the bundled gallery.", name=name))
        code, caption, file = known[name]
        return ItemPicture(f"{index}-{code}", after - 1, caption, file())
    file_name = str(given.get("file", ""))
    place = path.parent / file_name
    return ItemPicture(str(index), after - 1, str(given.get("caption", "")), str(place) if place.is_file() else "")


@cache
def _drawings() -> dict[str, tuple[str, str, Callable[[], str]]]:
    """English name -> code, caption in both languages, and its file, which is drawn when it is asked for."""
    from retrieval import open_gallery
    from retrieval.sources import drawings

    @cache
    def gallery() -> Any:
        return open_gallery("openmoji")

    def file_of(code: str) -> Callable[[], str]:
        return lambda: str(gallery().get(code).path)

    return {each.name: (each.code, each.caption, file_of(each.code)) for each in drawings()}


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) and each.strip() for each in value)
