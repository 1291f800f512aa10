"""Text chunks of PNG files (tEXt, zTXt, iTXt), also those behind the pixels, without decoding any.

Source: Portable Network Graphics (third edition), W3C 2025, 11.3.3.
"""

import struct
import zlib
from collections.abc import Iterator

from retrieval.ingest.metadata.licences import credit_and_licence, licence_name
from retrieval.ingest.metadata.programs import from_people
from retrieval.ingest.metadata.record import Metadata, cleaned, iso_date, titled

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT = 256 * 1024  # bytes of a chunk, unpacked
XMP_KEY = "XML:com.adobe.xmp"


def png_words(data: bytes) -> Metadata:
    """The words in a PNG file under the keywords that the specification registers."""
    texts = png_texts(data)
    found = {key.lower(): cleaned(value) for key, value in texts.items() if key != XMP_KEY}
    credit, licence = credit_and_licence(found.get("author", ""), found.get("copyright", ""))

    def written(key: str) -> str:
        return from_people(found.get(key, ""))

    return Metadata(
        caption=titled(written("title"), written("description") or written("comment")),
        credit=credit,
        licence=licence_name(found.get("license", "") or found.get("licence", "")) or licence,
        source=source if (source := found.get("url", "")).startswith(("http://", "https://")) else "",
        date=iso_date(found.get("creation time", "")),
    )


def png_texts(data: bytes) -> dict[str, bytes]:
    """keyword -> text as bytes: Latin-1 by the letter of the specification or UTF-8; empty where it is no PNG file."""
    found: dict[str, bytes] = {}
    for kind, body in _chunks(data):
        key, _, rest = body.partition(b"\0")
        try:
            if kind == b"tEXt":
                text = rest
            elif kind == b"zTXt":
                text = _unpacked(rest[1:])
            else:  # iTXt: compressed?, method, language, translated keyword, text
                packed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
                text = _unpacked(text) if packed else text
        except zlib.error:
            continue
        found.setdefault(key.decode("latin-1"), text)
    return found


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE) if data.startswith(SIGNATURE) else len(data)
    while at + 12 <= len(data):
        (length,), kind = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        if kind in (b"tEXt", b"zTXt", b"iTXt") and length <= MAX_TEXT:
            yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _unpacked(packed: bytes) -> bytes:
    return zlib.decompressobj().decompress(packed, MAX_TEXT)
