"""Servers that speak a little differently: what they mean is understood, or the field is named that cannot be."""
# ruff: noqa: F811 - a fixture is imported and is an argument

import json
import logging
import math
from typing import Any

import pytest

from composer.errors import ModelFailed
from composer.models.endpoint import EndpointModel
from tests.composer.models.endpoint_server import FakeServer, as_json
from tests.composer.models.test_endpoint import ASKED, SHORT, address, chats, fake, model  # noqa: F401 - fixtures

REPLY = "/v1/chat/completions"


def with_logprobs(values: dict[str, Any]) -> dict[str, Any]:
    top = [{"token": token, "logprob": value} for token, value in values.items()]
    message = {"role": "assistant", "content": "Yes"}
    return {"choices": [{"message": message, "logprobs": {"content": [{**top[0], "top_logprobs": top}]}}]}


@pytest.mark.parametrize("nothing", [math.nan, math.inf, 1e308, 5.0, None, "high", 10**200])
def test_what_is_no_log_probability_is_named(model: EndpointModel, fake: FakeServer, nothing: Any) -> None:
    fake.before = lambda path, body: as_json(with_logprobs({"Yes": nothing, "No": nothing})) if path == REPLY else None
    with pytest.raises(ModelFailed, match=r"the server 127\.0\.0\.1:\d+: its answer has .* in the field 'logprob'"):
        model.score(ASKED, ["Yes", "No"])
    fake.before = lambda path, body: as_json(with_logprobs({"Yes": -0.1, "No": nothing})) if path == REPLY else None
    assert model.score(ASKED, ["Yes", "No"])[0] == pytest.approx(-0.1), "one that is told counts"


@pytest.mark.parametrize("least", [-math.inf, -1e308, -(10**200), -9999.0])
def test_as_good_as_impossible_is_a_number(model: EndpointModel, fake: FakeServer, least: float) -> None:
    fake.before = lambda path, body: as_json(with_logprobs({"Yes": 1e-6, "No": least})) if path == REPLY else None
    assert model.score(ASKED, ["Yes", "No"]) == [0.0, -9999.0]
    assert model.allowed_share == 1.0


def test_a_server_whose_log_probabilities_are_none_is_asked_otherwise(address: str, fake: FakeServer) -> None:
    odd = with_logprobs({"Yes": math.nan, "No": math.nan})
    fake.before = lambda path, body: as_json(odd) if path == REPLY and not body.get("stream") else None
    model = EndpointModel(address)
    assert "tells no probabilities" in " ".join(limit.text() for limit in model.capabilities.limits)
    fake.words = ["Yes"]
    assert math.exp(model.score(ASKED, ["Yes", "No"])[0]) == pytest.approx(0.8)
    model.close()


def test_the_share_that_was_told_at_loading_is_said_to_be_a_floor_of_one_question(
    address: str, fake: FakeServer
) -> None:
    fake.logprobs = {"Well": 0.6, "Yes": 0.1, "No": 0.1, " yes": 0.1}
    model = EndpointModel(address)
    said = " ".join(limit.text() for limit in model.capabilities.limits)
    assert "Asked one question when it was loaded, it put 20% of the probability on Yes and No (at least: " in said
    model.close()


def test_decisions_that_are_no_probabilities_are_named(address: str, fake: FakeServer) -> None:
    fake.logprobs, said = None, {"noul": 0.9}
    fake.paths["/v1/systemone"] = lambda body: as_json({"answers": {"q": said}})
    model = EndpointModel(address)
    assert math.exp(model.score(ASKED, ["Yes", "No"])[0]) == pytest.approx(0.9)
    for value in (math.nan, 7.0, "much"):
        said["noul"] = value  # type: ignore[assignment]
        with pytest.raises(ModelFailed, match="in the field 'noul'"):
            model.score(ASKED, ["Yes", "No"])
    model.close()


def test_a_name_with_half_a_character_is_shown_and_sent_back(address: str, fake: FakeServer) -> None:
    fake.entry["id"] = "odd-\ud83d"
    model = EndpointModel(address)
    assert model.name == "odd-\ufffd"
    assert "".join(model.stream(ASKED, SHORT)) == "One two three."
    assert chats(fake)[-1]["model"] == "odd-\ud83d"
    model.close()


def streamed(*contents: Any) -> Any:
    events = [{"choices": [{"index": 0, "delta": {"content": content}}]} for content in contents]
    events.append(
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": math.nan}}
    )
    content = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return 200, {"Content-Type": "text/event-stream"}, content.encode()


@pytest.mark.parametrize(
    ("contents", "text"),
    [
        (["a \ud83d", "\ude00 b"], "a 😀 b"),
        (["a \ud83d", "b\ude00"], "a b"),
        ([[{"type": "text", "text": "One "}, "two"], [{"type": "thinking", "thinking": [{"text": "?"}]}]], "One two"),
        ([None, [], "", {"text": "One"}], "One"),
    ],
)
def test_a_text_in_another_form(model: EndpointModel, fake: FakeServer, contents: list[Any], text: str) -> None:
    fake.before = lambda path, body: streamed(*contents)
    assert "".join(model.stream(ASKED, SHORT)) == text
    assert model.reply([ASKED], SHORT) == [text]


@pytest.mark.parametrize("content", [7, [["One"]], [{"text": 1}]])
def test_a_text_that_is_none_is_named(
    model: EndpointModel, fake: FakeServer, content: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fake.before = lambda path, body: streamed(content)
    for call in (lambda: list(model.stream(ASKED, SHORT)), lambda: model.reply([ASKED], SHORT)):
        with pytest.raises(ModelFailed, match=r"127\.0\.0\.1:\d+: its answer has .* in the field 'delta\.content'"):
            call()
    assert not [record for record in caplog.records if record.exc_info]


def test_a_server_that_does_not_stream(model: EndpointModel, fake: FakeServer) -> None:
    whole = [{"type": "text", "text": "One two."}]
    answer = {"choices": [{"message": {"role": "assistant", "content": whole}}], "usage": {"completion_tokens": 3}}
    fake.before = lambda path, body: as_json(answer)
    before = model.usage
    assert "".join(model.stream(ASKED, SHORT)) == "One two."
    assert model.reply([ASKED] * 2, SHORT) == ["One two."] * 2
    assert (model.usage - before).generated == 9
    fake.before = lambda path, body: as_json({"error": {"message": "no room"}})
    with pytest.raises(ModelFailed, match="it failed: no room"):
        list(model.stream(ASKED, SHORT))


def test_odd_answers_print_no_traceback(
    model: EndpointModel, fake: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fake.before = lambda path, body: as_json({"choices": [None]})
    with pytest.raises(ModelFailed, match="not that of an OpenAI-compatible server"):
        model.score(ASKED, ["Yes", "No"])
    assert "cannot be read" in caplog.text
    assert not [record for record in caplog.records if record.exc_info]
