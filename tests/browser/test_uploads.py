"""Pictures of one's own in the panel of a paragraph: of every kind, too large ones, and a disk that is gone."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import Server, upload, write

pytestmark = pytest.mark.browser
OWN = ".xc-panel-foot button >> nth=0"


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def animated() -> bytes:
    frames = [Image.new("RGB", (90, 60), colour) for colour in ("red", "blue", "green")]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)


def deep() -> bytes:
    ramp = np.linspace(0, 65535, 90 * 60).astype(np.uint16).reshape(60, 90)
    return encoded(Image.fromarray(ramp), "PNG")


def lying() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    return encoded(Image.new("RGB", (60, 90), "red"), "JPEG", exif=exif)


GOOD = {
    "animated.gif": animated(),
    "print.jpg": encoded(Image.new("CMYK", (90, 60), (0, 200, 200, 0)), "JPEG"),
    "scan.png": deep(),
    "lying.jpg": lying(),
    "clear.png": encoded(Image.new("RGBA", (90, 60), (255, 0, 0, 0)), "PNG"),
}


@pytest.fixture
def panel(lasting_page: Any) -> Any:
    """A page with a new article and the panel of its first picture open."""
    page = lasting_page
    page.keyboard.press("Escape")
    write(page)
    page.click(".xc-picture")
    return page


def choose(page: Any, name: str, content: bytes) -> None:
    upload(page, OWN, name, content)


def test_pictures_of_every_kind_are_shown(panel: Any) -> None:
    shown = set()
    for name, content in GOOD.items():
        before = panel.get_attribute(".xc-picture img", "src")
        choose(panel, name, content)
        panel.wait_for_function(
            """before => {
              const image = document.querySelector(".xc-picture img");
              return image.getAttribute("src") !== before && image.naturalWidth === 90 && image.naturalHeight === 60;
            }""",
            arg=before,
        )
        shown.add(panel.get_attribute(".xc-picture img", "src"))
    assert len(shown) == len(GOOD)


def test_a_huge_picture_is_refused_with_the_limit(panel: Any) -> None:
    before = panel.get_attribute(".xc-picture img", "src")
    choose(panel, "wall.png", encoded(Image.new("1", (20_000, 20_000)), "PNG"))
    panel.wait_for_selector(".xc-notices >> text=/wall.png.*120,000,000 pixels/")
    assert panel.get_attribute(".xc-picture img", "src") == before
    assert panel.is_enabled(OWN)


def test_a_picture_that_cannot_be_stored_costs_nothing(
    panel: Any, lasting_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = panel.get_attribute(".xc-picture img", "src")
    content = encoded(Image.effect_noise((300, 200), 80), "PNG")
    with monkeypatch.context() as away:
        away.setattr(lasting_server.studio.pictures, "_folder", tmp_path / "disk taken out" / "uploads")
        choose(panel, "mine.png", content)
        panel.wait_for_selector(".xc-notices >> text=/mine.png.*could not be stored/")
        assert panel.get_attribute(".xc-picture img", "src") == before
    choose(panel, "mine.png", content)
    panel.wait_for_function("document.querySelector('.xc-picture img').naturalWidth === 300")
