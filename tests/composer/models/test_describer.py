"""Words for pictures: honest wording, odd shapes, absent parts; and the real classifier and text reader."""

import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from composer.models import describer
from composer.models.base import Picture
from composer.models.describer import Description, PictureDescriber

RED = Picture(Image.new("RGB", (40, 30), "red"))


def test_likely_labels_are_named_with_their_share() -> None:
    description = Description((("tabby", 0.62), ("tiger cat", 0.2), ("lynx", 0.04)), "Fresh fish / 9-5")
    english, chinese = description.as_text("en"), description.as_text("zh")
    assert english == (
        'an image classifier takes it for: tabby (62%), tiger cat (20%); text read in it: "Fresh fish / 9-5".'
    )
    assert chinese == "图像分类器认为画面可能是：tabby（62%）、tiger cat（20%）；识别到的文字：“Fresh fish / 9-5”。"


def test_a_guess_is_said_to_be_one() -> None:
    description = Description((("envelope", 0.08), ("screen", 0.05)))
    assert description.as_text("en") == "an image classifier does not recognise it (its best guess: envelope, 8%)."
    assert "认不出" in description.as_text("zh")
    assert "screen" not in description.as_text("en")


def test_nothing_recognised_is_said() -> None:
    assert Description().as_text("en") == "nothing was recognised in it."
    assert Description().as_text("zh") == "没有识别出任何内容。"


def test_long_texts_are_cut() -> None:
    lines = ['Say "hi"', "two words", "x" * 2000]
    describing = PictureDescriber(labels=lambda images, top: [[]], reader=lambda image: lines)
    text = describing.describe(RED).text
    assert text.startswith("Say 'hi' / two words / xxx")
    assert len(text) == describer.MAX_TEXT
    assert text.endswith("…")


def test_a_picture_is_described_once() -> None:
    calls: list[int] = []

    def labels(images: "Sequence[Image.Image]", top: int) -> list[list[tuple[str, float]]]:
        calls.append(len(images))
        return [[("red thing", 0.9)]]

    describing = PictureDescriber(labels=labels, reader=lambda image: [])
    first = describing.describe(RED)
    assert describing.describe(Picture(Image.new("RGB", (40, 30), "red"))) == first
    describing.describe(Picture(Image.new("RGB", (40, 30), "blue")))
    assert calls == [1, 1]


def test_absent_recognisers_leave_a_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    monkeypatch.setitem(sys.modules, "retrieval.encoders", None)
    with caplog.at_level(logging.WARNING):
        assert PictureDescriber().describe(RED).as_text("en") == "nothing was recognised in it."
    assert len(caplog.records) == 2


@pytest.fixture(scope="module")
def real() -> PictureDescriber:
    return PictureDescriber()


def sign(text: str, font: str | None) -> Picture:
    image = Image.new("RGB", (800, 300), "#e8e4da")
    face = ImageFont.truetype(font, 44) if font else ImageFont.load_default(44)
    ImageDraw.Draw(image).multiline_text((40, 60), text, font=face, fill="#203040", spacing=20)
    return Picture(image)


@pytest.mark.real
def test_english_text_is_read(real: PictureDescriber) -> None:
    description = real.describe(sign("Fresh fish daily\nOpen 9 to 5", None))
    assert description.text == "Fresh fish daily / Open 9 to 5"
    assert len(description.labels) == describer.LABELS


@pytest.mark.real
def test_chinese_text_is_read(real: PictureDescriber) -> None:
    fonts = [
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/opentype/noto/NotoSerifCJK-Bold.ttc",
        "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
        "/System/Library/Fonts/PingFang.ttc",
        "C:/Windows/Fonts/msyh.ttc",
    ]
    font = next((font for font in fonts if Path(font).is_file()), None)
    if font is None:
        pytest.skip("no Chinese font is installed to draw the test's sign with")
    assert real.describe(sign("敦煌莫高窟\n开放时间", font)).text == "敦煌莫高窟 / 开放时间"


@pytest.mark.real
@pytest.mark.parametrize("size", [(1, 1), (3000, 5), (2, 3000)])
def test_odd_shapes_take_seconds_not_minutes(real: PictureDescriber, size: tuple[int, int]) -> None:
    """A 3000 x 5 picture, enlarged until its short side is readable, took 73 s."""
    start = time.monotonic()
    assert real.describe(Picture(Image.new("RGB", size, "green"))).text == ""
    assert time.monotonic() - start < 20
