"""Folders and prompts that cannot be used: a sentence names what is wrong, and what can still be done is done."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from composer.errors import InputError, ModelFailed, ModelFilesBroken, ModelFilesMissing, OutOfMemory, SettingsError
from composer.models import Picture, Sampling, assistant, load_model, system, user
from composer.models.transformers_vlm import plan, read_folder
from tests.composer.models.tiny_vlm import make, picture

torch: Any = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("qwen3_vl", tmp_path_factory.mktemp("seeing"))


@pytest.fixture
def folder(seeing: Path, tmp_path: Path) -> Path:
    """A copy that may be broken."""
    return Path(shutil.copytree(seeing, tmp_path / "model"))


def load(folder: Path, **options: Any) -> Any:
    return load_model(folder, num_gpus=0, threads=1, **options)


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


# -- folders ----------------------------------------------------------------------------------------------------------


def test_an_unknown_architecture_is_named_with_the_ways_out(folder: Path) -> None:
    change(folder / "config.json", model_type="octopus_vl")
    with pytest.raises(ModelFilesBroken, match=r"'octopus_vl' is not known to transformers \d.*GGUF"):
        load(folder)


def test_programs_in_a_folder_are_not_run(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "was-run"
    (folder / "modeling.py").write_text(f"open({str(run)!r}, 'w')\n")
    (folder / "configuration.py").write_text(f"open({str(run)!r}, 'w')\n")
    change(folder / "config.json", model_type="octopus_vl", auto_map={"AutoConfig": "configuration.OctopusConfig"})
    with pytest.raises(ModelFilesBroken, match="programs from model folders are not run"):
        load(folder)
    change(
        folder / "config.json", model_type="qwen3_vl", auto_map={"AutoModelForImageTextToText": "modeling.OctopusModel"}
    )
    change(folder / "processor_config.json", auto_map={"AutoProcessor": "modeling.OctopusProcessor"})
    load(folder).close()
    assert not run.exists()


def test_a_model_that_does_not_converse_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(ModelFilesBroken, match="'clip' does not continue conversations"):
        load(folder)


def test_a_configuration_that_makes_no_sense_is_refused(folder: Path) -> None:
    change(folder / "config.json", vision_config={"hidden_size": "wide"})
    with pytest.raises(ModelFilesBroken, match=r"config.json.*hidden_size"):
        load(folder)


def test_a_shard_that_is_missing_or_cut_off_is_named(folder: Path) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1000])
    with pytest.raises(ModelFilesBroken, match=r"model.safetensors.*cut off: [\d,]+ of [\d,]+ bytes"):
        load(folder)
    weights.write_bytes(b"\x00" * 4)
    with pytest.raises(ModelFilesBroken, match="header is damaged"):
        load(folder)
    weights.write_bytes(b"\xff" * 64)
    with pytest.raises(ModelFilesBroken, match="header is damaged"):
        load(folder)
    weights.rename(folder / "model-00001-of-00002.safetensors")
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    with pytest.raises(ModelFilesMissing, match="model-00002-of-00002"):
        load(folder)
    (folder / "model-00001-of-00002.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text("{")
    with pytest.raises(ModelFilesBroken, match="cannot be read"):
        read_folder(folder)
    (folder / "model.safetensors.index.json").unlink()
    with pytest.raises(ModelFilesMissing, match=r"model.safetensors"):
        load(folder)


def test_weights_of_another_model_are_refused(folder: Path, tmp_path: Path) -> None:
    other = make("llama", tmp_path / "llama")
    shutil.copy(other / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(ModelFilesBroken, match="the weights do not belong to this configuration"):
        load(folder)


def test_a_few_tensors_that_are_missing_are_named(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    gone = next(name for name in tensors if "deepstack" in name)
    save_file({k: v for k, v in tensors.items() if k != gone}, folder / "model.safetensors", {"format": "pt"})
    model = load(folder)
    assert any(gone in str(limit) for limit in model.capabilities.limits)
    model.close()


def test_without_a_picture_processor_the_model_writes_blind(folder: Path) -> None:
    for name in ("processor_config.json", "preprocessor_config.json"):
        (folder / name).unlink(missing_ok=True)
    model = load(folder)
    assert not model.capabilities.sees_pictures
    assert model.capabilities.max_pictures == 0
    assert any("no picture processor (preprocessor_config.json)" in str(limit) for limit in model.capabilities.limits)
    asked = [user("The bee ", Picture(picture(1)), " and the fox?")]
    assert model.score(asked, ["A", "B"])[0] < 0
    assert model.count_tokens(asked) == model.count_tokens([user("The bee  and the fox?")])
    model.close()


def test_with_a_picture_processor_that_reads_nothing_the_model_writes_blind(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from composer.models.transformers_vlm.pictures import PictureProcessor

    def refuses(*_: Any, **options: Any) -> Any:
        raise ValueError("no such picture")

    monkeypatch.setattr(PictureProcessor, "__call__", refuses)
    model = load(folder)
    assert any("cannot be read (no such picture)" in str(limit) for limit in model.capabilities.limits)
    asked = [user("The bee ", Picture(picture(1)), " and the fox?")]
    assert model.count_tokens(asked) == model.count_tokens([user("The bee  and the fox?")])
    model.close()


def test_weights_that_may_not_be_read_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path, *_: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", forbidden)
    monkeypatch.setattr(Path, "read_text", lambda path, *_: "{}")
    with pytest.raises(ModelFilesBroken, match=r"Permission denied.*model\.safetensors"):
        read_folder(folder)


def test_without_a_tokenizer_nothing_can_be_asked(folder: Path) -> None:
    for path in folder.glob("*token*"):
        path.unlink()
    for name in ("processor_config.json", "chat_template.jinja"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(ModelFilesMissing, match=r"tokenizer.json"):
        load(folder)


def test_a_picture_processor_without_a_tokenizer_is_not_enough(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(ModelFilesMissing, match=r"tokenizer.json"):
        load(folder)


def test_a_damaged_pickle_is_a_sentence(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    for content in (b"", b"\x80\x02junk", b"<html>Sign in</html>"):
        (folder / "pytorch_model.bin").write_bytes(content)
        with pytest.raises(ModelFilesBroken, match=r"cannot be used: \S"):
            load(folder)


def test_an_index_names_files_of_its_folder_only(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "other.safetensors")
    for name in ("../other.safetensors", "config.json"):
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
        with pytest.raises(ModelFilesBroken, match="names files that cannot be its weights"):
            load(folder)


def test_a_file_of_a_model_folder_leads_to_the_folder(folder: Path) -> None:
    with pytest.raises(InputError, match=rf"one file of a model folder.*--folder {folder}$"):
        load(folder / "model.safetensors")


@pytest.mark.parametrize("kind", ["qwen3_vl", "llama"])
def test_without_a_chat_template_the_model_gets_plain_text(tmp_path: Path, kind: str) -> None:
    model = load(make(kind, tmp_path / kind, template=False))
    assert any("no usable chat template" in str(limit) for limit in model.capabilities.limits)
    prompt = model.reader.read([user("The bee?", Picture(picture(1)))])
    assert prompt.text.endswith("\n\nAssistant:") or prompt.text.startswith("User: The bee?")
    assert len(prompt.pictures) == (kind == "qwen3_vl")
    assert "User:" not in "".join(model.stream([user("What?")], Sampling(max_tokens=8)))
    model.close()


def test_a_broken_chat_template_is_not_used(folder: Path) -> None:
    for template in ("{% for m in messages %}", "{{ raise_exception('no') }}", "Always the same."):
        (folder / "chat_template.jinja").write_text(template)
        model = load(folder)
        assert any("no usable chat template" in str(limit) for limit in model.capabilities.limits)
        model.close()


def test_a_template_without_place_for_pictures_is_asked_without(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m['role'] }}: {% for c in m['content'] %}{{ c['text'] }}{% endfor %}\n{% endfor %}"
    )
    model = load(folder)
    assert not model.capabilities.sees_pictures
    assert any("no place for pictures" in str(limit) for limit in model.capabilities.limits)
    assert model.count_tokens([user("The bee", Picture(picture(1)))]) == model.count_tokens([user("The bee")])
    model.close()


def test_a_template_without_a_system_turn_gets_it_in_the_first_question(folder: Path) -> None:
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text(
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + template
    )
    model = load(folder)
    text = model.reader.read([system("Be brief."), user("What?", Picture(picture(1)))]).text
    assert "user\nBe brief.\n\nWhat?<|vision_start|>" in text
    model.close()


def test_a_model_that_thinks_aloud_is_asked_to_answer_at_once(folder: Path) -> None:
    template = (folder / "chat_template.jinja").read_text()
    opened = "{% if enable_thinking is false %}<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}"
    (folder / "chat_template.jinja").write_text(template + opened)
    model = load(folder)
    assert model.reader.read([user("What?")]).text.endswith("assistant\n<think>\n\n</think>\n\n")
    model.close()
    (folder / "chat_template.jinja").write_text(template + "<think>\n{# ends with </think> #}")
    model = load(folder)
    begun = [user("What?"), assistant("The bee")]
    assert model.reader.read(begun).text.endswith("assistant\n<think>\n\n</think>\n\nThe bee")
    model.close()


def test_a_model_by_name_has_the_name_of_its_repository(seeing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from composer.models import registry

    monkeypatch.setattr(registry, "fetch_folder", lambda config, *rest, **options: seeing)
    model = load_model("qwen3-vl-4b", num_gpus=0, threads=1, picture_tokens=20)
    assert model.name == "Qwen/Qwen3-VL-4B-Instruct"
    assert model.capabilities.engine == "transformers"
    model.close()


# -- settings ---------------------------------------------------------------------------------------------------------


def test_settings_that_cannot_be_kept_are_named(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"quantization.*pip install bitsandbytes"):
        load(folder, quantization="nf4")
    with pytest.raises(SettingsError, match=r"quantization.*nf4.*int8"):
        load(folder, quantization="gptq")
    with pytest.raises(SettingsError, match=r"dtype.*bfloat16"):
        load(folder, dtype="float8")
    with pytest.raises(SettingsError, match=r"num_gpus.*usable GPU"):
        load_model(folder, num_gpus=99)
    with pytest.raises(SettingsError, match="has no such option"):
        load(folder, colour="red")
    half = load(folder, dtype="bfloat16", rotary="exact", context_tokens=600)
    assert (half.capabilities.dtype, half.capabilities.context_tokens) == ("bfloat16", 600)
    assert half.score([user("What? ", Picture(picture(1)))], ["A", "B"])[0] < 0
    half.close()


def test_packed_weights_say_which_package_they_need(folder: Path) -> None:
    change(folder / "config.json", quantization_config={"quant_method": "awq", "bits": 4, "group_size": 128})
    with pytest.raises(SettingsError, match=r"quantized already \(awq-4bit\)"):
        load(folder, quantization="nf4")
    with pytest.raises(ModelFilesBroken) as caught:
        load(folder)
    assert "awq" in str(caught.value).lower() or "gptqmodel" in str(caught.value).lower()


# -- memory -----------------------------------------------------------------------------------------------------------


def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from composer.models.transformers_vlm import placement

    monkeypatch.setattr(placement, "free_bytes", lambda cards: (10 << 20,))
    with pytest.raises(OutOfMemory, match=r"needs about .* on the CPU.*4 bits.*context_tokens"):
        load(folder)


def test_the_plan_shortens_the_context_and_the_numbers_before_it_gives_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from composer.models.transformers_vlm import placement

    change(folder / "config.json", text_config={**read_folder(folder).text_config, "max_position_embeddings": 32768})
    found = read_folder(folder)
    whole = plan(found, name="x", num_gpus=0)
    assert (whole.context_tokens, whole.dtype, whole.cache) == (8192, "float32", 2 * 2 * 2 * 8 * 4 * 8192 * 2)
    assert whole.weights == sum(tensor.count for tensor in found.tensors) * 4
    monkeypatch.setattr(placement, "free_bytes", lambda cards: (whole.needed - 1,))
    assert plan(found, name="x", num_gpus=0).context_tokens == 4096
    shortest = plan(found, name="x", num_gpus=0, context_tokens=2048)
    monkeypatch.setattr(placement, "free_bytes", lambda cards: (shortest.needed - 1,))
    assert plan(found, name="x", num_gpus=0).dtype == "bfloat16"


def test_memory_that_runs_out_while_working_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(folder)

    def full(*arguments: Any, **options: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(model.network, "_forward", full)
    for call in (
        lambda: list(model.stream([user("What?")], Sampling())),
        lambda: model.reply([[user("What?")], [user("Who?")]], Sampling()),
        lambda: model.score([user("What?")], ["A", "B"]),
        lambda: model.prefix([user("What?")]).__enter__(),
    ):
        with pytest.raises(OutOfMemory, match=r"'model' needs about .*which has .* free"):
            call()
    monkeypatch.undo()
    assert model.score([user("What?")], ["A", "B"])[0] < 0  # it goes on working
    model.close()


def test_memory_that_runs_out_while_loading_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    def full(*arguments: Any, **options: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(transformers.AutoModelForImageTextToText, "from_pretrained", full)
    with pytest.raises(OutOfMemory, match="needs about"):
        load(folder)


def test_memory_that_runs_out_while_it_is_tried_out_is_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from composer.models.transformers_vlm.decoding import Network

    closed: list[Any] = []

    def full(*arguments: Any, **options: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Network, "_forward", full)
    monkeypatch.setattr(Network, "close", lambda network: closed.append(network))
    with pytest.raises(OutOfMemory, match="needs about"):
        load(folder)
    assert len(closed) == 1


# -- prompts ----------------------------------------------------------------------------------------------------------


def test_prompts_longer_than_the_context_are_refused(folder: Path) -> None:
    model = load(folder, context_tokens=512)
    with pytest.raises(InputError, match=r"too long for this model: [\d,]+ tokens, and it reads at most 512"):
        list(model.stream([user("The bee visits. " * 200)], Sampling()))
    many = [user(*(Picture(picture(number, (64, 64))) for number in range(40)), "What?")]
    with pytest.raises(InputError, match=r"40 pictures are too many.*picture_tokens"):
        model.score(many, ["A", "B"])
    with pytest.raises(InputError, match="too many"):
        model.reply([many, [user("What?")]], Sampling())
    assert model.capabilities.max_pictures == 12
    nearly = [user("The bee visits. " * 40)]
    room = 512 - model.count_tokens(nearly)
    assert 16 <= room < 400
    before = model.usage
    list(model.stream(nearly, Sampling(max_tokens=5000)))
    assert (model.usage - before).generated <= room
    model.close()


def test_what_breaks_while_writing_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(folder)

    def broken(*arguments: Any, **options: Any) -> Any:
        raise RuntimeError("The size of tensor a (3) must match")

    monkeypatch.setattr(model.network.model, "forward", broken)
    with pytest.raises(ModelFailed, match="failed while writing: The size of tensor a"):
        list(model.stream([user("What?")], Sampling()))
    model.close()
