"""The endpoints for programs, called as programs call them."""

import base64
import io
import json
import re
import urllib.request
import zipfile
from dataclasses import replace
from typing import Any

import docx
import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from composer.article import Article
from composer.errors import ModelFailed
from tests.fakes import FakeGallery

NAMES = ("compose", "illustrate", "rewrite", "chat", "export", "search", "drafts")


def test_only_the_named_endpoints_are_public(client: Client) -> None:
    described = client.view_api(return_format="dict", print_info=False)
    assert set(described["named_endpoints"]) == {f"/{name}" for name in NAMES}
    assert described["unnamed_endpoints"] == {}


def test_compose_returns_the_article_with_fetchable_pictures(client: Client, served: Any) -> None:
    job = client.submit("How to take good care of a pet cat", pictures=1, seed=7, api_name="/compose")
    article = job.result(timeout=30)
    assert [step["step"] for step in job.outputs()[:-1]] == ["write", "retrieve", "spot", "select"]
    assert article["title"] == "How to take good care of a pet cat"
    assert article["parameters"]["sampling"]["seed"] == 7
    [picture] = [section["picture"] for section in article["sections"] if section["picture"]]
    with urllib.request.urlopen(served[1] + picture["chosen"]["src"]) as answer:
        assert answer.headers["content-type"] == "image/png"
        assert "immutable" in answer.headers["cache-control"]
        assert Image.open(io.BytesIO(answer.read())).size == (64, 48)
    with urllib.request.urlopen(served[1] + article["zip"]) as answer:
        assert "article.md" in zipfile.ZipFile(io.BytesIO(answer.read())).namelist()


def test_own_pictures_stand_in_the_article(client: Client, served: Any) -> None:
    def sent(name: str, colour: str) -> dict[str, str]:
        written = io.BytesIO()
        Image.new("RGB", (90, 60), colour).save(written, "PNG")
        return {"name": name, "data": base64.b64encode(written.getvalue()).decode()}

    own = [sent("../a soft bed.png", "red"), sent("bowl of water.png", "blue")]
    article = client.predict("Cats", pictures=2, own_pictures=own, api_name="/compose")
    stand = [section["picture"] for section in article["sections"] if section["picture"]]
    assert {picture["caption"] for picture in stand} == {"A soft bed", "Bowl of water"}
    with urllib.request.urlopen(served[1] + stand[0]["chosen"]["src"]) as answer:
        assert Image.open(io.BytesIO(answer.read())).size == (90, 60)
    text = "The bed of the cat is beside the window, and it sleeps there all day long."
    article = client.predict(text, own_pictures=own[:1], pictures=1, api_name="/illustrate")
    assert [section["picture"]["caption"] for section in article["sections"] if section["picture"]] == ["A soft bed"]


@pytest.mark.parametrize("form", ["docx", "pdf", "json"])
def test_an_article_is_exported_as_it_was_returned_or_changed(client: Client, served: Any, form: str) -> None:
    article = client.predict("Where herons nest", pictures=1, seed=7, api_name="/compose")
    article["title"] = "Herons"
    job = client.submit(article, format=form, made_by=True, api_name="/export")
    made = job.result(timeout=60)
    assert [step["state"] for step in job.outputs()[:-1]] == ["running"] * (len(job.outputs()) - 1)
    assert (made["state"], made["name"], made["notes"]) == ("done", f"Herons.{form}", [])
    with urllib.request.urlopen(served[1] + made["file"]) as answer:
        assert answer.headers["content-type"].split(";")[0] == made["media_type"]
        content = answer.read()
    assert len(content) == made["bytes"]
    if form == "docx":
        document = docx.Document(io.BytesIO(content))
        assert "Herons" in [paragraph.text for paragraph in document.paragraphs]
        assert len(document.inline_shapes) == 1
        assert "Seed: 7" in [paragraph.text for paragraph in document.paragraphs]
    elif form == "pdf":
        assert content.startswith(b"%PDF")
    else:
        again = Article.from_json(content.decode())
        assert again.title == "Herons"
        [picture] = [section.illustration.chosen.path for section in again.illustrated]
        assert "/" not in picture, "where it lies on the server is not told"


def test_a_picture_that_is_not_in_the_gallery_is_left_out_of_an_export_and_said(client: Client, served: Any) -> None:
    article = client.predict("Where herons nest", pictures=1, api_name="/compose")
    [picture] = [section["picture"]["chosen"] for section in article["sections"] if section["picture"]]
    picture["id"] = "gone"
    picture["path"] = "/etc/passwd"  # no file is named by a caller
    made = client.predict(article, format="html", api_name="/export")
    assert "left out: 1" in made["notes"][0]
    with urllib.request.urlopen(served[1] + made["file"]) as answer:
        assert b"<img" not in answer.read()


@pytest.mark.parametrize("form", ["html", "docx", "json"])
def test_a_picture_whose_file_is_gone_is_left_out_of_an_export_and_named(
    client: Client, served: Any, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = client.predict("Where herons nest", pictures=1, api_name="/compose")
    [shown] = [section["picture"] for section in article["sections"] if section["picture"]]
    get = FakeGallery.get

    def without_file(self: FakeGallery, picture_id: str) -> Any:
        return replace(get(self, picture_id), path="/nowhere/gone.png")

    monkeypatch.setattr(FakeGallery, "get", without_file)
    made = client.predict(article, format=form, api_name="/export")
    assert made["state"] == "done"
    assert [shown["caption"] in note for note in made["notes"]] == ([] if form == "json" else [True])


OWN = "# My cat\r\n\r\nA cat sleeps on the sofa.  \r\n- [ ] cat food\r\n\r\n| a |\r\n|---|\r\n"


@pytest.mark.parametrize("as_file", [False, True])
def test_a_text_is_illustrated_without_a_word_changed(client: Client, served: Any, as_file: bool) -> None:
    sent = {"file": base64.b64encode(OWN.encode()).decode(), "file_name": "cat.md"} if as_file else {"text": OWN}
    job = client.submit(**sent, pictures=1, api_name="/illustrate")
    article = job.result(timeout=30)
    assert [step["step"] for step in job.outputs()[:-1]] == ["retrieve", "spot", "select"]
    assert [(section["kind"], section["source"]) for section in article["sections"]] == [
        ("paragraph", "A cat sleeps on the sofa.  "),
        ("list", "- [ ] cat food"),
        ("table", "| a |\r\n|---|"),
    ]
    with urllib.request.urlopen(served[1] + article["zip"]) as answer:
        markdown = zipfile.ZipFile(io.BytesIO(answer.read())).read("article.md").decode()
    [picture] = [section["picture"]["caption"] for section in article["sections"] if section["picture"]]
    assert picture in markdown
    assert re.sub(r"\r\n!\[Picture 1\].*?\*\r\n\r\n", "", markdown, flags=re.DOTALL).startswith(OWN)


@pytest.mark.parametrize(
    ("endpoint", "arguments", "said"),
    [
        ("/compose", {"title": 5}, "'title' is 5"),
        ("/compose", {"title": "A cat", "own_pictures": [{"name": "x.png", "data": "?"}]}, "not base64"),
        ("/compose", {"title": "A cat", "own_pictures": [{"name": "x.png"}]}, "own_pictures"),
        ("/compose", {"title": "A cat", "own_pictures": [{"name": "x.png", "data": ""}] * 21}, "21 pictures"),
        ("/compose", {"title": "A cat", "pictures": "many"}, "'pictures' is 'many'"),
        ("/compose", {"title": "A cat", "temperature": -1}, "'temperature' is -1"),
        ("/compose", {"title": "A cat", "repetition_penalty": 0}, "'repetition_penalty' is 0"),
        ("/compose", {"title": "A cat", "seed": 2**31}, "'seed' is 2147483648"),
        ("/export", {"article": []}, "'article' is \\[\\]: it must be an object"),
        ("/export", {"article": {"title": "A", "language": "en"}}, "sections: it is missing"),
        ("/export", {"article": {"title": "A", "language": "en", "sections": []}, "format": "odt"}, "no format 'odt'"),
        ("/illustrate", {"text": " "}, "There is no text to illustrate"),
        ("/illustrate", {"text": "A cat", "pictures": 31}, "number of pictures is 31"),
        ("/illustrate", {"text": "A cat", "file": "QQ=="}, "either 'text' or 'file'"),
        ("/illustrate", {"file": "?", "file_name": "a.md"}, "'file' is not base64"),
        ("/illustrate", {"file": "QQ==", "file_name": "a.exe"}, "'a.exe' is of a kind"),
        ("/illustrate", {"file": "QQ==", "file_name": "a.docx"}, "'a.docx' is no Word document"),
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
        ({"title": "A cat", "length": "endless"}, "short, medium, long or a number of words"),
    ],
)
def test_bad_arguments_are_answered_with_a_sentence(client: Client, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(AppError, match=said):
        client.predict(**arguments, api_name="/compose")


def test_a_paragraph_is_rewritten_and_what_changed_is_told(client: Client, served: Any) -> None:
    text = "A cat drinks **milk**."
    answer = client.predict(text, task="expand", instruction="about water", title="Cats", api_name="/rewrite")
    assert answer["state"] == "done"
    assert "".join(old for old, _ in answer["changes"]) == text
    assert "".join(new for _, new in answer["changes"]) == answer["text"] != text
    for arguments, said in (
        ({"text": " "}, "Send the paragraph"),
        ({"text": "A cat.", "task": "sing"}, "The task is 'sing'"),
        ({"text": "x" * 20_001}, "The argument 'text'"),
    ):
        with pytest.raises(AppError, match=said):
            client.predict(**arguments, api_name="/rewrite")


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


def call(served: Any, path: str, body: Any) -> tuple[int, dict[str, Any]]:
    """(status, JSON) of the first request of a call; a body that is bytes is sent as it is."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = httpx.post(
        f"{served[1]}gradio_api/call/{path}", content=sent, headers={"content-type": "application/json"}
    )
    return answer.status_code, answer.json()


def result(served: Any, name: str, body: dict[str, Any]) -> tuple[str, Any]:
    """(event, data) that a call ends with."""
    status, begun = call(served, f"v2/{name}", body)
    assert status == 200, begun
    last = httpx.get(f"{served[1]}gradio_api/call/{name}/{begun['event_id']}").text.strip().split("\n\n")[-1]
    event, data = last.split("\n")
    return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("v2/search", {"q": "cat"}, 422, "has no argument 'q'. Its arguments are: query, k, exclude."),
        ("v2/search", {}, 422, "The endpoint '/search' needs the argument 'query'."),
        ("v2/search/", {"k": 3}, 422, "needs the argument 'query'"),
        ("v2/chat", {"question": "Hi", "\ud83d": 1}, 422, "has no argument '\\ud83d'"),
        (
            "v2/serch",
            {"query": "cat"},
            404,
            "no endpoint '/serch'. There are: /compose, /illustrate, /rewrite, /chat, /export, /search, /drafts.",
        ),
        ("v2/search", ["cat"], 422, "must be a JSON object"),
        ("v2/search", b"{query: cat}", 400, "is no JSON"),
        ("v2/search", b'{"k": ' + b"[" * 100_000, 400, "is no JSON"),
        ("v2/search", b'{"query": "cat", "k": 1' + b"0" * 5000 + b"}", 400, "is no JSON"),
        ("v2/search", b"caf\xe9", 400, "is no JSON"),
        ("search", {"data": ["cat"]}, 422, "list of all arguments of the endpoint '/search': query, k, exclude."),
        ("search", {"query": "cat"}, 422, "list of all arguments"),
    ],
)
def test_a_call_that_cannot_be_made_is_answered_with_a_sentence(
    served: Any, path: str, body: Any, status: int, said: str
) -> None:
    answered, content = call(served, path, body)
    assert said in content["error"]
    assert answered == status


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("search", {"query": "red bus \ud83d"}, "'query' is 'red bus \\ud83d': it holds half a character (U+D83D)"),
        ("search", {"query": "bus", "exclude": ["\ude00"]}, "'exclude'"),
        ("chat", {"question": "\ud83d"}, "'question'"),
        ("chat", {"question": "Hi", "history": [{"role": "user", "content": "\ud83d"}]}, "'history'"),
        ("compose", {"title": "A \ud83d cat"}, "'title'"),
        ("compose", {"title": "A cat", "length": "\ud83d"}, "'length'"),
        ("compose", {"title": "A cat", "select": "perhaps"}, "'select' is 'perhaps': it must be true or false."),
        ("compose", {"title": "A cat", "pictures": 10**30}, "The number of pictures is 10000"),
        ("compose", {"title": "A cat", "temperature": float("nan")}, "'temperature' is nan"),
        ("compose", {"title": "A cat", "top_p": float("inf")}, "'top_p' is inf"),
        ("chat", {"question": "Hi", "max_tokens": 1e300}, "'max_tokens'"),
        ("chat", {"question": "Hi", "seed": -(10**40)}, "'seed'"),
        ("search", {"query": "bus", "k": 10**30}, "'k' is 1000"),
        ("drafts", {"search": "\ud83d"}, "'search'"),
        ("search", {"query": None}, "'query' is None: it must be text."),
    ],
)
def test_values_of_any_size_are_answered_with_a_sentence(
    served: Any, name: str, body: dict[str, Any], said: str
) -> None:
    event, content = result(served, name, body)
    assert event == "error"
    assert said in content["error"]


def test_the_answer_of_a_call_that_nobody_made_is_a_sentence(served: Any) -> None:
    answer = httpx.get(f"{served[1]}gradio_api/call/search/0123abcd")
    assert answer.status_code == 404
    assert "There is no call '0123abcd'" in answer.json()["error"]


def test_what_was_not_foreseen_is_still_a_sentence(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    served[0].gallery_settled.wait(5)
    monkeypatch.setattr(served[0].gallery, "search", lambda *_, **__: 1 / 0)
    event, content = result(served, "search", {"query": "cat"})
    assert event == "error"
    assert content["error"] == "The program failed at this call; the reason is in its log (ZeroDivisionError)."


@pytest.mark.parametrize("write", [base64.b64encode, base64.encodebytes, base64.urlsafe_b64encode])
def test_base64_is_read_as_programs_print_it(served: Any, write: Any) -> None:
    drawn = io.BytesIO()
    Image.effect_noise((60, 40), 90).save(drawn, "PNG")
    text = write(drawn.getvalue()).decode()
    served[0].model_settled.wait(5)
    served[0].model.capabilities = replace(served[0].model.capabilities, sees_pictures=True, max_pictures=2)
    for sent in (text, "data:image/png;base64," + text, text.rstrip("=\n")):
        event, _ = result(served, "chat", {"question": "What is this?", "pictures": [sent]})
        assert event == "complete"
