"""The one way in for strangers' pictures: what is refused, and how the rest comes out."""

import gzip
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from retrieval.errors import PictureUnreadable
from retrieval.pictures import load_picture

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10"><rect width="10" height="10" fill="red"/></svg>'


def huge_png(side: int) -> bytes:
    """A PNG that claims side x side pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8\xff\xe0 no picture",
        b"hello, I am text",
        huge_png(20_000),
        b"<svg xmlns='http://www.w3.org/2000/svg'",
        SVG.replace("<rect", "<image href='/etc/hostname'/><rect").encode(),
        gzip.compress(b"x" * 100),
    ],
    ids=["empty", "broken", "text", "bomb", "broken svg", "svg that reads files", "gzip"],
)
def test_refused_with_a_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "stranger.png"
    path.write_bytes(content)
    with pytest.raises(PictureUnreadable) as caught:
        load_picture(path)
    assert "stranger.png" in caught.value.text()
    assert "stranger.png" in caught.value.text("zh")


def test_truncated_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(buffer, "JPEG")
    with pytest.raises(PictureUnreadable):
        load_picture(io.BytesIO(buffer.getvalue()[:2000]))


@pytest.mark.parametrize("zipped", [False, True])
def test_svg_is_drawn_on_white(zipped: bool) -> None:
    data = gzip.compress(SVG.encode()) if zipped else SVG.encode()
    picture = load_picture(io.BytesIO(data))
    assert picture.size == (1024, 512)
    assert (picture.getpixel((10, 10)), picture.getpixel((1000, 10))) == ((255, 0, 0), (255, 255, 255))


def test_an_svg_of_any_claimed_size_stays_small() -> None:
    endless = SVG.replace("0 0 20 10", "0 0 10 10000000")
    assert max(load_picture(io.BytesIO(endless.encode())).size) <= 1024


@pytest.mark.parametrize("format", ["HEIF", "AVIF", "WEBP", "TIFF", "BMP"])
def test_formats(format: str) -> None:
    if format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 30, 30)).save(buffer, format)
    red, green, _ = load_picture(buffer).getpixel((30, 30))  # type: ignore[misc]  # RGB
    assert red > 180
    assert green < 60


def test_orientation_alpha_frames_cmyk_and_16_bits() -> None:
    def through(image: Image.Image, kind: str, **options: object) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)  # type: ignore[arg-type]  # Pillow's own options
        return load_picture(buffer)

    turned = Image.Exif()
    turned[0x0112] = 6
    assert through(Image.new("RGB", (30, 10)), "JPEG", exif=turned).size == (10, 30)
    assert through(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "PNG").getpixel((1, 1)) == (255, 255, 255)
    frames = [Image.new("RGB", (4, 4), c) for c in ("red", "blue")]
    assert through(frames[0], "GIF", save_all=True, append_images=frames[1:]).getpixel((1, 1)) == (255, 0, 0)
    assert through(Image.new("CMYK", (4, 4)), "JPEG").mode == "RGB"
    grey = Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16))
    assert abs(through(grey, "PNG").getpixel((1, 1))[0] - 155) <= 2  # type: ignore[index]  # RGB


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("LA", (0, 0), (255, 255, 255)),
        ("La", (0, 0), (255, 255, 255)),
        ("La", (100, 255), (100, 100, 100)),
        ("RGBa", (0, 0, 0, 0), (255, 255, 255)),
        ("RGBa", (10, 20, 30, 255), (10, 20, 30)),
        ("PA", (0, 0), (255, 255, 255)),
        ("RGBX", (10, 20, 30, 0), (10, 20, 30)),
        ("CMYK", (0, 0, 0, 255), (0, 0, 0)),
        ("YCbCr", (255, 128, 128), (255, 255, 255)),
        ("HSV", (0, 255, 255), (255, 0, 0)),
        ("I;16", 65535, (255, 255, 255)),
        ("I;16B", 32768, (127, 127, 127)),
        ("I;16N", 32768, (127, 127, 127)),
        ("I", -5, (0, 0, 0)),
        ("I", 10**9, (255, 255, 255)),
        ("F", 0.5, (127, 127, 127)),
        ("F", 200.0, (200, 200, 200)),
        ("F", float("nan"), (0, 0, 0)),
    ],
)
def test_pictures_of_every_mode(mode: str, colour: Any, expected: tuple[int, ...]) -> None:
    assert load_picture(Image.new(mode, (3, 2), colour)).getpixel((1, 1)) == expected


def test_an_opened_picture_that_cannot_be_decoded_is_refused_too() -> None:
    buffer = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(buffer, "JPEG")
    with pytest.raises(PictureUnreadable, match="damaged"), Image.open(io.BytesIO(buffer.getvalue()[:2000])) as opened:
        load_picture(opened)


def test_a_picture_without_a_name_has_none_of_its_object() -> None:
    with pytest.raises(PictureUnreadable) as caught:
        load_picture(io.BytesIO(b"no picture"))
    assert "BytesIO" not in caught.value.text()


def test_colour_profile_becomes_srgb() -> None:
    buffer = io.BytesIO()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (4, 4), (10, 200, 30)).save(buffer, "PNG", icc_profile=lab)
    assert np.allclose(load_picture(buffer).getpixel((0, 0)), (10, 200, 30), atol=2)


def test_a_large_jpeg_is_decoded_no_larger_than_wanted() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4000, 2000), "red").save(buffer, "JPEG")
    small = load_picture(buffer, enough=300)
    assert 300 <= min(small.size) < 1000


@pytest.mark.parametrize("side", [12_000, 20_000])
def test_too_many_pixels_are_named_before_decoding(side: int) -> None:
    with pytest.raises(PictureUnreadable, match="pixels"):
        load_picture(io.BytesIO(huge_png(side)))


@pytest.mark.parametrize("encoding", ["iso-8859-1", "utf-16", "gb2312", "utf-8"])
def test_a_drawing_is_read_in_the_encoding_that_it_declares(tmp_path: Path, encoding: str) -> None:
    title = "咖啡" if encoding == "gb2312" else "Café"
    drawing = (
        f'<?xml version="1.0" encoding="{encoding}"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10">'
        f'<title>{title}</title><rect width="20" height="10" fill="red"/></svg>'
    )
    path = tmp_path / "a.svg"
    path.write_bytes(drawing.encode(encoding))
    assert load_picture(path).getpixel((9, 9)) == (255, 0, 0)


def test_a_long_licence_before_a_drawing_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_text(
        '<?xml version="1.0"?>\n<!-- ' + "A licence. " * 2000 + '-->\n<svg xmlns="http://www.w3.org/2000/svg" '
        'viewBox="0 0 20 10"><rect width="20" height="10" fill="red"/></svg>'
    )
    assert load_picture(path).getpixel((9, 9)) == (255, 0, 0)


def test_a_foreign_link_in_another_encoding_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_bytes(
        '<?xml version="1.0" encoding="utf-16"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10">'
        '<image href="/etc/passwd" width="20" height="10"/></svg>'.encode("utf-16")
    )
    with pytest.raises(PictureUnreadable):
        load_picture(path)
