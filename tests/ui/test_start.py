"""Starting: names are checked before anything is loaded, logins are read, nothing heavy is imported."""

import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from composer.errors import ModelFailed, SettingsError
from composer.settings import Settings
from tests.fakes import FakeGallery, FakeModel
from tests.serving import free_port, serve_on_free_port
from ui.indexing import may_change, may_index
from ui.launch import cli
from ui.launch.cli import check_server, warmed_up
from ui.launch.logins import read_logins
from ui.launch.quick_import import import_gradio

ROOT = Path(__file__).resolve().parents[2]
XCOMPOSER = "from ui.launch.command import main; main()"


def app(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "app.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "nonsense"], "There is no model named 'nonsense'. Known models: qwen2.5-coder-1.5b"),
        (["--model", "gpt4all:no such model"], "The files of the model 'gpt4all:no such model' are missing"),
        (["--folder", "/no/such/folder"], "There is no such file or folder; check the path"),
        (["--folder", "~nobody-of-this-name/model"], "'~nobody-of-this-name/model' cannot be used: it cannot be read"),
        (["--model", "http://127.0.0.1:9", "--api_key_file", "/no/key"], "api_key_file"),
        (["--base_url", "http://127.0.0.1:9", "--model", "served"], "a model on the server is named by --served_name"),
        (["--gallery", "/no/such.gallery"], "There is no gallery at '/no/such.gallery'"),
        (["--port", "70000"], "port"),
        (["--language", "fr"], "language"),
        (["--root_path", "https://a b"], "root_path"),
        (["--auth", "/no/such/file"], "auth"),
        (["--host", "203.0.113.1"], "this machine has no such address"),
        (["--no-such-flag"], "No such option"),
    ],
)
def test_what_cannot_be_used_is_said_without_a_traceback(arguments: list[str], said: str) -> None:
    answered = app(*arguments)
    assert answered.returncode == 2
    assert said in answered.stderr
    assert "Traceback" not in answered.stderr


def test_a_port_in_use_is_told_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "import_gradio", lambda: pytest.fail("it takes seconds"))
    with (
        socket.create_server(("127.0.0.1", 0)) as busy,
        pytest.raises(SettingsError, match=r"'127\.0\.0\.1:\d+'.*the port is in use"),
    ):
        cli.run(Settings(port=busy.getsockname()[1]), None)


@pytest.mark.parametrize(
    "command",
    [["app.py", "--version"], ["-c", XCOMPOSER, "--version"], ["-c", XCOMPOSER, "serve", "--version"]],
    ids=["app.py", "xcomposer", "serve"],
)
def test_the_version_is_that_of_the_package(command: list[str]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    ran = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert (ran.stdout, ran.stderr, ran.returncode) == (f"XComposer Studio {version}\n", "", 0)


def test_the_sentence_is_chinese_where_chinese_is_asked_for() -> None:
    assert "没有图库" in app("--language", "zh", "--gallery", "/no/such.gallery").stderr


def test_building_the_page_imports_no_engine() -> None:
    code = (
        "import sys; from ui.launch.quick_import import import_gradio; import_gradio()\n"
        "from ui.studio import Studio; from ui.page import build\n"
        "build(Studio(lambda progress: None, lambda: None))\n"
        "print({'torch', 'transformers', 'faiss', 'timm', 'xllamacpp', 'mcp'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.real
def test_the_program_ends_cleanly_while_its_model_loads() -> None:
    command = [sys.executable, "-u", "app.py", "--port", str(free_port())]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as program:
        assert program.stdout is not None
        said = program.stdout.readline()
        assert "is at http://127.0.0.1:" in said
        time.sleep(1.5)  # the threads that load have begun
        program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 0


def test_the_routes_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_gradio()
    from gradio.routes import App

    from ui.studio import Studio

    made: list[Any] = []
    make = App.create_app
    monkeypatch.setattr(
        App, "create_app", staticmethod(lambda *given, **named: made.append(make(*given, **named)) or made[-1])
    )
    studio = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path))
    blocks, address = serve_on_free_port(studio)
    try:
        assert made == [blocks.app]
        assert httpx.get(address).status_code == 200
    finally:
        studio.close()
        blocks.close(verbose=False)


def test_an_upload_is_gone_when_the_program_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    import_gradio()
    from ui.studio import Studio

    studio = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path))
    blocks, address = serve_on_free_port(studio)
    try:
        answer = httpx.post(f"{address}gradio_api/upload", files={"files": ("mine.jpg", b"where I live", "image/jpeg")})
        [kept] = [Path(name) for name in answer.json()]
        assert kept.read_bytes() == b"where I live"
    finally:
        studio.close()
        blocks.close(verbose=False)
    assert not kept.exists()


def test_logins_are_read_from_lines(tmp_path: Path) -> None:
    file = tmp_path / "logins"
    file.write_text("# who may enter\nanna:pass:word\n\n 王 :密码\n", encoding="utf-8")
    assert read_logins(file) == [("anna", "pass:word"), ("王", "密码")]
    assert read_logins(None) is None


@pytest.mark.parametrize("content", ["", "anna", "anna:\n", ":word\n", "anna:word\nbert\n"])
def test_a_file_of_logins_with_a_gap_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "logins"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match="name:password"):
        read_logins(file)


@pytest.mark.parametrize(
    ("shared", "client", "allowed"),
    [
        (False, "127.0.0.1", True),
        (False, "::1", True),
        (True, "127.0.0.1", False),  # through the tunnel everybody seems to be here
        (False, "192.168.1.7", False),
        (False, "example.org", False),
        (False, None, False),
    ],
)
def test_folders_are_indexed_from_this_machine_only(shared: bool, client: str | None, allowed: bool) -> None:
    assert may_index(shared, client) is allowed


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbfann:secret\r\nbob:w\xc3\xb6rd\r\n", "ann:secret\nbob:wörd".encode("utf-16")]
)
def test_logins_are_read_as_notepad_saves_them(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "logins"
    file.write_bytes(content)
    assert read_logins(file) == [("ann", "secret"), ("bob", "wörd")]


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via", "X-Forwarded-Host", "CF-Connecting-IP"]
)
def test_who_comes_through_a_proxy_only_looks(header: str) -> None:
    def asked(**headers: str) -> Any:
        scope = {
            "type": "http",
            "client": ("127.0.0.1", 5),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        return Request(scope)

    assert may_change(False, asked(Host="127.0.0.1:7860"))
    through_a_proxy = asked(Host="127.0.0.1:7860", **{header: "127.0.0.1"})
    assert not may_change(False, through_a_proxy)
    assert may_change(False, through_a_proxy, trust_local=True)
    assert not may_change(True, through_a_proxy, trust_local=True)
    through_a_proxy.username = "anna"
    assert may_change(False, through_a_proxy)


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_address_of_ipv6_is_served(host: str) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    command = [sys.executable, "-u", "app.py", "--port", str(free_port()), "--host", host, "--folder", "/dev/null"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as page:
        assert page.stdout is not None
        assert page.stdout.readline().startswith("XComposer Studio is at http://[::1]:")
        page.terminate()


def test_a_model_that_fails_its_first_request_is_closed() -> None:
    def fails(messages: object) -> str:
        raise ModelFailed(name="fake", doing="writing", reason="no")

    model = FakeModel(answer=fails)
    with pytest.raises(ModelFailed):
        warmed_up(model)
    assert model.closed


@pytest.mark.parametrize("of", ["model", "judge"])
def test_an_address_or_key_that_cannot_be_used_is_refused_before_anything_starts(tmp_path: Path, of: str) -> None:
    name, key = {"model": ("base_url", "api_key_file"), "judge": ("judge", "judge_key_file")}[of]
    with pytest.raises(SettingsError, match=f"'{name}'.*--{key} FILE") as refused:
        check_server(Settings(**{of: "http://me:geheim@127.0.0.1:8000/v1#qwen"}))
    assert "geheim" not in refused.value.text()
    with pytest.raises(SettingsError, match=f"'{key}'.*cannot be read"):
        check_server(Settings(**{of: "http://127.0.0.1:8000/v1#qwen", key: tmp_path / "nothing"}))
    check_server(Settings(**{of: "http://127.0.0.1:8000/v1#qwen"}))
