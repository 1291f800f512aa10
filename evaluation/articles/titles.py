"""The list of titles that a run writes articles for: JSON lines `{"title", "language"}`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.decoding import well_formed
from common.messages import Text, _
from common.resources import resource_folder
from composer.article import Language
from composer.writing import detect_language
from evaluation.errors import DataUnusable


@dataclass(frozen=True, slots=True)
class Title:
    """One article to be made."""

    id: str  # "en-01": names its folder
    title: str
    language: Language
    paragraphs: tuple[str, ...] = ()  # a text that is there already: it is illustrated, not written


def shipped_titles() -> Path:
    """Twenty English and twenty Chinese titles."""
    return resource_folder("configs") / "evaluation" / "titles.jsonl"


def read_titles(path: Path) -> list[Title]:
    """The titles of a file of JSON lines, or of plain lines with a title each. Raises DataUnusable, with the line."""
    try:
        text = path.expanduser().read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataUnusable(place=path, reason=_("it cannot be read ({error}).", error=error)) from error
    titles: list[Title] = []
    counts: dict[str, int] = {}
    for number, line in _lines(text):
        title, language, paragraphs = _entry(path, number, line)
        counts[language] = counts.get(language, 0) + 1
        titles.append(Title(f"{language}-{counts[language]:02d}", title, language, paragraphs))
    if not titles:
        raise DataUnusable(place=path, reason=_("it holds no title. A line is a title, or an object with a title."))
    return titles


def first_of_each(titles: list[Title], limit: int | None) -> list[Title]:
    """At most `limit` titles, the languages in turn, so that a short run has both."""
    if limit is None or limit >= len(titles):
        return titles
    rank: dict[str, int] = {}
    numbered = []
    for title in titles:
        numbered.append((rank.get(title.language, 0), title))
        rank[title.language] = rank.get(title.language, 0) + 1
    chosen = {title.id for _rank, title in sorted(numbered, key=lambda entry: entry[0])[:limit]}
    return [title for title in titles if title.id in chosen]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.strip()


def _entry(path: Path, number: int, line: str) -> tuple[str, Language, tuple[str, ...]]:
    if not line.startswith("{"):
        return line, detect_language(line), ()
    try:
        item = json.loads(line)
    except ValueError as error:
        raise _unusable(path, number, _("it is no JSON ({reason}).", reason=error)) from error
    title = item.get("title")
    if not isinstance(title, str) or not title.strip():
        raise _unusable(path, number, _("it has no title."))
    language = item.get("language") or detect_language(title)
    if language not in ("en", "zh"):
        raise _unusable(path, number, _("the language is '{language}'; it can be en or zh.", language=language))
    paragraphs = item.get("paragraphs") or []
    if not isinstance(paragraphs, list) or not all(isinstance(each, str) and each.strip() for each in paragraphs):
        raise _unusable(path, number, _("'paragraphs' must be a list of texts."))
    return well_formed(title.strip()), language, tuple(" ".join(well_formed(each).split()) for each in paragraphs)


def _unusable(path: Path, number: int, reason: Text) -> DataUnusable:
    return DataUnusable(place=path, reason=_("line {line}: {reason}", line=number, reason=reason))
