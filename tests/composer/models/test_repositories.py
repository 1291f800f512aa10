"""Models by the name of any repository of a hub: from another program's cache, downloaded, or refused with a reason."""
# ruff: noqa: F811 - a fixture is imported and is an argument

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import composer.models.transformers_vlm
from composer.cli import app
from composer.errors import InputError, ModelFilesBroken, ModelFilesMissing, UnknownModel
from composer.models import configs, load_model
from composer.models.base import LoadProgress
from tests.composer.hub_server import FIRST, Hub
from tests.composer.models.gguf_standins import write_file
from tests.composer.models.test_hub import point_at, server  # noqa: F401 - fixtures
from ui.launch.cli import check_names

NAME = "somebody/tiny-llama"
CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
FILES = {
    "config.json": json.dumps(CONFIG).encode(),
    "tokenizer.json": b"{}",
    "model.safetensors": bytes(1000),
    "consolidated.safetensors": bytes(1000),
    "modeling_tiny.py": b"raise SystemExit",
}


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that would be loaded."""
    found: list[Path] = []

    def load(folder: Path, **options: Any) -> Any:
        found.append(folder)
        return SimpleNamespace(name=options["name"])

    monkeypatch.setattr(composer.models.transformers_vlm, "load", load, raising=False)
    return found


def keep(cache: Path, name: str, files: dict[str, bytes]) -> Path:
    """The files as huggingface_hub keeps them."""
    repository = cache / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / FIRST
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(FIRST)
    for path, content in files.items():
        (snapshot / path).write_bytes(content)
    return snapshot


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "MODELSCOPE_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "nothing"))
    return tmp_path / "hf-home"


def test_what_another_program_downloaded_is_taken(server: Hub, cache: Path, loaded: list[Path]) -> None:
    snapshot = keep(cache, NAME, FILES)
    assert load_model(NAME).name == f"hf:{NAME}"
    assert (loaded, server.asked) == ([snapshot], [])


def test_a_repository_is_downloaded_with_its_size_said(server: Hub, cache: Path, loaded: list[Path]) -> None:
    server.versions[FIRST] = FILES
    steps: list[LoadProgress] = []
    assert load_model(NAME, progress=steps.append).name == NAME
    assert {path.name for path in loaded[0].iterdir()} - {".lock"} == set(FILES) - {
        "consolidated.safetensors",
        "modeling_tiny.py",
    }
    assert {step.total for step in steps if step.stage == "download"} == {1002 + len(FILES["config.json"])}
    server.asked.clear()
    load_model(NAME)
    assert (loaded[1], server.asked) == (loaded[0], [])


def test_without_a_network_it_is_said_how_to_get_one(
    server: Hub, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at("http://127.0.0.1:9", monkeypatch, tmp_path)
    with pytest.raises(
        ModelFilesMissing, match=r"tiny-llama.*127\.0\.0\.1:9 cannot be reached.*composer download some"
    ):
        load_model(NAME)
    keep(cache, NAME, {"config.json": FILES["config.json"]})
    with pytest.raises(ModelFilesMissing, match="Its weights are not here: its download was not finished"):
        load_model(NAME)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"model_type": "own", "auto_map": {"AutoModel": "modeling_own.Own"}},
            "programs from model folders are not run",
        ),
        ({"model_type": "t5"}, "does not continue conversations"),
    ],
)
def test_a_kind_that_is_not_known_is_refused_before_its_weights_come(
    server: Hub, cache: Path, config: dict[str, Any], said: str
) -> None:
    server.versions[FIRST] = {**FILES, "config.json": json.dumps(config).encode()}
    with pytest.raises(ModelFilesBroken, match=said):
        load_model(NAME)
    assert [path for path, _range in server.files_asked()] == ["config.json"]


def test_a_repository_of_gguf_files_is_said_to_be_one(server: Hub, cache: Path) -> None:
    server.versions[FIRST] = {"model-Q4_K_M.gguf": bytes(100), "config.json": b"{}"}
    with pytest.raises(ModelFilesMissing, match=r"has no file model\*\.safetensors.*--model FILE\.gguf"):
        load_model("somebody/tiny-GGUF")
    snapshot = keep(cache, "somebody/tiny-GGUF", {})
    for name in ("one", "two"):
        write_file(snapshot / f"{name}.gguf")
    with pytest.raises(InputError, match=r"several models here: .*--model hf:somebody/tiny-GGUF:one"):
        load_model("somebody/tiny-GGUF")


def test_the_command_downloads_it(server: Hub, cache: Path) -> None:
    server.versions[FIRST] = FILES
    answer = CliRunner().invoke(app, ["download", NAME, "--hub", "modelscope"])
    assert answer.exit_code == 0, answer.stderr
    assert (Path(answer.stdout.strip()) / "model.safetensors").stat().st_size == 1000


def test_what_is_no_name_of_a_repository_is_unknown_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # beside a checkout may lie a folder "a"
    for name in ("gpt-9", "a/b/c", "./a/b", "../a", "a/", "/a", "~/a", "a b/c", "models/x.gguf"):
        assert configs.repository_config(name) is None, name
        with pytest.raises((UnknownModel, ModelFilesMissing)):
            check_names(name, None)
    check_names(NAME, None)
