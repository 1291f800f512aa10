"""Names, folders and files become models; unknown ones are answered with what is known."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import composer.models.gguf
import composer.models.xcomposer
from common.messages import _
from composer.errors import (
    InputError,
    ModelFilesBroken,
    ModelFilesMissing,
    SettingsError,
    UnknownModel,
)
from composer.models import cards, configs, embedded, files, registry
from composer.models.base import LoadProgress
from composer.models.cards import GraphicsCard
from composer.models.hub import Download, HubUnavailable, Source
from composer.settings import load_settings
from tests.composer.models.gguf_standins import ENTRIES, write_file, write_parts

GIB = 1 << 30


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, Path, dict[str, Any]]]:
    """What would be loaded: (kind, path, arguments). No card, nothing downloaded, the embedded file in place."""
    calls: list[tuple[str, Path, dict[str, Any]]] = []

    def load_gguf(path: Path, **options: Any) -> object:
        calls.append(("gguf", path, options))
        return SimpleNamespace(name=options["name"])

    def load_xcomposer(folder: Path, **options: Any) -> object:
        calls.append(("xcomposer", folder, options))
        return SimpleNamespace(name=folder.name)

    monkeypatch.setattr(composer.models.gguf, "GgufModel", load_gguf)
    monkeypatch.setattr(composer.models.xcomposer, "load", load_xcomposer, raising=False)
    monkeypatch.setattr(embedded, "model_file", lambda progress: tmp_path / "embedded.gguf")
    monkeypatch.setattr(registry, "graphics_cards", list)
    for module in (configs, files):
        monkeypatch.setattr(module, "find_download", lambda source: None)
    return calls


Calls = list[tuple[str, Path, dict[str, Any]]]


@pytest.mark.parametrize("wanted", [None, "auto", "", "qwen2.5-coder-1.5b"])
def test_the_embedded_model_is_what_there_is(loaded: Calls, tmp_path: Path, wanted: str | None) -> None:
    model = registry.load_model(wanted, threads=2, context_tokens=None, num_gpus=0)
    assert model.name == "qwen2.5-coder-1.5b"
    kind, path, options = loaded[0]
    assert (kind, path) == ("gguf", tmp_path / "embedded.gguf")
    assert options["threads"] == 2
    assert options["num_gpus"] == 0
    assert "context_tokens" not in options


def test_whoever_waits_hears_why_it_is_this_one(loaded: Calls) -> None:
    steps: list[LoadProgress] = []
    registry.load_model("auto", progress=steps.append)
    assert steps[0].detail == "Using qwen2.5-coder-1.5b: no NVIDIA card is used here."
    registry.load_model("qwen2.5-coder-1.5b", progress=steps.append)
    assert len([step for step in steps if step.detail.startswith("Using")]) == 1


def test_a_file_and_a_folder_with_one_are_loaded(loaded: Calls, tmp_path: Path) -> None:
    path = write_file(tmp_path / "mine.gguf")
    (tmp_path / "mmproj-mine.gguf").touch()
    assert registry.load_model(str(path)).name == "mine"
    assert registry.load_model(tmp_path).name == "mine"
    assert [call[1] for call in loaded] == [path, path]


def test_a_folder_with_several_files_asks_which(loaded: Calls, tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        write_file(tmp_path / name)
    with pytest.raises(InputError, match=r"several models: a\.gguf, b\.gguf"):
        registry.load_model(tmp_path)


@pytest.mark.parametrize("name", ["mmproj-F16.gguf", "m.mmproj-f16.gguf", "m-mmproj-F16.gguf", "MMPROJ-m.GGUF"])
def test_a_damaged_picture_part_is_known_by_its_name(loaded: Calls, tmp_path: Path, name: str) -> None:
    path = write_file(tmp_path / "m-Q4_K_M.gguf")
    (tmp_path / name).write_bytes(b"GGUF")
    assert registry.load_model(tmp_path).name == "m-Q4_K_M"
    assert loaded[0][1] == path


@pytest.mark.parametrize(
    "kind", [{"general.architecture": "clip"}, {"general.type": "adapter"}, {"general.type": "imatrix"}]
)
def test_what_lies_beside_a_model_is_known_by_its_header(loaded: Calls, tmp_path: Path, kind: dict[str, str]) -> None:
    path = write_file(tmp_path / "model.gguf")
    write_file(tmp_path / "beside.gguf", {**ENTRIES, **kind})
    registry.load_model(tmp_path)
    assert loaded[0][1] == path


def test_a_model_may_have_mmproj_in_its_name(loaded: Calls, tmp_path: Path) -> None:
    path = write_file(tmp_path / "no-mmproj-needed.gguf")
    registry.load_model(tmp_path)
    assert loaded[0][1] == path


def test_a_folder_with_a_model_in_parts_holds_one_model(loaded: Calls, tmp_path: Path) -> None:
    parts = write_parts(tmp_path)
    assert registry.load_model(tmp_path).name == "tiny"
    assert registry.load_model(parts[1]).name == "tiny"
    assert loaded[0][1] == parts[0]


def test_an_xcomposer_folder_goes_to_its_own_loader(loaded: Calls, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "InternLMXComposer"}))
    registry.load_model(tmp_path, num_gpus=2, threads=4, quantization="nf4")
    kind, folder, options = loaded[0]
    assert (kind, folder) == ("xcomposer", tmp_path)
    assert (options["num_gpus"], options["quantization"]) == (2, "nf4")
    assert "threads" not in options


@pytest.mark.parametrize(
    ("config", "error", "sentence"),
    [
        ('{"model_type": "llava"}', ModelFilesMissing, "model.safetensors"),
        ("{broken", ModelFilesBroken, "cannot be read"),
        ("[]", ModelFilesBroken, "cannot be read"),
        (None, ModelFilesMissing, "qwen2.5-coder-1.5b"),
    ],
)
def test_other_folders_are_refused_with_what_is_known(
    loaded: Calls, tmp_path: Path, config: str | None, error: type[Exception], sentence: str
) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(error, match=sentence):
        registry.load_model(tmp_path)


def test_an_unknown_name_is_answered_with_the_known_ones(loaded: Calls) -> None:
    with pytest.raises(UnknownModel) as caught:
        registry.load_model("gpt-9")
    for language in ("en", "zh"):
        assert "gpt-9" in caught.value.text(language)
        assert "internlm/internlm-xcomposer-7b" in caught.value.text(language)
        assert "qwen2.5-coder-1.5b" in caught.value.text(language)


@pytest.mark.parametrize("wanted", ["/no/such/folder", "./missing.gguf", "missing.gguf", "~/nothing-here"])
def test_a_path_that_is_not_there_is_said_to_be_a_path(loaded: Calls, wanted: str) -> None:
    with pytest.raises(ModelFilesMissing, match="no such file or folder"):
        registry.load_model(wanted)


def test_every_option_of_the_native_model_reaches_it(loaded: Calls, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "InternLMXComposer"}))
    settings = load_settings(offload=True, rotary="exact", compiled=True, hub="modelscope", threads=2)
    registry.load_model(tmp_path, **settings.model_options)
    options = loaded[0][2]
    assert {name: options[name] for name in ("offload", "rotary", "compiled")} == {
        "offload": True,
        "rotary": "exact",
        "compiled": True,
    }
    assert not {"hub", "update", "threads"} & options.keys()
    with pytest.raises(SettingsError, match="'offload' has the value 'True'.*no such option"):  # noqa: RUF043
        registry.load_model("auto", offload=True)


def test_an_option_the_model_does_not_have_is_refused(loaded: Calls) -> None:
    with pytest.raises(SettingsError, match="'quantization' has the value 'nf4'.*threads, context_tokens"):  # noqa: RUF043
        registry.load_model("auto", quantization="nf4")


def test_a_named_model_that_cannot_be_downloaded_is_said(loaded: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = _("the model hub {host} cannot be reached; is this machine online?", host="hub.example")

    def unreachable(*args: object, **kwargs: object) -> Path:
        raise HubUnavailable(reason)

    monkeypatch.setattr(files, "fetch_files", unreachable)
    with pytest.raises(ModelFilesMissing) as caught:
        registry.load_model("xcomposer-7b")
    way_out = "is this machine online?). From another hub: --hub modelscope. With a copy of your own: --folder"
    assert way_out in str(caught.value)
    assert "无法访问模型仓库" in reason.text("zh")
    assert f"{reason.text('zh')}）。换一个模型仓库：--hub modelscope" in caught.value.text("zh")


def test_a_named_model_is_downloaded_without_foreign_code(
    loaded: Calls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Source] = []

    def download(source: Source, report: object, **_options: Any) -> Path:
        asked.append(source)
        return tmp_path

    monkeypatch.setattr(files, "fetch_files", download)
    steps: list[LoadProgress] = []
    registry.load_model("internlm/internlm-xcomposer-7b-4bit", progress=steps.append)
    assert (asked[0].hub, asked[0].repository) == ("huggingface", "internlm/internlm-xcomposer-7b-4bit")
    assert not any(pattern.endswith("py") or pattern == "*" for pattern in asked[0].patterns)
    assert loaded[0][:2] == ("xcomposer", tmp_path)
    assert loaded[0][2]["name"] == "internlm/internlm-xcomposer-7b-4bit"  # not the folder's, which is a commit
    assert steps[0].stage == "find"


@pytest.mark.parametrize(
    ("memory", "count", "num_gpus", "here", "taken", "reason"),
    [
        ([], 0, None, True, "qwen2.5-coder-1.5b", "no NVIDIA card"),
        ([24], 1, None, True, "internlm/internlm-xcomposer-7b", "24.0 GiB"),
        ([24], 1, 0, True, "qwen2.5-coder-1.5b", "no NVIDIA card"),
        ([12, 12], 2, None, True, "internlm/internlm-xcomposer-7b", "24.0 GiB"),
        ([12, 12], 2, 1, True, "qwen2.5-coder-1.5b", "12.0 are free"),
        ([24], 1, None, False, "qwen2.5-coder-1.5b", "not here"),
    ],
)
def test_auto_says_what_it_takes_and_why(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    memory: list[int],
    count: int,
    num_gpus: int | None,
    here: bool,
    taken: str,
    reason: str,
) -> None:
    monkeypatch.setattr(
        configs, "find_download", lambda source: Download(source, "a" * 40, {}, tmp_path) if here else None
    )
    choice = registry.choose_model(
        num_gpus=num_gpus, cards=[GraphicsCard("card", size * GIB, 24 * GIB) for size in memory]
    )
    assert choice.name == taken
    assert reason in choice.why.text()
    assert taken in choice.why.text("zh")


def test_auto_refuses_more_cards_than_there_are(loaded: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "graphics_cards", lambda: [GraphicsCard("card", 24 * GIB, 24 * GIB)])
    with pytest.raises(SettingsError, match=r"this machine has 1 usable GPU\. Ask for at most 1\."):
        registry.load_model(num_gpus=2)
    assert not loaded


def test_only_folders_are_planned_and_converted(tmp_path: Path) -> None:
    assert files.local_folder(str(tmp_path)) == tmp_path
    with pytest.raises(UnknownModel, match="internlm/internlm-xcomposer-7b-4bit"):
        files.local_folder("xcomposer-8b")
    with pytest.raises(ModelFilesMissing, match="no such file or folder"):
        files.local_folder(str(tmp_path / "gone"))
    with pytest.raises(InputError, match="is one file and runs on the CPU"):
        files.local_folder("qwen2.5-coder-1.5b")


def test_known_models_say_whether_they_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configs, "find_download", lambda source: None)
    monkeypatch.setattr(embedded, "is_ready", lambda: True)
    models = configs.known_models()
    assert models[0].name == "qwen2.5-coder-1.5b"  # what can be loaded comes first
    assert models[0].available
    others = {model.name: model for model in models[1:]}
    assert {f"internlm/internlm-xcomposer-{size}" for size in ("7b", "vl-7b", "7b-4bit")} <= set(others)
    assert {"Qwen/Qwen3-VL-4B-Instruct", "google/gemma-3-4b-it"} <= set(others)
    seeing = [config for config in configs.model_configs() if config.kind == "transformers"]
    assert all(
        config.licence
        and f"{config.size_gb} GB" in config.description[language]
        and memory in config.description[language]
        for config in seeing
        for language in ("en", "zh")
        for memory in [f" {config.gpu_memory_gb * GIB / 1e9:.0f} GB"]
    )
    table = (Path(__file__).parents[3] / "docs" / "models.md").read_text("utf-8").splitlines()
    for config in seeing:
        (row,) = [line for line in table if line.startswith(f"| `{config.short}`")]
        assert row.endswith(f"| {config.size_gb} GB | {config.gpu_memory_gb * GIB / 1e9:.0f} GB |")
    assert all(
        not model.available and "--model" in str(model.why) and model.description["zh"] for model in others.values()
    )


def test_cards_are_read_from_the_drivers_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = "23028, 24564, NVIDIA GeForce RTX 4090\n[N/A], [N/A], Odd\n"
    monkeypatch.setattr(cards.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(cards.subprocess, "run", lambda *args, **kwargs: SimpleNamespace(stdout=answer))
    assert cards.graphics_cards() == [GraphicsCard("NVIDIA GeForce RTX 4090", 23028 << 20, 24564 << 20)]

    def broken(*args: object, **kwargs: object) -> None:
        raise subprocess.CalledProcessError(9, "nvidia-smi")

    monkeypatch.setattr(cards.subprocess, "run", broken)
    assert cards.graphics_cards() == []
    monkeypatch.setattr(cards.shutil, "which", lambda name: None)
    assert cards.graphics_cards() == []


def test_a_damaged_model_config_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("kind: embedded\nname: x\nunknown: 1\n")
    monkeypatch.setattr(configs, "CONFIGS", tmp_path)
    configs.model_configs.cache_clear()
    try:
        with pytest.raises(SettingsError, match=r"odd\.yaml"):
            configs.known_models()
    finally:
        configs.model_configs.cache_clear()


def test_importing_the_registry_loads_no_engine() -> None:
    program = (
        "import sys, composer.models.xcomposer, composer.models.registry, composer.commands, composer.doctor\n"
        "from composer.models.xcomposer import END_OF_BOT, plan, show_bytes\n"
        "print([m for m in ('torch', 'transformers', 'xllamacpp', 'gradio', 'faiss') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
