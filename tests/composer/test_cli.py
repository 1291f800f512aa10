"""The command line with a fake model and gallery, and the real program where it must refuse."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from common import messages
from composer import cli
from composer.article import Article, Section
from composer.errors import ExportError, ModelFailed, UnknownModel
from composer.models.base import Message
from tests.fakes import FakeGallery, FakeModel

TITLE = "How to take good care of a pet cat"


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeModel:
    def answer(messages: Sequence[Message]) -> str | None:
        return "A quiet answer." if "question" in messages[-1].text else None

    fake = FakeModel(answer=answer)
    (tmp_path / "pictures").mkdir()
    gallery = FakeGallery(tmp_path / "pictures")

    def load(name: str, **_: Any) -> FakeModel:
        if name == "nonsense":
            raise UnknownModel(name=name, known="fake")
        return fake

    monkeypatch.setattr("composer.models.load_model", load)
    monkeypatch.setattr("retrieval.open_gallery", lambda place: gallery)
    return fake


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli.app, arguments, input=text)


def test_write_saves_an_article_and_prints_one_json_object(model: FakeModel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("write", TITLE, "--pictures", "2", "--seed", "7", "--out", str(out), "--json")
    assert result.exit_code == 0, result.stderr
    (line,) = result.stdout.splitlines()
    printed = json.loads(line)
    assert set(printed) == {"article", "model", "sections", "pictures", "seconds", "tokens"}
    assert printed["article"]["title"] == TITLE
    assert printed["article"]["parameters"]["sampling"]["seed"] == 7
    assert printed["model"] == "fake"
    assert printed["sections"] == len(printed["article"]["sections"]) == 6
    assert set(printed["seconds"]) == {"load", "write", "spot", "caption", "retrieve", "select", "total"}
    assert set(printed["tokens"]) == {"prefilled", "reused", "generated"}
    assert len(printed["pictures"]) == 2
    for picture in printed["pictures"]:
        assert set(picture) == {"section", "caption", "image", "credit", "score", "fit", "fits"}
        assert (out / picture["image"]).is_file()
        assert picture["fits"] == (picture["fit"] >= 0.5)
    assert (out / "article.md").read_text().startswith(f"# {TITLE}")
    assert json.loads((out / "article.json").read_text())["title"] == TITLE
    assert "Writing" in result.stderr
    assert model.closed


def saved_article(folder: Path) -> Path:
    article = Article("Cats", (Section("s1", "A cat eats."), Section("s2", "- one", "list")))
    path = folder / "article.json"
    path.write_text(article.to_json(), encoding="utf-8")
    return path


def test_rewrite_prints_what_changed_and_saves_where_told(model: FakeModel, tmp_path: Path) -> None:
    model.answer = lambda messages: "A dog eats and sleeps all day long."
    path = saved_article(tmp_path)
    before = path.read_text(encoding="utf-8")
    asked = ("rewrite", str(tmp_path), "--section", "s1", "--instruction", "make it a dog")
    result = run(*asked, "--json")
    assert result.exit_code == 0, result.stderr
    printed = json.loads(result.stdout)
    assert (printed["old"], printed["new"]) == ("A cat eats.", "A dog eats and sleeps all day long.")
    assert ["cat", "dog"] in printed["changes"]
    assert "make it a dog" in model.prompts[-1][-1].text
    assert path.read_text(encoding="utf-8") == before
    result = run(*asked, "--out", str(path))
    assert result.stdout == "A dog eats and sleeps all day long.\n"
    changed = Article.from_json(path.read_text(encoding="utf-8"))
    assert [section.text for section in changed] == ["A dog eats and sleeps all day long.", "- one"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--section", "s9"), "no section 's9'. Its sections: s1, s2."),
        (("--section", "s1", "--task", "sing"), "The task is 'sing'"),
        (("--section", "s2"), "another kind of block"),
    ],
)
def test_what_cannot_be_rewritten_is_said_before_a_model_is_loaded(
    model: FakeModel, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = run("rewrite", str(saved_article(tmp_path)), *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Model:" not in result.stderr
    missing = run("rewrite", str(tmp_path / "none.json"), "--section", "s1")
    assert missing.exit_code == 2
    assert "none.json': there is no such file" in missing.stderr


@pytest.mark.parametrize("piped", [False, True])
def test_illustrate_adds_pictures_and_changes_no_word(model: FakeModel, tmp_path: Path, piped: bool) -> None:
    text = (
        "---\ntags: [a]\n---\n\nMy cat\n======\nA cat sleeps on the sofa; the cat eats cat food.\n\n"
        "* cat\n* bowl\n\n```\ncode\n```"
    )
    (tmp_path / "cat.md").write_text(text)
    file = "-" if piped else str(tmp_path / "cat.md")
    result = run("illustrate", file, "--pictures", "1", "--out", str(tmp_path / "o"), "--json", text=text)
    assert result.exit_code == 0, result.stderr
    printed = json.loads(result.stdout)
    assert printed["article"]["title"] == "My cat"
    [picture] = printed["pictures"]
    written = (tmp_path / "o" / "article.md").read_text()
    assert (tmp_path / "o" / picture["image"]).is_file()
    figure = written[written.index("![Picture 1]") : written.index("\n\n", written.index("![Picture 1]")) + 2]
    assert picture["image"] in figure
    assert written.replace(figure, "").startswith(text)
    assert "Writing" not in result.stderr
    assert (tmp_path / "cat.md").read_text() == text
    assert model.closed


def test_illustrate_overwrites_no_file_that_it_reads(model: FakeModel, tmp_path: Path) -> None:
    (tmp_path / "article.md").write_text("A cat.")
    result = run("illustrate", str(tmp_path / "article.md"), "--out", str(tmp_path))
    assert (result.exit_code, (tmp_path / "article.md").read_text()) == (2, "A cat.")
    assert "would be overwritten" in result.stderr


def test_without_json_the_place_of_the_article_is_printed(model: FakeModel, tmp_path: Path) -> None:
    result = run("write", "-", "--pictures", "0", "--out", str(tmp_path / "o"), text=TITLE)
    assert result.stdout == f"{tmp_path / 'o' / 'article.md'}\n"
    assert list((tmp_path / "o" / "images").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["write", "", "--out", "o"], "Please type a title"),
        (["write", TITLE, "--out", "o", "--folder", "nonsense"], "There is no model named 'nonsense'"),
        (["write", TITLE, "--out", "o", "--pictures", "99"], "0 to 30"),
        (["write", TITLE, "--out", "o", "--language", "fr"], "auto, en or zh"),
        (["write", TITLE, "--out", "o", "--length", "epic"], "short, medium, long or a number of words"),
        (["write", TITLE], "--out"),
        (["write", TITLE, "--out", "o", "--nonsense"], "--nonsense"),
        (["illustrate", "gone.md", "--out", "o"], "There is no file 'gone.md'"),
        (["illustrate", "file", "--out", "o"], "The file 'file' is of a kind that is not read"),
        (["illustrate", "file", "--out", "o", "--pictures", "99"], "0 to 30"),
        (["chat", "question", "--image", "nothing.png"], "nothing.png"),
        (["chat", " "], "Please type a question"),
        (["write", TITLE, "--out", "file"], "is no folder that can be written to"),
        (["write", TITLE, "--out", "file/o"], "is no folder that can be written to"),
        (["models", "--language", "fr"], "'fr'"),
        (["doctor", "--language", "fr"], "'fr'"),
        (["nonsense"], "nonsense"),
    ],
)
def test_bad_commands_have_status_2_and_a_sentence(
    arguments: list[str], said: str, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert "Model:" not in result.stderr  # nobody waits for a model to be told this
    assert not (tmp_path / "o").exists()


def test_a_failing_model_has_status_1_and_keeps_nothing_half(
    model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ModelFailed(name="fake", doing="writing", reason="cable pulled")

    monkeypatch.setattr(model, "stream", fail)
    result = run("write", TITLE, "--out", str(tmp_path / "o"))
    assert result.exit_code == 1
    assert "cable pulled" in result.stderr
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("as_json", [False, True])
def test_an_article_that_cannot_be_saved_is_printed(
    as_json: bool, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise ExportError(place="o", reason="no space left on device")

    monkeypatch.setattr("composer.cli.write_folder", full)
    result = run("write", TITLE, "--pictures", "0", "--out", str(tmp_path / "o"), *(["--json"] if as_json else []))
    assert result.exit_code == 1
    assert "no space left" in result.stderr
    kept = json.loads(result.stdout)["article"]["title"] if as_json else result.stdout
    assert TITLE in kept
    assert as_json or "fresh water" in kept


def test_chat_prints_the_answer(model: FakeModel) -> None:
    result = run("chat", "a question")
    assert result.stdout == "A quiet answer.\n"
    assert result.exit_code == 0
    assert run("chat", "a question", "--system", "Be a pirate.").exit_code == 0
    assert model.prompts[-1][0].text == "Be a pirate."


def test_ctrl_c_stops_and_keeps_what_was_written(
    model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = model.stream
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background starts with it ignored

    def interrupted(*arguments: Any, **options: Any) -> Iterator[str]:
        for number, piece in enumerate(stream(*arguments, **options)):
            if number == 12:
                signal.raise_signal(signal.SIGINT)
            yield piece

    monkeypatch.setattr(model, "stream", interrupted)
    result = run("write", TITLE, "--out", str(tmp_path / "o"))
    assert result.exit_code == 130
    assert "what exists is kept" in result.stderr
    assert "fresh water" in (tmp_path / "o" / "article.md").read_text()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_models_lists_names_and_what_is_missing() -> None:
    result = run("models", "--json")
    listed = json.loads(result.stdout)
    assert {"name", "kind", "description", "available", "why"} == set(listed[0])
    text = run("models").stdout
    assert all(model["name"] in text for model in listed)


def test_doctor_reports_in_both_languages() -> None:
    printed = json.loads(run("doctor", "--json").stdout)
    assert printed["findings"]
    assert "Python" in run("doctor").stdout
    assert "内存" in run("doctor", "--language", "zh").stdout


def test_a_further_catalogue_is_one_more_language(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refused = run("doctor", "--language", "eo")
    assert refused.exit_code == 2
    assert "'eo' is not one of 'en', 'zh'" in " ".join(refused.stderr.split())
    catalogue = tmp_path / "eo" / "LC_MESSAGES" / "studio.po"
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "Using the embedded gallery (OpenMoji)."\nmsgstr "La enmetita galerio (OpenMoji)."\n',
        encoding="utf-8",
    )
    monkeypatch.setenv(messages.LOCALES_VARIABLE, str(tmp_path))
    messages._catalogue.cache_clear()
    try:
        assert "La enmetita galerio" in run("doctor", "--language", "eo").stdout
    finally:
        messages._catalogue.cache_clear()


def test_plan_and_convert_are_there() -> None:
    assert "cards" in run("plan", "--help").stdout
    assert "SRC" in run("convert", "--help").stdout


def test_the_program_itself_refuses_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "composer", "write", TITLE, "--out", str(tmp_path / "o"), "--folder", "nonsense"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "There is no model named 'nonsense'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_core_does_not_import_the_heavy_libraries() -> None:
    code = (
        "import sys, composer, composer.pipeline, composer.chat, composer.exporting, composer.cli;"
        "print([m for m in ('torch', 'transformers', 'faiss', 'gradio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_bytes_that_are_no_text_are_a_sentence_and_control_characters_are_shown(
    model: FakeModel, tmp_path: Path
) -> None:
    for command in (["write", "caf\udce9", "--out", str(tmp_path)], ["chat", "caf\udce9"]):
        result = run(*command)
        assert result.exit_code == 2
        assert "'caf\\xe9' cannot be read" in result.stderr
    model.answer = lambda _: "a \x1b[2Jquestion"
    result = run("chat", "question", "--image", "\x1b[2J.png")
    assert "\x1b" not in result.stderr
    assert "\\u001b[2J.png" in result.stderr
    assert run("chat", "question").stdout == "a \\u001b[2Jquestion\n"


def test_what_is_piped_in_may_be_in_the_encoding_of_windows(model: FakeModel, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        cli.app, ["write", "-", "--pictures", "0", "--out", str(tmp_path)], input="养好一只猫\r\n".encode("gbk")
    )
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "article.md").read_text("utf-8").startswith("# 养好一只猫\n")
