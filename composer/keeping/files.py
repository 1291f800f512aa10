"""Files kept by their content: a copy is called by its SHA-256, so that the same file is there once."""

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from PIL import Image

from composer.errors import ComposerError
from composer.keeping.database import os_reason
from retrieval.pictures import PILLOW_ERRORS, open_picture

FOLDER = "pictures"
THUMBNAIL = 144  # pixels: longest side, three times the size shown
YOUNG = 86_400  # seconds: a file this new may belong to what is just being written


class KeptFiles:
    """The folder of kept pictures. Any number of threads may use it."""

    def __init__(self, data: Path, unavailable: type[ComposerError]) -> None:
        """data: the folder in which theirs is made. unavailable: raised where it cannot be written to."""
        self.folder = data / FOLDER
        self.unavailable = unavailable
        self._known: dict[tuple[str, int, int], str] = {}  # path, size, time -> name of the copy

    def path(self, name: str) -> Path:
        """Where a kept picture lies. `name`: SHA-256 and suffix."""
        return self.folder / name[:2] / name

    def copied(self, path: Path) -> str:
        """The name of the copy of a file, which appears whole or not at all. Raises FileNotFoundError where there is
        no such file, and the error for a folder that cannot be written to."""
        try:
            facts = path.stat()
            known = (str(path), facts.st_size, facts.st_mtime_ns)
            if known not in self._known or not self.path(self._known[known]).is_file():
                self._known[known] = self._copy(path)
            return self._known[known]
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self.unavailable(place=self.folder.parent, reason=os_reason(error)) from error

    def _copy(self, path: Path) -> str:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        name = digest + path.suffix.lower()
        kept = self.path(name)
        if not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            part = kept.with_name(f"{secrets.token_hex(8)}.part")
            try:
                shutil.copyfile(path, part)
                part.replace(kept)
            finally:
                part.unlink(missing_ok=True)
        return name

    def thumbnail(self, path: Path) -> Path:
        """A small picture of a kept one, made when it is first asked for: a JPEG, or a PNG of one that can be seen
        through. Raises OSError, RetrievalError."""
        small = self._thumbnails(path.stem[:64])
        if small[0].is_file():
            return small[0]
        if small[1].is_file() and path.suffix.lower() in (".jpg", ".jpeg"):
            return small[1]
        try:
            with open_picture(path) as image:
                return self._made(image, *small)
        except PILLOW_ERRORS as error:
            raise OSError(str(error)) from error

    @staticmethod
    def _made(image: Image.Image, through: Path, solid: Path) -> Path:
        """The small picture at one of the two places: `through` for one that can be seen through."""
        made = through if image.has_transparency_data else solid
        if made.is_file():
            return made
        made.parent.mkdir(parents=True, exist_ok=True)
        image.thumbnail((THUMBNAIL, THUMBNAIL))
        part = made.with_name(f"{secrets.token_hex(8)}.part")
        try:
            if made is through:
                image.convert("RGBA").save(part, "PNG")
            else:
                image.convert("RGB").save(part, "JPEG", quality=85)
            part.replace(made)
        finally:
            part.unlink(missing_ok=True)
        return made

    def _thumbnails(self, stem: str) -> tuple[Path, Path]:
        """Where the small pictures of one lie, one of which there is."""
        folder = self.folder.parent / "thumbnails"
        return folder / f"{stem}.png", folder / f"{stem}.jpg"

    def forget(self, used: Collection[str]) -> None:
        """Removes the files that nothing uses any more, unless they are new. Raises OSError."""
        before = time.time() - YOUNG
        for folder, _folders, files in os.walk(self.folder):
            for name in files:
                file = Path(folder, name)
                if name not in used and file.stat().st_mtime < before:
                    file.unlink(missing_ok=True)
                    for small in self._thumbnails(file.stem):
                        small.unlink(missing_ok=True)
