"""The words that come with a picture file: a text file beside it, its own description, its name.

    beach.jpg        the picture
    beach.txt        its words: the caption, then optional lines "tags:", "credit:", "licence:", "source:"
    beach.jpg.txt    the same, where two pictures share a name

Pure functions over files; knows nothing of galleries.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from PIL import ExifTags, Image, ImageFile, IptcImagePlugin

from common.decoding import decode_text, repaired, same_name

MAX_SIDECAR_BYTES = 64 * 1024
MAX_CAPTION = 1000  # characters

_FIELD = re.compile(
    r"^(caption|tags|credit|licence|license|source|date|标题|标签|作者|许可|来源)\s*[:：]\s*(.*)$", re.I
)
_ISO_DATE = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d)?)?)?)?")
_FIELD_NAMES = {
    "license": "licence",
    "标题": "caption",
    "标签": "tags",
    "作者": "credit",
    "许可": "licence",
    "来源": "source",
}
# what cameras write of themselves into the description
_CAMERA_TEXT = re.compile(
    r"^(olympus|samsung|sony|minolta|kodak|digital|dcim|default|dsc|dig|screenshot|camera)\b", re.I
)
# names that cameras, telephones and programs give: no words about the picture
_CAMERA_NAME = re.compile(
    r"^(img|image|dsc[nf]?|dscf|pict?|photo|p|gopr|mvimg|pxl|wp|cimg|sam|screenshot|screen shot|snapshot|scan|vid"
    r"|mmexport|wechatimg|whatsapp image|untitled|unnamed|download|截屏|屏幕截图|微信图片|图片|照片)?"
    r"[\W_\d]*(at|wa|副本|copy|edited|hdr|pano)?[\W_\d]*$",
    re.IGNORECASE,
)
_HASH_NAME = re.compile(r"^[0-9a-f-]{12,}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is written about one picture. Empty strings where nothing is."""

    caption: str = ""
    tags: str = ""  # comma-separated
    credit: str = ""
    licence: str = ""
    source: str = ""
    date: str = ""  # ISO 8601


def sidecar_of(path: Path) -> Path | None:
    """The text file beside a picture, if there is one."""
    wanted = [same_name(f"{path.name}.txt"), same_name(f"{path.stem}.txt")]
    try:
        beside = {same_name(file.name): file for file in path.parent.iterdir() if file.suffix.lower() == ".txt"}
    except OSError:
        return None
    return next((beside[name] for name in wanted if name in beside and beside[name].is_file()), None)


def read_metadata(path: Path, image: Image.Image | None = None, sidecar: Path | None = None) -> Metadata:
    """All words of a picture file; the text file's count more than the picture's own, those more than its name.

    `image` is Pillow's opened picture (its pixels are not needed), `sidecar` the text file beside it.
    """
    words = Metadata(caption=caption_from_name(path.stem))
    if image is not None:
        words = _over(words, embedded_words(image))
    if sidecar is not None:
        words = _over(words, sidecar_words(sidecar))
    return words


def _over(under: Metadata, above: Metadata) -> Metadata:
    return replace(under, **{name: value for name in Metadata.__slots__ if (value := getattr(above, name))})


def caption_from_name(stem: str) -> str:
    """A caption from a file's name, empty where the name says nothing: "red_bus-2" -> "red bus", "IMG_2041" -> ""."""
    stem = unicodedata.normalize("NFC", stem).strip()
    if _CAMERA_NAME.match(stem) or _HASH_NAME.match(stem):
        return ""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem)  # RedBus -> Red Bus
    text = re.sub(r"[_\-.+~]+", " ", text)
    text = re.sub(r"\s*\(?\b\d{1,4}\)?$", "", text)  # a number at the end counts copies
    return " ".join(text.split())[:MAX_CAPTION]


def sidecar_words(path: Path) -> Metadata:
    """The words of a text file: lines before the first "name: value" line are the caption."""
    text = _sidecar_text(path)
    caption: list[str] = []
    fields: dict[str, str] = {}
    for line in text.splitlines():
        match = _FIELD.match(line.strip())
        if match:
            name = match.group(1).lower()
            fields[_FIELD_NAMES.get(name, name)] = _clean(match.group(2))
        elif not fields:
            caption.append(line)
    fields.setdefault("caption", _clean(" ".join(caption)))
    if not _ISO_DATE.fullmatch(fields.get("date", "")):  # pictures are ordered and narrowed by it
        fields.pop("date", None)
    return Metadata(**fields)


def _sidecar_text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_SIDECAR_BYTES)
    if len(data) == MAX_SIDECAR_BYTES:  # cut: at the end of a line, not within a character
        data = data[: data.rfind(b"\n") + 1 or None]
    return decode_text(data)


def sidecar_lines(path: Path) -> list[str]:
    """The captions in the text files beside a picture, one a line: NAME.txt, NAME.jpg.txt, NAME.zh.txt."""
    lines: list[str] = []
    for text in (sidecar_of(path), path.with_suffix(".zh.txt")):
        if text is not None and text.is_file():
            for line in _sidecar_text(text).splitlines():
                match = _FIELD.match(line.strip())
                if match is None or match.group(1).lower() in ("caption", "标题"):
                    lines.append(_clean(match.group(2) if match else line))
    return [line for line in lines if line]


def embedded_words(image: Image.Image) -> Metadata:
    """The words inside a picture: EXIF and IPTC description, keywords, author, copyright, date."""
    exif = image.getexif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    iptc = (IptcImagePlugin.getiptcinfo(image) if isinstance(image, ImageFile.ImageFile) else None) or {}
    caption = (
        _iptc(iptc, 120)
        or _described(exif.get(ExifTags.Base.ImageDescription))
        or _wide(exif, 0x9C9B)
        or _iptc(iptc, 105)
    )
    author = _text(exif.get(ExifTags.Base.Artist)) or _iptc(iptc, 80) or _iptc(iptc, 110)
    rights = _text(exif.get(ExifTags.Base.Copyright)) or _iptc(iptc, 116)
    date = _date(details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime))
    return Metadata(
        caption=caption,
        tags=_iptc(iptc, 25) or ", ".join(filter(None, _wide(exif, 0x9C9E).split(";"))),
        credit=author or rights,
        licence=rights if author else "",
        date=date,
    )


def _described(value: object) -> str:
    text = _text(value)
    return "" if _CAMERA_TEXT.match(text) else text


def _iptc(iptc: dict[tuple[int, int], bytes | list[bytes]], record: int) -> str:
    value = iptc.get((2, record), b"")
    return ", ".join(_text(part) for part in (value if isinstance(value, list) else [value]) if part)


def _wide(exif: Image.Exif, tag: int) -> str:
    value = exif.get(tag, b"")  # Windows writes these in UTF-16
    return _clean(bytes(value).decode("utf-16-le", errors="ignore")) if isinstance(value, (bytes, tuple)) else ""


def _text(value: object) -> str:
    if isinstance(value, str):
        return _clean(repaired(value))
    return _clean(decode_text(value)) if isinstance(value, bytes) else ""


def _clean(text: str) -> str:
    text = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in unicodedata.normalize("NFC", text))
    return " ".join(text.split())[:MAX_CAPTION]


def _date(value: object) -> str:
    try:
        return datetime.strptime(_text(value)[:19], "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        return ""
