"""`xcomposer drafts …`: the drafts of this machine without the page."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from composer import cli
from composer.drafts import DraftStore
from composer.drafts.tables import LAYOUT
from tests.composer.drafts.test_drafts import CATS, illustrated

FILE = LAYOUT.file

Run = Callable[..., Result]


@pytest.fixture
def made(tmp_path: Path) -> str:
    """The id of a draft with two steps and a picture, in tmp_path/data."""
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    store = DraftStore(tmp_path / "data")
    draft = store.of("login:ann").create(illustrated(tmp_path / "a.png"))
    store.of("login:ann").save(draft.id, draft.article.with_title("Later cats"), after=draft.step)
    store.close()
    (tmp_path / "a.png").unlink()
    return draft.id


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("XCOMPOSER_DATA", str(tmp_path / "data"))
    return lambda *arguments: CliRunner().invoke(cli.app, ["drafts", *arguments])


def test_list_and_search(made: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("list")
    assert result.exit_code == 0
    assert result.stdout.startswith(made)
    assert "Later cats  login:ann" in result.stdout
    [row] = json.loads(run("list", "sleeps", "喝水", "--json").stdout)
    assert (row["id"], row["title"], row["step"], row["pictures"]) == (made, "Later cats", 2, 1)
    assert Path(row["picture"]).is_file()
    assert json.loads(run("list", "elephant", "--json").stdout) == []
    nothing = run("list", "elephant")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "another folder is named by --data" in nothing.stderr


@pytest.mark.parametrize("command", ["list", "show x", "export x --out y", "delete x", "restore x"])
def test_a_folder_without_drafts_is_named_and_nothing_is_made(run: Run, tmp_path: Path, command: str) -> None:
    place = tmp_path / "no" / "such"
    result = run(*command.split(), "--data", str(place))
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"There are no drafts in '{place}'" in " ".join(result.stderr.split())
    assert not place.parent.exists()


def test_where_nothing_was_written_yet_the_list_is_empty(run: Run, tmp_path: Path) -> None:
    assert json.loads(run("list", "--json").stdout) == []
    assert run("list").exit_code == 0
    assert run("show", "x").exit_code == 2
    assert not (tmp_path / "data").exists()


def test_show_and_an_earlier_step(made: str, run: Run) -> None:
    result = run("show", made)
    assert result.stdout.startswith("# Later cats")
    assert "write" in result.stderr
    assert run("show", made, "--step", "1").stdout.startswith("# Cats")
    shown = json.loads(run("show", made, "--json").stdout)
    assert shown["article"]["title"] == "Later cats"
    assert [step["step"] for step in shown["steps"]] == [2, 1]


def test_delete_restore_and_export(made: str, run: Run, tmp_path: Path) -> None:
    assert run("delete", made).exit_code == 0
    assert run("list").stdout == ""
    assert made in run("list", "--deleted").stdout
    assert json.loads(run("restore", made, "--step", "1", "--json").stdout)["title"] == "Cats"
    result = run("export", made, "--out", str(tmp_path / "out"))
    assert result.stdout.strip() == str(tmp_path / "out" / "article.md")
    assert (tmp_path / "out" / "article.md").read_text("utf-8").startswith("# Cats")
    assert len(list((tmp_path / "out" / "images").iterdir())) == 1  # the gallery has lost it


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "nonsense"), "There is no draft 'nonsense' here."),
        (("export", "nonsense", "--out", "x"), "There is no draft 'nonsense' here."),
        (("show", "{id}", "--step", "9"), "no version or step '9'. There are: 1 – 2"),
    ],
)
def test_what_is_not_there_is_said(made: str, run: Run, arguments: tuple[str, ...], said: str) -> None:
    result = run(*(argument.replace("{id}", made) for argument in arguments))
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_recovery_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / FILE).write_bytes(b"broken")
    result = run("list")
    assert result.exit_code == 0
    assert "recovered: 0 drafts" in result.stderr
    assert "damaged-1" in result.stderr


def test_another_folder(run: Run, tmp_path: Path) -> None:
    store = DraftStore(tmp_path / "other")
    draft = store.of("ann").create(CATS)
    store.close()
    assert draft.id in run("list", "--data", str(tmp_path / "other")).stdout
    (tmp_path / "file").write_text("x")
    result = run("list", "--data", str(tmp_path / "file" / "x"))
    assert result.exit_code == 2
    assert "There are no drafts in" in result.stderr
