"""The chosen pictures of an article: their names in an export, their bytes and their credits."""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from common.messages import _, _n
from composer.article import Article, Candidate, Section
from composer.errors import PictureGone

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
}
_ADDRESS = re.compile(r"(https?://[^\s<>\"]*[^\s<>\".,;:)\]·，。；）])", re.IGNORECASE)
CREDITS = _("Picture credits")  # the heading above them


def chosen_pictures(article: Article) -> list[tuple[Section, Candidate]]:
    """Each chosen picture with the section it stands after, in order."""
    return [(s, s.illustration.chosen) for s in article.illustrated if s.illustration and s.illustration.chosen]


def image_names(article: Article) -> dict[str, str]:
    """Section id -> file name of its picture: number in the article, the id's letters and digits, the file's kind."""
    names = {}
    for number, (section, chosen) in enumerate(chosen_pictures(article), 1):
        suffix = Path(chosen.path).suffix.lower()
        safe_id = re.sub(r"[^A-Za-z0-9]", "", section.id)[:20]
        names[section.id] = f"{number:02d}-{safe_id}{suffix if suffix in MEDIA_TYPES else '.png'}"
    return names


def without_missing(article: Article) -> tuple[Article, tuple[str, ...]]:
    """The article without the pictures whose files are gone, and what those are called."""
    gone = {s.id: s for s, chosen in chosen_pictures(article) if not Path(chosen.path).is_file()}
    if not gone:
        return article, ()
    sections = [replace(one, illustration=None) if one.id in gone else one for one in article]
    names = [
        s.illustration.caption or chosen.caption or chosen.id
        for s, chosen in chosen_pictures(article)
        if s.id in gone and s.illustration
    ]
    return replace(article, sections=tuple(sections)), tuple(names)


def picture_bytes(chosen: Candidate) -> bytes:
    """The content of a picture's file. Raises PictureGone."""
    try:
        return Path(chosen.path).read_bytes()
    except OSError as error:
        raise PictureGone(name=chosen.caption or chosen.id) from error


def data_address(chosen: Candidate) -> str:
    """The picture as a data: address. Raises PictureGone."""
    media_type = MEDIA_TYPES.get(Path(chosen.path).suffix.lower(), "image/png")
    return f"data:{media_type};base64,{base64.b64encode(picture_bytes(chosen)).decode('ascii')}"


def credit_lines(article: Article) -> Iterator[str]:
    """Who made which picture under which licence; pictures of one maker and licence share a line, which names their
    numbers in the article."""
    numbers: dict[str, list[int]] = {}
    for number, (_section, chosen) in enumerate(chosen_pictures(article), 1):
        named = chosen.licence and re.search(rf"(?<![\w-]){re.escape(chosen.licence)}(?![\w-])", chosen.credit)
        licence = "" if named else chosen.licence
        line = " · ".join(part for part in (chosen.credit, licence, chosen.source) if part)
        if line:
            numbers.setdefault(line, []).append(number)
    for line, found in numbers.items():
        sentence = _n(
            "Picture {numbers}: {credit}", "Pictures {numbers}: {credit}", count=len(found), numbers=found, credit=line
        )
        yield sentence.text(article.language)


def linked(line: str, escape: Callable[[str], str], link: Callable[[str], str]) -> str:
    """The line, escaped, with its web addresses as links."""
    parts = _ADDRESS.split(line)  # text, address, text …
    return "".join(link(part) if i % 2 else escape(part) for i, part in enumerate(parts))
