"""The installed package: built, put into an empty folder, and used from another place than the checkout."""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# what the command does, with a model that answers at once in place of a loaded one
WITH_A_FAKE_MODEL = """
import sys
import composer.models
from tests.fakes import FakeModel

ARTICLE = "# A cat\\n\\nThe cat sleeps.\\n\\nThe cat wakes up.\\n"
composer.models.load_model = lambda *_, **__: FakeModel(article=ARTICLE)
from ui.launch.command import main

sys.argv = ["xcomposer", "write", "A cat", "--pictures", "0", "--json", "--out", sys.argv[1]]
main()
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the package: the wheel, made from the source archive."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    target = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, text=True)
    return target


def environment(installed: Path, *more: Path) -> dict[str, str]:
    """The package first, then the packages it needs; nothing of the checkout."""
    places = (installed, *more, Path(sysconfig.get_path("purelib")))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places)), "PYTHONSAFEPATH": "1"}


def run(installed: Path, elsewhere: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(installed / "bin" / "xcomposer"), *arguments],
        env=environment(installed),
        cwd=elsewhere,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_package_is_used_and_not_the_checkout(installed: Path, tmp_path: Path) -> None:
    code = (
        "import common, composer, evaluation, retrieval, ui; print(common.__file__, evaluation.__file__, ui.__file__)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(installed),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(place.startswith(str(installed)) for place in ran.stdout.split())


def test_data_and_compiled_catalogues_are_inside(installed: Path) -> None:
    def names(folder: Path) -> set[str]:
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    resources = installed / "common" / "resources"
    assert names(resources / "configs") == names(ROOT / "configs")
    assert names(resources / "demo_asset") == names(ROOT / "demo_asset")
    sources = names(ROOT / "common" / "locale")
    assert names(installed / "common" / "locale") == {name[:-2] + "mo" for name in sources if name.endswith(".po")}
    assert not {"tests", "benchmarks", "configs"} & {path.name for path in installed.iterdir()}


def test_models_are_listed_in_both_languages(installed: Path, tmp_path: Path) -> None:
    listed = run(installed, tmp_path, "models", "--json")
    assert listed.returncode == 0, listed.stderr
    assert {"qwen2.5-coder-1.5b", "internlm/internlm-xcomposer-7b"} <= {
        one["name"] for one in json.loads(listed.stdout)
    }
    assert "未下载" in run(installed, tmp_path, "models", "--language", "zh").stdout


def test_a_way_out_names_a_file_that_is_there(installed: Path, tmp_path: Path) -> None:
    code = "from composer.models.embedded import PIP_COMMAND; from composer.doctor import INSTALL; "
    code += "print(PIP_COMMAND.split()[-1], INSTALL.split()[-1])"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(installed),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    embedded, packages = map(Path, ran.stdout.split())
    assert embedded.read_bytes() == (ROOT / "requirements-embedded.txt").read_bytes()
    assert packages.read_bytes() == (ROOT / "requirements.txt").read_bytes()


def test_the_galleries_commands_are_there(installed: Path, tmp_path: Path) -> None:
    missing = run(installed, tmp_path, "gallery", "search", "a cat", "--gallery", str(tmp_path / "none"))
    assert (missing.returncode, "There is no gallery" in missing.stderr) == (2, True), missing.stderr


def test_an_article_is_written_from_the_command_line(installed: Path, tmp_path: Path) -> None:
    fakes = tmp_path / "fakes" / "tests"
    fakes.mkdir(parents=True)
    (fakes / "fakes.py").write_text((ROOT / "tests" / "fakes.py").read_text(encoding="utf-8"), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-c", WITH_A_FAKE_MODEL, str(tmp_path / "out")],
        env=environment(installed, fakes.parent),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["sections"] == 2
    assert (tmp_path / "out" / "article.md").read_text(encoding="utf-8").startswith("# A cat\n")


def test_the_page_starts(installed: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "none.gguf").write_bytes(b"GGUF")  # no model: the page lives without one
    command = [sys.executable, str(installed / "bin" / "xcomposer"), "serve", "--port", str(port)]
    command += ["--folder", str(tmp_path / "none.gguf")]
    with subprocess.Popen(command, env=environment(installed), cwd=tmp_path, stderr=subprocess.PIPE) as page:
        try:
            deadline = time.monotonic() + 40
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                        text = answer.read().decode()
                    break
                except OSError:
                    assert time.monotonic() < deadline
                    assert page.poll() is None, page.stderr.read() if page.stderr else b""
                    time.sleep(0.2)
        finally:
            page.terminate()
    assert "XComposer Studio" in text
    assert "xc-article" in text, "its scripts and styles travel with it"
