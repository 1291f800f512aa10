"""Vector drawings (SVG, also gzipped): to pixels, as browsers draw them, without any other file of this machine.

Knows XML and resvg. A drawing that shows files out of its reach is refused; a missing file beside it is left out.
"""

import gzip
import io
import re
import zlib
from pathlib import PurePosixPath
from xml.parsers import expat

from PIL import Image

from common.decoding import xml_text
from common.messages import _
from retrieval.errors import PictureUnreadable

MAX_SVG_BYTES = 16 * 1024 * 1024  # as text
DRAWING_SIDE = 1024  # pixels of the longer side a drawing is rendered at, at most
SMALLEST_SIDE = 512
BEGINNING = 64 * 1024  # bytes in which a drawing must have begun
CSS_DPI = 96  # pixels an inch: what mm, pt and in mean in CSS; resvg's own default refuses such sizes
_GZIP = b"\x1f\x8b"
_BLANK = b"\xef\xbb\xbf\xff\xfe \t\r\n"
_LINK = re.compile(rb"(?<=[\s:])href(?=\s*=)")
_NEGATIVE_SIZE = re.compile(rb"(?<=\s)(?:width|height)(?=\s*=\s*[\"']\s*-)")  # for browsers as if it were not there
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")
_SHOWS_TEXT = re.compile(r"<(?:\w+:)?(?:text|tspan|flowRoot)\b")


class ForeignFile(ValueError):
    """The drawing shows a file out of its reach."""


def is_drawing(beginning: bytes) -> bool:
    """Whether a file that begins so is a drawing, or may be one that is gzipped."""
    if beginning[:2] == _GZIP:
        return True
    plain = beginning.replace(b"\0", b"").lstrip(_BLANK)  # UTF-16 reads as ASCII without its zeros
    # a licence of any length may stand before the drawing
    return plain[:1] == b"<" and (b"<svg" in plain or b":svg" in plain or plain[:5] in (b"<?xml", b"<!DOC", b"<!--"))


def drawing_text(data: bytes) -> str:
    """The XML of a drawing, without its declaration. Raises ValueError where it is too large or no gzip file."""
    if data[:2] == _GZIP:
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                data = file.read(MAX_SVG_BYTES + 1)
        except (EOFError, zlib.error, OSError) as error:
            raise ValueError("the gzip file is damaged") from error
    if len(data) > MAX_SVG_BYTES:
        raise ValueError("the drawing is too large")
    return xml_text(data)


def draw(data: bytes, name: str, enough: int) -> Image.Image:
    """The drawing on transparency, its longer side about `enough` pixels, 512 to 1024.

    Raises PictureUnreadable where it shows files out of its reach, ValueError where it is none.
    """
    import resvg_py

    text = drawing_text(data)
    try:
        text = _without_other_files(text)
    except ForeignFile as error:
        raise PictureUnreadable(
            name=name,
            reason=_("it is a drawing that shows another file, '{file}', which a drawing may not open", file=error),
        ) from error
    side = max(SMALLEST_SIDE, min(enough, DRAWING_SIDE))
    # both sides given: it is fitted inside, whatever size or proportion it claims
    pixels = resvg_py.svg_to_bytes(
        svg_string=text, width=side, height=side, dpi=CSS_DPI, skip_system_fonts=_SHOWS_TEXT.search(text) is None
    )
    return Image.open(io.BytesIO(bytes(pixels)))


def _without_other_files(text: str) -> str:
    """The drawing without links of its pictures to files beside it, which browsers show as nothing where they are
    missing, and without a size that browsers ignore. Raises ForeignFile for a link that leads elsewhere, ValueError
    where it is no XML."""
    data = text.encode("utf-8", "replace")
    links, size_at = _looked_through(data)
    for _where, link in links:
        outside = (
            link.startswith(("/", "\\")) or _SCHEME.match(link) or ".." in PurePosixPath(link.replace("\\", "/")).parts
        )
        if outside:
            raise ForeignFile(link[:200])
    if not links and size_at is None:
        return text
    for where, _link in sorted(links, reverse=True):
        data = _changed(data, where, _LINK, b"data-file")
    if size_at is not None:  # the first element: nothing that stands before it has moved
        data = _changed(data, size_at, _NEGATIVE_SIZE, rb"data-\g<0>")
    if left := _looked_through(data)[0]:  # a default of a document type, or an entity
        raise ForeignFile(left[0][1][:200])
    return data.decode()


def _changed(data: bytes, where: int, pattern: re.Pattern[bytes], by: bytes) -> bytes:
    """The drawing with something replaced in the tag that begins there."""
    end = data.find(b">", where)
    while data.count(b'"', where, end) % 2 or data.count(b"'", where, end) % 2:  # a ">" within a value
        end = data.find(b">", end + 1)
        if end < 0:
            break
    return data[:where] + pattern.sub(by, data[where:end]) + data[end:]


def _looked_through(data: bytes) -> tuple[list[tuple[int, str]], int | None]:
    """Where elements begin that show other files, and the files; and where the drawing itself begins, if it has a
    negative size. Entities are resolved, as for whoever draws it.

    Raises ValueError where it is no XML; Expat itself ends documents whose entities grow without bounds.
    """
    found: list[tuple[int, str]] = []
    negative: list[int] = []
    elements = 0
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True

    def element(name: str, attributes: dict[str, str]) -> None:
        nonlocal elements
        elements += 1
        if elements == 1 and any(attributes.get(side, "").strip().startswith("-") for side in ("width", "height")):
            negative.append(parser.CurrentByteIndex)
        if name.rpartition(":")[2].lower() in ("image", "feimage"):
            for attribute, value in attributes.items():
                link = value.strip()
                if attribute.rpartition(":")[2].lower() == "href" and link and not link.startswith(("data:", "#")):
                    found.append((parser.CurrentByteIndex, link))

    parser.StartElementHandler = element
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"the drawing is no XML: {error}") from error
    return found, next(iter(negative), None)
