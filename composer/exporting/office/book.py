"""An article as an EPUB: a cover, contents, a chapter for each heading of the first level."""

import dataclasses
import io
import re
import tempfile
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from common.messages import _
from common.resources import resource_folder
from composer.article import Article, Candidate, Illustration
from composer.errors import ExportFailed
from composer.exporting.job import Job
from composer.exporting.office.images import PreparedPicture, prepared_pictures
from composer.exporting.office.pandoc import write_tree
from composer.exporting.office.tree import Node, article_tree, figure_node, title_of
from composer.exporting.office.typesetting import fonts_for, typeset
from composer.exporting.office.zips import edited

FORM = _("an EPUB")
UNTITLED = _("Untitled")  # a book must have a name
CONTENTS = _("Contents")
_DATE = re.compile(r'(<dc:date [^>]*>|<meta property="dcterms:modified">)[^<]*')  # pandoc's sandbox has no clock
_FONT = re.compile(r'\s*<item [^>]*href="fonts/[^>]*/>')  # pictures, see pandoc.py
_BOOKS = uuid.UUID("6f0e6f0c-6d0b-5b0e-9b53-0a5b6c1f7a10")  # under which titles become identifiers


def to_epub(article: Article, job: Job) -> bytes:
    """The article as an .epub file. Raises ExportError, ExportFailed, ExportStopped, PictureUnreadable."""
    with tempfile.TemporaryDirectory(prefix="xcomposer-export-") as scratch:
        folder = Path(scratch)
        pictures = prepared_pictures(article, job, folder, upto=0.3)

        def figure(illustration: Illustration, chosen: Candidate, name: str) -> Node:
            return figure_node(illustration, chosen, pictures[name])

        options = ["--split-level=1", "--toc-depth=3", "--syntax-highlighting=none"]
        files = [one.file for one in pictures.values()]
        if cover := _cover(article, pictures, folder, job):
            options += ["--epub-cover-image", cover]
            files += [] if cover in files else [cover]
        job.at(0.5)
        tree = article_tree(article, job, folder, FORM, figure, notes={})
        title = title_of(article) or UNTITLED.text(article.language)
        named = {
            "title": title,
            # the same book when it is exported again: readers replace it
            "identifier": f"urn:uuid:{uuid.uuid5(_BOOKS, f'{article.language} {title}')}",
            "toc-title": CONTENTS.text(article.language),
        }
        tree["meta"] |= {name: {"t": "MetaString", "c": value} for name, value in named.items()}
        made = write_tree(tree, "epub3", job, folder, FORM, options=options, files=files)
    job.at(0.9)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    style = (resource_folder("configs") / "exporting" / "book.css").read_text("utf-8")
    return edited(
        made,
        {
            "EPUB/content.opf": lambda text: _FONT.sub("", _DATE.sub(rf"\g<1>{now}", text)),
            "EPUB/styles/stylesheet1.css": lambda _: style,  # in place of pandoc's: its sandbox reads no other
        },
        without="EPUB/fonts/",
    )


def _cover(article: Article, pictures: Mapping[str, PreparedPicture], folder: Path, job: Job) -> str | None:
    """Name of the cover in `folder`: the title and the first picture. Where no font has the title's characters the
    picture alone, or none: the title page follows anyway."""
    picture = next((one.file for one in pictures.values()), None)
    try:
        fonts = fonts_for([article.title], article.language, FORM)
    except ExportFailed:
        return picture
    data = {
        "title": title_of(article),
        "language": article.language,
        "fonts": dataclasses.asdict(fonts),
        "picture": picture,
    }
    drawn = Image.open(io.BytesIO(typeset("cover.typ", "", data, folder, job, FORM, output="png")))
    drawn.convert("RGB").save(folder / "cover.jpg", "JPEG", quality=88)
    return "cover.jpg"
