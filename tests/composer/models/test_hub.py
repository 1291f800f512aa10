"""Downloads from both hubs over real HTTP: pinned, continued, updated, damaged, and without a network."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from common.folders import cache_path
from composer.errors import ModelFilesMissing, UnknownModel
from composer.models import configs, embedded, files, registry
from composer.models.base import LoadProgress
from composer.models.cards import GraphicsCard
from composer.models.hub import fetching
from composer.models.hub import files as hubs
from composer.models.hub.files import HubName, HubUnavailable, Source
from composer.settings import Settings
from tests.composer.hub_server import FIRST, SECOND, Hub, serving
from tests.composer.xcomposer.tiny import train_tokenizer, write_folder
from ui.launch.cli import app as page_command

ROOT = Path(__file__).parents[3]
WEIGHTS = bytes(range(256)) * 4096  # 1 MiB
FILES = {
    "config.json": b'{"model_type": "InternLMXComposer"}',
    "README.md": b"not wanted",
    "modeling.py": b"not wanted either",
    "sub/config.json": b"{}",
    "pytorch_model-00001-of-00002.bin": WEIGHTS,
    "pytorch_model-00002-of-00002.bin": WEIGHTS[::-1],
    "pytorch_model.bin.index.json": json.dumps(
        {"weight_map": {"a": "pytorch_model-00001-of-00002.bin", "b": "pytorch_model-00002-of-00002.bin"}}
    ).encode(),
    "tokenizer.model": b"tokens",
}
WANTED = {path for path in FILES if path.endswith((".json", ".bin", ".model")) and "/" not in path}
SHARD = "pytorch_model-00002-of-00002.bin"
BOTH = pytest.mark.parametrize("name", ["huggingface", "modelscope"])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """One server as both hubs; caches of the test's own; clients that do not wait between tries."""
    versions = {FIRST: FILES, SECOND: {**FILES, "config.json": b'{"model_type": "InternLMXComposer", "new": 1}'}}
    with serving(Hub(versions)) as hub:
        point_at(hub.address, monkeypatch, tmp_path)
        yield hub


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def point_at(address: str, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(place / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", address)
    monkeypatch.setenv("XCOMPOSER_CACHE_DIR", str(place / "ours"))
    monkeypatch.setattr(fetching, "FIRST_PAUSE", 0.0)


def source(name: HubName, revision: str = "main") -> Source:
    return Source(name, "owner/model", revision, ("*.json", "*.bin", "tokenizer.model"))


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


@BOTH
def test_a_download_brings_the_wanted_files_and_is_found_again_without_a_question(server: Hub, name: HubName) -> None:
    steps: list[LoadProgress] = []
    folder = hubs.fetch_files(source(name), steps.append)
    assert held(folder) == {path: FILES[path] for path in WANTED}
    total = sum(len(FILES[path]) for path in WANTED)
    assert {step.total for step in steps} == {total}
    assert steps[-1].done == total
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    server.asked.clear()
    assert hubs.fetch_files(source(name), steps.append) == folder
    assert server.asked == []
    found = hubs.find_download(source(name))
    assert found is not None
    assert (found.complete, found.downloaded_bytes, found.commit) == (True, total, FIRST)


@BOTH
def test_a_broken_download_is_said_kept_and_continued_from_the_byte(server: Hub, name: HubName) -> None:
    server.breaks[SHARD] = 300_000
    with pytest.raises(HubUnavailable):
        hubs.fetch_files(source(name), lambda step: None)
    begun = hubs.find_download(source(name))
    assert begun is not None
    assert begun.missing == [SHARD]
    kept = begun.downloaded_bytes - (begun.total_bytes - len(WEIGHTS))
    assert 300_000 - fetching.CHUNK <= kept <= 300_000  # of the unfinished file
    # meanwhile the branch moves: the rest must come from the version that was begun
    server.branch = SECOND
    server.breaks.clear()
    server.asked.clear()
    folder = hubs.fetch_files(source(name), lambda step: None)
    assert held(folder) == {path: FILES[path] for path in WANTED}
    again = server.files_asked()
    assert again == [(SHARD, f"bytes={kept}-")]


@BOTH
def test_the_version_never_moves_unless_asked(server: Hub, name: HubName) -> None:
    old = hubs.fetch_files(source(name), lambda step: None)
    server.branch = SECOND
    assert hubs.fetch_files(source(name), lambda step: None) == old
    record = json.loads((hubs.repository_folder(source(name)) / hubs.RECORD).read_text())
    assert record["main"]["commit"] == FIRST
    # a failed update leaves the old version in use
    server.breaks["config.json"] = 5
    with pytest.raises(HubUnavailable):
        hubs.fetch_files(source(name), lambda step: None, update=True)
    found = hubs.find_download(source(name))
    assert found is not None
    assert (found.complete, found.folder) == (True, old)
    server.breaks.clear()
    new = hubs.fetch_files(source(name), lambda step: None, update=True)
    assert new != old
    assert b"new" in (new / "config.json").read_bytes()
    server.asked.clear()
    assert hubs.fetch_files(source(name), lambda step: None) == new
    assert server.asked == []


@BOTH
def test_a_truncated_file_is_noticed_and_fetched_again(server: Hub, name: HubName) -> None:
    folder = hubs.fetch_files(source(name), lambda step: None)
    (folder / SHARD).write_bytes(WEIGHTS[:1000])
    found = hubs.find_download(source(name))
    assert found is not None
    assert found.missing == [SHARD]
    server.asked.clear()
    assert held(hubs.fetch_files(source(name), lambda step: None))[SHARD] == FILES[SHARD]
    assert {path for path, _ in server.files_asked()} == {SHARD}


def test_content_that_is_not_what_was_announced_is_refused(server: Hub) -> None:
    server.lies = True
    with pytest.raises(HubUnavailable, match="is not what the hub announced") as caught:
        hubs.fetch_files(source("modelscope"), lambda step: None)
    found = hubs.find_download(source("modelscope"))
    assert found is not None
    refused = next(path for path in WANTED if f" {path} " in caught.value.reason.text())
    assert not list(found.folder.glob(f"{refused}*"))  # nothing to go on from


@BOTH
def test_a_line_that_breaks_again_and_again_still_brings_the_file(server: Hub, name: HubName) -> None:
    server.chunk = 200_000
    assert held(hubs.fetch_files(source(name), lambda step: None))[SHARD] == FILES[SHARD]
    assert len([path for path, _ in server.files_asked() if path == SHARD]) > 4


def test_a_server_that_knows_no_ranges_is_read_from_the_start(server: Hub) -> None:
    server.breaks[SHARD] = 300_000
    with pytest.raises(HubUnavailable):
        hubs.fetch_files(source("huggingface"), lambda step: None)
    server.breaks.clear()
    server.ranges = False
    assert held(hubs.fetch_files(source("huggingface"), lambda step: None))[SHARD] == FILES[SHARD]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_program_that_is_ended_does_not_wait_for_its_download(
    server: Hub, tmp_path: Path, ending: signal.Signals
) -> None:
    server.breaks[SHARD], server.stalls = 300_000, threading.Event()
    environment = {
        **os.environ,
        "MODELSCOPE_ENDPOINT": server.address,
        "XCOMPOSER_CACHE_DIR": str(tmp_path / "ours"),
    }
    command = [sys.executable, "-m", "composer", "download", "xcomposer-7b", "--hub", "modelscope"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True) as program:
        part = Path("modelscope", "Shanghai_AI_Laboratory--internlm-xcomposer-7b", "snapshots", FIRST, f"{SHARD}.part")
        deadline = time.monotonic() + 90
        while server.files_asked().count((SHARD, "")) < 1 or not (tmp_path / "ours/models" / part).is_file():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)  # what was sent has arrived
        program.send_signal(ending)
        try:
            program.wait(40)  # the server holds the download for a minute
        finally:
            program.kill()
        assert program.returncode != 0
        assert program.stderr is not None
        assert "Traceback" not in program.stderr.read()
    server.breaks.clear()
    server.stalls.set()
    server.asked.clear()
    files.download_model("xcomposer-7b", hub="modelscope")
    assert all(ranged for path, ranged in server.files_asked() if path == SHARD)


def test_who_cancels_a_download_waits_for_no_byte(server: Hub) -> None:
    server.breaks[SHARD], server.stalls = 300_000, threading.Event()

    def cancel(step: LoadProgress) -> None:
        if time.monotonic() > until:
            raise KeyboardInterrupt

    until = time.monotonic() + 1.5
    later = threading.Timer(9.0, server.stalls.set)
    later.start()
    with pytest.raises(KeyboardInterrupt):
        hubs.fetch_files(source("huggingface"), cancel)
    assert time.monotonic() < until + 3
    server.stalls.set()
    later.cancel()


def test_an_update_without_a_network_keeps_the_version_that_is_here(
    server: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = files.download_model("xcomposer-7b")
    point_at("http://127.0.0.1:9", monkeypatch, tmp_path)
    assert files.download_model("xcomposer-7b", update=True) == folder
    assert "cannot be updated (the model hub 127.0.0.1:9 cannot be reached" in caplog.text


def test_two_programs_do_not_write_the_same_file(server: Hub) -> None:
    from filelock import FileLock

    folder = hubs.fetch_files(source("huggingface"), lambda step: None)
    (folder / SHARD).unlink()
    with FileLock(folder / ".lock"), pytest.raises(HubUnavailable, match="another program"):
        hubs.fetch_files(source("huggingface"), lambda step: None)


def test_a_full_disk_is_said_before_the_download(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(HubUnavailable, match="XCOMPOSER_CACHE_DIR"):
        hubs.fetch_files(source("huggingface"), lambda step: None)
    assert server.files_asked() == []


def test_paths_of_the_hub_never_leave_the_folder(server: Hub) -> None:
    server.versions[FIRST] = {**FILES, "../outside.json": b"{}"}
    folder = hubs.fetch_files(source("modelscope"), lambda step: None)
    assert held(folder) == {path: FILES[path] for path in WANTED}


@BOTH
def test_a_repository_without_files_or_without_the_version(server: Hub, name: HubName) -> None:
    with pytest.raises(HubUnavailable):
        hubs.fetch_files(source(name, "no-such-branch"), lambda step: None)
    server.versions[FIRST] = {"README.md": b"nothing"}
    with pytest.raises(HubUnavailable, match="no model files"):
        hubs.fetch_files(source(name), lambda step: None)
    assert hubs.find_download(source(name)) is None


@BOTH
def test_a_version_that_has_gone_is_said_and_an_update_helps(server: Hub, name: HubName) -> None:
    server.breaks[SHARD] = 10
    with pytest.raises(HubUnavailable):
        hubs.fetch_files(source(name), lambda step: None)
    server.breaks.clear()
    server.branch = SECOND
    del server.versions[FIRST]
    with pytest.raises(HubUnavailable, match="--update"):
        hubs.fetch_files(source(name), lambda step: None)
    assert held(hubs.fetch_files(source(name), lambda step: None, update=True))["config.json"].endswith(b'"new": 1}')


@BOTH
def test_without_a_network_one_short_question_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: HubName
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken, and nobody listens
        point_at(f"http://127.0.0.1:{closed.getsockname()[1]}", monkeypatch, tmp_path)
        with pytest.raises(HubUnavailable, match=r"127\.0\.0\.1:\d+ cannot be reached") as caught:
            hubs.fetch_files(source(name), lambda step: None)
    assert "无法访问" in caught.value.reason.text("zh")
    assert hubs.find_download(source(name)) is None


def test_a_download_of_another_program_is_taken_where_it_is_whole(server: Hub, tmp_path: Path) -> None:
    from huggingface_hub import snapshot_download

    snapshot_download("owner/model", allow_patterns=["config.json", "*.index.json", "tokenizer.model", "*-00001-*"])
    assert hubs.find_download(source("huggingface")) is None  # a shard of its index is not there
    snapshot_download("owner/model")
    found = hubs.find_download(source("huggingface"))
    assert found is not None
    assert found.complete
    assert found.folder.is_relative_to(tmp_path / "hf")
    # that program moves the branch on
    refs = tmp_path / "hf" / "models--owner--model" / "refs"
    (refs / "main").write_text(SECOND)
    assert hubs.find_download(source("huggingface")) == found
    # and then removes everything
    shutil.rmtree(tmp_path / "hf")
    folder = hubs.fetch_files(source("huggingface"), lambda step: None)
    assert folder == hubs.repository_folder(source("huggingface")) / "snapshots" / FIRST
    assert held(folder) == {path: FILES[path] for path in WANTED}


# -- by the names of configs/models ------------------------------------------------------------------------------------


CARDS = [GraphicsCard("card", 24 << 30, 24 << 30)]


def test_auto_passes_over_an_interrupted_download_and_says_so(server: Hub) -> None:
    server.breaks[SHARD] = 300_000
    with pytest.raises(ModelFilesMissing, match=r"connection broke after .*\. Its download was interrupted"):
        files.download_model("xcomposer-7b")
    choice = registry.choose_model(cards=CARDS)
    assert choice.name == embedded.NAME
    assert "interrupted (0.00 of 0.00 GB are here); this goes on: python -m composer download" in choice.why.text()
    assert "曾中断" in choice.why.text("zh")
    known = {model.name: model for model in configs.known_models()}["internlm/internlm-xcomposer-7b"]
    assert not known.available
    assert "interrupted" in known.why.text()
    server.breaks.clear()
    files.download_model("xcomposer-7b")
    assert registry.choose_model(cards=CARDS).name == "internlm/internlm-xcomposer-7b"
    known = {model.name: model for model in configs.known_models()}["internlm/internlm-xcomposer-7b"]
    assert (known.available, known.why.text()) == (True, f"downloaded (huggingface, {FIRST[:8]})")


@pytest.mark.parametrize(
    ("name", "only", "hub"),
    [
        ("xcomposer-7b", None, "huggingface"),
        ("internlm/internlm-xcomposer-7b", "modelscope", "modelscope"),
        ("Shanghai_AI_Laboratory/internlm-xcomposer-7b", None, "modelscope"),
        ("internlm-xcomposer-7b", "modelscope", "modelscope"),
    ],
)
def test_a_name_leads_to_its_repository_on_the_hub(server: Hub, name: str, only: HubName | None, hub: HubName) -> None:
    repository = {"huggingface": "internlm", "modelscope": "Shanghai_AI_Laboratory"}[hub] + "/internlm-xcomposer-7b"
    folder = files.download_model(name, hub=only)
    assert folder.parents[1] == cache_path("models", hub, repository.replace("/", "--"))
    assert any(f"/{repository}/" in path for _, path, _ in server.asked)
    # what one hub brought is found whichever hub would be asked now, unless the other one is named
    server.asked.clear()
    assert files.download_model("xcomposer-7b") == folder
    assert server.asked == []


def test_names_that_are_no_models_names(server: Hub) -> None:
    assert configs.is_known_model("auto")
    assert configs.is_known_model("xcomposer-vl-7b")
    assert not configs.is_known_model("xcomposer")
    with pytest.raises(UnknownModel):
        files.download_model("gpt-9")
    assert server.asked == []


def test_plan_and_convert_take_the_name_of_what_is_here(server: Hub, tmp_path: Path, tokenizer_file: Path) -> None:
    from composer.cli import app

    run = CliRunner()
    absent = run.invoke(app, ["plan", "--folder", "xcomposer-7b"])
    assert absent.exit_code == 2
    assert "Get them with: python -m composer download xcomposer-7b --hub huggingface" in absent.stderr
    folder = write_folder(tmp_path / "x", tokenizer_file)
    server.versions[FIRST] = {path.name: path.read_bytes() for path in folder.iterdir()}
    files.download_model("xcomposer-7b", hub="modelscope")
    planned = run.invoke(app, ["plan", "--folder", "xcomposer-7b", "--num_gpus", "2"])
    assert planned.exit_code == 0, planned.stderr
    assert "GPU 1: weights" in planned.stdout
    converted = run.invoke(app, ["convert", "xcomposer-7b", str(tmp_path / "new")])
    assert converted.exit_code == 0, converted.stderr
    assert (tmp_path / "new" / "model.safetensors").is_file()
    assert run.invoke(app, ["plan", "--folder", "no-such-name"]).exit_code == 2


def test_the_page_takes_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Settings] = []
    monkeypatch.setattr("ui.launch.cli.run", lambda settings, logins: served.append(settings))
    for arguments in (["--hub", "modelscope", "--update", "--offload", "--model", "xcomposer-7b", "--private"], []):
        assert CliRunner().invoke(page_command, arguments).exit_code == 0
    assert served[0].model_options == {"hub": "modelscope", "update": True, "offload": True}
    assert (served[1].model_options, served[0].share) == ({}, False)
