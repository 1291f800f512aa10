"""Models on servers: what is sent, what is found out, and every way in which a server may fail."""

import json
import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from composer import load_model
from composer.errors import ModelFailed, SettingsError
from composer.models.base import Model, Picture, Sampling, assistant, system, user
from composer.models.endpoint import EndpointModel, client
from tests.composer.models.endpoint_server import FakeServer, as_json, serving

ASKED = [user("Count to three.")]
SHORT = Sampling(max_tokens=16)
PICTURE = Picture(Image.new("RGB", (40, 30), (10, 200, 30)), "green")


@pytest.fixture
def fake() -> FakeServer:
    return FakeServer()


@pytest.fixture
def address(fake: FakeServer) -> Iterator[str]:
    with serving(fake) as at:
        yield at


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_growing", lambda state: 0.01 * state.attempt_number)


@pytest.fixture
def model(address: str) -> Iterator[EndpointModel]:
    found = EndpointModel(address)
    yield found
    found.close()


def chats(fake: FakeServer) -> list[Any]:
    return [body for path, body, _headers in fake.requests if path == "/v1/chat/completions"]


def limits(model: EndpointModel) -> str:
    return " ".join(limit.text() for limit in model.capabilities.limits)


# -- what is sent and what comes ---------------------------------------------------------------------------------------


def test_a_reply_comes_in_pieces(model: EndpointModel, fake: FakeServer) -> None:
    before = model.usage
    assert list(model.stream([system("Be brief."), *ASKED], SHORT)) == ["One ", "two ", "three."]
    sent = chats(fake)[-1]
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Count to three."},
    ]
    assert (sent["model"], sent["stream"], sent["max_tokens"], sent["temperature"]) == ("fake-model", True, 16, 0.0)
    used = model.usage - before
    assert (used.prefilled, used.generated) == (10, 3)
    assert isinstance(model, Model)


def test_how_words_are_drawn_is_told(model: EndpointModel, fake: FakeServer) -> None:
    list(model.stream(ASKED, Sampling(5, 0.7, 0.9, 1.1, seed=7, stop=("END",))))
    sent = chats(fake)[-1]
    assert (sent["temperature"], sent["top_p"], sent["repetition_penalty"], sent["seed"]) == (0.7, 0.9, 1.1, 7)
    assert sent["stop"] == ["END"]


def test_a_text_is_continued(model: EndpointModel, fake: FakeServer) -> None:
    list(model.stream([*ASKED, assistant("Zero, ")], SHORT))
    sent = chats(fake)[-1]
    assert sent["messages"][-1] == {"role": "assistant", "content": "Zero, "}
    assert (sent["continue_final_message"], sent["add_generation_prompt"]) == (True, False)


def test_a_shared_beginning_is_the_beginning_of_each_question(model: EndpointModel, fake: FakeServer) -> None:
    with model.prefix([system("S"), user("An article.\n")]) as held:
        held.reply([[user("First?")], [user("Second?")]], SHORT)
        held.score([user("Yes?")], ["Yes", "No"])
    texts = [body["messages"][1]["content"] for body in chats(fake)[-3:]]
    assert sorted(texts[:2]) == ["An article.\nFirst?", "An article.\nSecond?"]
    assert texts[2] == "An article.\nYes?"


def test_stop_texts_end_a_reply_where_the_server_forgets_them(model: EndpointModel, fake: FakeServer) -> None:
    fake.words = ["one\n", "two", "\n", "\nthree"]
    assert "".join(model.stream(ASKED, Sampling(stop=("\n\n",)))) == "one\ntwo"
    fake.words = ["one\n", "two"]
    assert "".join(model.stream(ASKED, Sampling(stop=("\n\n",)))) == "one\ntwo", "what was held back is given"


def test_thoughts_are_left_out(model: EndpointModel, fake: FakeServer) -> None:
    fake.words = ["<thi", "nk>Hm.</think>", "\n\nSnow."]
    assert "".join(model.stream(ASKED, SHORT)) == "Snow."


def test_texts_that_break_json_or_turns_are_sent_harmless(model: EndpointModel, fake: FakeServer) -> None:
    fake.words = ["line\u2028separator ", "猫"]
    assert "".join(model.stream([user("a\ud800b <|im_end|>")], SHORT)) == "line\u2028separator 猫"
    assert chats(fake)[-1]["messages"][0]["content"] == "a?b < |im_end|>"


def test_pictures_travel_within_the_budget(address: str, fake: FakeServer) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (1200, 1600, 3), dtype=np.uint8))
    model = load_model(address, picture_bytes=60_000)
    list(model.stream([user("Before ", Picture(noise, "noise"), PICTURE, "after")], SHORT))
    model.close()
    parts = chats(fake)[-1]["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "image_url", "text"]
    urls = [part["image_url"]["url"] for part in parts[1:3]]
    assert urls[0].startswith("data:image/jpeg;base64,")
    assert len(urls[0]) < 60_000 * 4 / 3 + 100
    assert urls[1].startswith("data:image/png;base64,"), "a small one as it is"


def test_replies_are_computed_together(address: str, fake: FakeServer) -> None:
    fake.pause = 0.05
    model = EndpointModel(address, at_once=3)
    start = time.perf_counter()
    replies = model.reply([[user(str(number))] for number in range(6)], SHORT)
    seconds = time.perf_counter() - start
    model.close()
    assert replies == ["One two three."] * 6
    assert fake.most_under_way == 3 == model.capabilities.at_once
    assert seconds < 0.75 * 6 * 3 * fake.pause


def test_stop_closes_the_request(model: EndpointModel, fake: FakeServer) -> None:
    fake.words, fake.pause = ["word "] * 200, 0.02
    stop = threading.Event()
    pieces = model.stream(ASKED, SHORT, stop=stop)
    assert next(pieces) == "word "
    stop.set()
    start = time.perf_counter()
    assert "".join(pieces).split() in ([], ["word"])
    assert time.perf_counter() - start < 0.5
    assert fake.broken.wait(5), "the server learns that nobody reads"
    fake.broken.clear()
    given_up = model.stream(ASKED, SHORT)
    next(given_up)
    given_up.close()  # type: ignore[attr-defined]  # a generator
    assert fake.broken.wait(5)


def test_stop_ends_what_only_waits(address: str, fake: FakeServer) -> None:
    """A server that is busy with a long prompt says nothing; Stop does not wait for it."""
    model = EndpointModel(address, at_once=1)
    fake.words, fake.pause = ["word "] * 3, 1.0
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    start = time.perf_counter()
    assert model.reply([ASKED, ASKED], SHORT, stop=stop) == ["", ""]
    assert time.perf_counter() - start < 0.9
    model.close()


def test_closing_ends_what_is_under_way(address: str, fake: FakeServer) -> None:
    model = EndpointModel(address)
    fake.words, fake.pause = ["word "] * 200, 0.02
    pieces = model.stream(ASKED, SHORT)
    next(pieces)
    model.close()
    assert len(list(pieces)) < 20
    with pytest.raises(ModelFailed, match="closed"):
        list(model.stream(ASKED, SHORT))


# -- what is found out -------------------------------------------------------------------------------------------------


def test_a_server_of_the_known_kinds_has_no_limits(model: EndpointModel, fake: FakeServer) -> None:
    can = model.capabilities
    assert (model.name, can.engine, can.context_tokens, can.sees_pictures) == ("fake-model", "vLLM", 4096, True)
    assert limits(model) == "The server does not count tokens: how much fits is estimated."
    assert model.count_tokens([user("word " * 64)]) >= 64
    assert model.count_tokens([user("字" * 64, PICTURE)]) > 1000


def test_first_tokens_are_compared(model: EndpointModel, fake: FakeServer) -> None:
    yes, no = model.score(ASKED, ["Yes", "No"])
    assert (math.exp(yes), math.exp(no)) == pytest.approx((0.7, 0.2))
    assert model.allowed_share == pytest.approx(0.9)
    fake.logprobs = {"B": 0.6, "A": 0.3, "x": 0.05}
    scores = model.score(ASKED, ["A", "B", "C"])
    assert sorted(range(3), key=lambda i: -scores[i]) == [1, 0, 2]
    assert model.score(ASKED, []) == []


def test_options_that_begin_alike_are_followed(model: EndpointModel, fake: FakeServer) -> None:
    """ "red" and "rest" share "re": the next token decides between them."""
    fake.logprobs = {"re": 0.5, "blue": 0.4}
    seen: list[Any] = []

    def deeper(path: str, body: Any) -> Any:
        if body and body["messages"][-1]["role"] == "assistant":
            seen.append(body["messages"][-1]["content"])
            fake.logprobs = {"d": 0.9, "st": 0.1}
        return None

    fake.before = deeper
    scores = [math.exp(score) for score in model.score(ASKED, ["red", "rest", "blue"])]
    assert scores == pytest.approx([0.45, 0.05, 0.4])
    assert seen == ["re"]


def test_a_server_without_logprobs_is_asked_typed_questions(address: str, fake: FakeServer) -> None:
    fake.logprobs = None
    asked: list[Any] = []

    def decide(body: Any) -> Any:
        asked.append(body)
        (name, question), *_more = body["questions"].items()
        found: dict[str, Any] = {"type": "noul", "noul": 0.75}
        if question["type"] == "choice":
            found = {"type": "choice", "choice": "B", "probabilities": {"A": 0.2, "B": 0.8}}
        return as_json({"answers": {name: found}, "diagnostics": {name: {"label_mass": 0.6}}, "usage": {}})

    fake.paths["/v1/systemone"] = decide
    model = EndpointModel(address)
    assert "in words of its own" in limits(model)
    scores = model.score([system("S"), user("Text."), assistant("cat"), user(PICTURE, "Fits?")], ["Yes", "No"])
    assert [math.exp(s) for s in scores] == pytest.approx([0.75, 0.25])
    assert model.allowed_share == 0.6
    body = asked[-1]
    assert body["state"][1:] == [{"role": "user", "content": "Text."}, {"role": "assistant", "content": "cat"}]
    assert body["questions"]["q"] == {"type": "noul", "instructions": "<img-1> Fits?"}
    assert body["images"][0].startswith("data:image/png;base64,")
    assert [math.exp(s) for s in model.score(ASKED, ["A", "B"])] == pytest.approx([0.2, 0.8])
    model.close()


def test_typed_questions_with_pictures_as_assets(address: str, fake: FakeServer) -> None:
    fake.logprobs = None
    asked: list[Any] = []

    def decide(body: Any) -> Any:
        asked.append(body)
        if "images" in body:
            return as_json({"detail": [{"loc": ["body", "images"], "msg": "Extra inputs are not permitted"}]}, 422)
        return as_json({"answers": {"q": {"type": "noul", "noul": 0.75}}})

    fake.paths["/v1/systemone"] = decide
    model = EndpointModel(address)
    for _again in range(2):
        model.score([user(PICTURE, "Fits?")], ["Yes", "No"])
    model.close()
    assert ["images" in body for body in asked[-3:]] == [True, False, False], "found out once"
    assert asked[-1]["assets"]["<img-1>"]["data_base64"].startswith("iVBOR")


def test_a_decision_model_writes_nothing(address: str, fake: FakeServer) -> None:
    fake.entry |= {"owned_by": "llamacpp", "architecture": {"output_modalities": ["decisions"]}}
    fake.paths["/v1/systemone"] = lambda body: as_json({"answers": {"q": {"type": "noul", "noul": 0.9}}})
    fake.before = lambda path, body: as_json({"error": {"message": "no"}}, 501) if "chat" in path else None
    model = EndpointModel(address)
    assert "--judge" in limits(model)
    assert math.exp(model.score(ASKED, ["Yes", "No"])[0]) == pytest.approx(0.9)
    with pytest.raises(ModelFailed):
        list(model.stream(ASKED, SHORT))
    model.close()


def test_guided_choice_says_which(address: str, fake: FakeServer) -> None:
    fake.logprobs = None

    def guided(path: str, body: Any) -> Any:
        if body and (form := body.get("response_format")):
            chosen = form["json_schema"]["schema"]["enum"][-1]
            return as_json({"choices": [{"message": {"content": json.dumps(chosen)}, "finish_reason": "stop"}]})
        return None

    fake.before = guided
    model = EndpointModel(address)
    assert "not how surely" in limits(model)
    yes, no = model.score(ASKED, ["Yes", "No"])
    assert no > yes
    model.close()


def test_the_last_resort_reads_the_answer(address: str, fake: FakeServer) -> None:
    fake.logprobs = None
    model = EndpointModel(address)
    assert "tells no probabilities" in limits(model)
    fake.words = ["I would say ", "B."]
    scores = model.score(ASKED, ["A", "B", "C"])
    assert max(range(3), key=lambda i: scores[i]) == 1
    fake.words = ["I do not know."]
    assert len(set(model.score(ASKED, ["Q", "X"]))) == 1
    model.close()


def test_fields_that_a_server_does_not_know_are_left_out(address: str, fake: FakeServer) -> None:
    def strict(path: str, body: Any) -> Any:
        strange = body and {"chat_template_kwargs", "repetition_penalty"} & set(body)
        return as_json({"detail": f"Unexpected fields in the request: {strange}"}, 422) if strange else None

    fake.entry["owned_by"], fake.before = "somebody", strict
    model = EndpointModel(address)
    assert "no penalty for repetition" in limits(model)
    assert "".join(model.stream(ASKED, Sampling(repetition_penalty=1.2))) == "One two three."
    model.close()


def test_pictures_that_a_server_drops_in_silence_are_not_seen(address: str, fake: FakeServer) -> None:
    fake.usage = lambda body: {"prompt_tokens": 10, "completion_tokens": 3}  # type: ignore[method-assign]
    model = EndpointModel(address)
    assert not model.capabilities.sees_pictures
    assert model.capabilities.max_pictures == 0
    model.close()


def test_llama_cpp_tells_context_sight_and_slots(address: str, fake: FakeServer) -> None:
    fake.entry = {"id": "/models/qwen.gguf", "owned_by": "llamacpp", "meta": {"n_ctx_train": 32768}}
    settings = {"n_ctx": 6144}
    fake.paths["/props"] = lambda body: as_json(
        {"default_generation_settings": settings, "modalities": {"vision": True}, "total_slots": 2}
    )
    fake.paths["/v1/chat/completions/input_tokens"] = lambda body: as_json({"input_tokens": 123})
    model = EndpointModel(address)
    can = model.capabilities
    assert (model.name, can.engine, can.context_tokens, can.at_once) == ("qwen", "llama.cpp", 6144, 2)
    assert can.sees_pictures
    assert can.limits == ()
    assert model.count_tokens(ASKED) == 123
    model.close()


def test_vllm_counts_tokens(address: str, fake: FakeServer) -> None:
    fake.paths["/tokenize"] = lambda body: as_json({"count": len(body["messages"]) * 7, "max_model_len": 4096})
    model = EndpointModel(address)
    assert model.count_tokens([system("S"), *ASKED]) == 14
    assert model.capabilities.limits == ()
    fake.paths["/tokenize"] = lambda body: as_json({"error": "gone"}, 400)
    assert model.count_tokens(ASKED) > 0, "estimated where the server fails"
    model.close()


def test_one_of_several_models_must_be_named(address: str, fake: FakeServer) -> None:
    fake.models = [{"id": "first"}, {"id": "second", "context_length": 2222}]
    with pytest.raises(SettingsError, match=r"first, second.*--served_name first"):
        EndpointModel(address)
    model = load_model(f"{address}/v1#second")
    assert (model.name, model.capabilities.context_tokens) == ("second", 2222)
    model.close()


def test_a_server_that_lists_nothing_serves_its_only_model(address: str, fake: FakeServer) -> None:
    fake.before = lambda path, body: as_json({}, 500) if path == "/v1/models" else None
    model = EndpointModel(address)
    assert model.name == address.removeprefix("http://")
    list(model.stream(ASKED, SHORT))
    assert "model" not in chats(fake)[-1]
    model.close()


def test_a_context_that_is_not_told_is_assumed_or_set(address: str, fake: FakeServer) -> None:
    del fake.entry["max_model_len"]
    model = EndpointModel(address)
    assert model.capabilities.context_tokens == 4096
    assert "4,096 tokens are assumed" in limits(model)
    model.close()
    model = EndpointModel(address, context_tokens=9000)
    assert model.capabilities.context_tokens == 9000
    assert "assumed" not in limits(model)
    model.close()
