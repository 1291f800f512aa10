"""The examples of docs/api.md run, one after the other, against a page."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docx
import pytest
from PIL import Image

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def test_every_example_of_the_document_runs(
    served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    trip = docx.Document()
    trip.add_heading("A trip to the lake", 1)
    trip.add_paragraph("A cat sat beside the blue lake.")
    trip.save("trip.docx")
    Image.new("RGB", (60, 40), "white").save("menu.jpg")
    names: dict[str, Any] = {}
    for example in re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL):
        with ThreadPoolExecutor(1) as thread:  # where no test in the browser has left an event loop
            thread.submit(exec, example.replace("http://127.0.0.1:7860/", served[1]), names).result()
    assert names["shorter"]["state"] == "done"
    assert names["pictures"][0]["src"]
    assert docx.Document("Herons.docx").inline_shapes
    assert [names[name].title for name in ("first", "second", "third")] == [
        "Herons",
        "Where grey herons nest",
        "Herons",
    ]
    assert names["drafts"].list() == []
    printed = capsys.readouterr().out
    assert re.search(r"^Where herons nest My cat http\S+/studio/files/\S+$", printed, re.MULTILINE)
    assert re.search(r"^http\S+/studio/pictures/\w+ ", printed, re.MULTILINE)
