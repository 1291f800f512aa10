"""Folders that fsspec opens: object stores and other file systems of the network. Credentials are those of the
environment and of fsspec's configuration files, never of an address."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common.messages import Text, _
from retrieval.errors import FolderUnreadable, PictureUnreadable, RetrievalError
from retrieval.pictures import MAX_BYTES
from retrieval.sources.folders.base import RemoteFile

# protocol -> the package that fsspec needs for it
PACKAGES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "az": "adlfs",
    "sftp": "paramiko",
    "hdfs": "pyarrow",
    "hf": "huggingface-hub",
}
_MARKS = ("ETag", "etag", "md5Hash", "content_md5", "checksum", "LastModified", "last_modified", "mtime", "created")
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")
_CHUNK = 1024 * 1024


class Bucket:
    """A RemoteFolder behind fsspec. Raises FolderUnreadable, RetrievalError where a package is missing."""

    def __init__(self, address: str) -> None:
        self.address = address
        parts = urlsplit(address)
        if parts.username is not None or parts.password is not None:
            self.address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
            raise self._unreadable(
                _("an address may hold no user name or password; credentials belong in the environment")
            )
        if "::" in address:
            raise self._unreadable(_("addresses of fsspec joined by '::' are not taken"))
        import fsspec

        try:
            self._files: Any
            self._files, self._root = fsspec.core.url_to_fs(address)
        except ImportError as error:
            package = PACKAGES[parts.scheme]
            raise RetrievalError(
                _(
                    "Pictures at '{address}' need the package {package}: pip install {package}",
                    address=address,
                    package=package,
                )
            ) from error
        except Exception as error:
            raise self._unreadable(_first_line(error)) from error

    def files(self) -> Iterator[RemoteFile]:
        try:
            found = self._files.find(self._root, detail=True)
        except Exception as error:
            raise self._unreadable(_first_line(error)) from error
        root = self._root.rstrip("/") + "/"
        for path, facts in found.items():
            if facts.get("type", "file") == "file" and path.startswith(root):
                size = facts.get("size")
                yield RemoteFile(path[len(root) :], -1 if size is None else int(size), _mark(facts), _time_ns(facts))

    def fetch(self, file: RemoteFile, target: Path, mark: str) -> tuple[str, int]:
        if file.mark and file.mark == mark:
            return mark, file.time_ns
        part = target.with_name(f".{target.name}.part")
        try:
            with self._files.open(f"{self._root.rstrip('/')}/{file.name}", "rb") as source, part.open("wb") as copy:
                received = 0
                while chunk := source.read(_CHUNK):
                    received += len(chunk)
                    if received > MAX_BYTES:
                        raise too_large(file.name)
                    copy.write(chunk)
            if file.size not in (-1, received):
                raise PictureUnreadable(name=file.name, reason=_("it changed while it was being read; index again"))
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return file.mark, file.time_ns

    def _unreadable(self, reason: Text | str) -> FolderUnreadable:
        return FolderUnreadable(place=self.address, reason=reason)


def too_large(name: str) -> PictureUnreadable:
    """The error for a file beyond the limit."""
    return PictureUnreadable(name=name, reason=_("it is larger than {most:,.0f} MB", most=MAX_BYTES / 1e6))


def _mark(facts: dict[str, Any]) -> str:
    return next((str(facts[name]) for name in _MARKS if facts.get(name)), "")


def _time_ns(facts: dict[str, Any]) -> int:
    for name in _TIMES:
        value = facts.get(name)
        if isinstance(value, datetime):
            return int(value.timestamp() * 1e9)
        if isinstance(value, (int, float)) and value > 0:
            return int(value * 1e9)
    return 0


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
