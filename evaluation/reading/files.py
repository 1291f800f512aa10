"""Files of JSON, and pictures beside them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common.messages import _
from evaluation.errors import DataUnusable
from evaluation.questions import PictureFile


def read_json(path: Path) -> Any:
    """The file's content. Raises DataUnusable, which names the line."""
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except json.JSONDecodeError as error:
        reason = _("line {line}: it is no JSON ({reason}).", line=error.lineno, reason=error.msg)
        raise DataUnusable(place=path, reason=reason) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataUnusable(place=path, reason=_("it cannot be read ({error}).", error=error)) from error


def items(path: Path, content: Any, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number (from 1) and object of each item of a list. Raises DataUnusable for one without the fields `needed`."""
    if not isinstance(content, list) or not content:
        raise DataUnusable(place=path, reason=_("it holds no list of questions."))
    for number, item in enumerate(content, 1):
        missing = [name for name in needed if not isinstance(item, dict) or item.get(name) in (None, "")]
        if missing:
            raise item_unusable(path, number, _("it has no {missing}.", missing=missing))
        yield number, item


def item_unusable(path: Path, number: int, reason: object) -> DataUnusable:
    """The error for one item of a list."""
    return DataUnusable(place=path, reason=_("question {number}: {reason}", number=number, reason=reason))


def find_picture(name: str, folders: Sequence[Path], path: Path, number: int) -> PictureFile:
    """The picture `name` in the first of the folders that has it. Raises DataUnusable."""
    for folder in folders:
        if (file := folder / name).is_file():
            return PictureFile(file)
    raise item_unusable(
        path,
        number,
        _(
            "there is no picture '{name}' in {folders}. Where it lies is said by --pictures.",
            name=name,
            folders=[*map(str, folders)],
        ),
    )


def no_data(place: Path, expected: str) -> DataUnusable:
    """The error for a place that holds nothing of a benchmark."""
    if not place.exists():
        return DataUnusable(place=place, reason=_("there is no such file or folder."))
    return DataUnusable(
        place=place, reason=_("it does not hold {expected}. See docs/evaluation.md.", expected=expected)
    )
