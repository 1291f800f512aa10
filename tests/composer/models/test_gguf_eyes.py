"""A GGUF model that sees: llama.cpp with a tiny random LLaVA, held against the same weights in transformers.

The engine is told to keep keys and values in 32 bits, so that what it rounds does not hide what is computed wrongly.
"""

import base64
import io
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from composer.errors import InputError, ModelFilesBroken
from composer.models import load_model
from composer.models.base import Message, Model, Picture, Sampling, assistant, system, user
from composer.models.gguf import GgufModel, engine
from composer.models.gguf.header import read_header
from composer.models.gguf.memory import memory_needed
from composer.models.gguf.projector import find_projector, read_projector
from tests.composer.models import tiny_eyes, tiny_qwen
from tests.composer.models.gguf_standins import ENTRIES, write_file
from tests.composer.models.tiny_eyes import PICTURE_TOKENS, VOCABULARY, logprobs, picture, token_ids

GREEDY = Sampling(max_tokens=12)
ONE, OTHER = Picture.open(picture(0)), Picture.open(picture(1))
OPTIONS = ["Yes", "No", "猫", "狗", "Yellow"]  # 猫 and 狗 share a first token, Yes and Yellow none


@pytest.fixture(scope="module")
def reference() -> Any:
    return tiny_eyes.make_model()


@pytest.fixture(scope="module")
def files(reference: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tiny_eyes.write_files(reference, tmp_path_factory.mktemp("eyes"))


@pytest.fixture(scope="module", autouse=True)
def exact_engine() -> Iterator[None]:
    """The engine with keys and values in 32 bits."""
    llama = engine.import_engine()

    def params() -> Any:
        made = llama.CommonParams()
        made.cache_type_k = made.cache_type_v = llama.ggml_type.GGML_TYPE_F32
        made.flash_attn_type = llama.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        return made

    kept = SimpleNamespace(**{**vars(llama), "CommonParams": params})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "import_engine", lambda: kept)
        yield


@pytest.fixture(scope="module")
def model(files: tuple[Path, Path], exact_engine: None) -> Iterator[GgufModel]:
    loaded = load_model(files[0].parent, num_gpus=0, threads=2)
    assert isinstance(loaded, GgufModel)
    yield loaded
    loaded.close()


def ids_of(text: str) -> list[int]:
    """A question of the user, with "<image>" for a picture, ready for the reply."""
    return token_ids(f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n")


def expected(reference: Any, ids: list[int], options: list[str], pictures: list[Picture]) -> list[float]:
    """As `Replier.score` defines it, by plain full recomputation: tokens until no other option shares them."""
    cut = {option: token_ids(option) for option in options}
    scores = []
    for option, own in cut.items():
        others = [ids for other, ids in cut.items() if other != option]
        length = next(n for n in range(1, len(own) + 1) if all(other[:n] != own[:n] for other in others))
        told = logprobs(reference, [*ids, *own], [each.image for each in pictures])
        end = told.shape[0] - len(own) - 1
        scores.append(sum(float(told[end + at, own[at]]) for at in range(length)))
    return scores


def test_a_folder_with_both_files_sees(model: GgufModel, files: tuple[Path, Path]) -> None:
    assert isinstance(model, Model)
    can = model.capabilities
    assert (can.sees_pictures, can.family, can.engine, can.limits) == (True, "general", "llama.cpp", ())
    assert can.max_pictures == 32
    header, projector = read_header(files[0]), read_projector(files[1])
    assert can.memory_bytes == memory_needed(header, can.context_tokens, projector)
    assert can.memory_bytes - memory_needed(header, can.context_tokens) > files[1].stat().st_size


@pytest.mark.parametrize(
    ("text", "pictures"),
    [
        ("Look: <image> Is it?", [ONE]),
        ("Look: <image> Is it?", [OTHER]),
        ("<image>\nand <image>: the same?", [ONE, OTHER]),
        ("Look: Is it?", []),
    ],
)
def test_scores_are_those_of_transformers(model: GgufModel, reference: Any, text: str, pictures: list[Picture]) -> None:
    parts: list[str | Picture] = []
    left = list(pictures)
    for at, piece in enumerate(text.split("<image>")):
        parts += [*([left.pop(0)] if at else []), piece]
    scores = model.score([user(*parts)], OPTIONS)
    tolerance = 2e-3 if pictures else 1e-4  # the engine cuts pictures into patches in 16 bits
    assert scores == pytest.approx(expected(reference, ids_of(text), OPTIONS, pictures), abs=tolerance)


def test_a_begun_reply_and_an_option_may_make_one_token(model: GgufModel, reference: Any) -> None:
    """ "Ye" and "s" are one token, so that "Ye" was not the last token of what was read."""
    ids = ids_of("Look: <image> Is it?")
    told = logprobs(reference, ids, [ONE.image])[-1]
    scores = model.score([user("Look: ", ONE, " Is it?"), assistant("Ye")], ["s", "t"])
    assert scores == pytest.approx([float(told[VOCABULARY.index(token)]) for token in ("Yes", "Ye")], abs=2e-3)


def test_two_pictures_have_two_scores(model: GgufModel) -> None:
    one, other = (model.score([user("Look: ", each, " Is it?")], ["Yes", "No"]) for each in (ONE, OTHER))
    assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 0.05


def test_a_greedy_reply_is_that_of_transformers(model: GgufModel, reference: Any) -> None:
    ids = ids_of("Look: <image> Is it?")
    prompt = len(ids)
    for _step in range(GREEDY.max_tokens):
        ids.append(int(logprobs(reference, ids, [ONE.image])[-1].argmax()))
    letters = "".join(VOCABULARY[token] for token in ids[prompt:])
    bytes_of = {letter: byte for byte, letter in enumerate(VOCABULARY[:256])}
    text = bytes(bytes_of[letter] for letter in letters).decode("utf-8", "replace")
    question = [user("Look: ", ONE, " Is it?")]
    assert model.reply([question], GREEDY)[0].rstrip("\ufffd") == text.rstrip("\ufffd")
    assert "".join(model.stream(question, GREEDY)) == model.reply([question], GREEDY)[0]


def test_nothing_in_the_cache_changes_a_score_or_a_reply(model: GgufModel, files: tuple[Path, Path]) -> None:
    question = [user("Look: ", ONE, " Is it?")]
    for before in ([user("Look: ", OTHER, " Is it?")], [user("Look")], [user("Look: ", ONE, OTHER, " Which?")]):
        model.reply([before], Sampling(max_tokens=2))
        used = (model.score(question, OPTIONS), model.reply([question], GREEDY))
        fresh = GgufModel(files[0], num_gpus=0, threads=2)
        assert used[0] == pytest.approx(fresh.score(question, OPTIONS), abs=1e-4)
        assert used[1] == fresh.reply([question], GREEDY)
        fresh.close()


def test_a_shared_beginning_with_a_picture_is_computed_once(model: GgufModel) -> None:
    shared: list[Message] = [system("You look at pictures."), user("Here: ", ONE, " word" * 40)]
    questions = [[user("\nIs it one?")], [user("\nIs it the other?")]]
    alone = [model.score([*shared, *question], ["Yes", "No"]) for question in questions]
    with model.prefix(shared) as held:
        held.score(questions[0], ["Yes", "No"])
        before = model.usage
        together = [held.score(question, ["Yes", "No"]) for question in questions * 2]
        used = model.usage - before
    for scores, expected_scores in zip(together, alone * 2, strict=True):
        assert scores == pytest.approx(expected_scores, abs=1e-4)
    assert used.prefilled < used.reused / 4
    assert "".join(model.stream([*shared, *questions[0]], GREEDY)) == held.reply([questions[0]], GREEDY)[0]


def test_what_is_kept_gives_the_same_numbers_whatever_was_asked_between(model: GgufModel) -> None:
    beginning = [system("You name things."), user("The baker gets up."), assistant("baker")]
    question = [*beginning, user("Is it in ", ONE, "?")]
    found = []
    for between in (OTHER, ONE):
        model.reply([[user(between, "The baker" * 9)]], Sampling(max_tokens=2))
        model.begin_with(beginning)
        found.append(model.score(question, ["Yes", "No"]))
    assert found[0] == found[1]


def test_an_option_is_scored_by_every_token(model: GgufModel, reference: Any) -> None:
    prompt = [user("Look: ", ONE, " Is it?")]
    (scores,) = model.score_tokens([prompt], [["Yes the", "the", "aa"]])
    for option, found in zip(["Yes the", "the", "aa"], scores, strict=True):
        own = token_ids(option)
        told = logprobs(reference, [*ids_of("Look: <image> Is it?"), *own], [ONE.image])
        end = told.shape[0] - len(own) - 1
        assert found == pytest.approx([float(told[end + at, own[at]]) for at in range(len(own))], abs=2e-3)


def test_tokens_are_counted_with_the_pictures(model: GgufModel) -> None:
    asked = [user("Look: ", ONE, OTHER, " Is it?")]
    counted = model.count_tokens(asked)
    before = model.usage
    model.reply([asked], Sampling(max_tokens=1))
    used = model.usage - before
    assert counted == used.prefilled + used.reused
    assert counted == len(ids_of("Look: <image><image> Is it?")) + 2 * (PICTURE_TOKENS - 1)


def test_stop_texts_end_a_reply_and_stop_ends_it_at_once(model: GgufModel) -> None:
    question = [user("Look: ", ONE, " Is it?")]
    whole = model.reply([question], GREEDY)[0]
    end = next(letter for letter in whole if letter.isalpha())
    assert model.reply([question], Sampling(max_tokens=12, stop=(end,)))[0] == whole[: whole.index(end)]
    stop, pieces = threading.Event(), []
    for piece in model.stream(question, Sampling(max_tokens=1500, temperature=2.0, seed=1), stop=stop):
        pieces.append(piece)
        stop.set()
    assert len(pieces) == 1
    assert model.reply([question], GREEDY)[0] == whole  # the engine is free again


def test_seeded_replies_repeat(model: GgufModel) -> None:
    question = [user(ONE, "Tell.")]
    warm = [model.reply([question], Sampling(max_tokens=8, temperature=1.0, seed=seed))[0] for seed in (7, 7, 8)]
    assert warm[0] == warm[1] != warm[2]


def test_a_text_cannot_hold_a_picture_s_mark(model: GgufModel) -> None:
    mark = model._engine.picture_mark  # type: ignore[attr-defined]  # of SeeingEngine
    assert len(mark) > 32
    assert model.score([user(mark, ONE)], ["Yes", "No"])


def test_more_than_the_context_is_refused_with_numbers(model: GgufModel) -> None:
    for messages in ([user(ONE, "word " * 800)], [user(*[ONE] * 140)]):
        with pytest.raises(InputError, match=r"too long for this model: \d,\d+ tokens, and it reads at most 2,048"):
            model.reply([messages], GREEDY)


def test_a_picture_of_any_size_is_seen(model: GgufModel) -> None:
    for image in (picture(2).resize((3000, 20)), picture(2).resize((1, 1)), picture(2).convert("L")):
        assert model.score([user(Picture.open(image), "?")], ["Yes", "No"])


def test_a_model_with_pictures_of_any_size_and_marks_around_them(tmp_path: Path) -> None:
    """Qwen2-VL: positions in three dimensions, so that the cache is cut at other places than tokens are."""
    paths = tiny_qwen.write_files(tmp_path)
    model, fresh = (GgufModel(paths[0], num_gpus=0, threads=2, picture_tokens=64) for _ in range(2))
    small, large = (Picture.open(picture(seed).resize(size)) for seed, size in ((0, (112, 84)), (1, (1200, 900))))
    without = model.count_tokens([user("Look: ", " Is it?")])
    taken = [model.count_tokens([user("Look: ", each, " Is it?")]) - without for each in (small, large)]
    assert taken[0] == 4 * 3 + 2  # of 28 pixels each, and two marks
    assert 32 < taken[1] <= 64 + 2  # seen smaller
    question = [user("Look: ", small, " Is it?")]
    scores = []
    with model.prefix([system("Look."), user("Here: ", large, " word" * 30)]) as held:
        for asked in ("\nIs it one?", "\nIs it the other?", "\nIs it one?"):
            before = model.usage
            scores.append(held.score([user(asked)], OPTIONS))
            used = model.usage - before
    assert scores[0] == pytest.approx(scores[2], abs=1e-4)
    assert used.prefilled < used.reused / 4
    assert model.score(question, OPTIONS) == pytest.approx(fresh.score(question, OPTIONS), abs=1e-4)
    assert model.reply([question], GREEDY) == fresh.reply([question], GREEDY)
    other = [user("Look: ", Picture.open(picture(1).resize((112, 84))), " Is it?")]
    assert abs(model.score(question, ["Yes", "No"])[0] - model.score(other, ["Yes", "No"])[0]) > 0.05
    model.close()
    fresh.close()


# -- which file --------------------------------------------------------------------------------------------------------


def test_large_pictures_are_sent_no_larger_than_they_are_seen(model: GgufModel) -> None:
    eyes = model._seeing
    assert eyes is not None
    assert eyes.settings.picture_pixels == 256 * 32 * 32
    for size in ((4000, 3000), (20000, 2), (512, 512)):
        sent = Image.open(io.BytesIO(base64.b64decode(eyes.encode(Picture.open(Image.new("RGB", size))))))
        assert sent.width * sent.height <= eyes.settings.picture_pixels
        assert sent.size == size or sent.width / sent.height == pytest.approx(size[0] / size[1], rel=1)
    many = [Picture.open(picture(seed).resize((1400, 1400))) for seed in range(16)]  # 16 MB as they are sent
    assert model.score([user(*many, "?")], ["Yes", "No"])


def test_without_its_picture_part_a_model_says_that_it_is_blind(files: tuple[Path, Path], tmp_path: Path) -> None:
    blind = load_model(files[0], mmproj="none", num_gpus=0, threads=2)
    assert not blind.capabilities.sees_pictures
    assert blind.capabilities.max_pictures == 0
    assert "sees no pictures: its picture part is left out" in blind.capabilities.limits[0].text()
    assert "看不到图片" in blind.capabilities.limits[0].text("zh")
    assert len(blind.score([user("Look: ", ONE)], ["Yes", "No"])) == 2  # what it cannot see is left out
    blind.close()


def test_half_a_picture_part_beside_a_model_is_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copy(files[0], tmp_path)
    (tmp_path / files[1].name).write_bytes(files[1].read_bytes()[:20_000])
    blind = load_model(tmp_path, num_gpus=0, threads=2)
    assert re.search(rf"sees no pictures: .*{files[1].name}'.* incomplete", blind.capabilities.limits[0].text())
    assert "不完整" in blind.capabilities.limits[0].text("zh")
    blind.close()


def test_an_architecture_that_the_engine_does_not_know_is_named(tmp_path: Path) -> None:
    path = write_file(tmp_path / "octopus.gguf", {**ENTRIES, "general.architecture": "octopus"})
    with pytest.raises(ModelFilesBroken, match=r"architecture is 'octopus': a newer engine may know it"):
        load_model(path, num_gpus=0, threads=1)


def test_a_picture_part_of_another_place_is_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    alone = Path(shutil.copy(files[0], tmp_path / "alone.gguf"))
    model = load_model(alone, mmproj=str(files[1]), num_gpus=0, threads=2)
    assert model.capabilities.sees_pictures
    model.close()


@pytest.mark.parametrize(
    ("name", "entries", "sentence"),
    [
        ("other.gguf", ENTRIES, "it is no picture part"),
        ("sound.gguf", {**ENTRIES, "general.architecture": "clip", "clip.has_vision_encoder": 0}, "part for sound"),
        ("wrong.gguf", {"general.architecture": "clip"}, "with the picture part .*wrong.gguf.*of the same model"),
    ],
)
def test_a_file_that_is_no_picture_part_is_refused(
    files: tuple[Path, Path], tmp_path: Path, name: str, entries: Any, sentence: str
) -> None:
    path = write_file(tmp_path / name, entries)
    with pytest.raises(ModelFilesBroken, match=sentence):
        GgufModel(files[0], mmproj=path, num_gpus=0, threads=2)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], None),
        (["mmproj-F16.gguf", "mmproj-BF16.gguf", "mmproj-F32.gguf"], "mmproj-F16.gguf"),
        (["mmproj-BF16.gguf", "mmproj-F32.gguf"], "mmproj-BF16.gguf"),
        (["other-7b.gguf", "mmproj-F16.gguf"], None),  # of which of the two?
        (["other-7b.gguf", "mmproj-tiny-4b-f16.gguf", "mmproj-other-7b-f16.gguf"], "mmproj-tiny-4b-f16.gguf"),
        (["other-7b.gguf", "tiny-4b-mmproj-f16.gguf"], "tiny-4b-mmproj-f16.gguf"),
    ],
)
def test_the_picture_part_beside_a_model_is_found(tmp_path: Path, names: list[str], found: str | None) -> None:
    model = write_file(tmp_path / "tiny-4b-Q4_K_M.gguf", {**ENTRIES, "general.name": "Tiny 4B"})
    for name in names:
        is_part = "mmproj" in name
        write_file(tmp_path / name, {"general.architecture": "clip"} if is_part else {**ENTRIES, "general.name": "O"})
    path = find_projector(read_header(model))
    assert (path.name if path else None) == found


def test_pictures_that_are_read_as_a_whole_fit_into_a_batch(tmp_path: Path) -> None:
    for kind, least in (("gemma3", 256), ("gemma4v", 1120), ("gemma9", 1120), ("qwen3vl_merger", 0)):
        entries = {"general.architecture": "clip", "clip.vision.projector_type": kind}
        assert read_projector(write_file(tmp_path / "mmproj.gguf", entries)).least_batch == least


def test_the_engine_gets_the_picture_part_and_what_bounds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []

    def refuse(params: Any) -> None:
        started.append(params)
        raise RuntimeError("as asked")

    stub = SimpleNamespace(**{**vars(engine.import_engine()), "Server": refuse})
    monkeypatch.setattr(engine, "import_engine", lambda: stub)
    for layers in (0, 12):
        settings = engine.EngineSettings(
            Path("a.gguf"), 512, gpu_layers=layers, projector=Path("mmproj.gguf"), picture_tokens=256, least_batch=1120
        )
        with pytest.raises(engine.EngineError):
            engine.Engine(settings)
    cpu, card = started
    assert (cpu.mmproj.path, cpu.image_max_tokens, cpu.n_ubatch, cpu.mmproj_use_gpu) == (
        "mmproj.gguf",
        256,
        1120,
        False,
    )
    assert (card.n_gpu_layers, card.mmproj_use_gpu) == (12, True)


def test_tokens_are_as_the_tokenizer_of_the_files_cuts_them(model: GgufModel) -> None:
    for text in ("Yes the猫 No", "<|im_start|>user\nLook: Is it?"):
        assert model._engine.tokens(text) == token_ids(text)
    assert torch.isfinite(torch.tensor(model.score([user(ONE)], ["Yes"]))).all()


def test_an_engine_that_cannot_compute_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        listening_address = "http://127.0.0.1:1"

        def handle_completions(self, request: object) -> dict[str, Any]:
            return {"error": {"message": "failed to allocate buffer"}}

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(engine, "_start", lambda *_: Full())
    with pytest.raises(engine.EngineError, match="failed to allocate buffer") as raised:
        engine.Engine(engine.EngineSettings(tmp_path / "tiny.gguf", 512))
    assert list(tmp_path.iterdir()) == [], f"while {raised.value} is shown"
