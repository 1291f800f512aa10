"""Whatever is wrong with a folder, a picture, a history or the memory ends in a sentence, and what runs goes on.

Each through the door that people use: `load_model` as the page and the command line call it, and the pipeline.
"""

import gc
import json
import os
import pickle
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from composer.errors import ComposerError, InputError, ModelFilesBroken, ModelFilesMissing, OutOfMemory, SettingsError
from composer.events import ArticleReady, Notice, TextDelta
from composer.models.base import Picture, Sampling, user
from composer.models.registry import load_model
from composer.models.xcomposer import XComposer
from composer.models.xcomposer.adapter import XComposerModel
from composer.models.xcomposer.checkpoint import names
from composer.pipeline import Composer, Options
from tests.composer.xcomposer.test_weights import Dangerous
from tests.composer.xcomposer.tiny import write_folder
from tests.fakes import FakeGallery


@pytest.fixture(scope="module")
def model(tiny_folder: Path) -> XComposerModel:
    loaded = load_model(str(tiny_folder), num_gpus=0)
    assert isinstance(loaded, XComposerModel)
    return loaded


# -- folders -----------------------------------------------------------------------------------------------------------


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def config_of_another_model(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "llava"}')


def config_that_is_cut_off(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "InternLMXComp')


def config_with_absurd_sizes(folder: Path) -> None:
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "hidden_size": 33}))


def config_of_other_sizes(folder: Path) -> None:
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "intermediate_size": 128}))


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.model").unlink()


def tokenizer_that_is_none(folder: Path) -> None:
    (folder / "tokenizer.model").write_bytes(b"no tokenizer at all")


def no_weights(folder: Path) -> None:
    for path in folder.glob("*.safetensors"):
        path.unlink()


def a_shard_missing(folder: Path) -> None:
    (folder / "model-00002-of-00003.safetensors").unlink()


def a_shard_truncated(folder: Path) -> None:
    path = folder / "model-00003-of-00003.safetensors"
    os.truncate(path, path.stat().st_size - 1000)


def a_shard_that_is_a_pointer(folder: Path) -> None:
    (folder / "model-00001-of-00003.safetensors").write_text("version https://git-lfs.github.com/spec/v1\nsize 1")


def an_empty_shard(folder: Path) -> None:
    (folder / "model-00001-of-00003.safetensors").write_bytes(b"")


def a_wrong_shape(folder: Path) -> None:
    for path in folder.glob("*.safetensors"):
        weights = load_file(path)
        if "internlm_proj.weight" in weights:
            save_file({**weights, "internlm_proj.weight": torch.ones(3, 3)}, path)


def a_pickle_with_code(folder: Path) -> None:
    no_weights(folder)
    (folder / "model.safetensors.index.json").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"query_tokens": Dangerous(folder / "ran")}, protocol=2))


def an_index_that_is_none(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text("[]")


@pytest.mark.parametrize(
    ("harm", "error", "sentence"),
    [
        (no_config, ModelFilesMissing, r"config\.json"),
        (config_of_another_model, ModelFilesBroken, "the kind 'llava' with 7,[0-9,]* values is described"),
        (config_that_is_cut_off, ModelFilesBroken, "cannot be read"),
        (config_with_absurd_sizes, ModelFilesBroken, "num_attention_heads"),
        (config_of_other_sizes, ModelFilesBroken, "has the shape"),
        (no_tokenizer, ModelFilesMissing, r"tokenizer\.model"),
        (tokenizer_that_is_none, ModelFilesBroken, "SentencePiece cannot read it"),
        (no_weights, ModelFilesMissing, "model-00001-of-00003"),
        (a_shard_missing, ModelFilesMissing, "model-00002-of-00003"),
        (a_shard_truncated, ModelFilesBroken, "damaged or incomplete"),
        (a_shard_that_is_a_pointer, ModelFilesBroken, "git lfs pull"),
        (an_empty_shard, ModelFilesBroken, "damaged or incomplete"),
        (a_wrong_shape, ModelFilesBroken, r"'internlm_proj.weight' has the shape \[3, 3\]"),
        (a_pickle_with_code, ModelFilesBroken, "refused"),
        (an_index_that_is_none, ModelFilesBroken, "no index of weights"),
    ],
)
def test_a_folder_that_cannot_be_used(
    tmp_path: Path, tokenizer_file: Path, harm: Callable[[Path], None], error: type[ComposerError], sentence: str
) -> None:
    folder = write_folder(tmp_path / "x", tokenizer_file, shards=3)
    harm(folder)
    with pytest.raises(error, match=sentence) as caught:
        load_model(folder, num_gpus=0)
    assert "{" not in caught.value.text("zh")
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"num_gpus": 2}, "'num_gpus' has the value '2': this machine has 0 usable GPUs. Use --num_gpus 0"),
        ({"rotary": "wrong"}, "'rotary' has the value 'wrong': it can be shipped or exact"),
        ({"quantization": "int3"}, "'quantization' has the value 'int3'"),
        ({"dtype": "int8"}, "'dtype' has the value 'int8'"),
        ({"speed": 9}, "'speed' has the value '9'.*no such option"),
    ],
)
def test_an_option_that_cannot_be_used(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], sentence: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match=sentence):
        load_model(tiny_folder, **{"num_gpus": 0, **options})


# -- memory ------------------------------------------------------------------------------------------------------------


def test_memory_that_runs_out_while_loading_leaves_nothing_behind(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights() -> int:
        gc.collect()
        return sum(type(each) is torch.nn.Parameter and not each.is_meta for each in gc.get_objects())

    moved, calls, before = names._copy_to, [], weights()

    def full(tensor: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        calls.append(tensor.shape)
        if len(calls) > 40:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 86.00 MiB.")
        return moved(tensor, device, dtype)

    with monkeypatch.context() as patch:
        patch.setattr(names, "_copy_to", full)
        with pytest.raises(OutOfMemory, match=r"needs about .*The plan: main memory.*--quantization nf4") as caught:
            load_model(tiny_folder, num_gpus=0)
    assert len(calls) == 41
    assert caught.value.__cause__ is not None  # the page keeps the error, but not what was loaded
    assert weights() == before
    assert load_model(tiny_folder, num_gpus=0).capabilities.sees_pictures


class Memory:
    """Lets a decoder layer run so many times, and then the device is full."""

    def __init__(self, layer: Any, calls: int) -> None:
        self.forward, self.left = layer.self_attn.forward, calls
        self.seen: list[weakref.ref[torch.Tensor]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        found = self.forward(*args, **kwargs)
        self.seen += [weakref.ref(held[0]) for held in kwargs["past_key_values"]._layers if held is not None]
        return found


def test_memory_that_runs_out_in_the_middle_of_an_article(
    model: XComposerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composer = Composer(model, FakeGallery(tmp_path))
    options = Options(pictures=0, language="zh", sampling=Sampling(max_tokens=60, repetition_penalty=1.3))
    layer = model.network.language.model.layers[1]
    memory = Memory(layer, 25)
    with monkeypatch.context() as patch:
        patch.setattr(layer.self_attn, "forward", memory)
        events = list(composer.compose("如何养好一只宠物", options))
    written = "".join(event.text for event in events if isinstance(event, TextDelta))
    problems = [event.problem for event in events if isinstance(event, Notice)]
    assert written
    assert [type(problem) for problem in problems] == [OutOfMemory]
    assert "--quantization nf4" in problems[0].text("en")
    assert "方案" in problems[0].text("zh")
    gc.collect()
    assert [each for each in memory.seen if each() is not None] == []  # keys and values were given back
    last = events[-1]
    assert isinstance(last, ArticleReady)
    assert last.article.sections  # what was written stays
    again = list(composer.compose("如何养好一只宠物", options))
    assert not [event for event in again if isinstance(event, Notice)]


def test_memory_that_runs_out_in_a_shared_beginning_or_a_picture(
    model: XComposerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    shot = Picture(Image.new("RGB", (9, 9), (1, 2, 3)))
    for module in (model.network.language.model.layers[0].self_attn, model.network.vision.tower):
        model._picture_cache.clear()
        with monkeypatch.context() as patch:
            patch.setattr(module, "forward", full)
            with pytest.raises(OutOfMemory), model.prefix([user("a", shot)]):
                raise AssertionError("the beginning was computed without memory")
    with model.prefix([user("a", shot)]) as ask:
        assert len(ask.score([user("b")], ("A", "B"))) == 2


# -- pictures and histories --------------------------------------------------------------------------------------------

MODES = (
    "1",
    "L",
    "P",
    "RGB",
    "RGBA",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I",
    "F",
    "LA",
    "PA",
    "RGBX",
    "RGBa",
    "I;16",
)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 1), (1, 700), (900, 2), (224, 224)])
def test_a_picture_of_any_mode_and_size_is_seen(model: XComposerModel, mode: str, size: tuple[int, int]) -> None:
    vectors = model.network.picture_part(Image.new(mode, size))[0]
    assert vectors.shape == (66, 32)
    assert bool(vectors.isfinite().all())


@pytest.mark.parametrize(
    "image",
    [b"", b"no picture at all", "/no/such/file.png", Path(__file__)],
    ids=["empty", "text", "absent", "source"],
)
def test_what_is_no_picture_is_said(model: XComposerModel, image: Any) -> None:
    with pytest.raises(ComposerError, match="cannot be used"):
        model.generate("What is this?", image, max_new_tokens=2)


@pytest.mark.parametrize(
    "history",
    [
        [torch.zeros(1, 3, 16)],  # of a model of another width
        [torch.zeros(1, 3, 32, device="meta")],  # of a model that was closed
        [torch.zeros(2, 3, 32)],
        [torch.zeros(3, 32)],
        [torch.ones(1, 3, 32, dtype=torch.int64)],
        ["Hello"],
        [None],
        "Hello",
        (torch.zeros(1, 3, 32),),
        {"turn": 1},
    ],
)
def test_a_history_of_a_dead_session_is_refused_and_a_new_one_begins(model: XComposerModel, history: Any) -> None:
    with pytest.raises(InputError, match="another model or session; start a new one"):
        model.chat("Hello", history=history, max_new_tokens=2)
    answer, turns = model.chat("Hello", max_new_tokens=2, num_beams=1)
    assert isinstance(answer, str)
    assert len(turns) == 1


def test_a_history_longer_than_the_tables_is_refused(tiny_folder: Path) -> None:
    network = XComposer.from_folder(tiny_folder, num_gpus=0)
    with pytest.raises(InputError, match="together they can be"):
        network.chat("Hello", history=[torch.zeros(1, 9000, 32)], max_new_tokens=2)
