"""Articles that are saved and opened again."""

from pathlib import Path

import pytest
from PIL import Image

from composer.article import Article, Candidate, Illustration, Section
from tests.composer.exporting.articles import long_article


@pytest.fixture
def harbour(tmp_path: Path) -> Article:
    """Two chapters, a drawing, a photograph, a list, a table; credits, licences, and how it was made."""
    drawing, photo = tmp_path / "drawing.png", tmp_path / "photo.jpg"
    Image.new("RGBA", (400, 400), (255, 140, 0, 255)).save(drawing)
    Image.new("RGB", (900, 600), "navy").save(photo)
    nets = Candidate("d1", str(drawing), credit="OpenMoji", licence="CC BY-SA 4.0", drawing=True)
    boats = Candidate(
        "p1", str(photo), credit="Ann Example", licence="CC BY 4.0", source="https://a.example/p_1?a=1&b=2"
    )
    return Article(
        title="Mornings at the harbour",
        sections=(
            Section("s1", "The **first boats** leave early; see [the tide table](https://tides.example/a_b)."),
            Section("s2", "On the quay", "heading", 2),
            Section("s3", "Nets are mended.", illustration=Illustration("Nets, 1914–1918", chosen=nets)),
            Section("s4", "- one\n- two", "list"),
            Section("s5", "| tide | hour |\n|---|---|\n| high | 6 |", "table"),
            Section("s6", "At sea", "heading", 2),
            Section("s7", "Far out", "heading", 3),
            Section("s8", "Boats.", illustration=Illustration("Boats at dusk", alt="Two blue boats", chosen=boats)),
        ),
        model="Qwen2.5-Coder 1.5B",
        parameters={"sampling": {"seed": 7}, "gallery": "OpenMoji drawings"},
    )


@pytest.fixture
def chinese(tmp_path: Path) -> Article:
    """An article of three paragraphs with two pictures, in Chinese."""
    return long_article(tmp_path, language="zh", sections=4, pictures=2)
