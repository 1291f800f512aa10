"""An article as a PDF: pandoc writes typst's markup, typst sets the pages with our template."""

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.messages import _
from composer.article import Article, Candidate, Illustration
from composer.exporting.job import Job
from composer.exporting.making import made_lines
from composer.exporting.office.images import PreparedPicture, prepared_pictures
from composer.exporting.office.pandoc import write_tree
from composer.exporting.office.tree import Node, alternative_text, article_tree, legal, title_of
from composer.exporting.office.typesetting import fonts_for, string, typeset
from composer.exporting.pictures import credit_lines

FORM = _("a PDF")


def to_pdf(article: Article, job: Job) -> bytes:
    """The article as a .pdf file. Raises ExportError, ExportFailed, ExportStopped, PictureUnreadable."""
    fonts = fonts_for(list(_texts(article)), article.language, FORM)
    with tempfile.TemporaryDirectory(prefix="xcomposer-export-") as scratch:
        folder = Path(scratch)
        pictures = prepared_pictures(article, job, folder, upto=0.3)

        def figure(illustration: Illustration, chosen: Candidate, name: str) -> Node:
            return {"t": "RawBlock", "c": ["typst", _figure(illustration, chosen, pictures[name])]}

        notes = {"typst:text:size": "9pt"}
        tree = _with_boxes(article_tree(article, job, folder, FORM, figure, notes=notes))
        job.at(0.4)
        body = write_tree(
            tree, "typst", job, folder, FORM, options=["--syntax-highlighting=none", "--wrap=none"]
        ).decode()
        job.at(0.5)
        data = {"title": title_of(article), "language": article.language, "fonts": dataclasses.asdict(fonts)}
        return typeset("article.typ", body, data, folder, job, FORM)


def _figure(illustration: Illustration, chosen: Candidate, picture: PreparedPicture) -> str:
    """The figure in typst's markup; pandoc's own has no alternative text."""
    alt, caption = alternative_text(illustration, chosen), legal(illustration.caption).strip()
    image = f"image({string(picture.file)}, width: {round(100 * picture.share)}%"
    image += f", alt: {string(alt)})" if alt else ")"
    return f"#figure({image}, caption: {string(caption)})" if caption else f"#figure({image})"


_BOXES = {"☐": "#task(false)", "☒": "#task(true)"}  # as pandoc reads "[ ]" and "[x]"; few fonts have them


def _with_boxes(value: Any) -> Any:
    """The tree with the boxes of tasks drawn by the template."""
    if isinstance(value, dict):
        if value.get("t") == "Str" and value["c"] in _BOXES:
            return {"t": "RawInline", "c": ["typst", _BOXES[value["c"]]]}
        return {name: _with_boxes(held) for name, held in value.items()}
    return [_with_boxes(held) for held in value] if isinstance(value, list) else value


def _texts(article: Article) -> Iterator[str]:
    """Everything that is set in type."""
    yield article.title
    for section in article:
        yield section.text
        if section.illustration is not None:
            yield section.illustration.caption
    yield from credit_lines(article)
    yield from made_lines(article)
