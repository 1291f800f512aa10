"""Files and pasted text of people -> article."""

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from common.decoding import decode_text, well_formed
from common.messages import Text, _, _n
from composer import blocks
from composer.article import Article, Imported
from composer.errors import InputError
from composer.importing.markdown import from_markdown
from composer.importing.pandoc import to_markdown

LARGEST_FILE = 20_000_000  # bytes
_MOST_UNPACKED = 200_000_000  # bytes in a Word document
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of old and of encrypted Office files
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_TARGET = r"\((?:[^()\\]|\\.|\([^()]*\))*\)"
# what stands in code is no picture; a picture may be all that a link has
_PICTURE = re.compile(
    rf"(?P<code>(?<!`)(?P<marks>`+)(?!`).*?(?<!`)(?P=marks)(?!`))"
    rf"|\[\s*!\[(?:[^\]\\]|\\.)*\]{_TARGET}\s*\]{_TARGET}|!\[(?:[^\]\\]|\\.)*\]{_TARGET}",
    re.DOTALL,
)
_LIST_OR_FENCE = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)]|```|~~~)(?:\s|$)", re.MULTILINE)
_INDENTED = re.compile(r"(?:\A|(?<=\n)(?=[ \t]+\S))[ \t]+(?=\S)")
_ENDS = re.compile(r"[.!?…。！？:：][\"'”’」』）)\]*_]*\s*$")


@dataclass(frozen=True, slots=True)
class OwnText:
    """A person's own text."""

    article: Article
    notes: tuple[Text, ...] = ()  # what was left out of a file, as sentences


def read_text(text: str) -> OwnText:
    """The article that a pasted text is: Markdown, or paragraphs parted by empty lines or by line ends.

    Raises InputError.
    """
    text = well_formed(text)
    if not _LIST_OR_FENCE.search(text):
        text = _INDENTED.sub("", text)  # a first line set in is no code
    article = from_markdown(text)
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    whole = [section for section in article if section.kind == "paragraph"]
    ended = sum(_ENDS.search(line) is not None for line in lines)
    if len(lines) > 1 and len(whole) == len(article.sections) == 1 and 2 * ended > len(lines):
        return OwnText(from_markdown("\n\n".join(lines) + "\n"))
    return OwnText(article)


def read_file(name: str, content: bytes) -> OwnText:
    """The article that a file is, by the ending of its name: one of `FORMATS`. Raises InputError."""
    name = PurePath(name.replace("\\", "/")).name
    read = _READERS.get(PurePath(name).suffix.lower())
    if read is None:
        raise InputError(
            _("The file '{name}' is of a kind that is not read. It can be: {known}.", name=name, known=list(FORMATS))
        )
    if len(content) > LARGEST_FILE:
        raise InputError(_too_large(name, len(content)))
    return read(name, content)


def _too_large(name: str, size: int) -> Text:
    return _(
        "The file '{name}' has {size:,} MB; at most {limit} MB are read.",
        name=name,
        size=-(-size // 1_000_000),
        limit=LARGEST_FILE // 1_000_000,
    )


def read_path(path: str | Path) -> OwnText:
    """The article that a file of this machine is. Raises InputError."""
    place = Path(path).expanduser()
    try:
        if place.is_dir() or not place.exists():
            raise InputError(_("There is no file '{path}'.", path=path))
        if place.stat().st_size > LARGEST_FILE:
            raise InputError(_too_large(place.name, place.stat().st_size))
        content = place.read_bytes()
    except OSError as error:
        raise InputError(
            _("The file '{path}' cannot be read: {reason}.", path=path, reason=error.strerror or str(error))
        ) from error
    return read_file(place.name, content)


def _markdown(name: str, content: bytes) -> OwnText:
    return OwnText(from_markdown(_decoded(name, content)))


def _plain(name: str, content: bytes) -> OwnText:
    return read_text(_decoded(name, content))


def _page(name: str, content: bytes) -> OwnText:
    declared = _CHARSET.search(content[:4096])
    text = decode_text(content, declared[1].decode("ascii") if declared else "")
    return _converted(name, text.encode(), "html")


def _document(name: str, content: bytes) -> OwnText:
    if content.startswith(_OLE):
        if _ENCRYPTED in content:
            raise InputError(
                _("The file '{name}' is protected with a password. Save it without one, and try again.", name=name)
            )
        raise InputError(_("The file '{name}' is of an old kind of Word. Save it as .docx, and try again.", name=name))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            known = "word/document.xml" in archive.namelist() or "[Content_Types].xml" in archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):  # the last: of a newer zip than is known
        known, unpacked = False, 0
    if not known:
        raise InputError(_("The file '{name}' is no Word document. Open it in Word and save it as .docx.", name=name))
    if unpacked > _MOST_UNPACKED:
        raise InputError(_("The file '{name}' is too large inside to be read. Copy its text instead.", name=name))
    return _converted(name, content, "docx")


def _converted(name: str, content: bytes, form: str) -> OwnText:
    """What pandoc reads. Pictures of the file do not come along: they are not in its text."""
    markdown, left_out = _without_pictures(to_markdown(name, content, form))
    # the file's own form is another one: nothing of it has to come out to the byte, and the title is written
    article = replace(from_markdown(markdown), imported=Imported(title=None))
    if not left_out:
        return OwnText(article)
    note = _n(
        "{count} picture of the file was left out; add it with the button beside a paragraph.",
        "{count} pictures of the file were left out; add them with the button beside a paragraph.",
        count=left_out,
    )
    return OwnText(article, (note,))


def _without_pictures(markdown: str) -> tuple[str, int]:
    """A text without its pictures, and how many there were."""
    count = 0

    def kept(found: re.Match[str]) -> str:
        nonlocal count
        count += found["code"] is None
        return found["code"] or ""

    start, parts = blocks.split(markdown)
    texts = (part.source if part.kind == "code" else _PICTURE.sub(kept, part.source).strip(" ") for part in parts)
    return start + "".join(text + part.gap for text, part in zip(texts, parts, strict=True)), count


def _decoded(name: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8")  # with its byte order mark, which comes out again
    except UnicodeDecodeError:
        text = decode_text(content)
    if "\0" in text:
        text = decode_text(content)
        if "\0" in text:
            raise InputError(_("The file '{name}' holds no text.", name=name))
    return text


_READERS: dict[str, Callable[[str, bytes], OwnText]] = {
    ".md": _markdown,
    ".markdown": _markdown,
    ".txt": _plain,
    ".docx": _document,
    ".html": _page,
    ".htm": _page,
}
FORMATS = tuple(_READERS)
