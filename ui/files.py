"""Serves single pictures and finished downloads to those who hold their key; no folder is ever opened to visitors.

A key is a keyed hash of the file's path, size and time with a secret of this process: it cannot be guessed, it is the
same for every mention of the same file, so browsers can keep the picture, and it changes when the file does.
"""

import hashlib
import hmac
import secrets
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from common.errors import ReadableError
from common.messages import _
from composer.article import Candidate
from composer.errors import PictureError
from composer.models import Picture

MAX_KEYS = 100_000  # a key costs about 300 bytes
MAX_DOWNLOADS = 64  # finished files kept for fetching, oldest dropped first
MAX_DOWNLOAD_BYTES = 256_000_000  # of all of them in memory; the newest is kept whatever its size
UPLOAD_SIDE = 2400  # pixels: longest side of a stored upload, three times the article's column
_HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".avif": "image/avif",
    ".svg": "image/svg+xml",
}


class PictureServer:
    """Hands out addresses for pictures and downloads, and answers them. All calls may come from several threads."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._files: OrderedDict[str, str | Callable[[], str]] = OrderedDict()
        self._downloads: OrderedDict[str, tuple[str, str, bytes]] = OrderedDict()
        self._lock = threading.Lock()
        # removed at the latest with this object: also where no page comes up, because the port is taken
        self._uploads = tempfile.TemporaryDirectory(prefix="xcomposer-uploads-", ignore_cleanup_errors=True)
        self._folder = Path(self._uploads.name)

    def address(self, path: str) -> str:
        """The page-relative address of a picture file; empty where there is no such file."""
        try:
            facts = Path(path).stat()
        except OSError:
            return ""
        return self._register(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}", path)

    def lazy_address(self, name: str, make: Callable[[], str]) -> str:
        """The address of a picture whose file `make` makes when it is first fetched, e.g. a thumbnail.

        `name` is the picture's identity: the same name is the same address.
        """
        return self._register(name, make)

    def _register(self, name: str, file: str | Callable[[], str]) -> str:
        key = hmac.new(self._secret, name.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:32]
        with self._lock:
            self._files[key] = file
            self._files.move_to_end(key)
            while len(self._files) > MAX_KEYS:
                self._files.popitem(last=False)
        return f"studio/pictures/{key}"

    def offer_download(self, content: bytes, name: str, media_type: str) -> str:
        """The page-relative address under which `content` can be fetched as a file called `name`."""
        key = secrets.token_urlsafe(24)
        with self._lock:
            self._downloads[key] = (name, media_type, content)
            size = sum(len(kept) for _, _, kept in self._downloads.values())
            while len(self._downloads) > MAX_DOWNLOADS or (size > MAX_DOWNLOAD_BYTES and len(self._downloads) > 1):
                _, (_, _, dropped) = self._downloads.popitem(last=False)
                size -= len(dropped)
        return f"studio/files/{key}"

    def store_upload(self, path: str) -> Candidate:
        """A visitor's picture, decoded and written anew: upright, without EXIF, under a name made of its hash.

        Raises PictureError for a file that is no usable picture, or where it cannot be stored.
        """
        return self.store(Picture.open(Path(path)), Path(path).name)

    def store(self, picture: Picture, name: str) -> Candidate:
        """A picture under a name made of its hash. name: of its file, for the sentence about it. Raises PictureError
        where it cannot be stored."""
        image = picture.image
        image.thumbnail((UPLOAD_SIDE, UPLOAD_SIDE))
        key = picture.sha256[:16]
        kept = self._folder / f"{key}.jpg"
        if not kept.exists():
            part = self._folder / f"{secrets.token_hex(8)}.part"
            try:
                image.save(part, "JPEG", quality=90)
                part.replace(kept)
            except OSError as error:
                part.unlink(missing_ok=True)
                reason = error.strerror or str(error)
                raise PictureError(
                    name=name,
                    reason=_(
                        "it could not be stored in '{folder}' ({reason}). Make room there and try again",
                        folder=self._folder,
                        reason=reason,
                    ),
                ) from error
        return Candidate(id=f"upload-{key}", path=str(kept))

    def nowhere(self, name: str) -> str:
        """A path of that name at which no file ever lies: of a picture that is missing."""
        return str(self._folder / "missing" / name)

    def close(self) -> None:
        """Removes the uploads of this run."""
        self._uploads.cleanup()

    # -- answering ---------------------------------------------------------------------------------

    def routes(self) -> list[Route]:
        """The routes to put before Gradio's own."""
        return [
            Route("/studio/pictures/{key}", self._picture, methods=["GET"]),
            Route("/studio/files/{key}", self._download, methods=["GET"]),
        ]

    async def _picture(self, request: Request) -> Response:
        with self._lock:
            file = self._files.get(request.path_params["key"])
        if file is None:
            return Response("There is no such picture.", status_code=404, media_type="text/plain")
        try:
            path = Path(file if isinstance(file, str) else await run_in_threadpool(file))
        except (ReadableError, KeyError, OSError):  # the picture left the gallery, or its file cannot be read
            return Response("The picture is gone.", status_code=404, media_type="text/plain")
        media_type = _TYPES.get(path.suffix.lower())
        if media_type is None or not path.is_file():
            return Response("The picture is gone.", status_code=404, media_type="text/plain")
        headers = {**_HEADERS, "Cache-Control": "private, max-age=604800, immutable"}
        return FileResponse(path, media_type=media_type, headers=headers)

    async def _download(self, request: Request) -> Response:
        with self._lock:
            found = self._downloads.get(request.path_params["key"])
        if found is None:
            return Response("This file is no longer here. Save again.", status_code=404, media_type="text/plain")
        name, media_type, content = found
        headers = {**_HEADERS, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
        return Response(content, media_type=media_type, headers={**headers, "Cache-Control": "no-store"})
