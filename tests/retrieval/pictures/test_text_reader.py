"""The text in a picture: which lines are kept, and what the real reader makes of signs without a network."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image, ImageDraw, ImageFont

from retrieval.pictures import TextReader

REPOSITORY = Path(__file__).parents[3]


def sign(text: str) -> Image.Image:
    image = Image.new("RGB", (640, 200), "#e8e4da")
    ImageDraw.Draw(image).text((40, 60), text, font=ImageFont.load_default(44), fill="#203040")
    return image


def test_uncertain_lines_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = TextReader()
    found = SimpleNamespace(txts=("sure", "blur", "  two   words ", " "), scores=(0.9, 0.3, 0.8, 0.99))
    monkeypatch.setattr(reader, "_engine", lambda pixels: found)
    assert reader.lines(sign("")) == ["sure", "two words"]
    monkeypatch.setattr(reader, "_engine", lambda pixels: SimpleNamespace(txts=None, scores=None))
    assert reader.lines(sign("")) == []


@pytest.mark.real
@pytest.mark.parametrize("turned", [0, 90, 180])
def test_a_sign_is_read_upright_and_turned(turned: int) -> None:
    image = sign("Fresh fish daily").rotate(turned, expand=True)
    assert TextReader().lines(image) == ["Fresh fish daily"]


OFFLINE = """
import socket
def refused(*_, **__): raise AssertionError("it asks the network")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refused
from tests.retrieval.pictures.test_text_reader import sign
from retrieval.pictures import TextReader
print(TextReader().lines(sign("Fresh fish daily")))
"""


@pytest.mark.real
def test_reading_needs_no_network() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=120,
    )
    assert done.stdout == "['Fresh fish daily']\n", done.stderr
