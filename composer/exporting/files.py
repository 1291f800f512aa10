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
from composer.article import Article
from composer.errors import ExportError
from composer.exporting.markdown import to_markdown
from composer.exporting.pictures import chosen_pictures, image_names, picture_bytes


def download_name(article: Article, suffix: str) -> str:
    """A file name that a browser may offer: at most 60 letters and digits of the title, without path or dots."""
    letters = unicodedata.normalize("NFKC", article.title)
    name = re.sub(r"[^\w]+", "-", letters).strip("-_")[:60].strip("-_")
    return f"{name or 'article'}{suffix}"


def markdown_zip(article: Article) -> bytes:
    """A zip: article.md, article.json (with the pictures' paths inside the zip) and images/. Raises ExportError."""
    buffer, names = io.BytesIO(), image_names(article)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("article.md", to_markdown(article))
        archive.writestr("article.json", portable(article).to_json(indent=2))
        for section, chosen in chosen_pictures(article):
            # pictures are compressed already
            archive.writestr(f"images/{names[section.id]}", picture_bytes(chosen), zipfile.ZIP_STORED)
    return buffer.getvalue()


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
        raise ExportError(place=str(folder), reason=_reason(error)) from error
    return folder


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


def _reason(error: OSError) -> Text | str:
    known = {
        errno.ENOSPC: _("no space left on device"),
        errno.EACCES: _("permission denied"),
        errno.EROFS: _("read-only file system"),
        errno.ENOTDIR: _("not a directory"),
        errno.EEXIST: _("file exists"),
    }
    return known.get(error.errno or 0, (error.strerror or str(error)).lower())
