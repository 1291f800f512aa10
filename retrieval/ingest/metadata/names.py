"""Words from names of files and folders; what cameras and programs name says nothing."""

import os
import re
from pathlib import Path

from common.decoding import decode_text
from retrieval.ingest.metadata.record import MAX_CAPTION, cleaned

# Names that cameras, telephones and programs give: no words about the picture. Four characters and four digits are what
# JEITA CP-3461 (DCF) has cameras write: "_DSC1234", "P1010001", "IMGP0001".
_MAKERS = (
    r"img(?:_e)?|ima?ge?|imagen|immagine|bild|foto|photo|picture|pict?|dsc[nf]?|dscf|p|gopr|mvimg|pxl|wp|cimg|sam|scan"
    r"|vid|dji|snapshot|fb[_ ]img|received|snapchat|mmexport|wechatimg|wx_camera|mtxx|b612|inshot|kakao ?talk"
    r"|whatsapp image|screenshot|screen shot|bildschirmfoto|capture d['’]écran|captura de pantalla|schermata"
    r"|schermafbeelding|pasted image|image from ios|new project"
    r"|untitled|unnamed|unbenannt|ohne titel"
    r"|sans titre|senza titolo|sin t[ií]tulo|download|截屏|截图|截圖|屏幕截图|屏幕快照|螢幕截圖|螢幕快照"
    r"|微信(?:图片|截图)|qq(?:图片|截图)|图片|圖片|照片|相片"
)
_MODES = (
    r"at|from|um|vom|à|am|pm|上午|下午|wa|(?:的)?副本|copy|kopie|copie|copia|edited|edit|bearbeitet|modifié|editado|hdr|pano"
    r"|mp|bokeh|portrait|night|burst|cover|heic|jpe?g|png"
)
CAMERA_NAME = re.compile(
    rf"^(?:(?=[\W_\d]*$)|(?=(?:[\W_]*\d){{6}})|(?:{_MAKERS})(?![^\W\d_])|(?-i:[A-Z0-9_]{{4}}\d{{4}})(?![^\W_]))"
    rf"(?:[\W_\d]*(?:{_MODES}|{_MAKERS}))*[\W_\d]*$"
    r"|^screenshot_\d{8}[-_]\d{6}_\S+$",  # of an app that is named
    re.IGNORECASE,
)
# "_DSC1234 boat": what a person wrote behind the number that the camera gave
_NUMBER = re.compile(r"^[A-Z0-9_]{4}\d{4}[\W_]+(?=\D*[^\W\d_])")
# names that messengers and picture sites give: a time, a number of theirs, the maker's name
_SITE_NAME = re.compile(
    r"^(?:signal[-_]\d{4}[\W_\d]*|photo-\d{10,}-[0-9a-f]{8,}|pexels-[\w-]*\d{4,}|[\w-]+-unsplash)$", re.IGNORECASE
)
_COPY_OF = re.compile(r"^(?:copy of|kopie von|copie de|copia de|copia di)\s+", re.IGNORECASE)
_HASH_NAME = re.compile(r"^(?:original_)?(?:[0-9a-f-]{12,}|(?=[a-f]*\d+[a-f])[0-9a-f]{8,})(?:_[a-z])?$", re.IGNORECASE)
_NO_TEXT = re.compile("[\ud800-\udfff]+")  # bytes of a name that are no UTF-8


def caption_from_name(stem: str) -> str:
    """A caption from a file's name, empty where the name says nothing: "red_bus-2" -> "red bus", "IMG_2041" -> ""."""
    stem = cleaned(readable_name(stem))
    if CAMERA_NAME.match(_COPY_OF.sub("", stem)) or _HASH_NAME.match(stem) or _SITE_NAME.match(stem):
        return ""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", _NUMBER.sub("", stem))  # RedBus -> Red Bus
    text = re.sub(r"[_\-.+~]+", " ", text)
    text = re.sub(r"\s*\(?\b\d{1,4}\)?$", "", text)  # a number at the end counts copies
    if re.fullmatch(r"[a-z]", text, re.IGNORECASE):
        return ""
    return " ".join(text.split())[:MAX_CAPTION]


def path_words(path: str) -> str:
    """File and folder names as words to be found by; at most three folders up."""
    return " ".join(map(readable_name, (Path(path).stem, *Path(path).parts[-4:-1])))


def readable_name(name: str) -> str:
    """A name with the bytes that are no UTF-8 read in the encoding they most likely are in: caf\\xe9 -> café."""
    if not _NO_TEXT.search(name):
        return name
    return decode_text(os.fsencode(name))
