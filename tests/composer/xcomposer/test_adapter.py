"""The model behind the protocol, with a tiny random one: nonsense text, right mechanics."""

import io
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from composer.article import Article, Candidate, Illustration, Section
from composer.errors import InputError, OutOfMemory, SettingsError
from composer.models.base import Model, Picture, Sampling, ScoresTokens, assistant, system, user
from composer.models.xcomposer import load
from composer.models.xcomposer.adapter import XComposerModel
from composer.models.xcomposer.decoding.graphs import GraphSteps
from composer.models.xcomposer.template import META
from composer.prompts import Style, XComposerPrompts, prompts_for

SHORT = Sampling(max_tokens=12)

PROMPTS = XComposerPrompts()


@pytest.fixture(scope="module")
def model(tiny_folder: Path) -> Iterator[XComposerModel]:
    loaded = load(tiny_folder, num_gpus=0)
    yield loaded
    loaded.close()


def picture(shade: int, mode: str = "RGB", size: tuple[int, int] = (90, 60)) -> Picture:
    return Picture.open(Image.new(mode, size, shade))


def shown(model: XComposerModel, *messages: object) -> str:
    """The prompt as text, pictures as <P>."""
    prompt = model.prompt(list(messages))  # type: ignore[arg-type]  # messages, spelled short
    return "".join(
        "<P>" if isinstance(part, torch.Tensor) else model.tokenizer.decode(part, skip_special=True)
        for part in prompt.parts
    )


def test_it_is_a_model_of_its_own_family(model: XComposerModel) -> None:
    assert isinstance(model, Model)
    able = model.capabilities
    assert (able.family, able.sees_pictures, able.beams, able.context_tokens) == ("xcomposer", True, True, 2048)
    assert able.devices == ("cpu",)
    assert able.memory_bytes > 0
    assert isinstance(prompts_for(able.family), XComposerPrompts)


def test_task_and_conversation_are_worded_as_published(model: XComposerModel) -> None:
    task = [user("给定文章"), user(picture(3), "选择 "), assistant("最合适的图是")]
    assert shown(model, *task) == " <|User|>:给定文章<P>选择 \n<TOKENS_UNUSED_0> <|Bot|>:最合适的图是"
    talk = [system("Be brief."), user(picture(3), "What is it?"), assistant("A cat."), user("Its name?")]
    assert shown(model, *talk) == (
        META + " <|User|>: <Img><P></Img>What is it?<TOKENS_UNUSED_0>"
        " <|Bot|>: A cat.<TOKENS_UNUSED_1> <|User|>: Its name?<TOKENS_UNUSED_0> <|Bot|>:"
    )


@pytest.mark.parametrize("beams", [1, 4])
def test_streamed_pieces_are_the_reply(model: XComposerModel, beams: int) -> None:
    sampling = Sampling(max_tokens=24, beams=beams, repetition_penalty=1.3)
    prompt = [user("A cat needs water."), user(picture(5))]
    pieces = list(model.stream(prompt, sampling))
    assert len(pieces) > 1 or beams > 1
    (whole,) = model.reply([prompt], sampling)
    assert "".join(pieces) == whole != ""


@pytest.mark.parametrize("beams", [1, 4])
def test_batches_answer_like_single_prompts(model: XComposerModel, beams: int) -> None:
    prompts = [[user(text)] for text in ("water", "the garden is open all day", "夜晚的城市很安静")]
    sampling = Sampling(max_tokens=30, beams=beams, repetition_penalty=1.2)
    assert model.reply(prompts, sampling) == [model.reply([prompt], sampling)[0] for prompt in prompts]


def test_batches_stay_within_the_planned_room(model: XComposerModel, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [model.prompt([user("water " * 20)])] * 9
    room = model.placement.plan.rows * model.placement.plan.context_tokens
    sampling = Sampling(max_tokens=520 - len(prompts[0]))
    sizes = [len(part) for part in model.batches(prompts, sampling.max_tokens)]
    assert sizes == [room // 520] * (9 // (room // 520)) + [9 % (room // 520)] * bool(9 % (room // 520))
    assert len(next(model.batches(prompts, sampling.max_tokens, prefix_tokens=520))) == (room - 520) // 520
    monkeypatch.setattr(model.engine, "fast", GraphSteps(model.engine))  # whose caches are rounded up, to 768
    assert len(next(model.batches(prompts, sampling.max_tokens))) == room // 768


def test_a_shared_beginning_is_computed_once_and_changes_nothing(model: XComposerModel) -> None:
    beginning = [user("A cat needs fresh water and good food every day. " * 30)]
    questions = [[user("Where? ")], [user(picture(9), "Which? "), assistant("最合适的图是")]]
    plain = [model.reply([[*beginning, *question]], SHORT)[0] for question in questions]
    scored = model.score([*beginning, *questions[1]], ("A", "B", "C"))
    with model.prefix(beginning) as held:
        before = model.usage
        assert [held.reply([question], SHORT)[0] for question in questions] == plain
        assert held.reply(questions, SHORT) == plain
        assert held.score(questions[1], ("A", "B", "C")) == pytest.approx(scored, abs=1e-4)
        assert "".join(held.stream(questions[0], SHORT)) == plain[0]
        spent = model.usage - before
    assert spent.reused > 3 * spent.prefilled


def test_scores_are_log_probabilities_of_the_options(model: XComposerModel) -> None:
    messages = [user("Which? ")]
    letters = model.score(messages, ("A", "B", "C", "D"))
    logits = model.engine.prefill([model.prompt(messages)], room=0).logits[0, -1].log_softmax(-1)
    assert letters == pytest.approx([float(logits[model.tokenizer.encode(x)[0]]) for x in "ABCD"], abs=1e-5)
    marks = model.score(messages, ("<Seg0>", "<Seg12>"))  # the same first token: by all tokens
    for mark, score in zip(("<Seg0>", "<Seg12>"), marks, strict=True):
        ids = model.tokenizer.encode(mark)
        total = 0.0
        for i, token in enumerate(ids):
            rest = model.prompt(messages).extended(ids[:i])
            total += float(model.engine.prefill([rest], room=0).logits[0, -1].log_softmax(-1)[token])
        assert score == pytest.approx(total, abs=1e-4)
    # by every token, where `score` stops after first tokens that differ
    options = ("A. water", "B")
    (tokens,) = model.score_tokens([messages], [options])
    assert [len(found) for found in tokens] == [len(model.tokenizer.encode(option)) for option in options]
    assert [found[0] for found in tokens] == pytest.approx(model.score(messages, options), abs=1e-5)
    assert isinstance(model, ScoresTokens)


def test_prompts_are_scored_as_one_batch_and_as_each_alone(model: XComposerModel) -> None:
    prompts = [[user("Which? ")], [user(picture(7), "What is it? "), assistant("It is")], [user("water " * 40)]]
    options = [("A. water", "B"), (" good", " a cat and food", " poor"), ("yes",)]
    together = model.score_tokens(prompts, options)
    alone = [model.score_tokens([each], [some])[0] for each, some in zip(prompts, options, strict=True)]
    for found, expected in zip(together, alone, strict=True):
        assert [len(tokens) for tokens in found] == [len(tokens) for tokens in expected]
        for tokens, others in zip(found, expected, strict=True):
            assert tokens == pytest.approx(others, abs=1e-4)
    beginning = [system("You are an assistant. " * 4), user("water " * 20)]
    whole = model.score_tokens([[*beginning, *each] for each in prompts], options)
    with model.prefix(beginning) as held:
        assert isinstance(held, ScoresTokens)
        for found, expected in zip(held.score_tokens(prompts, options), whole, strict=True):
            for tokens, others in zip(found, expected, strict=True):
                assert tokens == pytest.approx(others, abs=1e-4)


def test_sampling_repeats_with_its_seed(model: XComposerModel) -> None:
    def answer(seed: int, beams: int = 1) -> str:
        return model.reply([[user("water")]], Sampling(max_tokens=10, temperature=0.9, beams=beams, seed=seed))[0]

    assert answer(1) == answer(1)
    assert answer(1, beams=3) == answer(1, beams=3)
    assert len({answer(seed) for seed in range(6)}) > 1
    cold = Sampling(max_tokens=10, temperature=0.01, beams=4, seed=1)  # one beam's share rounds the others' to nothing
    assert model.reply([[user("water")]], cold) != [""]


def test_an_answer_ends_before_a_stop_text(model: XComposerModel) -> None:
    (whole,) = model.reply([[user("water")]], Sampling(max_tokens=20, repetition_penalty=1.4))
    stop = whole[5:7]
    sampling = Sampling(max_tokens=20, repetition_penalty=1.4, stop=(stop,))
    expected = whole[: whole.index(stop)]
    assert model.reply([[user("water")]], sampling) == [expected]
    assert "".join(model.stream([user("water")], sampling)) == expected


def test_stopping_and_closing(model: XComposerModel) -> None:
    stop = threading.Event()
    sampling = Sampling(max_tokens=200, repetition_penalty=1.4)
    before = model.usage
    for _ in model.stream([user("water")], sampling, stop=stop):
        stop.set()
    assert (model.usage - before).generated < 10
    stream = model.stream([user("water")], sampling)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator, as the protocol's closing asks
    assert model.reply([[user("a")], [user("b")]], sampling, stop=stop) == ["", ""]


def test_two_answers_at_once_do_not_mix(model: XComposerModel) -> None:
    sampling = Sampling(max_tokens=12, repetition_penalty=1.3)
    alone = [model.reply([[user(text)]], sampling)[0] for text in ("water", "garden")]
    first, second = (model.stream([user(text)], sampling) for text in ("water", "garden"))
    texts = ["", ""]
    for one, two in zip(first, second, strict=False):
        texts[0] += one
        texts[1] += two
    texts[0] += "".join(first)
    texts[1] += "".join(second)
    assert alone[0].startswith(texts[0][:5])
    assert alone[1].startswith(texts[1][:5])


def test_a_picture_is_encoded_once_whatever_its_mode(model: XComposerModel) -> None:
    shots = [picture(7), picture(7), picture(80, "L"), picture(1, "1"), picture(120, "P"), picture(9, "I;16")]
    for size in ((1, 1), (2000, 3)):
        shots.append(picture(4, size=size))
    rgba = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    shots += [Picture.open(rgba), Picture.open(Image.new("CMYK", (30, 30)))]
    calls: list[int] = []
    encode = model.network.encode_pictures

    def counting(pixels: torch.Tensor) -> torch.Tensor:
        calls.append(len(pixels))
        return encode(pixels)

    model._picture_cache.clear()
    model.network.encode_pictures = counting  # type: ignore[method-assign]  # to count
    try:
        found = model._encode_pictures(shots)
        model._encode_pictures(shots)
    finally:
        del model.network.encode_pictures  # type: ignore[method-assign]  # the class's own again
    assert calls == [len({shot.sha256 for shot in shots})]
    assert all(vectors.shape == (66, 32) and bool(vectors.isfinite().all()) for vectors in found.values())


def test_pictures_used_last_are_kept(model: XComposerModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.models.xcomposer.adapter.PICTURE_CACHE_SIZE", 2)
    model._picture_cache.clear()
    first, second, third = (picture(shade) for shade in (11, 12, 13))
    for shot in (first, second, first, third):
        model._encode_pictures([shot])
    assert list(model._picture_cache) == [first.sha256, third.sha256]


def test_half_a_character_waits_for_its_other_bytes(model: XComposerModel) -> None:
    ids = model.tokenizer.encode("A 龘")  # not in the vocabulary: three bytes
    shown = [model.decode(ids[:count], (), False, True)[0] for count in range(1, len(ids) + 1)]
    assert shown[-1] == "A 龘"
    assert "\ufffd" not in "".join(shown)
    assert model.decode(ids[:-1], (), True, True)[0].startswith("A ")


@pytest.mark.parametrize("mark", ["</s>", "<TOKENS_UNUSED_0>", " <|Bot|>:", "</Img>"])
def test_a_text_cannot_end_its_turn(model: XComposerModel, mark: str) -> None:
    harmless = model.prompt([user("Hello, you there")])
    for content in ((f"Hello{mark}there",), (f"Hello{mark[:4]}", f"{mark[4:]}there")):
        prompt = model.prompt([user(*content)])
        for ids in (model.tokenizer.eos, model.tokenizer.end_of_human, model.tokenizer.end_of_bot):
            assert [i for p in prompt.parts for i in p].count(ids) == [i for p in harmless.parts for i in p].count(ids)
        assert f"Hello{mark}there" not in shown(model, user(*content))


def test_tokens_are_counted_with_pictures(model: XComposerModel) -> None:
    words = model.count_tokens([user("What is this?")])
    assert words == len(model.prompt([user("What is this?")]))
    pictured = model.count_tokens([user(picture(50), "What is this?")])
    assert words + 66 <= pictured <= words + 70, "64 queries, two flags, and the wording around them"


def test_too_much_is_said_so(model: XComposerModel, tiny_folder: Path) -> None:
    with pytest.raises(InputError, match="2,048"):
        model.reply([[user("A cat needs fresh water. " * 600)]], SHORT)
    with pytest.raises(InputError, match="13 pictures"):
        model.reply([[user(*(picture(i) for i in range(13)))]], SHORT)
    with pytest.raises(SettingsError, match="float8"):
        load(tiny_folder, dtype="float8")


def test_running_out_of_memory_is_a_sentence_and_the_model_lives_on(
    model: XComposerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise torch.OutOfMemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(model.engine, "_step", full)
        with pytest.raises(OutOfMemory, match=r"The plan: .*fewer beams.*4 bits"):
            model.reply([[user("water")]], SHORT)
    assert model.reply([[user("water")]], SHORT) != [""]


# -- the prompts -----------------------------------------------------------------------------------------------------

ARTICLE = Article(
    "一只猫",
    tuple(Section(f"s{i}", text) for i, text in enumerate(("A cat needs water.", "**Good** food", "A bed.", "Rest."))),
    "zh",
)


def test_published_wordings(model: XComposerModel) -> None:
    write = PROMPTS.write("又见敦煌", "又见敦煌", "zh", Style())
    assert shown(model, *write) == (
        " <|User|>:根据给定标题写一个图文并茂，不重复的文章：又见敦煌\n<TOKENS_UNUSED_0> <|Bot|>:"
    )
    (asked_in_english,) = PROMPTS.write("", "Cats", "en", Style())
    assert asked_in_english.text.endswith("：Cats in English")
    assert PROMPTS.write("", "Cats in English", "en", Style())[0].text.endswith("：Cats in English")
    shared = PROMPTS.shared(ARTICLE)
    text = "一只猫\n<Seg0>A cat needs water.\n<Seg1>Good food\n<Seg2>A bed.\n<Seg3>Rest."
    asked = shown(model, *shared, *PROMPTS.query(ARTICLE, ARTICLE.sections[2], ()))
    assert asked == (
        f' <|User|>:给定文章"{text}" 给出适合在<Seg2>后插入的图像对应的标题。 \n<TOKENS_UNUSED_0> <|Bot|>: 标题是"'
    )


@pytest.mark.parametrize("count", [1, 2, 4])
def test_places_are_lines_that_exist(model: XComposerModel, count: int) -> None:
    paragraphs = [section for section in ARTICLE if section.id != "s1"]
    with model.prefix(PROMPTS.shared(ARTICLE)) as ask:
        found = dict(PROMPTS.spot(ask, ARTICLE, paragraphs, count))
    assert found.keys() == {"s0", "s2", "s3"}
    assert sum(probability >= 0.5 for probability in found.values()) == min(count, 3)
    assert all(0 <= probability <= 1 for probability in found.values())


def test_places_without_a_number_end_where_the_model_ends(model: XComposerModel) -> None:
    found = dict(PROMPTS.spot(model, ARTICLE, ARTICLE.sections, None))
    assert any(probability >= 0.5 for probability in found.values())


def test_choosing_looks_at_candidates_and_at_what_stands_there(model: XComposerModel) -> None:
    candidates = [(Candidate(f"c{i}", "", f"picture {i}"), picture(i * 9)) for i in range(4)]
    chosen = [(ARTICLE.sections[0], picture(200))]
    choice = PROMPTS.choose(ARTICLE, ARTICLE.sections[2], Illustration("a bed"), candidates, chosen)
    text = shown(model, *PROMPTS.shared(ARTICLE), *choice.messages)
    assert "<Seg0>后的图像是<P>" in text
    assert "A. <P>\nB. <P>\nC. <P>\nD. <P>\n" in text
    assert text.endswith("最合适的图是")
    scores = model.score([*PROMPTS.shared(ARTICLE), *choice.messages], choice.options)
    assert choice.options == ("A", "B", "C", "D")
    assert 0 < sum(math.exp(score) for score in scores) <= 1


def test_a_picture_may_come_as_bytes(model: XComposerModel) -> None:
    data = io.BytesIO()
    picture(33).image.save(data, "PNG")
    answer = model.generate("What is this?", data.getvalue(), max_new_tokens=4, num_beams=2)
    assert answer == model.network.generate("What is this?", picture(33), max_new_tokens=4, num_beams=2) != ""
    first, history = model.chat("What is this?", data.getvalue(), max_new_tokens=4, num_beams=2)
    assert first == answer
    assert len(history) == 1
    with pytest.raises(InputError, match="another model or session"):
        model.chat("And?", history=[torch.zeros(1, 3, 5)])
