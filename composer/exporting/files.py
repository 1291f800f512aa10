"""An article in files: a zip with Markdown and pictures, or a folder.

File names come from numbers and section ids, never from a title or a caption.
"""

import errno
import io
import re
import tempfile
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path

from common.messages import Text, _
from composer.article import Article, Candidate
from composer.errors import ArticleUnreadable, ExportError
from composer.exporting.markdown import to_markdown
from composer.exporting.pictures import chosen_pictures, data_address, image_names, picture_bytes
from retrieval.pictures import PILLOW_ERRORS, open_picture


def download_name(article: Article, suffix: str) -> str:
    """A file name that a browser may offer: at most 60 letters and digits of the title, without path or dots."""
    letters = unicodedata.normalize("NFKC", article.title)
    name = re.sub(r"[^\w]+", "-", letters).strip("-_")[:60].strip("-_")
    return f"{name or 'article'}{suffix}"


def markdown_zip(article: Article, *, made_by: bool = False) -> bytes:
    """A zip: article.md, article.json (with the pictures' paths inside the zip) and images/. Raises PictureGone.

    made_by: how the article was made stands at the end of article.md.
    """
    buffer, names = io.BytesIO(), image_names(article)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("article.md", to_markdown(article, made_by=made_by))
        archive.writestr("article.json", portable(article).to_json(indent=2))
        for section, chosen in chosen_pictures(article):
            # pictures are compressed already
            archive.writestr(f"images/{names[section.id]}", picture_bytes(chosen), zipfile.ZIP_STORED)
    return buffer.getvalue()


def markdown_file(article: Article, *, made_by: bool = False) -> str:
    """The article as Markdown with the pictures inside, as data: addresses at its end. Raises PictureGone."""
    names = image_names(article)
    addresses = {names[section.id]: data_address(chosen) for section, chosen in chosen_pictures(article)}
    return to_markdown(article, made_by=made_by, addresses=addresses)


def write_folder(article: Article, out_dir: str | Path) -> Path:
    """Writes article.md, article.json and images/ into a folder, which is made where absent; returns the folder.

    Files of these names are replaced; others in the folder are left alone. Everything is written beside its place
    first: a full disk leaves what was there. Raises ExportError.
    """
    folder, names = Path(out_dir).expanduser(), image_names(article)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".saving-") as scratch:
            new = Path(scratch)
            (new / "images").mkdir()
            for section, chosen in chosen_pictures(article):
                (new / "images" / names[section.id]).write_bytes(picture_bytes(chosen))
            (new / "article.json").write_text(portable(article).to_json(indent=2), encoding="utf-8")
            (new / "article.md").write_text(to_markdown(article), encoding="utf-8", newline="")
            (folder / "images").mkdir(exist_ok=True)
            for file in sorted(new.glob("images/*")):
                file.replace(folder / "images" / file.name)
            for name in ("article.json", "article.md"):
                (new / name).replace(folder / name)
    except OSError as error:
        raise ExportError(place=str(folder), reason=failure(error)) from error
    return folder


def read_article(file: str | Path) -> Article:
    """The article of a JSON file, as `write_folder` and the zip have it: pictures lie beside the file.

    A folder is its article.json. Raises ArticleUnreadable, also for pictures that lie outside of the file's folder by
    way of "..", and for files that are none.
    """
    article, place = article_as_it_stands(file)
    sections = []
    for section in article:
        illustration = section.illustration
        if illustration is not None:
            chosen = illustration.chosen and _found_beside(illustration.chosen, place.parent)
            illustration = replace(illustration, chosen=chosen)
        sections.append(replace(section, illustration=illustration))
    return replace(article, sections=tuple(sections))


def article_as_it_stands(file: str | Path) -> tuple[Article, Path]:
    """The article of a JSON file, or of the article.json of a folder, with its pictures as they are named there; and
    the file. Raises ArticleUnreadable."""
    place = Path(file).expanduser()
    place = place / "article.json" if place.is_dir() else place
    try:
        return Article.from_json(place.read_text("utf-8-sig")), place
    except OSError as error:
        raise ArticleUnreadable(reason=_("'{file}': {reason}.", file=place, reason=failure(error))) from error
    except UnicodeDecodeError as error:
        raise ArticleUnreadable(reason=_("'{file}' is no text in UTF-8.", file=place)) from error
    except ArticleUnreadable as error:
        reason = _("'{file}': {reason}", file=place, reason=error.values["reason"])
        raise ArticleUnreadable(reason=reason) from error


def _found_beside(chosen: Candidate, folder: Path) -> Candidate:
    path = Path(chosen.path)
    if not path.is_absolute():
        path = (folder / path).resolve()
        if not path.is_relative_to(folder.resolve()):
            reason = _("the picture '{path}' lies outside of the article's folder.", path=chosen.path)
            raise ArticleUnreadable(reason=reason)
    try:
        open_picture(path).close()
    except FileNotFoundError:
        pass  # the export names it
    except PILLOW_ERRORS as error:  # whatever else an article names is no part of it
        raise ArticleUnreadable(reason=_("'{path}' is no picture.", path=path)) from error
    return replace(chosen, path=str(path))


def portable(article: Article) -> Article:
    """The article with the pictures' paths as they are beside article.md; pictures that were only offered are left out,
    because their files do not travel with it."""
    sections, names = [], image_names(article)
    for section in article:
        illustration = section.illustration
        if illustration is not None:
            chosen = illustration.chosen
            if chosen is not None:
                chosen = replace(chosen, path=f"images/{names[section.id]}")
            illustration = replace(illustration, chosen=chosen, candidates=())
        sections.append(replace(section, illustration=illustration))
    return replace(article, sections=tuple(sections))


def failure(error: OSError) -> Text | str:
    """Why the machine did not write, as the end of a sentence."""
    known = {
        errno.ENOSPC: _("no space left on device"),
        errno.EACCES: _("permission denied"),
        errno.EROFS: _("read-only file system"),
        errno.ENOTDIR: _("not a directory"),
        errno.EEXIST: _("file exists"),
        errno.ENOENT: _("there is no such file"),
    }
    return known.get(error.errno or 0, (error.strerror or str(error)).lower())
