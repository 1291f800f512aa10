"""Encoders measured on captioned pictures."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluation.captions import measure_encoder
from evaluation.cli import app
from tests.retrieval.helpers import ColourEncoder, paint


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


def test_chinese_captions_are_asked_as_a_search_would(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for colour, said in (("red", "红色"), ("green", "绿色"), ("blue", "蓝色")):
        paint(pictures / f"{colour}.png", colour).with_suffix(".txt").write_text(said, encoding="utf-8")
    words = {"红色": "red", "绿色": "", "蓝色": "blue"}  # one that no dictionary knows
    monkeypatch.setattr("retrieval.encoders.dictionary.in_english", words.__getitem__)
    score = measure_encoder(pictures, ColourEncoder()).scores["zh"]
    assert (score.queries, score.recall[1], score.recall[5]) == (3, 2 / 3, 1.0)


def test_ranks_are_counted_by_hand(pictures: Path) -> None:
    for colour in ("red", "green", "blue"):
        paint(pictures / f"{colour}.png", colour).with_suffix(".txt").write_text(colour)
    (pictures / "red.txt").write_text("red\nblue\n")  # to the second the red one is the least alike
    (pictures / "broken.png").write_bytes(b"none")
    (pictures / "broken.txt").write_text("broken")
    result = measure_encoder(pictures, ColourEncoder())
    assert (result.pictures, result.skipped) == (3, 1)
    score = result.scores["en"]  # ranks 1, 3, 1, 1
    assert (score.queries, score.recall, score.median_rank) == (4, {1: 0.75, 5: 1.0, 10: 1.0}, 1.0)
    assert result.text().splitlines()[1] == (
        "en: 4 captions  recall@1 0.750  recall@5 1.000  recall@10 1.000  median rank 1"
    )


def test_a_folder_without_captions_is_named(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.encoders.load_encoder", lambda name: ColourEncoder())
    paint(pictures / "a.png", "red")
    ran = CliRunner().invoke(app, ["retrieval", "--data", str(pictures), "--encoder", "labels"])
    assert ran.exit_code == 2
    assert "it holds no picture with a text file of captions" in ran.stderr
    assert str(pictures) in ran.stderr
