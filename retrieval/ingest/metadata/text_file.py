"""The text file that a person writes beside a picture.

beach.jpg        the picture
beach.txt        its words: the caption, then optional lines "tags:", "credit:", "licence:", "source:", "date:"
beach.jpg.txt    the same, where two pictures share a name
"""

import re
from pathlib import Path

from common.decoding import decode_text
from retrieval.ingest.metadata.licences import licence_name
from retrieval.ingest.metadata.record import Metadata, cleaned, iso_date, joined_tags
from retrieval.ingest.metadata.sidecars import Beside

MAX_SIDECAR_BYTES = 64 * 1024

_FIELD = re.compile(
    r"^(caption|tags|credit|licence|license|source|date|标题|標題|标签|標籤|作者|许可|授权|授權|来源|來源|日期)\s*[:：]\s*(.*)$",
    re.I,
)
_FIELD_NAMES = {
    "license": "licence",
    "标题": "caption",
    "標題": "caption",
    "标签": "tags",
    "標籤": "tags",
    "作者": "credit",
    "许可": "licence",
    "授权": "licence",
    "授權": "licence",
    "来源": "source",
    "來源": "source",
    "日期": "date",
}


def text_file_words(path: Path) -> Metadata:
    """The words of a text file: lines before the first "name: value" line are the caption."""
    text = _sidecar_text(path)
    caption: list[str] = []
    fields: dict[str, str] = {}
    for line in text.splitlines():
        match = _FIELD.match(line.strip())
        if match:
            name = match.group(1).lower()
            fields[_FIELD_NAMES.get(name, name)] = cleaned(match.group(2))
        elif not fields:
            caption.append(line)
    fields.setdefault("caption", cleaned(" ".join(caption)))
    fields["date"] = iso_date(fields.get("date", ""))  # pictures are ordered and narrowed by it
    fields["tags"] = joined_tags(re.split("[,，、;；]", fields.get("tags", "")))
    fields["licence"] = licence_name(fields.get("licence", ""))
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
    names = {file.name: file for file in path.parent.iterdir()}
    own = [names[name] for name in Beside(names).of(path.name) if name.lower().endswith(".txt")]
    for text in (*own, path.with_suffix(".zh.txt")):
        if text.is_file():
            for line in _sidecar_text(text).splitlines():
                match = _FIELD.match(line.strip())
                if match is None or match.group(1).lower() in ("caption", "标题", "標題"):
                    lines.append(cleaned(match.group(2) if match else line))
    return [line for line in lines if line]
