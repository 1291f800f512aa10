"""All words of a picture, from every source, in their order of precedence."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

from retrieval.ingest.metadata.embedded import embedded_words, packet_words, svg_words
from retrieval.ingest.metadata.names import caption_from_name
from retrieval.ingest.metadata.rdf import xmp_words
from retrieval.ingest.metadata.record import Metadata
from retrieval.ingest.metadata.takeout import takeout_words
from retrieval.ingest.metadata.text_file import text_file_words
from retrieval.pictures import PILLOW_ERRORS, is_drawing, open_picture

MAX_BYTES = 4 * 1024 * 1024  # of an .xmp or .json file: darktable keeps a picture's whole history in it


def read_metadata(path: Path, data: bytes = b"", sidecars: Sequence[Path] = ()) -> Metadata:
    """The words of a picture file: those of the files beside it count more than those inside, those more than its
    name; among the files beside it a person's text more than XMP, XMP more than Google's JSON.

    `data` is the file's content, `sidecars` the files beside it in that order (sidecars.py). What cannot be read says
    nothing. Raises OSError where a file beside it cannot be read now.
    """
    words = Metadata()
    for sidecar in sidecars:
        words = words.over(_beside(sidecar))
    words = words.over(_inside(data))
    return words.over(Metadata(caption=caption_from_name(path.stem)))


def _beside(path: Path) -> Metadata:
    suffix = path.suffix.lower()
    if suffix == ".txt":
        return text_file_words(path)
    with path.open("rb") as file:
        data = file.read(MAX_BYTES)
    return xmp_words(data) if suffix == ".xmp" else takeout_words(data)


def _inside(data: bytes) -> Metadata:
    if not data:
        return Metadata()
    if is_drawing(data[:4096]):
        return svg_words(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata is common and harms nothing
        try:
            with open_picture(io.BytesIO(data)) as image:
                return embedded_words(image, data)
        except PILLOW_ERRORS:  # no picture Pillow knows, or broken metadata: decoding tells more
            return packet_words(data)
