"""The formats an article can be saved in, and the one way to save it, for page, command line and endpoint."""

import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from common.messages import Text, _
from composer.article import Article
from composer.errors import ExportError, InputError
from composer.exporting.files import download_name, failure, markdown_file, markdown_zip
from composer.exporting.html import to_html
from composer.exporting.job import Job, Progress
from composer.exporting.office import to_docx, to_epub, to_pdf
from composer.exporting.plain import to_text
from composer.exporting.rich import to_wechat_html


@dataclass(frozen=True, slots=True)
class Format:
    """A form of file that an article can take."""

    name: str  # as it is typed: "docx"
    suffix: str  # of its files, with the dot
    media_type: str
    label: Text  # as people know it
    write: Callable[[Article, Job], bytes]  # raises ComposerError, or RetrievalError for a picture that is damaged


FORMATS: Mapping[str, Format] = {
    one.name: one
    for one in (
        Format("pdf", ".pdf", "application/pdf", _("PDF"), to_pdf),
        Format(
            "docx",
            ".docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            _("Word document"),
            to_docx,
        ),
        Format("epub", ".epub", "application/epub+zip", _("E-book (EPUB)"), to_epub),
        Format(
            "html",
            ".html",
            "text/html",
            _("Web page in one file"),
            lambda article, job: to_html(article, made_by=job.made_by).encode(),
        ),
        Format(
            "zip",
            ".zip",
            "application/zip",
            _("Markdown with pictures (zip)"),
            lambda article, job: markdown_zip(article, made_by=job.made_by),
        ),
        Format(
            "md",
            ".md",
            "text/markdown",
            _("Markdown in one file"),
            lambda article, job: markdown_file(article, made_by=job.made_by).encode(),
        ),
        Format(
            "txt",
            ".txt",
            "text/plain",
            _("Plain text"),
            lambda article, job: to_text(article, made_by=job.made_by).encode(),
        ),
        Format(
            "wechat",
            ".html",
            "text/html",
            _("WeChat article (HTML)"),
            lambda article, job: to_wechat_html(article, made_by=job.made_by).encode(),
        ),
        Format(
            "json",
            ".json",
            "application/json",
            _("Article file (JSON)"),
            lambda article, job: article.to_json(indent=2).encode(),
        ),
    )
}


def find_format(name: str) -> Format:
    """The format of that name. Raises InputError, which names those there are."""
    found = FORMATS.get(name.strip().lower().removeprefix("."))
    if found is None:
        raise InputError(
            _("There is no format '{format}'; an article can be saved as {known}.", format=name, known=list(FORMATS))
        )
    return found


def rendered(
    article: Article,
    format: str,
    *,
    made_by: bool = False,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> bytes:
    """The article in that format, as the content of a file.

    made_by: model, seed and gallery stand at the end (JSON always holds them). progress is told the share done, 0 to
    1; an export stopped by `stop` raises ExportStopped. Raises InputError for an unknown format, ExportFailed or
    ExportError where it cannot be made.
    """
    job = Job(made_by, progress or Job().progress, stop or threading.Event())
    job.at(0.0)
    try:
        content = find_format(format).write(article, job)
    except OSError as error:  # of the folder in which documents are made
        raise ExportError(place=tempfile.gettempdir(), reason=failure(error)) from error
    job.at(1.0)
    return content


def export(
    article: Article,
    format: str,
    place: str | Path,
    *,
    made_by: bool = False,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Path:
    """Saves the article in that format; returns the file.

    `place` is the file, or a folder that exists, in which the file is named after the title. A file that is there is
    replaced once the new one is whole. The other arguments and errors are those of `rendered`; ExportError where
    nothing can be written.
    """
    chosen = find_format(format)
    target = Path(place).expanduser()
    if target.is_dir():
        target /= download_name(article, chosen.suffix)
    content = rendered(article, format, made_by=made_by, progress=progress, stop=stop)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".saving-") as scratch:
            new = Path(scratch) / "new"
            new.write_bytes(content)
            new.replace(target)
    except OSError as error:
        raise ExportError(place=str(target), reason=failure(error)) from error
    return target
