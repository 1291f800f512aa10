"""Models in other programs' stores, made as those programs lay them out: listed, described, resolved by name."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import composer.models.endpoint
import composer.models.gguf
import composer.models.transformers_vlm
from composer.cli import app
from composer.errors import EndpointUnusable, ModelFilesMissing
from composer.models import is_known_model, registry
from composer.models.discovery import LocalModel, find_local_model, listing, local_models, propose
from tests.composer.models.gguf_standins import ENTRIES, write_file, write_parts

EYES = {"general.architecture": "clip", "clip.has_vision_encoder": 1}
MERGED = {**ENTRIES, "llama.vision.block_count": 4}
VISION = {"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl", "vision_config": {}}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty home of a person on Linux."""
    for name in (
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HF_HOME",
        "MODELSCOPE_CACHE",
        "OLLAMA_MODELS",
        "OLLAMA_HOST",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("LLAMA_CACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(listing, "graphics_cards", list)
    return tmp_path


def folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_folder(path: Path, config: dict[str, Any] = VISION, weights: int = 1000) -> Path:
    """A model of transformers, or what looks like one."""
    folder(path)
    (path / "config.json").write_text(json.dumps(config))
    (path / "chat_template.jinja").write_text("{{ messages }}")
    (path / "model.safetensors").write_bytes(b"\0" * weights)
    return path


def write_ollama(
    store: Path, name: str, tag: str, blobs: list[tuple[str, dict[str, Any]]], space: str = "library"
) -> list[Path]:
    """A model in Ollama's store; blobs: kind of layer and entries of the GGUF file."""
    layers, paths = [], []
    for at, (kind, entries) in enumerate(blobs):
        digest = f"{abs(hash((name, tag, at))):064x}"[-64:]
        path = write_file(folder(store / "blobs") / f"sha256-{digest}", entries)
        layers.append(
            {
                "mediaType": f"application/vnd.ollama.image.{kind}",
                "digest": f"sha256:{digest}",
                "size": path.stat().st_size,
            }
        )
        paths.append(path)
    manifest = folder(store / "manifests" / "registry.ollama.ai" / space / name) / tag
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))
    return paths


def write_hf(cache: Path, repository: str, files: dict[str, Callable[[Path], Any]]) -> Path:
    """A repository in Hugging Face's cache: the files in blobs, links to them in the snapshot."""
    place = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder(place / "snapshots" / ("a" * 40))
    folder(place / "refs").joinpath("main").write_text("a" * 40)
    for number, (name, write) in enumerate(files.items()):
        blob = folder(place / "blobs") / f"{number:064x}"
        write(blob)
        folder((snapshot / name).parent)
        (snapshot / name).symlink_to(blob)
    return place


def one(models: list[LocalModel]) -> LocalModel:
    assert len(models) == 1, models
    return models[0]


# -- stores ------------------------------------------------------------------------------------------------------------


def test_an_empty_machine_has_none() -> None:
    assert local_models() == []
    assert propose([]) is None


def test_ollama_blobs_are_named_as_its_list_names_them(home: Path) -> None:
    store = home / ".ollama" / "models"
    text = write_ollama(store, "tiny", "1b", [("model", ENTRIES), ("license", ENTRIES)])
    eyes = write_ollama(store, "llava", "7b", [("model", ENTRIES), ("projector", EYES)], "somebody")
    models = {model.name: model for model in local_models()}
    assert list(models) == ["ollama:somebody/llava:7b", "ollama:tiny:1b"]  # who sees comes first
    assert (models["ollama:tiny:1b"].path, models["ollama:tiny:1b"].sees) == (text[0], False)
    seeing = models["ollama:somebody/llava:7b"]
    assert (seeing.path, seeing.mmproj, seeing.sees, seeing.loadable) == (*eyes, True, True)
    assert seeing.size == sum(path.stat().st_size for path in eyes)
    assert seeing.memory > seeing.size
    assert (seeing.store, seeing.engine, seeing.quantization, seeing.chat_template) == (
        "Ollama",
        "llama.cpp",
        "Q4_K_M",
        True,
    )


def test_names_of_ollama_that_share_a_file_are_all_listed(home: Path) -> None:
    write_ollama(store := home / ".ollama" / "models", "tiny", "1b", [("model", ENTRIES)])
    names = store.joinpath("manifests", "registry.ollama.ai", "library", "tiny")
    (names / "copy").write_bytes((names / "1b").read_bytes())  # `ollama cp`
    assert [model.name for model in local_models()] == ["ollama:tiny:1b", "ollama:tiny:copy"]


def test_a_model_of_ollama_s_own_engine_is_used_through_its_server(home: Path) -> None:
    write_ollama(home / ".ollama" / "models", "qwen3-vl", "4b", [("model", MERGED)])
    model = one(local_models())
    assert (model.engine, model.sees, model.loadable) == ("server", True, True)
    assert model.address == "http://127.0.0.1:11434/v1#qwen3-vl:4b"
    assert model.why is not None
    assert "ollama serve" in model.why.text()


def test_merged_files_outside_of_ollama_are_refused_with_the_reason(home: Path) -> None:
    write_file(folder(home / ".lmstudio" / "models" / "p" / "merged") / "a.gguf", MERGED)
    model = one(local_models())
    assert not model.loadable
    with pytest.raises(ModelFilesMissing, match="language model and picture part in one"):
        find_local_model(model.name)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda blob, manifest: blob.unlink(), "is missing from the store. Fetch it again with: ollama pull tiny:1b"),
        (lambda blob, manifest: blob.rename(f"{blob}-partial"), "was not finished. Go on with: ollama pull tiny:1b"),
        (lambda blob, manifest: blob.write_bytes(blob.read_bytes()[:-5]), r"has \d+ bytes instead of \d+"),
        (lambda blob, manifest: manifest.write_text("{"), "manifest .* cannot be read"),
        (lambda blob, manifest: manifest.write_text('{"layers": 3}'), "manifest .* cannot be read"),
        (lambda blob, manifest: manifest.write_bytes(b"\xff\xfe"), "manifest .* cannot be read"),
        (lambda blob, manifest: manifest.write_text("[" * 200_000), "manifest .* cannot be read"),
        (lambda blob, manifest: manifest.write_text('{"layers": []}'), "no weights on this machine"),
        (
            lambda blob, manifest: manifest.write_text(
                json.dumps(
                    {"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../x"}]}
                )
            ),
            "no weights on this machine",
        ),
        (
            lambda blob, manifest: manifest.write_text(
                json.dumps({"layers": [{"mediaType": "application/vnd.ollama.image.tensor; name=a", "digest": "x"}]})
            ),
            "Ollama's server: --model http://127.0.0.1:11434/v1#tiny:1b",
        ),
        (lambda blob, manifest: blob.write_bytes(b"x" * blob.stat().st_size), "no GGUF file"),
    ],
)
def test_what_is_wrong_in_ollama_s_store_is_a_sentence_and_the_list_is_shown(
    home: Path, spoil: Any, sentence: str
) -> None:
    store = home / ".ollama" / "models"
    (blob,) = write_ollama(store, "tiny", "1b", [("model", ENTRIES)])
    write_ollama(store, "good", "1b", [("model", ENTRIES)])
    spoil(blob, store / "manifests" / "registry.ollama.ai" / "library" / "tiny" / "1b")
    good, bad = local_models()
    assert (good.name, good.loadable) == ("ollama:good:1b", True)
    assert (bad.name, bad.loadable) == ("ollama:tiny:1b", False)
    with pytest.raises(ModelFilesMissing, match=sentence):
        find_local_model("ollama:tiny:1b")
    assert "ollama:tiny:1b" in CliRunner().invoke(app, ["models"]).output


def test_the_place_of_ollama_is_where_its_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "big disk"))
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:12345")
    write_ollama(tmp_path / "big disk", "tiny", "latest", [("model", MERGED)])
    assert find_local_model("ollama:tiny").address == "http://127.0.0.1:12345/v1#tiny:latest"


def test_hugging_face_s_cache_has_folders_and_files(home: Path) -> None:
    cache = home / ".cache" / "huggingface" / "hub"
    config = lambda path: path.write_text(json.dumps(VISION))  # noqa: E731
    write_hf(
        cache, "Qwen/Qwen3-VL-4B", {"config.json": config, "model.safetensors": lambda p: p.write_bytes(b"\0" * 50)}
    )
    write_hf(
        cache,
        "unsloth/Qwen3-VL-4B-GGUF",
        {
            "config.json": config,  # of the original; the folder is no model of transformers
            "Qwen3-VL-4B-Q4_K_M.gguf": lambda p: write_file(p),
            "Qwen3-VL-4B-Q8_0.gguf": lambda p: write_file(p),
            "mmproj-F16.gguf": lambda p: write_file(p, {**EYES, "general.name": "Tiny"}),
        },
    )
    write_hf(
        cache,
        "big/Model-GGUF",
        {"Q8_0/tiny.gguf": lambda p: write_file(p), "mmproj.gguf": lambda p: write_file(p, EYES)},
    )
    write_hf(cache, "sentence/bert", {"config.json": lambda p: p.write_text('{"architectures": ["BertModel"]}')})
    found = {model.name: model for model in local_models()}
    assert sorted(found) == [
        "hf:Qwen/Qwen3-VL-4B",
        "hf:big/Model-GGUF",
        "hf:unsloth/Qwen3-VL-4B-GGUF:Qwen3-VL-4B-Q4_K_M",
        "hf:unsloth/Qwen3-VL-4B-GGUF:Qwen3-VL-4B-Q8_0",
    ]
    assert all(model.sees and model.loadable for model in found.values()), found
    whole = found["hf:Qwen/Qwen3-VL-4B"]
    assert (whole.engine, whole.size, whole.architecture, whole.chat_template) == (
        "transformers",
        50,
        "qwen3_vl",
        False,
    )


def test_half_a_download_of_hugging_face_says_so(home: Path) -> None:
    cache = home / ".cache" / "huggingface" / "hub"
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    place = write_hf(
        cache,
        "a/half",
        {
            "config.json": lambda p: p.write_text(json.dumps(VISION)),
            "model.safetensors.index.json": lambda p: p.write_text(json.dumps(index)),
            "model-00001-of-00002.safetensors": lambda p: p.write_bytes(b"\0" * 7),
            "model-00002-of-00002.safetensors": lambda p: p.write_bytes(b"\0" * 7),
        },
    )
    assert find_local_model("hf:a/half").loadable
    (place / "blobs" / f"{3:064x}").unlink()  # the link leads into nothing
    with pytest.raises(ModelFilesMissing, match="Of its 2 files of weights 1 are missing"):
        find_local_model("hf:a/half")
    folder(cache / "models--b--none" / "blobs").joinpath("x.incomplete").touch()
    with pytest.raises(ModelFilesMissing, match="Go on with: hf download b/none"):
        find_local_model("hf:b/none")


def test_the_other_stores_are_found_where_those_programs_keep_them(home: Path) -> None:
    lm = folder(home / ".lmstudio" / "models" / "lmstudio-community" / "tiny-GGUF")
    write_file(lm / "tiny-Q4.gguf")
    write_file(lm / "mmproj-tiny.gguf", EYES)
    mlx = {**VISION, "quantization": {"group_size": 64, "bits": 4}}
    write_folder(home / ".lmstudio" / "models" / "mlx-community" / "tiny-4bit", mlx)
    write_folder(home / ".cache" / "modelscope" / "hub" / "models" / "Qwen" / "Qwen2___5-VL")
    write_folder(home / ".cache" / "modelscope" / "hub" / "models" / "OpenGVLab--Intern" / "snapshots" / "master")
    write_file(folder(home / ".local" / "share" / "nomic.ai" / "GPT4All") / "Llama-3.gguf")
    write_parts(folder(home / ".cache" / "gpt4all"), 2)
    jan = folder(home / ".local" / "share" / "Jan" / "data" / "llamacpp" / "models" / "org" / "tiny")
    write_file(jan / "model.gguf")
    write_file(jan / "mmproj.gguf", EYES)
    place = "llamacpp/models/org/tiny"
    (jan / "model.yml").write_text(
        f"name: T\nmodel_path: {place}/model.gguf\nmmproj_path: {place}/mmproj.gguf\nsize_bytes: 9\n"
    )
    cpp = folder(home / ".cache" / "llama.cpp")
    write_file(cpp / "ggml-org_tiny-GGUF_tiny-Q4_K_M.gguf")
    write_file(cpp / "ggml-org_tiny-GGUF_mmproj-tiny-f16.gguf", EYES)
    write_file(cpp / "other_model-GGUF_model-Q8_0.gguf")
    found = {model.name: (model.store, model.sees, model.loadable) for model in local_models()}
    assert found == {
        "gpt4all:Llama-3": ("GPT4All", False, True),
        "gpt4all:tiny": ("GPT4All", False, True),
        "jan:org/tiny": ("Jan", True, True),
        "llamacpp:ggml-org_tiny-GGUF_tiny-Q4_K_M": ("llama.cpp", True, True),
        "llamacpp:other_model-GGUF_model-Q8_0": ("llama.cpp", False, True),
        "lmstudio:lmstudio-community/tiny-GGUF": ("LM Studio", True, True),
        "lmstudio:mlx-community/tiny-4bit": ("LM Studio", True, False),
        "modelscope:OpenGVLab/Intern": ("ModelScope", True, True),
        "modelscope:Qwen/Qwen2.5-VL": ("ModelScope", True, True),
    }


def test_stores_that_were_moved_are_followed(home: Path) -> None:
    write_file(folder(home / "disk" / "lm" / "p" / "a") / "a.gguf")
    folder(home / "studio").joinpath("settings.json").write_text(
        json.dumps({"downloadsFolder": str(home / "disk" / "lm")})
    )
    (home / ".lmstudio-home-pointer").write_text(f"{home / 'studio'}\n")
    write_file(folder(home / "disk" / "gpt") / "b.gguf")
    folder(home / ".config" / "nomic.ai").joinpath("GPT4All.ini").write_text(
        f"[General]\nmodelPath={home / 'disk' / 'gpt'}/\n"
    )
    jan = folder(home / "disk" / "jan" / "llamacpp" / "models" / "c")
    (jan / "model.yml").write_text(f"model_path: {write_file(jan / 'c.gguf')}\n")
    folder(home / ".config" / "Jan").joinpath("settings.json").write_text(
        json.dumps({"data_folder": str(home / "disk" / "jan")})
    )
    assert [model.name for model in local_models()] == ["gpt4all:b", "jan:c", "lmstudio:p/a"]


def test_unfinished_downloads_of_the_others_are_sentences(home: Path) -> None:
    write_file(folder(home / ".local" / "share" / "nomic.ai" / "GPT4All") / "incomplete-a.gguf")
    folder(home / ".lmstudio" / "models" / "p" / "b").joinpath("downloading_b.gguf.part").touch()
    folder(home / ".cache" / "llama.cpp").joinpath("c.gguf.downloadInProgress").touch()
    models = folder(home / ".config" / "Jan" / "data" / "llamacpp" / "models")
    folder(models / "d").joinpath("model.yml").write_text("model_path: llamacpp/models/d/model.gguf\n")
    folder(models / "e").joinpath("model.yml").write_text(": : :\n- [")
    found = {model.name: model.why for model in local_models()}
    assert sorted(found) == ["gpt4all:a", "jan:d", "jan:e", "llamacpp:c", "lmstudio:p/b"]
    sentences = [why.text() for why in found.values() if why is not None]
    assert len(sentences) == 5
    assert sum("was not finished" in sentence for sentence in sentences) == 3
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in why.text("zh")) for why in found.values() if why)


# -- by name -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, dict[str, Any]]]:
    """What would be loaded: (engine, path or address, options)."""
    calls: list[tuple[str, Any, dict[str, Any]]] = []

    def loader(engine: str) -> Callable[..., Any]:
        def load(place: Any, **options: Any) -> Any:
            calls.append((engine, place, {key: value for key, value in options.items() if key != "progress"}))
            return SimpleNamespace(name=options.get("name"))

        return load

    monkeypatch.setattr(composer.models.gguf, "GgufModel", loader("gguf"))
    # not by setattr: asking for the old value would import torch
    monkeypatch.setitem(vars(composer.models.transformers_vlm), "load", loader("transformers"))
    monkeypatch.setattr(composer.models.endpoint, "EndpointModel", loader("endpoint"))
    monkeypatch.setattr(registry, "graphics_cards", list)
    return calls


def test_a_name_of_a_store_loads_its_file_folder_or_server(
    home: Path, loaded: list[tuple[str, Any, dict[str, Any]]]
) -> None:
    model, eyes = write_ollama(
        home / ".ollama" / "models", "llava", "latest", [("model", ENTRIES), ("projector", EYES)]
    )
    write_ollama(home / ".ollama" / "models", "qwen3-vl", "4b", [("model", MERGED)])
    whole = write_folder(home / ".cache" / "modelscope" / "hub" / "models" / "Qwen" / "VL")
    assert is_known_model("ollama:llava")
    assert registry.load_model("ollama:llava", threads=2).name == "ollama:llava:latest"
    registry.load_model("modelscope:VL")
    registry.load_model("Ollama:QWEN3-vl:4b", threads=3, num_gpus=0)
    (engine, place, options), folder_call, served = loaded
    assert (engine, place, options["mmproj"], options["threads"]) == ("gguf", model, eyes, 2)
    assert (folder_call[0], folder_call[1], folder_call[2]["name"]) == ("transformers", whole, "modelscope:Qwen/VL")
    assert (served[0], served[1], served[2]["served_name"]) == ("endpoint", "http://127.0.0.1:11434/v1", "qwen3-vl:4b")


def test_a_server_that_does_not_run_is_told_with_what_to_start(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")
    write_ollama(home / ".ollama" / "models", "qwen3-vl", "4b", [("model", MERGED)])
    with pytest.raises(
        EndpointUnusable, match=r"127.0.0.1:1/v1 cannot be used: nothing answers .* ollama serve"
    ) as caught:
        registry.load_model("ollama:qwen3-vl:4b")
    assert "ollama serve" in caught.value.text("zh")


def test_a_part_that_a_person_names_goes_before_that_of_the_store(home: Path, loaded: list[Any]) -> None:
    write_ollama(home / ".ollama" / "models", "llava", "latest", [("model", ENTRIES), ("projector", EYES)])
    registry.load_model("ollama:llava", mmproj="none")
    assert loaded[0][2]["mmproj"] == "none"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ollama:llama9", r"'llama9:latest'|llama9:latest. Ollama has: ollama:llava:latest, ollama:tiny:1b"),
        ("jan:anything", "Jan keeps no models here"),
        ("modelscope:VL", "ModelScope has: modelscope:a/VL, modelscope:b/VL"),
    ],
)
def test_an_unknown_or_unclear_name_is_answered_with_what_there_is(home: Path, name: str, sentence: str) -> None:
    write_ollama(home / ".ollama" / "models", "llava", "latest", [("model", ENTRIES)])
    write_ollama(home / ".ollama" / "models", "tiny", "1b", [("model", ENTRIES)])
    for owner in "ab":
        write_folder(home / ".cache" / "modelscope" / "hub" / owner / "VL")
    with pytest.raises(ModelFilesMissing, match=sentence):
        registry.load_model(name)
