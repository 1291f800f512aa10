"""Readers of two published collections: AToMiC (TREC) and M2RAG's development set.

Both are larger than what is measured here: articles with fewer than two pictures are left out.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.language import is_chinese
from common.messages import _
from evaluation.errors import DataUnusable
from evaluation.illustrating.items import Item, ItemPicture, bad_line, read_lines, read_own

_SECTION = re.compile(r"^(.*)-(\d+)$")  # AToMiC's text_id: the page, and the section's number in it
_PLACEHOLDER = re.compile(r"<IMAGE_PLACEHOLDER>\[\d+\]")  # where M2RAG's page had a picture
LONGEST = 60  # paragraphs of an article


def read_articles(path: Path) -> list[Item]:
    """The articles at a place, in whichever of the three forms, with two pictures or more behind different paragraphs.

    Raises DataUnusable.
    """
    path = path.expanduser()
    if path.is_dir():
        items = read_atomic(path)
    elif not path.is_file():
        raise DataUnusable(place=path, reason=_("there is no such file or folder."))
    else:
        first = _first(path)
        if "paragraphs" not in first and "webpages" not in first:
            reason = _(
                "it is in no form that is known here: our JSON lines, a folder of AToMiC, or M2RAG's JSON lines."
            )
            raise DataUnusable(place=path, reason=reason)
        items = read_own(path) if "paragraphs" in first else read_m2rag(path)
    useful = [item for item in items if len(item.places) > 1]
    if not useful:
        raise DataUnusable(place=path, reason=_("it holds no article with two pictures or more."))
    return useful


def read_atomic(folder: Path) -> list[Item]:
    """AToMiC (Yang et al. 2023): the sections of a Wikipedia page are its paragraphs.

    texts.jsonl: text_id, page_title, section_title, context_section_description; images.jsonl: image_id
    and captions; pictures in images/IMAGE_ID.*; qrels*: TREC's lines `text_id 0 image_id relevance`.
    """
    pages: dict[str, list[tuple[int, str, dict[str, Any]]]] = {}
    for number, row in _rows(folder, "texts.jsonl", ("text_id", "context_section_description")):
        found = _SECTION.match(str(row["text_id"]))
        if found is None:
            raise bad_line(folder / "texts.jsonl", number, _("it has no {missing}.", missing="text_id PAGE-NUMBER"))
        pages.setdefault(found[1], []).append((int(found[2]), str(row["text_id"]), row))
    images = {str(row["image_id"]): row for _number, row in _rows(folder, "images.jsonl", ("image_id",))}
    relevant = _qrels(folder)
    files = {file.stem: file for file in sorted((folder / "images").glob("*"))}
    items = []
    for page, sections in sorted(pages.items()):
        sections = sorted(sections, key=lambda section: section[0])[:LONGEST]
        pictures = [
            ItemPicture(image, place, _caption(images[image]), str(files.get(image, "")))
            for place, (_number, text, _row) in enumerate(sections)
            for image in relevant.get(text, ())
            if image in images
        ]
        texts = tuple(_section_text(row) for _number, _text, row in sections)
        items.append(Item(page, "en", str(sections[0][2].get("page_title", "")), texts, tuple(pictures)))
    return items


def read_m2rag(path: Path) -> list[Item]:
    """M2RAG (Ma et al. 2024, arXiv:2411.16365): each web page of a query is an article, its splits are the paragraphs.

    A split is `{"split_id", "text", …}`; marks of pictures in its text are taken out. Pictures are read by their
    captions, and from files where `cached_image_url` names one beside the data.
    """
    items: list[Item] = []
    for number, row in read_lines(path):
        pages = row.get("webpages")
        if not isinstance(pages, list):
            raise bad_line(path, number, _("it has no {missing}.", missing="webpages"))
        for page in pages:
            splits = (page.get("cleaned_webpage_splits") or [])[:LONGEST]
            if not splits:
                continue
            try:
                places = {int(split["split_id"]): place for place, split in enumerate(splits)}
                texts = tuple(_PLACEHOLDER.sub("", str(split["text"])).strip() for split in splits)
                pictures = tuple(
                    ItemPicture(
                        str(image["image_id"]),
                        places[image["split_id"]],
                        str(image["detailed_image_caption"]),
                        _beside(path, image),
                    )
                    for image in page.get("images") or []
                    if image["valid"] and image["split_id"] in places
                )
            except (KeyError, TypeError, ValueError) as error:
                raise bad_line(path, number, _("it has no {missing}.", missing=error)) from error
            id_ = f"{row.get('query_id', number)}/{page.get('webpage_id', len(items))}"
            language = "zh" if is_chinese(texts[0]) else "en"
            items.append(Item(id_, language, str(row.get("content", "")), texts, pictures))
    return items


def _rows(folder: Path, name: str, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    path = folder / name
    if not path.is_file():
        reason = _("it has no {name}; a folder of AToMiC holds texts, images and qrels.", name=name)
        raise DataUnusable(place=folder, reason=reason)
    for number, row in read_lines(path):
        missing = [key for key in needed if row.get(key) in (None, "")]
        if missing:
            raise bad_line(path, number, _("it has no {missing}.", missing=missing))
        yield number, row


def _qrels(folder: Path) -> dict[str, list[str]]:
    """Text -> its relevant pictures."""
    files = sorted(folder.glob("*qrels*"))
    if not files:
        reason = _("it has no {name}; a folder of AToMiC holds texts, images and qrels.", name="qrels.txt")
        raise DataUnusable(place=folder, reason=reason)
    found: dict[str, list[str]] = {}
    for path in files:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            fields = line.split()
            if not fields:
                continue
            if len(fields) != 4:
                raise bad_line(path, number, _("it has no {missing}.", missing="text_id 0 image_id relevance"))
            if fields[3] != "0":
                found.setdefault(fields[0], []).append(fields[2])
    return found


def _section_text(row: dict[str, Any]) -> str:
    title, text = str(row.get("section_title") or ""), str(row["context_section_description"])
    return f"{title}. {text}" if title else text


def _caption(row: dict[str, Any]) -> str:
    """The first English caption. They are lists, one a language."""
    names = ("caption_reference_description", "caption_alt_text_description", "caption_attribution_description")
    for name in names:
        value = row.get(name)
        values = value if isinstance(value, list) else [value]
        for text in values:
            if text and not is_chinese(str(text)):
                return str(text)
    return ""


def _beside(path: Path, image: dict[str, Any]) -> str:
    name = str(image.get("cached_image_url") or "")
    file = path.parent / name
    return str(file) if name and "://" not in name and file.is_file() else ""


def _first(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        line = next((line for line in file if line.strip()), "")
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
