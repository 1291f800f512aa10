"""Models that transformers computes: what they write and score is what a plain recomputation of everything gives."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from composer.models import (
    KeepsBeginnings,
    Message,
    Model,
    Picture,
    Sampling,
    ScoresTokens,
    assistant,
    load_model,
    merge_turns,
    system,
    user,
)
from tests.composer.models.tiny_vlm import KINDS, SEEING, make, picture

torch: Any = pytest.importorskip("torch")

TOKENS = 8
WIDE, HIGH, SMALL = Picture(picture(1)), Picture(picture(2, (32, 64))), Picture(picture(3, (40, 40)))
SHARED = [system("Answer with a letter."), user("The bee visits a flower. ", WIDE, " A red fox sleeps: ", HIGH)]
QUESTION = [user(" What does the picture show?")]
WITH_PICTURE = [user(" And this one? ", SMALL, " Yes or No?")]
TURNS = [user("Write a caption. ", WIDE), assistant("The small bird."), user("And this? ", HIGH)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The tiny models, each made and loaded when it is first asked for."""

    class Loaded(dict[str, Any]):
        def __missing__(self, kind: str) -> Any:
            with torch.random.fork_rng():
                folder = make(kind, tmp_path_factory.mktemp(kind))
            self[kind] = load_model(folder, context_tokens=4096, threads=1)
            return self[kind]

    threads = torch.get_num_threads()
    found = Loaded()
    yield found
    torch.set_num_threads(threads)
    for model in found.values():
        model.close()


# -- plain recomputation ----------------------------------------------------------------------------------------------


def inputs(model: Any, messages: Sequence[Message], ending: str = "") -> dict[str, Any]:
    """What the processor itself makes of the messages."""
    processor = model.reader.form._processor  # the real one: nothing of ours is between
    turns = []
    for turn in merge_turns(messages):
        parts = [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in turn.content]
        blind = "".join(part for part in turn.content if isinstance(part, str))
        turns.append({"role": turn.role, "content": parts if model.capabilities.sees_pictures else blind})
    text = processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False) + ending
    shown = [each.image for message in messages for each in message.pictures]
    if not model.capabilities.sees_pictures:
        return dict(processor(text, return_tensors="pt", add_special_tokens=False, return_token_type_ids=False))
    return dict(processor(text=[text], images=[shown] if shown else None, return_tensors="pt"))


def logprobs(model: Any, given: dict[str, Any], more: Sequence[int] = ()) -> Any:
    """Log-probabilities [T, V] at every token, with nothing kept from one call to the next."""
    extra = torch.tensor([list(more)], dtype=torch.long)
    whole = {**given, "input_ids": torch.cat([given["input_ids"], extra], dim=1)}
    for name in ("attention_mask", "token_type_ids", "mm_token_type_ids"):
        if name in whole:
            filler = torch.full_like(extra, 1 if name == "attention_mask" else 0)
            whole[name] = torch.cat([whole[name], filler], dim=1)
    network = model.network.model
    if hasattr(network, "model") and hasattr(network.model, "rope_deltas"):
        network.model.rope_deltas = None
    with torch.no_grad():
        return network(**whole, use_cache=False).logits[0].float().log_softmax(dim=-1)


_written: dict[tuple[Any, ...], list[int]] = {}


def greedy(model: Any, messages: Sequence[Message]) -> list[int]:
    """The likeliest tokens, everything recomputed for each of them; once for each prompt."""
    key = (model.name, *messages)
    if key not in _written:
        _written[key] = _greedy(model, messages)
    return _written[key]


def _greedy(model: Any, messages: Sequence[Message]) -> list[int]:
    given, written = inputs(model, messages), []
    for _step in range(TOKENS):
        best = int(logprobs(model, given, written)[-1].argmax())
        if best == model.reader.tokenizer.eos_token_id:
            break
        written.append(best)
    return written


def text_of(model: Any, ids: Sequence[int]) -> str:
    return str(model.reader.tokenizer.decode(ids, skip_special_tokens=True)).rstrip("\ufffd")


def scores(model: Any, messages: Sequence[Message], options: Sequence[str]) -> list[list[float]]:
    """The log-probabilities of all tokens of the options."""
    given = inputs(model, messages)
    length = given["input_ids"].shape[1]
    found = []
    for option in options:
        more = inputs(model, messages, option)["input_ids"][0, length:].tolist()
        row = logprobs(model, given, more)[length - 1 :]
        found.append([float(row[at, token]) for at, token in enumerate(more)])
    return found


# -- the same, with pictures and without, with a prefix and without ---------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_stream_and_score_agree_with_recomputing_everything(models: dict[str, Any], kind: str) -> None:
    model = models[kind]
    assert isinstance(model, Model)
    assert isinstance(model, KeepsBeginnings)
    assert isinstance(model, ScoresTokens)
    assert model.capabilities.sees_pictures == (kind in SEEING)
    for messages in (TURNS, [*SHARED, *WITH_PICTURE], [user("The bird sings.")]):
        assert model.count_tokens(messages) == inputs(model, messages)["input_ids"].shape[1]
        written = "".join(model.stream(messages, Sampling(max_tokens=TOKENS)))
        assert written == text_of(model, greedy(model, messages))
        letters = scores(model, messages, ["A", "B", "C", "D"])
        assert model.score(messages, ["A", "B", "C", "D"]) == pytest.approx([s[0] for s in letters], abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_shared_prefix_changes_nothing_but_the_work(models: dict[str, Any], kind: str) -> None:
    model = models[kind]
    with model.prefix(SHARED) as ask:
        for question in (QUESTION, WITH_PICTURE, QUESTION):
            before = model.usage
            found = ask.score(question, ["Yes", "No"])
            # LLaVA-OneVision reads a picture in another way when it stands alone: then all is read once more
            alone = kind == "llava_onevision" and question is WITH_PICTURE
            assert ((model.usage - before).reused > (model.usage - before).prefilled) != alone
            expected = scores(model, [*SHARED, *question], ["Yes", "No"])
            assert found == pytest.approx([sum(s[:1]) for s in expected], abs=1e-4)
            pieces = "".join(ask.stream(question, Sampling(max_tokens=TOKENS)))
            assert pieces == text_of(model, greedy(model, [*SHARED, *question]))
        both = ask.reply([QUESTION, WITH_PICTURE], Sampling(max_tokens=TOKENS))
    assert both == [text_of(model, greedy(model, [*SHARED, *question])) for question in (QUESTION, WITH_PICTURE)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_replies_is_what_each_alone_would_be(models: dict[str, Any], kind: str) -> None:
    model = models[kind]
    prompts = [
        [user("Write a caption: ", WIDE)],
        [user("Write a much longer caption for this picture of a paragraph: ", HIGH, " and ", SMALL)],
        [user("What? ", SMALL)],
    ]
    before = model.usage
    found = model.reply(prompts, Sampling(max_tokens=TOKENS))
    assert found == [text_of(model, greedy(model, prompt)) for prompt in prompts]
    assert (model.usage - before).prefilled == sum(map(model.count_tokens, prompts))
    with model.prefix(SHARED) as ask:  # other lengths behind one prefix, each with a picture
        questions = [WITH_PICTURE, [user(" A: ", HIGH)], [user(" Which bird sings in the garden? ", WIDE, "?")]]
        found = ask.reply(questions, Sampling(max_tokens=TOKENS))
    assert found == [text_of(model, greedy(model, [*SHARED, *question])) for question in questions]


@pytest.mark.parametrize("kind", ["qwen3_vl", "qwen3_5", "gemma3", "llama"])
def test_every_token_of_options_is_scored(models: dict[str, Any], kind: str) -> None:
    model = models[kind]
    options = [["The red fox", "The bird", "A"], ["Yes", "Yes, the bee"]]
    prompts = [[*SHARED, *QUESTION], TURNS]
    found = model.score_tokens(prompts, options)
    for row, messages, each in zip(found, prompts, options, strict=True):
        for tokens, expected in zip(row, scores(model, messages, each), strict=True):
            assert tokens == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "qwen3_5"])
def test_options_that_begin_alike_are_told_apart_where_they_differ(models: dict[str, Any], kind: str) -> None:
    model = models[kind]
    options = ["The bee", "The bird", "The", "A"]
    found = dict(zip(options, model.score(TURNS, options), strict=True))
    tokens = dict(zip(options, scores(model, TURNS, options), strict=True))
    assert found["A"] == pytest.approx(tokens["A"][0], abs=1e-4)
    assert found["The"] < tokens["The"][0]  # what the others leave of it
    together = sum(torch.tensor(each).exp() for each in (found["The bee"], found["The bird"], found["The"]))
    assert float(together) <= torch.tensor(tokens["The"][0]).exp() + 1e-5
    assert model.score(TURNS, []) == []
    assert model.score(TURNS, ["A", "A"])[0] == pytest.approx(found["A"], abs=1e-5)


# -- what is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["qwen3_vl", "qwen3_5", "gemma3", "llama"])
def test_a_kept_beginning_is_read_once(models: dict[str, Any], kind: str) -> None:
    model = models[kind]
    model.begin_with(SHARED[:1])
    model.begin_with(SHARED)
    before = model.usage
    found = model.score([*SHARED, *QUESTION], ["Yes", "No"])
    assert (model.usage - before).reused > 30
    expected = scores(model, [*SHARED, *QUESTION], ["Yes", "No"])
    assert found == pytest.approx([sum(s[:1]) for s in expected], abs=1e-4)
    model._beginnings.clear()


def test_other_pictures_of_the_same_size_are_not_taken_for_the_kept_ones(models: dict[str, Any]) -> None:
    model = models["qwen3_vl"]
    other = [SHARED[0], user("The bee visits a flower. ", Picture(picture(9)), " A red fox sleeps: ", HIGH)]
    with model.prefix(SHARED) as ask:
        ask.score(QUESTION, ["Yes", "No"])
        model._beginnings = {(1,): ask._read}
        found = model.score([*other, *QUESTION], ["Yes", "No"])
        model._beginnings = {}
    expected = scores(model, [*other, *QUESTION], ["Yes", "No"])
    assert found == pytest.approx([sum(s[:1]) for s in expected], abs=1e-4)


@pytest.mark.parametrize("kind", ["qwen3_vl", "qwen3_5", "gemma3"])
def test_a_prefix_may_end_with_an_answer(models: dict[str, Any], kind: str) -> None:
    model = models[kind]
    with model.prefix(TURNS[:2]) as ask:
        for question in (TURNS[2:], [assistant(" It sings"), user("And?")]):  # a new turn, and more of the answer
            found = ask.score(question, ["Yes", "No"])
            expected = scores(model, [*TURNS[:2], *question], ["Yes", "No"])
            assert found == pytest.approx([sum(s[:1]) for s in expected], abs=1e-4)


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "llama"])
def test_a_conversation_that_goes_on_is_not_read_again(models: dict[str, Any], kind: str) -> None:
    model = models[kind]
    first = [user("What does the picture show? ", WIDE)]
    answer = "".join(model.stream(first, Sampling(max_tokens=TOKENS)))
    before = model.usage
    assert "".join(model.stream(first, Sampling(max_tokens=TOKENS))) == answer
    assert (model.usage - before).reused == 0  # asked once more: computed as the first time
    more = [*first, assistant(answer), user("Answer with a letter. ", HIGH)]
    before = model.usage
    written = "".join(model.stream(more, Sampling(max_tokens=TOKENS)))
    assert written == text_of(model, greedy(model, more))
    if "\ufffd" not in answer and "�" not in answer:
        assert (model.usage - before).reused > model.count_tokens(first)


def test_a_long_prompt_is_read_in_parts(models: dict[str, Any]) -> None:
    model = models["smolvlm"]
    messages = [user("The bee. " * 20, WIDE, " the fox " * 20, HIGH, " and the bird?")]
    expected = scores(model, messages, ["A", "B"])
    chunk, model.network.chunk = model.network.chunk, 16
    wide = threading.Event()
    try:
        written = "".join(model.stream(messages, Sampling(max_tokens=TOKENS), stop=wide))
        assert written == text_of(model, greedy(model, messages))
        assert model.score(messages, ["A", "B"]) == pytest.approx([s[0] for s in expected], abs=1e-4)
        stop = threading.Event()
        stop.set()
        before = model.usage
        assert list(model.stream(messages, Sampling(), stop=stop)) == []
        assert (model.usage - before).prefilled == 0
    finally:
        model.network.chunk = chunk
