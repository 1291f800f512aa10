"""python -m retrieval, as a person or a program calls it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from retrieval.base import Hit
from retrieval.cli import app, main
from retrieval.cli_report import report_ingest
from retrieval.gallery import Gallery
from retrieval.ingest import GALLERY_FILE, IngestOptions, IngestReport
from tests.retrieval.helpers import ColourEncoder, paint

RUNNER = CliRunner()


def run(*arguments: object, status: int = 0) -> str:
    result = RUNNER.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == status, (result.output, result.exception)
    return result.stdout


@pytest.fixture
def indexed(pictures: Path, tmp_path: Path, tiny_clip: Path) -> Path:
    for name, colour in (("red door", "red"), ("面条", "yellow"), ("blue door", "blue")):
        paint(pictures / f"{name}.png", colour)
    (pictures / "broken.png").write_bytes(b"nothing")
    place = tmp_path / "my.gallery"
    facts = json.loads(
        run("index", pictures, "--gallery", place, "--encoder", f"local-dir:{tiny_clip}", "--workers", 1, "--json")
    )
    assert (facts["added"], facts["pictures"], len(facts["skipped"])) == (3, 3, 1)
    assert facts["skipped"][0]["path"].endswith("broken.png")
    return place


def test_index_search_info_export_remove(indexed: Path, pictures: Path, tmp_path: Path) -> None:
    found = json.loads(run("search", "door", "-g", indexed, "-k", 2, "--json"))
    assert {hit["caption"] for hit in found} == {"red door", "blue door"}
    assert set(found[0]) == {"id", "path", "score", "caption", "credit", "licence", "likely"}
    assert json.loads(run("search", "面条", "-g", indexed, "--json"))[0]["caption"] == "面条"
    assert "red door" in run("search", "--image", pictures / "red door.png", "-g", indexed, "-k", 1)
    like = json.loads(run("search", "--like", found[0]["id"], "-g", indexed, "--json"))
    assert found[0]["id"] not in [hit["id"] for hit in like]
    assert run("search", "door", "-g", indexed, "--min-width", 9999, "--json").strip() == "[]"

    facts = json.loads(run("info", "-g", indexed, "--json"))
    assert (facts["name"], facts["pictures"], facts["skipped"]) == ("my", 3, 1)
    assert [Path(one["path"]).name for one in facts["left_out"]] == ["broken.png"]
    assert run("verify", "-g", indexed).strip() == "The gallery is whole."
    run("export", "-g", indexed, "--out", tmp_path / "all.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert {line["caption"] for line in lines} == {"red door", "面条", "blue door"}
    assert json.loads(run("remove", found[0]["id"], "-g", indexed, "--json")) == {"removed": 1}
    assert json.loads(run("info", "-g", indexed, "--json"))["pictures"] == 2


def test_what_is_found_is_said_in_the_language_of_the_terminal(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    found = RUNNER.invoke(app, ["search", "door", "-g", str(indexed), "--min-width", "9999"])
    assert (found.exit_code, found.output.strip()) == (0, "没有找到。")
    assert run("verify", "-g", indexed).strip() == "图库完好。"
    assert run("remove", "nothing", "-g", indexed).strip() == "共 1 张，移除 0 张。"


@pytest.mark.parametrize(
    ("language", "one", "two"),
    [
        ("en_US.UTF-8", "1 picture in {place} (1 added; ", "2 pictures in {place} (1 added, 2 copies, 1 unchanged; "),
        (
            "zh_CN.UTF-8",
            "{place} 中有 1 张图片（新增 1 张；",
            "{place} 中有 2 张图片（新增 1 张、副本 2 个、未变 1 张；",
        ),
    ],
)
def test_index_counts_in_the_language_of_the_terminal(
    language: str, one: str, two: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", language)
    monkeypatch.setattr("retrieval.gallery.load_encoder", lambda name: ColourEncoder())
    place = tmp_path / "g"
    paint(pictures / "a.png", "red")
    assert run("index", pictures, "-g", place, "--workers", 1).startswith(one.format(place=place))
    for name in ("b.png", "c.png", "d.png"):
        paint(pictures / name, "blue", mark="the same")
    assert run("index", pictures, "-g", place, "--workers", 1).startswith(two.format(place=place))


def test_a_run_that_is_stopped_says_what_is_still_to_be_read(
    indexed: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        paint(pictures / f"new {number}.png")
    with Gallery.open(indexed) as gallery:
        report = gallery.add(pictures, stop=lambda: True, options=IngestOptions(workers=1))
        report_ingest(report, gallery, as_json=False)
        assert "(4 unchanged, 3 still to be read; " in capsys.readouterr().out
        report_ingest(IngestReport(stopped=True), gallery, as_json=False)
        assert "(stopped before the first was read; " in capsys.readouterr().out
    assert "(3 added, 4 unchanged; " in run("index", pictures, "--gallery", indexed)


def test_info_lists_what_it_counts_and_what_index_left_out(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what the walk through the folders could not look at, for as long as that is so."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setattr("retrieval.gallery.load_encoder", lambda name: ColourEncoder())
    place, drive = tmp_path / "g", tmp_path / "drive"
    (pictures / "broken.png").write_bytes(b"nothing")
    paint(drive / "there.png", "red")
    for name, target in (("gone.png", tmp_path / "nowhere.png"), ("there.png", drive / "there.png")):
        (pictures / name).symlink_to(target)

    def left_out() -> set[str]:
        indexed = RUNNER.invoke(app, ["index", str(pictures), "-g", str(place), "--workers", "1"])
        told = RUNNER.invoke(app, ["info", "-g", str(place)])
        lines = [line for line in told.stderr.splitlines() if line.startswith("  left out: ")]
        assert sorted(lines) == sorted(indexed.stderr.splitlines())
        assert f"skipped      {len(lines)}" in told.stdout
        return {Path(line.removeprefix("  left out: ").split(": ")[0]).name for line in lines}

    assert left_out() == {"broken.png", "gone.png"}
    drive.rename(tmp_path / "away")
    assert left_out() == {"broken.png", "gone.png", "there.png"}
    assert json.loads(run("info", "-g", place, "--json"))["pictures"] == 1, "its picture stays"
    (tmp_path / "away").rename(drive)
    (pictures / "gone.png").unlink()
    assert left_out() == {"broken.png"}
    assert json.loads(run("info", "-g", place, "--json"))["pictures"] == 1


def test_a_file_in_place_of_a_folder_is_named_with_the_way_out(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = paint(pictures / "a.png")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setattr(sys, "argv", ["retrieval", "index", str(picture), "-g", str(tmp_path / "g")])
    with pytest.raises(SystemExit):
        main()
    assert f"it is a file, and folders are indexed. Give the folder it lies in: {pictures}" in capsys.readouterr().err


def test_search_says_which_are_less_likely(indexed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    search = Gallery.search

    def judged(gallery: Gallery, query: str, **options: Any) -> list[Hit]:
        return [replace(hit, likely=hit.caption == query) for hit in search(gallery, query, **options)]

    monkeypatch.setattr(Gallery, "search", judged)
    lines = run("search", "blue door", "-g", indexed).splitlines()
    assert "blue door" in lines[0]
    assert lines[2] == "Less likely:"
    assert len(lines) == 7
    assert run("search", "walrus", "-g", indexed).splitlines()[0] == "Nothing fits well. Less likely:"
    assert [hit["likely"] for hit in json.loads(run("search", "walrus", "-g", indexed, "--json"))] == [False] * 3


def test_verify_answers_with_its_status_and_repair_mends(indexed: Path, pictures: Path) -> None:
    with Gallery.open(indexed) as gallery:
        gallery.catalogue.connection.execute("DELETE FROM words")
    problems = json.loads(run("verify", "-g", indexed, "--json", status=1))
    assert problems[0]["kind"] == "words"
    assert problems[0]["count"] == 3
    assert "full-text" in run("repair", "-g", indexed)
    run("verify", "-g", indexed)


def test_evaluate_is_what_the_evaluation_prints(indexed: Path, pictures: Path, tiny_clip: Path) -> None:
    (pictures / "red door.txt").write_text("a red door\nthe red one\n")
    (pictures / "blue door.txt").write_text("a blue door\n一扇蓝色的门\n", encoding="utf-8")
    result = json.loads(run("evaluate", pictures, "--encoder", f"local-dir:{tiny_clip}", "--json"))
    assert (result["pictures"], result["en"]["queries"], result["zh"]["queries"]) == (2, 3, 1)
    assert result["en"]["recall@5"] == 1.0
    assert 1 <= result["en"]["median_rank"] <= 2
    (pictures / "red door.txt").unlink()
    (pictures / "blue door.txt").unlink()


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "x", "-g", "/no/such/gallery"],
        ["index", "/no/such/folder", "-g", "{new}"],
        ["index", "{folder}", "-g", "{new}", "--encoder", "ViT-B-99"],
        ["evaluate", "{folder}", "--encoder", "labels"],
        ["verify", "-g", "/no/such/gallery"],
        ["verify", "-g", "http://127.0.0.1:7801"],
        ["index", "{folder}", "-g", "http://127.0.0.1:7801"],
        ["index", "{folder}", "-g", "openmoji"],
        ["export", "-g", "{gallery}", "--out", "/no/such/folder/all.jsonl"],
    ],
)
def test_problems_are_one_sentence_and_status_2(
    arguments: list[str],
    tmp_path: Path,
    pictures: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Gallery.open(tmp_path / "own", create=True, encoder=ColourEncoder()).close()
    filled = [part.format(new=tmp_path / "new", gallery=tmp_path / "own", folder=pictures) for part in arguments]
    monkeypatch.setattr(sys, "argv", ["retrieval", *filled])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1
    assert "://" not in said or "is no folder" in said


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "“"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "C.UTF-8"}, "There is no"),
        ({"LANG": "zh.UTF-8"}, "处没有图库"),
        ({}, "There is no"),
    ],
)
def test_problems_are_said_in_the_language_of_the_terminal(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    said: str,
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["retrieval", "info", "-g", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit):
        main()
    assert said in capsys.readouterr().err


SCRIPT = "import sys; sys.argv[0] = 'xcomposer'; from ui.launch.command import main; main()"  # as it is installed


@pytest.mark.parametrize(
    ("program", "command"),
    [("python -m retrieval", ["-m", "retrieval"]), ("xcomposer gallery", ["-c", SCRIPT, "gallery"])],
)
def test_hints_name_the_program_that_was_called(program: str, command: list[str], tmp_path: Path) -> None:
    place = tmp_path / "own"
    with Gallery.open(place, create=True, encoder=ColourEncoder()) as gallery:
        gallery.add(paint(tmp_path / "pictures" / "red.png").parent)
    catalogue = place / GALLERY_FILE
    content = catalogue.read_bytes()
    catalogue.write_bytes(content[:16384] + b"\xff" * (len(content) - 16384))  # it opens, and its tables are damaged

    def call(name: str, place: Path = place) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, *command, name, "-g", str(place)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"LC_ALL": "en_US.UTF-8"},
        )
        return done.returncode, done.stdout + done.stderr

    assert f"Make one with: {program} index FOLDER" in call("export", tmp_path / "nowhere")[1]
    status, text = call("verify")
    assert status == 1
    assert f"->  {program} repair --gallery {place}" in text
    status, text = call("info")
    assert status == 2
    assert f"Mend it with: {program} repair --gallery …" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["search"],
        ["search", " "],
        ["search", "x", "--after", "soon"],
        ["index", ".", "-g", "x.db", "--watch"],
        ["index", ".", "-g", "x.db", "--read-text"],
    ],
)
def test_wrong_options_are_explained(arguments: list[str]) -> None:
    run(*arguments, status=2)


def test_watching_follows_a_folder(pictures: Path, tmp_path: Path, tiny_clip: Path) -> None:
    paint(pictures / "first.png")
    command = [sys.executable, "-m", "retrieval", "index", pictures, "--gallery", tmp_path / "g", "--watch", "--json"]
    command += ["--encoder", f"local-dir:{tiny_clip}", "--workers", "1"]
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["added"] == 1
        assert "Watching" in process.stderr.readline()
        paint(pictures / "second.png", "blue")
        assert json.loads(process.stdout.readline())["pictures"] == 2
        process.terminate()
        assert process.wait(120) == 0


def test_importing_the_package_stays_light() -> None:
    heavy = "torch transformers faiss gradio timm open_clip"
    code = f"import sys, retrieval, retrieval.cli; print([m for m in '{heavy}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_of_files_command_no_terminal(pictures: Path, tmp_path: Path, tiny_clip: Path) -> None:
    paint(pictures / "red \x1b[31mdoor\x1b]0;owned\x07.png")
    (pictures / "broken \x1b[2J.png").write_bytes(b"nothing")
    place = tmp_path / "my.gallery"
    result = RUNNER.invoke(app, ["index", str(pictures), "-g", str(place), "--encoder", f"local-dir:{tiny_clip}"])
    assert "\x1b" not in result.output
    assert r"broken \u001b[2J.png" in result.stderr
    found = run("search", "door", "-g", place)
    assert "\x1b" not in found
    assert r"door\u001b]0;owned\u0007.png" in found
