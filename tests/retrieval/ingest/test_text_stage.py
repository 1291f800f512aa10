"""Text in pictures becomes words to be found by: asked for once, read once, weaker than a person's words."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from typer.testing import CliRunner

from retrieval.cli import app
from retrieval.errors import RetrievalError
from retrieval.gallery import Gallery
from retrieval.ingest import text_stage
from retrieval.ingest.report import IngestOptions, Progress
from retrieval.maintenance import repair, salvage
from tests.retrieval.helpers import ColourEncoder, paint

READ = IngestOptions(workers=1, read_text=True)
AGAIN = IngestOptions(workers=1)
REPOSITORY = Path(__file__).parents[3]

pytestmark = pytest.mark.real


def sign(path: Path, text: str) -> Path:
    image = Image.new("RGB", (480, 160), "#e8e4da")
    ImageDraw.Draw(image).text((30, 50), text, font=ImageFont.load_default(40), fill="#203040")
    noted = PngInfo()
    noted.add_text("drawn", text)  # what `quick_reader` finds; to a gallery it is nothing
    image.save(path, pnginfo=noted)
    return path


def read_what_was_noted(paths: list[str], sha256: str) -> str | None:
    """In place of the reader, which loads for seconds in its process."""
    for path in map(Path, paths):
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
            with Image.open(path) as image:
                return str(image.info.get("drawn", ""))
    return None


@pytest.fixture
def quick_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_stage, "_text_of", read_what_was_noted)


def numbers(gallery: Gallery, words: str) -> list[str]:
    found, _ = gallery.catalogue.find_words(words)
    pictures = gallery.catalogue.by_numbers(found)
    return [Path(pictures[number].path).name for number in found]


def test_text_is_found_after_it_was_asked_for(gallery: Gallery, pictures: Path) -> None:
    sign(pictures / "IMG_1.png", "Bakery open")
    paint(pictures / "IMG_2.png")
    assert gallery.add(pictures, options=AGAIN).texts == 0
    assert numbers(gallery, "bakery") == []
    assert [picture.text_inside for picture in gallery.catalogue.pictures()] == [None, None]

    stages: list[Progress] = []
    report = gallery.add(pictures, options=READ, progress=lambda step: stages.append(step))
    assert (report.unchanged, report.texts) == (2, 2)
    assert [(step.done, step.total) for step in stages if step.stage == "text"] == [(1, 2), (2, 2)]
    assert numbers(gallery, "bakery") == ["IMG_1.png"]
    assert [picture.text_inside for picture in gallery.catalogue.pictures()] == ["Bakery open", ""]
    assert [picture.caption for picture in gallery.catalogue.pictures()] == ["", ""], "it is no caption"


@pytest.mark.usefixtures("quick_reader")
def test_only_what_is_new_or_changed_is_read_again(gallery: Gallery, pictures: Path) -> None:
    first = sign(pictures / "IMG_1.png", "Bakery open")
    other = sign(pictures / "IMG_2.png", "Museum")
    assert gallery.add(pictures, options=READ).texts == 2
    assert gallery.add(pictures, options=AGAIN).texts == 0
    first.rename(pictures / "IMG_3.png")
    sign(pictures / "IMG_4.png", "Library")
    sign(other, "Theatre")
    assert gallery.add(pictures, options=AGAIN).texts == 2, "the gallery remembers that it reads"
    assert numbers(gallery, "bakery") == ["IMG_3.png"]
    assert numbers(gallery, "library") == ["IMG_4.png"]
    assert numbers(gallery, "theatre") == ["IMG_2.png"]
    assert numbers(gallery, "museum") == []

    sign(pictures / "IMG_5.png", "Harbour")
    assert gallery.add(pictures, options=IngestOptions(workers=1, read_text=False)).texts == 0
    assert gallery.add(pictures, options=AGAIN).texts == 0


@pytest.mark.usefixtures("quick_reader")
def test_a_persons_words_come_before(gallery: Gallery, pictures: Path) -> None:
    sign(pictures / "IMG_1.png", "Harbour")
    paint(pictures / "IMG_2.png", "blue")
    (pictures / "IMG_2.txt").write_text("A harbour with many boats in the evening, seen from the hill")
    gallery.add(pictures, options=READ)
    assert numbers(gallery, "harbour") == ["IMG_2.png", "IMG_1.png"]


@pytest.mark.usefixtures("quick_reader")
def test_words_of_a_person_repair_and_salvage_keep_what_was_read(tmp_path: Path, pictures: Path) -> None:
    sign(pictures / "IMG_1.png", "Bakery open")
    with Gallery.open(tmp_path / "g", create=True, encoder=ColourEncoder()) as gallery:
        gallery.add(pictures, options=READ)
        gallery.edit(next(gallery.catalogue.pictures()).id, caption="Our street")
        assert numbers(gallery, "bakery") == ["IMG_1.png"]
        repair(gallery)
        assert numbers(gallery, "bakery street") == ["IMG_1.png"]
    salvage(tmp_path / "g")
    with Gallery.open(tmp_path / "g", encoder=ColourEncoder()) as gallery:
        repair(gallery)
        assert numbers(gallery, "bakery") == ["IMG_1.png"]
        assert gallery.add(pictures, options=AGAIN).texts == 0
        gallery.remove([next(gallery.catalogue.pictures()).id])
        assert gallery.catalogue.connection.execute("SELECT COUNT(*) FROM read_texts").fetchone()[0] == 0


@pytest.mark.usefixtures("quick_reader")
def test_stopping_and_files_that_are_away(gallery: Gallery, pictures: Path) -> None:
    for number in range(3):
        sign(pictures / f"IMG_{number}.png", f"Street {number}")
    gallery.add(pictures, options=AGAIN)
    read: list[int] = []

    def progress(step: Progress) -> None:
        if step.stage == "text":
            read.append(step.done)

    report = gallery.add(pictures, options=READ, progress=progress, stop=lambda: bool(read))
    assert report.stopped
    assert report.texts == 1
    assert gallery.add(pictures, options=AGAIN).texts == 2


def test_an_absent_reader_is_named_before_anything_is_done(
    gallery: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(pictures / "IMG_1.png", "Bakery open")
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(RetrievalError, match="pip install rapidocr"):
        gallery.add(pictures, options=READ)
    assert gallery.info().pictures == 0


def test_a_picture_that_takes_too_long_is_noted_and_not_tried_again(
    gallery: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(pictures / "IMG_1.png", "Bakery open")
    monkeypatch.setattr(text_stage, "SECONDS_A_PICTURE", 0.01)
    assert gallery.add(pictures, options=READ).texts == 1
    error = gallery.catalogue.connection.execute("SELECT error FROM read_texts").fetchone()[0]
    assert error == "reading its text took longer than 0.01 s"
    assert gallery.add(pictures, options=AGAIN).texts == 0


SCRIPT = """
import sys
from retrieval.gallery import Gallery
from retrieval.ingest.report import IngestOptions
from tests.retrieval.helpers import ColourEncoder
if __name__ == "__main__":
    with Gallery.open(sys.argv[1], encoder=ColourEncoder()) as gallery:
        gallery.add(sys.argv[2], options=IngestOptions(workers=1, read_text=True), wait=30)
"""


def test_a_kill_in_the_middle_loses_nothing(gallery: Gallery, pictures: Path, tmp_path: Path) -> None:
    for number in range(4):
        sign(pictures / f"IMG_{number:02d}.png", f"Number{number:02d}")
    gallery.add(pictures, options=AGAIN)
    script = tmp_path / "reading.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(script), str(gallery.place), str(pictures)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    count = "SELECT COUNT(*) FROM read_texts"
    until = time.monotonic() + 60
    while not (before := gallery.catalogue.connection.execute(count).fetchone()[0]):
        assert time.monotonic() < until, "nothing was read within a minute"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = gallery.catalogue.connection.execute(count).fetchone()[0]
    assert 0 < before < 4
    assert gallery.add(pictures, options=READ, wait=30).texts == 4 - before
    for number in range(4):
        assert numbers(gallery, f"Number{number:02d}") == [f"IMG_{number:02d}.png"]


def test_the_command_asks_for_it(pictures: Path, tiny_clip: Path, tmp_path: Path) -> None:
    sign(pictures / "IMG_1.png", "Bakery open")
    place = tmp_path / "of the command"
    command = ["index", str(pictures), "-g", str(place), "--encoder", f"local-dir:{tiny_clip}", "--workers", "1"]
    done = CliRunner().invoke(app, [*command, "--read-text"])
    assert "1 added, 1 looked at for text" in done.output
    exported = CliRunner().invoke(app, ["export", "-g", str(place)])
    assert json.loads(exported.output)["text_inside"] == "Bakery open"
