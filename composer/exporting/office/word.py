"""An article as a Word document: real headings, figures with captions and alternative texts, our own styles."""

import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from common.messages import _
from composer.article import Article, Candidate, Illustration
from composer.exporting.job import Job
from composer.exporting.office.images import prepared_pictures
from composer.exporting.office.pandoc import write_tree
from composer.exporting.office.reference import NOTES_STYLE, reference_document
from composer.exporting.office.tree import Node, article_tree, figure_node
from composer.exporting.office.zips import edited

FORM = _("a Word document")
_DATE = re.compile(r"1970-01-01T00:00:00Z|1980-01-01T00:00:00Z")  # of pandoc's sandbox, which has no clock
_BELOW_TABLE = re.compile(r'(</w:tbl>\s*<w:p>\s*<w:pPr>\s*<w:pStyle w:val=")BodyText(?=")')  # it needs space above


def to_docx(article: Article, job: Job) -> bytes:
    """The article as a .docx file. Raises ExportError, ExportFailed, ExportStopped, PictureUnreadable."""
    with tempfile.TemporaryDirectory(prefix="xcomposer-export-") as scratch:
        folder = Path(scratch)
        pictures = prepared_pictures(article, job, folder, upto=0.4)

        def figure(illustration: Illustration, chosen: Candidate, name: str) -> Node:
            return figure_node(illustration, chosen, pictures[name])

        (folder / "reference.docx").write_bytes(reference_document(article.language))
        tree = article_tree(article, job, folder, FORM, figure, notes={"custom-style": NOTES_STYLE})
        job.at(0.5)
        options = ["--reference-doc", "reference.docx", "--syntax-highlighting=none"]
        made = write_tree(
            tree, "docx", job, folder, FORM, options=options, files=[one.file for one in pictures.values()]
        )
    job.at(0.9)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return edited(
        made,
        {
            "docProps/core.xml": lambda text: _DATE.sub(now, text),
            "word/document.xml": lambda text: _BELOW_TABLE.sub(r"\1FirstParagraph", text),
        },
    )
