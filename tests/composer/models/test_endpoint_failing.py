"""What goes wrong with a model on a server, and what is said and kept then."""
# ruff: noqa: F811 - a fixture is imported and is an argument

import http.server
import logging
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from composer import load_model
from composer.errors import EndpointUnusable, InputError, ModelFailed, SettingsError
from composer.models import LoadProgress, user
from composer.models.endpoint import EndpointModel, client, failing
from composer.settings import Settings
from tests.composer.models.endpoint_server import KEY, FakeServer, as_json
from tests.composer.models.test_endpoint import ASKED, SHORT, address, fake, model, short_pauses  # noqa: F401 - fixtures

# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_no_server(address: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nothing = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EndpointUnusable, match=r"cannot be used: nothing answers there .*check the address"):
            EndpointModel(nothing)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(200, b"<html>Sign in</html>"), (200, b'{"hello": 1}'), (200, b'["a"]'), (200, b""), (404, b"<html>?</html>")],
)
def test_something_else_than_a_server_of_models(address: str, fake: FakeServer, status: int, answer: bytes) -> None:
    fake.before = lambda path, body: (status, {"Content-Type": "text/html"}, answer)
    with pytest.raises(EndpointUnusable, match="not that of an OpenAI-compatible server"):
        EndpointModel(address)


def test_a_server_without_tls_or_with_a_certificate_of_its_own(address: str, tmp_path: Path) -> None:
    with pytest.raises(EndpointUnusable, match=r"does not speak TLS\. Name its address with http://"):
        EndpointModel(address.replace("http://", "https://"))
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    named = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    subprocess.run([*made, *named], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with pytest.raises(EndpointUnusable, match=r"certificate is not trusted.*SSL_CERT_FILE"):
        EndpointModel(f"https://127.0.0.1:{server.server_port}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificate))
        with pytest.raises(EndpointUnusable, match="not that of an OpenAI-compatible server"):  # it is reached
            EndpointModel(f"https://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_page_in_place_of_a_reply(model: EndpointModel, fake: FakeServer) -> None:
    fake.before = lambda path, body: (200, {"Content-Type": "text/html"}, b"<html>maintenance</html>")
    with pytest.raises(ModelFailed, match="not that of an OpenAI-compatible server"):
        list(model.stream(ASKED, SHORT))


@pytest.mark.parametrize("choices", [[None], ["one"], [{"logprobs": [1]}]])
def test_an_answer_of_another_form(address: str, fake: FakeServer, model: EndpointModel, choices: list[Any]) -> None:
    odd = as_json({"choices": choices})
    fake.before = lambda path, body: odd if path.endswith("/completions") else None
    with pytest.raises(EndpointUnusable, match="not that of an OpenAI-compatible server"):
        EndpointModel(address)
    with pytest.raises(ModelFailed, match="not that of an OpenAI-compatible server"):
        model.score(ASKED, ["Yes", "No"])


def test_a_piece_of_another_form(fake: FakeServer, model: EndpointModel) -> None:
    events = b'data: {"choices": [null]}\n\n'
    fake.before = lambda path, body: (200, {"Content-Type": "text/event-stream"}, events)
    for call in (lambda: list(model.stream(ASKED, SHORT)), lambda: model.reply([ASKED], SHORT)):
        with pytest.raises(ModelFailed, match="not that of an OpenAI-compatible server"):
            call()


def test_closing_ends_a_comparison_that_waits(address: str, fake: FakeServer) -> None:
    model = EndpointModel(address)
    fake.pause = 1.0
    threading.Timer(0.2, model.close).start()
    start = time.perf_counter()
    with pytest.raises(ModelFailed, match="the model was closed"):
        model.score(ASKED, ["Yes", "No"])
    assert time.perf_counter() - start < 0.9
    with pytest.raises(ModelFailed, match="the model was closed"):
        model.score(ASKED, ["Yes", "No"])


def test_who_cancels_the_loading_at_its_end_leaves_no_thread_behind(address: str, fake: FakeServer) -> None:
    def cancel(step: LoadProgress) -> None:
        if step.stage == "ready":
            raise KeyboardInterrupt

    def threads() -> int:
        return sum(thread.name == "endpoint" for thread in threading.enumerate())

    before = threads()
    with pytest.raises(KeyboardInterrupt):
        EndpointModel(address, progress=cancel)
    assert threads() == before


@pytest.mark.parametrize("silent", ["/v1/models", "/v1/chat/completions"])
def test_who_cancels_the_loading_waits_for_no_answer(address: str, fake: FakeServer, silent: str) -> None:
    held, stop = threading.Event(), threading.Event()
    fake.before = lambda path, body: as_json({}, 500) if path == silent and not held.wait(10) else None

    def cancel(step: LoadProgress) -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    start = time.perf_counter()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(KeyboardInterrupt):
        EndpointModel(address, progress=cancel)
    held.set()
    assert time.perf_counter() - start < 3


def test_a_server_that_says_nothing_at_all_is_given_up_soon(
    address: str, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "QUICK_SECONDS", 0.2)
    held = threading.Event()
    fake.before = lambda path, body: as_json({}, 500) if not held.wait(10) else None
    with pytest.raises(EndpointUnusable, match="it has said nothing for 0 s"):
        EndpointModel(address)
    held.set()


def test_a_key_is_sent_and_never_shown(
    address: str, fake: FakeServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fake.key = KEY
    file = tmp_path / "key"
    with pytest.raises(EndpointUnusable, match=r"wants a key \(401\).*--api_key_file FILE"):
        EndpointModel(address)
    with pytest.raises(EndpointUnusable, match=r"wants a key \(401\).*--judge_key_file FILE"):
        load_model(f"{address}#fake-model", **Settings(judge=f"{address}#fake-model").judge_options)
    file.write_text("sk-wrong-geheim\n")
    with pytest.raises(EndpointUnusable, match=r"refuses the key \(401\)") as wrong:
        EndpointModel(address, api_key_file=file)
    file.write_text(f"{KEY}\n")
    model = EndpointModel(address, api_key_file=file)
    list(model.stream(ASKED, SHORT))
    fake.before = lambda path, body: as_json({"error": {"message": f"quota of {KEY} is used up"}}, 403)
    with pytest.raises(ModelFailed) as refused:
        list(model.stream(ASKED, SHORT))
    fake.before = lambda path, body: as_json({"error": {"message": f"what of {KEY}?"}}, 404)
    with pytest.raises(ModelFailed, match="what of …") as missing:
        list(model.stream(ASKED, SHORT))
    shown = [caplog.text, repr(model.capabilities), repr(vars(model)), model.name]
    for error in (wrong, refused, missing):
        shown += [error.value.text(), repr(error.value.values), repr(error.value.__cause__)]
    model.close()
    assert "geheim" not in " ".join(shown)


def test_a_key_is_not_shown_in_part_where_a_long_message_is_cut(address: str, fake: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    for words in range(failing.MOST_CHARACTERS - len(KEY), failing.MOST_CHARACTERS):
        said = as_json({"error": {"message": "x" * words + KEY}}, 400)
        fake.before = lambda path, body, said=said: said  # type: ignore[misc]
        with pytest.raises(EndpointUnusable) as refused:
            EndpointModel(address, api_key_file=tmp_path / "key")
        assert "sk-test" not in refused.value.text()


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read"), ("", "on one line"), ("two lines\nof it", "on one line"), ("schlüssel", "on one line")],
)
def test_a_file_without_a_key(tmp_path: Path, content: str | None, problem: str) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match=problem):
        EndpointModel("http://127.0.0.1:9", api_key_file=file)


def test_what_editors_and_manuals_add_is_taken_away(address: str, fake: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\xef\xbb\xbfsk-windows\r\n")
    EndpointModel(address.removesuffix("/v1") + "/v1/chat/completions", api_key_file=file).close()
    assert {path for path, _body, _headers in fake.requests} >= {"/v1/models", "/v1/chat/completions"}
    assert all(headers["Authorization"] == "Bearer sk-windows" for _path, _body, headers in fake.requests)


def test_a_model_that_the_server_does_not_have(address: str, fake: FakeServer) -> None:
    gone = as_json({"error": {"message": "The model `other` does not exist."}}, 404)
    fake.before = lambda path, body: gone if path.endswith("/completions") else None
    with pytest.raises(SettingsError, match=r"'served_name' has the value 'other': .* It has: fake-model"):
        EndpointModel(address, served_name="other")


def test_a_name_that_the_server_does_not_list_is_not_taken_for_another(address: str, fake: FakeServer) -> None:
    fake.models = [{"id": f"model-{n}", "owned_by": "library"} for n in range(20)] + [{"id": "llava:latest"}]
    with pytest.raises(SettingsError, match=r"'lava'.* It has: llava:latest, .* …"):
        EndpointModel(address, served_name="lava")
    for name in ("llava", "llava:latest", "model-3", "model-3:online"):
        EndpointModel(address, served_name=name).close()
    fake.models = [{"id": "somebody/cached"}]
    paths = {"paths": {"/load_model": {}, "/v1/systemone": {}}}
    fake.paths["/openapi.json"] = lambda body: as_json(paths)
    EndpointModel(address, served_name="somebody/other").close()  # transformers serve loads any


@pytest.mark.parametrize("listed", [[], None])
def test_a_server_that_holds_no_model_yet(address: str, fake: FakeServer, listed: list[Any] | None) -> None:
    fake.before = lambda path, body: (
        as_json({"error": {"message": "model is required"}}, 400)
        if path.endswith("/completions")
        else as_json({"object": "list", "data": listed})
        if path.endswith("/models")
        else None
    )
    with pytest.raises(EndpointUnusable, match=r"lists no model \(model is required\)\. Load one there"):
        EndpointModel(address)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "needs an address"),
        ("127.0.0.1:8000", "no address of a server"),
        ("ftp://host/v1", "no address of a server"),
        ("http://host:port/v1", "no address of a server"),
        ("http://me:geheim@host/v1", "--api_key_file"),
        ("ftp://me:geheim@host/v1", "--api_key_file"),
        ("http://me:geheim@host:port/v1", "--api_key_file"),
        ("http://me:ge/heim@host/v1", "--api_key_file"),
        ("http://host/v1?key=geheim", "no part after"),
    ],
)
def test_addresses_that_are_none(address: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as error:
        EndpointModel(address)
    assert not {"geheim", "heim"} & set(re.findall(r"\w+", error.value.text()))


def test_a_busy_server_is_asked_again(model: EndpointModel, fake: FakeServer) -> None:
    for status in (429, 500, 503):
        answers = [as_json({"error": {"message": "busy"}}, status, **{"Retry-After": "0"})] * 2
        fake.before = lambda path, body, answers=answers: answers.pop() if answers else None  # type: ignore[misc]
        assert "".join(model.stream(ASKED, SHORT)) == "One two three.", status
    fake.requests.clear()
    fake.before = lambda path, body: as_json({"error": {"message": "busy"}}, 429)
    with pytest.raises(ModelFailed, match=r"too busy \(429\)"):
        list(model.stream(ASKED, SHORT))
    assert len(fake.requests) == client.ATTEMPTS
    fake.before = lambda path, body: as_json({"error": {"message": "the engine is dead"}}, 500)
    with pytest.raises(ModelFailed, match="answers 500: the engine is dead"):
        list(model.stream(ASKED, SHORT))


def test_stop_ends_the_waiting_for_a_busy_server(
    model: EndpointModel, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_growing", lambda state: 5.0)
    fake.before = lambda path, body: as_json({"error": {"message": "busy"}}, 503)
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    start = time.perf_counter()
    assert list(model.stream(ASKED, SHORT, stop=stop)) == []
    assert time.perf_counter() - start < 2


def test_tokens_are_counted_while_answers_are_written(address: str, fake: FakeServer) -> None:
    fake.paths["/tokenize"] = lambda body: as_json({"count": 7})
    model = EndpointModel(address, at_once=1)
    fake.words, fake.pause = ["word "] * 20, 0.1
    pieces = model.stream(ASKED, SHORT)
    next(pieces)
    start = time.perf_counter()
    assert model.count_tokens(ASKED) == 7
    assert time.perf_counter() - start < 1.0
    pieces.close()  # type: ignore[attr-defined]  # a generator
    model.close()


def test_a_server_that_does_not_count_after_all_is_not_waited_for_long(
    address: str, fake: FakeServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake.paths["/tokenize"] = lambda body: as_json({"count": 7})
    model = EndpointModel(address)
    monkeypatch.setattr(client, "QUICK_SECONDS", 0.2)
    fake.paths["/tokenize"] = lambda body: time.sleep(1.5) or as_json({"count": 7})  # type: ignore[func-returns-value]
    start = time.perf_counter()
    assert model.count_tokens([user("word " * 64)]) > 64
    assert time.perf_counter() - start < 1.0
    assert "it has said nothing for 0 s" in caplog.text
    model.close()


def test_a_slow_server(address: str, fake: FakeServer) -> None:
    model = EndpointModel(address, timeout=0.2)
    fake.pause = 1.0
    with pytest.raises(ModelFailed, match="It may be loading or busy"):
        list(model.stream(ASKED, SHORT))
    model.close()


def test_a_reply_that_breaks_off_keeps_what_came(model: EndpointModel, fake: FakeServer) -> None:
    fake.drop_after = 2
    with pytest.raises(ModelFailed, match="broke in the middle of the answer"):
        model.reply([ASKED], SHORT)
    pieces = model.stream(ASKED, SHORT)
    assert [next(pieces), next(pieces)] == ["One ", "two "]
    with pytest.raises(ModelFailed, match="broke in the middle of the answer"):
        next(pieces)
    fake.drop_after = None
    assert "".join(model.stream(ASKED, SHORT)) == "One two three.", "it goes on once the server does"


def test_an_error_in_the_middle_of_a_reply(model: EndpointModel, fake: FakeServer) -> None:
    events = (
        b'data: {"choices": [{"delta": {"content": "One "}}]}\n\ndata: {"error": {"message": "CUDA out of memory"}}\n\n'
    )
    fake.before = lambda path, body: (200, {"Content-Type": "text/event-stream"}, events)
    pieces = model.stream(ASKED, SHORT)
    assert next(pieces) == "One "
    with pytest.raises(ModelFailed, match="CUDA out of memory"):
        next(pieces)


def test_a_prompt_longer_than_the_context(model: EndpointModel, fake: FakeServer) -> None:
    said = "This model's maximum context length is 4096 tokens. However, your request has 9000 input tokens."
    fake.before = lambda path, body: as_json({"error": {"message": said, "type": "BadRequestError"}}, 400)
    for call in (lambda: model.reply([ASKED], SHORT), lambda: model.score(ASKED, ["Yes", "No"])):
        with pytest.raises(InputError, match="too long for this model"):
            call()


def test_options_of_other_kinds_are_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="no such option"):
        load_model("endpoint", base_url=address, quantization="nf4")
    load_model("endpoint", base_url=address, threads=2).close()


def test_the_command_line_uses_a_server(address: str, fake: FakeServer) -> None:
    from typer.testing import CliRunner

    from composer.cli import app

    for arguments in (["--base_url", address], ["--model", f"{address}/v1#fake-model"]):
        done = CliRunner().invoke(app, ["chat", "Count", *arguments])
        assert (done.exit_code, done.stdout) == (0, "One two three.\n")
        assert "Note: The server does not count tokens" in done.stderr
    refused = CliRunner().invoke(app, ["chat", "Count", "--base_url", "nowhere"])
    assert refused.exit_code == 2
    assert "base_url" in refused.stderr
