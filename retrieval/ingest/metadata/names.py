"""Words from names of files and folders; what cameras and programs name says nothing."""

import os
import re
import unicodedata
from pathlib import Path

from common.decoding import decode_text
from retrieval.ingest.metadata.record import MAX_CAPTION

# names that cameras, telephones and programs give: no words about the picture
CAMERA_NAME = re.compile(
    r"^(img|image|dsc[nf]?|dscf|pict?|photo|p|gopr|mvimg|pxl|wp|cimg|sam|screenshot|screen shot|snapshot|scan|vid"
    r"|mmexport|wechatimg|whatsapp image|dji|fb[_ ]img|kakao ?talk|new project|untitled|unnamed|unbenannt|ohne titel"
    r"|sans titre|senza titolo|sin t[ií]tulo|download|截屏|屏幕截图|微信图片|图片|照片)?"
    r"[\W_\d]*(at|wa|副本|copy|edited|hdr|pano|mp)?[\W_\d]*$",
    re.IGNORECASE,
)
# names that messengers and picture sites give: a time, a number of theirs, the maker's name
_SITE_NAME = re.compile(
    r"^(?:signal[-_]\d{4}[\W_\d]*|photo-\d{10,}-[0-9a-f]{8,}|pexels-[\w-]*\d{4,}|[\w-]+-unsplash)$", re.IGNORECASE
)
_COPY_OF = re.compile(r"^(?:copy of|kopie von|copie de|copia de|copia di)\s+", re.IGNORECASE)
_HASH_NAME = re.compile(r"^[0-9a-f-]{12,}$", re.IGNORECASE)
_NO_TEXT = re.compile("[\ud800-\udfff]+")  # bytes of a name that are no UTF-8


def caption_from_name(stem: str) -> str:
    """A caption from a file's name, empty where the name says nothing: "red_bus-2" -> "red bus", "IMG_2041" -> ""."""
    stem = unicodedata.normalize("NFC", readable_name(stem)).strip()
    if CAMERA_NAME.match(_COPY_OF.sub("", stem)) or _HASH_NAME.match(stem) or _SITE_NAME.match(stem):
        return ""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem)  # RedBus -> Red Bus
    text = re.sub(r"[_\-.+~]+", " ", text)
    text = re.sub(r"\s*\(?\b\d{1,4}\)?$", "", text)  # a number at the end counts copies
    return " ".join(text.split())[:MAX_CAPTION]


def path_words(path: str) -> str:
    """File and folder names as words to be found by; at most three folders up."""
    return " ".join(map(readable_name, (Path(path).stem, *Path(path).parts[-4:-1])))


def readable_name(name: str) -> str:
    """A name with the bytes that are no UTF-8 read in the encoding they most likely are in: caf\\xe9 -> café."""
    if not _NO_TEXT.search(name):
        return name
    return decode_text(os.fsencode(name))
