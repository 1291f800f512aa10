"""The endpoints for programs, called as programs call them."""

import base64
import io
import urllib.request
import zipfile
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from composer.errors import ModelFailed


@pytest.fixture
def client(served: Any) -> Client:
    return Client(served[1], verbose=False, analytics_enabled=False)


def test_only_the_three_endpoints_are_public(client: Client) -> None:
    described = client.view_api(return_format="dict", print_info=False)
    assert set(described["named_endpoints"]) == {"/compose", "/chat", "/search"}
    assert described["unnamed_endpoints"] == {}


def test_compose_returns_the_article_with_fetchable_pictures(client: Client, served: Any) -> None:
    job = client.submit("How to take good care of a pet cat", pictures=1, seed=7, api_name="/compose")
    article = job.result(timeout=30)
    assert [step["step"] for step in job.outputs()[:-1]] == ["write", "spot", "caption", "retrieve", "select"]
    assert article["title"] == "How to take good care of a pet cat"
    assert article["parameters"]["sampling"]["seed"] == 7
    [picture] = [section["picture"] for section in article["sections"] if section["picture"]]
    with urllib.request.urlopen(served[1] + picture["chosen"]["src"]) as answer:
        assert answer.headers["content-type"] == "image/png"
        assert "immutable" in answer.headers["cache-control"]
        assert Image.open(io.BytesIO(answer.read())).size == (64, 48)
    with urllib.request.urlopen(served[1] + article["zip"]) as answer:
        assert "article.md" in zipfile.ZipFile(io.BytesIO(answer.read())).namelist()


@pytest.mark.parametrize(
    ("endpoint", "arguments", "said"),
    [
        ("/compose", {"title": 5}, "'title' is 5"),
        ("/compose", {"title": "A cat", "pictures": "many"}, "'pictures' is 'many'"),
        ("/compose", {"title": "A cat", "temperature": -1}, "'temperature' is -1"),
        ("/compose", {"title": "A cat", "repetition_penalty": 0}, "'repetition_penalty' is 0"),
        ("/compose", {"title": "A cat", "seed": 2**31}, "'seed' is 2147483648"),
        ("/chat", {"question": "Hi", "max_tokens": "many"}, "'max_tokens' is 'many'"),
        ("/chat", {"question": "Hi", "temperature": 9}, "'temperature' is 9"),
        ("/chat", {"question": "Hi", "history": ["Who?"]}, "'history' is 'Who\\?'"),
        ("/search", {"query": "blue", "k": 0}, "'k' is 0"),
        ("/search", {"query": "blue", "exclude": "p0"}, "'exclude' is 'p0'"),
    ],
)
def test_arguments_of_a_wrong_kind_are_named(
    client: Client, endpoint: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(AppError, match=said):
        client.predict(**arguments, api_name=endpoint)


def test_a_model_that_breaks_is_no_finished_article(
    client: Client, served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ModelFailed(name="fake", doing="writing", reason="cable pulled")

    monkeypatch.setattr(served[0].model, "stream", broken)
    with pytest.raises(AppError, match="cable pulled"):
        client.predict("A cat", api_name="/compose")


def test_what_went_wrong_beside_the_article_is_told(client: Client) -> None:
    article = client.predict("A cat", pictures=30, api_name="/compose")
    assert "30 pictures" in " ".join(article["notes"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"title": " "}, "Enter a title"),
        ({"title": "x" * 100_000}, "at most"),
        ({"title": "A cat", "pictures": 31}, "0 to 30"),
        ({"title": "A cat", "length": "endless"}, "short, medium or long"),
    ],
)
def test_bad_arguments_are_answered_with_a_sentence(client: Client, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(AppError, match=said):
        client.predict(**arguments, api_name="/compose")


def test_search_finds_excludes_and_refuses_nothing(client: Client) -> None:
    hits = client.predict("blue", k=2, api_name="/search")
    assert [hit["id"] for hit in hits] == ["p0", "p1"]
    assert [hit["id"] for hit in client.predict("blue", k=1, exclude=["p0"], api_name="/search")] == ["p1"]
    with pytest.raises(AppError, match="what the picture should show"):
        client.predict("  ", api_name="/search")


def test_chat_answers_with_history_and_pictures(client: Client, served: Any) -> None:
    model = served[0].model
    model.answer = lambda messages: "A quiet answer."
    before = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "A heron."}]
    assert client.predict("Where does it live?", history=before, api_name="/chat") == "A quiet answer."
    asked = " ".join(message.text for message in model.prompts[-1])
    assert "A heron." in asked
    assert "Where does it live?" in asked


def test_chat_refuses_what_is_no_picture_and_no_history(client: Client) -> None:
    with pytest.raises(AppError, match="base64"):
        client.predict("What is this?", pictures=["@@@"], api_name="/chat")
    broken = base64.b64encode(b"no picture").decode()
    with pytest.raises(AppError, match="picture 1"):
        client.predict("What is this?", pictures=[broken], api_name="/chat")
    with pytest.raises(AppError, match="in turn"):
        client.predict("And?", history=[{"role": "assistant", "content": "x"}], api_name="/chat")
