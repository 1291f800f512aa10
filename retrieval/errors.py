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
"""

from common.errors import ReadableError
from common.messages import Text, _, _n
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
