"""Picture files that browsers can show: thumbnails, and copies of what they do not know (HEIC, TIFF, SVG)."""

import os
import threading
from pathlib import Path

from retrieval.errors import PictureUnreadable
from retrieval.ingest.decode import picture_id, thumbnail_path
from retrieval.paths import is_unicode
from retrieval.pictures import load_picture

AS_THEY_ARE = frozenset((".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"))  # browsers know SVG too; it is not safe
LARGEST = 2048  # pixels of a copy's longer side
MAX_THUMBNAIL = 512
STORED = 256  # the size that indexing makes


class BrowserFormats:
    """Makes such files under `made` and keeps them; thumbnails of indexing lie in `thumbnails`.

    Several threads may ask. A picture is named by its content's SHA-256 (64 hexadecimal digits) and by its file.
    """

    def __init__(self, made: Path, thumbnails: Path) -> None:
        self._made, self._thumbnails = made, thumbnails

    def thumbnail(self, sha256: str, source: Path, size: int = STORED) -> Path:
        """A WebP file, no side above `size` pixels (16 to 512). Raises PictureUnreadable."""
        stored = thumbnail_path(self._thumbnails, sha256)
        size = max(16, min(size, MAX_THUMBNAIL))
        return stored if size == STORED and stored.is_file() else self._converted(sha256, source, size)

    def large(self, sha256: str, source: Path) -> Path:
        """The file itself where browsers know its format and its name is text, else a copy; the thumbnail where the
        file cannot be read."""
        if self._known(source):
            return source
        try:
            return self._converted(sha256, source, LARGEST)
        except (PictureUnreadable, OSError):  # moved or damaged since it was indexed; or no room for a copy
            return thumbnail_path(self._thumbnails, sha256)

    def quick(self, sha256: str, source: Path) -> Path:
        """As `large`, but the thumbnail where a copy would have to be made first."""
        stored = thumbnail_path(self._thumbnails, sha256)
        return source if self._known(source) or not stored.is_file() else stored

    @staticmethod
    def _known(source: Path) -> bool:
        return source.suffix.lower() in AS_THEY_ARE and is_unicode(str(source)) and source.is_file()

    def _converted(self, sha256: str, source: Path, size: int) -> Path:
        path = self._made / f"{picture_id(sha256)}-{size}.webp"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            image = load_picture(source, enough=size)
            image.thumbnail((size, size))
            part = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
            image.save(part, format="WEBP", quality=85)
            part.replace(path)
        return path
