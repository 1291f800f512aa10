"""Files kept by their content: a copy is called by its SHA-256, so that the same file is there once."""

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Collection
from pathlib import Path

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
        """A small JPEG of a kept picture, made when it is first asked for. Raises OSError, RetrievalError."""
        small = self.folder.parent / "thumbnails" / f"{path.stem[:64]}.jpg"
        if not small.is_file():
            small.parent.mkdir(parents=True, exist_ok=True)
            image = open_picture(path)
            image.thumbnail((THUMBNAIL, THUMBNAIL))
            part = small.with_name(f"{secrets.token_hex(8)}.part")
            try:
                image.convert("RGB").save(part, "JPEG", quality=85)
                part.replace(small)
            except PILLOW_ERRORS as error:
                raise OSError(str(error)) from error
            finally:
                part.unlink(missing_ok=True)
        return small

    def forget(self, used: Collection[str]) -> None:
        """Removes the files that nothing uses any more, unless they are new. Raises OSError."""
        before = time.time() - YOUNG
        for folder, _folders, files in os.walk(self.folder):
            for name in files:
                file = Path(folder, name)
                if name not in used and file.stat().st_mtime < before:
                    file.unlink(missing_ok=True)
                    (self.folder.parent / "thumbnails" / f"{file.stem}.jpg").unlink(missing_ok=True)
