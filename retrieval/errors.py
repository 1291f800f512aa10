"""Errors about pictures, galleries and their encoders that a person may read.

common.errors.ReadableError
└── RetrievalError
    ├── GalleryNotFound      no gallery at that place
    ├── GalleryUnreadable    a gallery is there and cannot be used
    ├── GalleryBusy          another program is changing the gallery
    ├── GalleryFull          the disk has no room left
    ├── WrongEncoder         the gallery was made with another encoder
    ├── FolderUnreadable     the folder of pictures cannot be read
    ├── FolderEmpty          a folder that held pictures holds none now
    ├── PictureUnreadable    one picture cannot be read
    │   └── PackageMissing   it could be, with a package that is not installed
    └── EncoderUnavailable   the encoder's weights cannot be had

A `Reason` says why one file was left out; it is kept with the file, and read in any language later.
"""

import json
from typing import Self

from common.decoding import without_halves
from common.errors import ReadableError
from common.messages import Text, _, _n, as_data, from_data
from common.terminal import this_command


class RetrievalError(ReadableError):
    """Something about pictures, galleries or their encoders that a person must know."""


class GalleryNotFound(RetrievalError):
    sentence = _("There is no gallery at '{place}'. Make one with: {command} index FOLDER --gallery '{place}'")

    def __init__(self, sentence: Text | None = None, /, **values: object) -> None:
        super().__init__(sentence, **{"command": this_command("retrieval")} | values)


class GalleryUnreadable(RetrievalError):
    sentence = _("The gallery '{place}' cannot be used: {reason}")


class GalleryBusy(RetrievalError):
    sentence = _("Another program is indexing into the gallery '{place}' now. Wait until it is done, then try again.")


class GalleryFull(RetrievalError):
    sentence = _(
        "The disk that holds the gallery '{place}' is full. What was indexed is kept; make room and index again."
    )


class WrongEncoder(RetrievalError):
    sentence = _(
        "The gallery '{place}' was made with the encoder '{stored}' and cannot be used with '{given}': "
        "{difference}. Use the first, or index the pictures into a new gallery."
    )


class FolderUnreadable(RetrievalError):
    sentence = _("The folder '{place}' cannot be read: {reason}")


class FolderEmpty(RetrievalError):
    sentence = _n(
        "The folder '{place}' holds no pictures now, but {count} file of the gallery lies in it. Is its drive mounted? "
        "Nothing was changed. To take it out of the gallery, index it with --prune.",
        "The folder '{place}' holds no pictures now, but {count} files of the gallery lie in it. Is its drive mounted? "
        "Nothing was changed. To take them out of the gallery, index it with --prune.",
        count=0,
    )


class PictureUnreadable(RetrievalError):
    sentence = _("The picture '{name}' cannot be read: {reason}")


class PackageMissing(PictureUnreadable):
    sentence = _(
        "The picture '{name}' cannot be read: its kind needs a package. Install it with: pip install {package}"
    )


class EncoderUnavailable(RetrievalError):
    sentence = _("The picture encoder '{name}' cannot be used: {reason}")


# what systems say of files most often, in their words: the rest is shown as the system says it
_OF_SYSTEMS = (
    _("Permission denied"),
    _("Operation not permitted"),
    _("No such file or directory"),
    _("Input/output error"),
    _("File name too long"),
    _("Too many levels of symbolic links"),
    _("Stale file handle"),
    _("Host is down"),
    _("Transport endpoint is not connected"),
)


class Reason(str):
    """The reason in English, for programs; `text` says it to people."""

    message: Text

    def __new__(cls, message: Text | str) -> Self:
        sentence = message if isinstance(message, Text) else Text("{reason}", {"reason": str(message)})
        reason = super().__new__(cls, sentence.text())
        reason.message = sentence
        return reason

    @classmethod
    def of(cls, error: Exception) -> "Reason":
        """The reason that an error gives."""
        if isinstance(error, ReadableError):
            return cls(error.message)
        if isinstance(error, OSError) and error.strerror:
            return cls(Text(error.strerror))
        given = error.args[0] if len(error.args) == 1 else None
        return given if isinstance(given, Reason) else cls(str(error))

    def text(self, language: str) -> str:
        """The reason in `language`."""
        return self.message.text(language)

    def stored(self) -> str:
        """As the catalogue keeps it: JSON."""
        return json.dumps(without_halves(as_data(self.message)), ensure_ascii=False)

    @classmethod
    def from_stored(cls, stored: str) -> "Reason":
        """The opposite; what is no such JSON, of an older program, is a sentence in English."""
        message = _read(stored)
        return cls(stored if message is None else message)


def is_current(stored: str) -> bool:
    """Whether a stored reason can be read in every language: older programs kept the English sentence."""
    return _read(stored) is not None


def _read(stored: str) -> Text | None:
    try:
        return from_data(json.loads(stored)) if stored.startswith("{") else None
    except (ValueError, KeyError, TypeError):
        return None
