"""What `auto` proposes of the models on this machine, and servers found on it."""
# ruff: noqa: F811 - a fixture is imported and is an argument

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from composer.cli import app
from composer.models import registry
from composer.models.base import LoadProgress
from composer.models.cards import GraphicsCard
from composer.models.discovery import LocalModel, find_servers, listing, ollama, propose
from tests.composer.models.gguf_standins import ENTRIES
from tests.composer.models.test_discovery import (
    EYES,
    home,  # noqa: F401 - a fixture
    loaded,  # noqa: F401 - a fixture
    write_ollama,
)

# -- proposing ---------------------------------------------------------------------------------------------------------


def described(name: str, gigabytes: float, **changes: Any) -> LocalModel:
    facts: dict[str, Any] = {"loadable": True, "sees": True, "memory": int(gigabytes * 2**30), **changes}
    return LocalModel(name=name, store="Ollama", path=Path(name), engine="llama.cpp", **facts)


def test_the_largest_that_sees_and_fits_is_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [
        described("ollama:small", 2),
        described("ollama:fits", 5),
        described("ollama:blind", 5.5, sees=False),
        described("ollama:broken", 5.6, loadable=False),
        described("ollama:large", 20),
    ]
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=32 * 2**30))
    proposal = propose(models)
    assert proposal is not None
    assert proposal.model.name == "ollama:fits"  # on a processor 20 GB would write a word in seconds
    assert proposal.why.text().startswith(
        "ollama:fits is on this machine (Ollama), sees pictures, and needs 5.4 GB of the 34.4"
    )
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=3 * 2**30))
    assert propose(models).model.name == "ollama:small"  # type: ignore[union-attr]
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1 * 2**30))
    assert propose(models) is None
    monkeypatch.setattr(listing, "graphics_cards", lambda: [GraphicsCard("H200", 100 << 30, 139 << 30)])
    on_card = propose(models)
    assert on_card is not None
    assert (on_card.model.name, "on the cards" in on_card.why.text()) == ("ollama:large", True)


def test_auto_proposes_and_does_not_change_the_model(
    monkeypatch: pytest.MonkeyPatch, home: Path, loaded: list[Any]
) -> None:
    write_ollama(home / ".ollama" / "models", "llava", "latest", [("model", ENTRIES), ("projector", EYES)])
    monkeypatch.setattr("composer.models.embedded.model_file", lambda progress: home / "embedded.gguf")
    steps: list[LoadProgress] = []
    assert registry.load_model("auto", progress=steps.append).name == "qwen2.5-coder-1.5b"
    assert loaded[0][1] == home / "embedded.gguf"
    assert any("ollama:llava:latest is on this machine (Ollama), sees pictures" in step.detail for step in steps)


def test_a_model_whose_files_may_not_be_read_hides_no_others(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    store = home / ".ollama" / "models"
    closed = write_ollama(store, "closed", "1b", [("model", ENTRIES)])[0]
    write_ollama(store, "open", "1b", [("model", EYES), ("model", ENTRIES)])
    plain = Path.is_dir

    def is_dir(path: Path) -> bool:
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    monkeypatch.setattr(Path, "is_dir", is_dir)
    found = {model.name: model for model in listing.local_models()}
    assert set(found) == {"ollama:closed:1b", "ollama:open:1b"}
    assert found["ollama:closed:1b"].why is not None
    assert found["ollama:closed:1b"].why.text() == "Its files cannot be read here (Permission denied)."


# -- servers -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Callable[..., int]]:
    """Starts a server that answers /v1/models so, without the last bytes that it announced; returns its port."""
    running: list[ThreadingHTTPServer] = []

    def start(status: int, body: Any, missing: int = 0) -> int:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status if self.path == "/v1/models" else 404)
                self.send_header("Content-Length", str(len(data) + missing))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        running.append(ThreadingHTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=running[-1].serve_forever, args=(0.02,), daemon=True).start()
        return int(running[-1].server_address[1])

    yield start
    for each in running:
        each.shutdown()
        each.server_close()


def test_servers_say_what_they_are_and_serve(server: Callable[..., int]) -> None:
    one_model = {"data": [{"id": "qwen3-vl:4b", "owned_by": "library"}]}
    ports = [
        server(200, one_model),
        server(200, {"data": [{"id": "a", "owned_by": "vllm"}, {"id": "b"}, {"no": "id"}]}),
        server(401, {"error": "key"}),
        server(200, {"data": []}),
        server(200, b"<html>a page of another program</html>"),
        server(500, {}),
        server(200, ["data"]),
        server(200, one_model, missing=10),
        server(200, b"[" * 100_000),
        1,  # where nothing listens
    ]
    found = find_servers(ports)
    assert [(each.program, each.models, each.needs_key) for each in found] == [
        ("Ollama", ("qwen3-vl:4b",), False),
        ("vLLM", ("a", "b"), False),
        (f"http://127.0.0.1:{ports[2]}/v1", (), True),
        (f"http://127.0.0.1:{ports[3]}/v1", (), False),
    ]
    assert found[0].name_of("qwen3-vl:4b") == f"http://127.0.0.1:{ports[0]}/v1#qwen3-vl:4b"
    assert [each.why.text().split(":")[0] if each.why else None for each in found] == [
        None, None, "It asks for a key", "It serves no model at present. Load one there first.",
    ]  # fmt: skip
    assert find_servers([]) == []


def test_the_command_lists_all_and_asks_servers_only_when_told(
    monkeypatch: pytest.MonkeyPatch, home: Path, server: Callable[..., int]
) -> None:
    write_ollama(home / ".ollama" / "models", "llava", "latest", [("model", ENTRIES), ("projector", EYES)])
    ports = {server(200, {"data": [{"id": "m", "owned_by": "vllm"}]}): "vLLM"}
    monkeypatch.setattr("composer.models.discovery.servers.USUAL_PORTS", ports)
    plain = CliRunner().invoke(app, ["models"]).output
    assert "✓ ollama:llava:latest  (Ollama)\n    sees pictures · Q4_K_M · 0.0 GB · needs about 0.4 GB · /" in plain
    assert "Use it with: --model ollama:llava:latest" in plain
    assert "vLLM" not in plain
    asked = CliRunner().invoke(app, ["models", "--discover", "--language", "zh"]).output
    assert f"--model http://127.0.0.1:{next(iter(ports))}/v1#m" in asked
    assert "能看图片" in asked
    rows = json.loads(CliRunner().invoke(app, ["models", "--json", "--discover"]).output)
    local = next(row for row in rows if row["name"] == "ollama:llava:latest")
    assert (local["store"], local["sees_pictures"], local["proposed"]) == ("Ollama", True, True)
    assert next(row for row in rows if row["kind"] == "server")["available"]
    assert ollama.PORT == 11434
