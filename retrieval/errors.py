"""Errors that a person may read, in English and Chinese.

ReadableError
└── RetrievalError
    ├── GalleryNotFound      no gallery at that place
    ├── GalleryUnreadable    a gallery is there and cannot be used
    ├── GalleryBusy          another program is changing the gallery
    ├── GalleryFull          the disk has no room left
    ├── WrongEncoder         the gallery was made with another encoder
    ├── FolderUnreadable     the folder of pictures cannot be read
    ├── PictureUnreadable    one picture cannot be read
    └── EncoderUnavailable   the encoder's weights cannot be had

`composer.errors.ComposerError` is the other child of ReadableError.
"""

from collections.abc import Callable
from typing import ClassVar


class ReadableError(Exception):
    """An error whose text is meant for the person at the screen.

    A subclass writes its sentence once a language, with named fields; an instance fills the fields. The sentence names
    the thing, the bad value and the way out.
    """

    en: ClassVar[str] = "{reason_en}"
    zh: ClassVar[str] = "{reason_zh}"

    def __init__(self, **values: object) -> None:
        self.values = values
        super().__init__(self.en.format(**values))

    def __reduce__(self) -> tuple[Callable[..., "ReadableError"], tuple[type["ReadableError"], dict[str, object]]]:
        return _rebuilt, (type(self), self.values)  # it comes out of worker processes

    def text(self, language: str = "en") -> str:
        """The sentence in `language` ("en" or "zh")."""
        return (self.zh if language == "zh" else self.en).format(**self.values)


def _rebuilt(kind: type[ReadableError], values: dict[str, object]) -> ReadableError:
    return kind(**values)


class RetrievalError(ReadableError):
    """Something about pictures, galleries or their encoders that a person must know."""


class GalleryNotFound(RetrievalError):
    en = "There is no gallery at '{place}'. Make one with: python -m retrieval index FOLDER --gallery '{place}'"
    zh = "“{place}”处没有图库。可以这样建立：python -m retrieval index 图片文件夹 --gallery '{place}'"


class GalleryUnreadable(RetrievalError):
    en = "The gallery '{place}' cannot be used: {reason_en}"
    zh = "图库“{place}”无法使用：{reason_zh}"


class GalleryBusy(RetrievalError):
    en = "Another program is indexing into the gallery '{place}' now. Wait until it is done, then try again."
    zh = "另一个程序正在索引图库“{place}”。请等它完成后再试。"


class GalleryFull(RetrievalError):
    en = "The disk that holds the gallery '{place}' is full. What was indexed is kept; make room and index again."
    zh = "图库“{place}”所在磁盘已满。已索引的内容都保留；请腾出空间后重新索引。"


class WrongEncoder(RetrievalError):
    en = (
        "The gallery '{place}' was made with the encoder '{stored}' and cannot be used with '{given}': {difference}. "
        "Use the first, or index the pictures into a new gallery."
    )
    zh = "图库“{place}”是用编码器“{stored}”建立的，不能用“{given}”：{difference}。请使用原编码器，或重新建立图库。"


class FolderUnreadable(RetrievalError):
    en = "The folder '{place}' cannot be read: {reason_en}"
    zh = "文件夹“{place}”无法读取：{reason_zh}"


class PictureUnreadable(RetrievalError):
    en = "The picture '{name}' cannot be read: {reason_en}"
    zh = "图片“{name}”无法读取：{reason_zh}"


class EncoderUnavailable(RetrievalError):
    en = "The picture encoder '{name}' cannot be used: {reason_en}"
    zh = "图片编码器“{name}”无法使用：{reason_zh}"
