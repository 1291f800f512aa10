"""The words inside a picture's file: XMP, IPTC, EXIF and the text chunks of PNG; what an SVG file says."""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from PIL import ExifTags, Image, ImageFile, IptcImagePlugin

from common.decoding import decode_text
from retrieval.ingest.metadata.licences import credit_and_licence
from retrieval.ingest.metadata.png import XMP_KEY, png_texts, png_words
from retrieval.ingest.metadata.programs import from_people
from retrieval.ingest.metadata.rdf import XML_LANGUAGE, in_languages, parsed_xml, rdf_words, xmp_words
from retrieval.ingest.metadata.record import Metadata, cleaned, iso_date, joined_tags, titled
from retrieval.pictures import PILLOW_ERRORS, drawing_text

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_UTF_8, _XMP_TAG, _IPTC_SET = b"\x1b%G", 700, (1, 90)
_PACKET = re.compile(rb"<x:xmpmeta\b.*?</x:xmpmeta>", re.DOTALL)
_KNOWS_XMP = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")  # formats whose XMP Pillow hands over
SVG = "{http://www.w3.org/2000/svg}"
_USUAL = re.compile("[ -~\u00a0-\u024f\u0370-\u05ff\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3]")  # of most scripts
_FILE_NAME = re.compile(r".*\.\w{3,4}")


def embedded_words(image: Image.Image, data: bytes = b"") -> Metadata:
    """All words inside a picture; `data` is its file, for what Pillow does not hand over."""
    words = Metadata()
    readers: tuple[Callable[[], Metadata], ...] = (
        lambda: _xmp(image, data),
        lambda: iptc_words(image),
        lambda: exif_words(image.getexif()),
        lambda: png_words(data),
    )
    for read in readers:
        with contextlib.suppress(*PILLOW_ERRORS):  # one that is broken costs the others nothing
            words = words.over(read())
    return words


def packet_words(data: bytes) -> Metadata:
    """The words of the first XMP packet in any file, e.g. a camera's raw file."""
    packet = _PACKET.search(data)
    return xmp_words(packet[0]) if packet else Metadata()


def _xmp(image: Image.Image, data: bytes) -> Metadata:
    packet = image.info.get("xmp") or image.info.get(XMP_KEY) or png_texts(data).get(XMP_KEY)
    if packet is None and image.format == "TIFF":
        packet = getattr(image, "tag_v2", {}).get(_XMP_TAG)
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "replace")
    if isinstance(packet, bytes) and packet:
        return xmp_words(packet)
    return Metadata() if image.format in _KNOWS_XMP else packet_words(data)


def svg_words(data: bytes) -> Metadata:
    """The words of a vector drawing, and of the RDF that Inkscape and libraries write; none where it is no XML."""
    try:
        root = parsed_xml(drawing_text(data))
    except ValueError:
        return Metadata()
    if root is None:
        return Metadata()
    shown = {name: in_languages(_texts(root, name)) for name in ("title", "desc")}
    own = Metadata(caption=titled(shown.get("title", ""), shown.get("desc", "")))
    return own.over(rdf_words(root))  # browsers show the title; a library's catalogue may say more


def _texts(root: "Element", name: str) -> list[tuple[str, str]]:
    """(language, text) of an SVG element's titles or descriptions, of which SVG 2 allows one a language."""
    found = [(child, cleaned(" ".join(child.itertext()))) for child in root.findall(SVG + name)]
    return [(child.get("lang") or child.get(XML_LANGUAGE) or "", text) for child, text in found if text]


def iptc_words(image: Image.Image) -> Metadata:
    """The words of IPTC-IIM records, in the character set that they name."""
    records = (IptcImagePlugin.getiptcinfo(image) if isinstance(image, ImageFile.ImageFile) else None) or {}
    declared = "utf-8" if _UTF_8 in (_first(records.get(_IPTC_SET, b"")),) else ""
    decoded = _decoded(_parts(records, *sorted(number for record, number in records if record == 2)), declared)

    def texts(*numbers: int) -> list[str]:
        return [text for part in _parts(records, *numbers) if (text := cleaned(decoded.get(part, "")))]

    def first(*numbers: int) -> str:
        return next(iter(texts(*numbers)), "")

    author, rights = ", ".join(texts(80)) or first(110), first(116)
    day, title = first(55), first(105, 5)
    credit, licence = credit_and_licence(author, rights)
    return Metadata(
        caption=titled("" if _FILE_NAME.fullmatch(title) else from_people(title), from_people(first(120))),
        tags=joined_tags(texts(25, 92, 90, 95, 101)),  # keywords; place, city, province, country
        credit=credit,
        licence=licence,
        date=iso_date(f"{day[:4]}-{day[4:6]}-{day[6:]}") if len(day) == 8 else "",
    )


def _parts(records: Mapping[tuple[int, int], bytes | list[bytes]], *numbers: int) -> list[bytes]:
    values = [records.get((2, number), b"") for number in numbers]
    return [part for value in values for part in (value if isinstance(value, list) else [value]) if part]


def _decoded(parts: Sequence[bytes], declared: str) -> dict[bytes, str]:
    """Each part with its text. One program wrote them all: together they say more of the encoding than one word."""
    together = decode_text(b"\n".join(part.replace(b"\n", b" ") for part in parts), declared).split("\n")
    if len(together) == len(parts):
        return dict(zip(parts, together, strict=True))
    return {part: decode_text(part, declared) for part in parts}


def exif_words(exif: Image.Exif) -> Metadata:
    """The words of EXIF, and those that Windows writes there in UTF-16."""
    details = exif.get_ifd(ExifTags.IFD.Exif)
    author = cleaned(exif.get(ExifTags.Base.Artist)) or _wide(exif, 0x9C9D).replace(";", ", ")
    credit, licence = credit_and_licence(author, cleaned(exif.get(ExifTags.Base.Copyright)))
    return Metadata(
        caption=from_people(cleaned(exif.get(ExifTags.Base.ImageDescription)))
        or titled(from_people(_wide(exif, 0x9C9B)), from_people(_wide(exif, 0x9C9C)))
        or from_people(_user_comment(details.get(ExifTags.Base.UserComment), exif.endian)),
        tags=joined_tags(_wide(exif, 0x9C9E).split(";")),
        credit=credit,
        licence=licence,
        date=iso_date(details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)),
    )


def _user_comment(value: object, byte_order: str | None) -> str:
    """EXIF's comment, whose first eight bytes name its character set. Source: EXIF 2.32, 4.6.5, table 9."""
    data = value.encode("latin-1", "ignore") if isinstance(value, str) else value
    if not isinstance(data, bytes):
        return ""
    kind, text = data[:8].rstrip(b"\0 "), data[8:]
    if kind == b"UNICODE":
        orders = ("utf-16-be", "utf-16-le") if byte_order == ">" else ("utf-16-le", "utf-16-be")
        readings = [decode_text(text[: len(text) // 2 * 2], order) for order in orders]
        return cleaned(max(readings, key=lambda reading: len(_USUAL.findall(reading))))  # not all keep the file's order
    if kind == b"JIS":
        return cleaned(decode_text(text.rstrip(b"\0"), "iso2022_jp"))
    return cleaned(decode_text((text if kind in (b"ASCII", b"") else data).strip(b"\0")))


def _first(value: bytes | list[bytes]) -> bytes:
    return value[0] if isinstance(value, list) else value


def _wide(exif: Image.Exif, tag: int) -> str:
    value = exif.get(tag, b"")  # Windows writes these in UTF-16
    if not isinstance(value, (bytes, tuple)):
        return ""
    try:
        return cleaned(bytes(value).decode("utf-16-le", errors="ignore"))
    except ValueError:  # numbers that are no bytes
        return ""
