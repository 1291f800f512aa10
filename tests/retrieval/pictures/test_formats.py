"""What kinds of files are taken, and what is said of those that are not."""

import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from retrieval.errors import PackageMissing, PictureUnreadable
from retrieval.gallery import Gallery
from retrieval.ingest.reading import outcome_of
from retrieval.pictures import SUFFIXES, UNREAD_SUFFIXES, formats, load_picture
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import paint
from tests.retrieval.pictures.files import dng, photoshop


def striped(size: tuple[int, int] = (800, 600)) -> Image.Image:
    """Red with blue along its upper edge."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (0, 0, size[0], size[1] // 6))
    return image


def colour(image: Image.Image, place: tuple[int, int]) -> str:
    red, _, blue = image.getpixel(place)  # type: ignore[misc]  # RGB
    return "red" if red > 200 > blue else "blue" if blue > 200 > red else "?"


@pytest.mark.parametrize(
    "suffix",
    [
        *(".jp2", ".j2c", ".jxl", ".tga", ".ico", ".icns", ".dds", ".pnm", ".pcx", ".sgi", ".qoi", ".dib", ".apng"),
        *(".hif", ".im", ".rgb", ".VST"),
    ],
)
def test_further_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    named = {".apng": "PNG", ".hif": "HEIF", ".j2c": "JPEG2000"}.get(suffix)
    if suffix == ".jxl":
        pytest.importorskip("pillow_jxl")
    if named == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.new("RGB", (64, 64), (230, 30, 30)).save(path, format=named)
    assert colour(load_picture(path), (30, 30)) == "red"
    assert suffix.lower() in SUFFIXES


def _dcx() -> bytes:
    page = io.BytesIO()
    Image.new("RGB", (64, 64), (230, 30, 30)).save(page, "PCX")
    return struct.pack("<III", 987654321, 12, 0) + page.getvalue()


def _cursor() -> bytes:
    icon = io.BytesIO()
    Image.new("RGB", (64, 64), (230, 30, 30)).save(icon, "ICO", sizes=[(64, 64)], bitmap_format="bmp")
    return b"\0\0\2\0" + icon.getvalue()[4:]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.dcx", _dcx()),
        ("a.cur", _cursor()),
        ("a.sun", struct.pack(">8I", 0x59A66A95, 64, 64, 24, 64 * 64 * 3, 1, 0, 0) + bytes((30, 30, 230)) * 64 * 64),
        (
            "a.xpm",
            b'/* XPM */\nstatic char *a[] = {\n"64 64 1 1",\n"a c #e61e1e",\n' + b'"%s",\n' % (b"a" * 64) * 64 + b"};",
        ),
    ],
)
def test_formats_that_pillow_reads_and_does_not_write(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert colour(load_picture(tmp_path / name), (30, 30)) == "red"


@pytest.mark.parametrize(
    ("suffix", "mode", "kind"), [(".msp", "1", None), (".xbm", "1", None), (".spi", "F", "SPIDER")]
)
def test_formats_without_colours(tmp_path: Path, suffix: str, mode: str, kind: str | None) -> None:
    grey = Image.new("L", (64, 64), 255)
    grey.paste(0, (0, 0, 64, 16))
    grey.convert(mode).save(tmp_path / f"a{suffix}", format=kind)
    image = load_picture(tmp_path / f"a{suffix}")
    assert {image.getpixel((30, 40)), image.getpixel((30, 4))} == {(255, 255, 255), (0, 0, 0)}


def test_every_kind_of_picture_that_pillow_knows_is_taken_or_left_out_with_a_reason() -> None:
    no_pictures = {".bufr", ".grib", ".h5", ".hdf", ".iim", ".mpeg", ".mpg"}  # measurements, words, films
    ambiguous = {".fit"}  # also what sports watches write
    Image.init()
    assert Image.registered_extensions().keys() - no_pictures - ambiguous <= SUFFIXES | UNREAD_SUFFIXES


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_an_animation_is_its_first_frame_that_shows_something(tmp_path: Path, suffix: str) -> None:
    empty = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    dot, full, later = empty.copy(), empty.copy(), Image.new("RGBA", (64, 64), (30, 30, 230, 255))
    dot.paste((0, 255, 0, 255), (0, 0, 3, 3))
    full.paste((230, 30, 30, 255), (8, 8, 60, 60))
    path = tmp_path / f"a{suffix}"
    empty.save(path, save_all=True, append_images=[dot, full, later], duration=40, lossless=True, disposal=2)
    assert colour(load_picture(path), (30, 30)) == "red"
    empty.save(path, save_all=True, append_images=[dot], duration=40, lossless=True, disposal=2)
    assert load_picture(path).getpixel((1, 1))[1] > 200  # type: ignore[index]  # a picture of almost nothing
    full.save(path, save_all=True, append_images=[later], duration=40, lossless=True, disposal=2)
    assert colour(load_picture(path), (30, 30)) == "red"


def test_a_photoshop_file_is_its_flattened_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.psd"
    path.write_bytes(photoshop((220, 30, 40), (16, 8)))
    image = load_picture(path)
    assert (image.size, image.getpixel((3, 3))) == ((16, 8), (220, 30, 40))


# EXIF's orientation -> where the edge that was the upper one lies
@pytest.mark.parametrize(("orientation", "blue"), [(1, (400, 10)), (3, (400, 590)), (6, (590, 400)), (8, (10, 400))])
def test_a_raw_file_is_its_preview_upright(tmp_path: Path, orientation: int, blue: tuple[int, int]) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "a.DNG"
    path.write_bytes(dng(striped(), size=(1600, 1200), orientation=orientation))
    image = load_picture(path)
    assert image.size == ((800, 600) if orientation in (1, 3) else (600, 800))
    assert colour(image, blue) == "blue"
    assert colour(image, (image.width // 2, image.height // 2)) == "red"


@pytest.mark.parametrize("preview", [None, striped((160, 120))])
def test_a_raw_file_without_a_preview_worth_the_name_is_developed(tmp_path: Path, preview: Image.Image | None) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "a.dng"
    path.write_bytes(dng(preview, size=(1600, 1200)))
    assert load_picture(path).size == (800, 600)
    with pytest.raises(PictureUnreadable, match="1600 x 1200 pixels"):
        load_picture(path, max_pixels=1600 * 1200 - 1)


@pytest.mark.parametrize("data", [b"", b"II*\0" + bytes(200), dng(striped(), size=(600, 400))[:100]])
def test_a_damaged_raw_file_is_a_sentence(data: bytes) -> None:
    pytest.importorskip("rawpy")
    file = io.BytesIO(data)
    file.name = "a.nef"
    with pytest.raises(PictureUnreadable, match=r"'a\.nef'.*damaged"):
        load_picture(file)


def test_a_raw_file_is_as_large_as_the_photograph_in_it(gallery: Gallery, pictures: Path) -> None:
    pytest.importorskip("rawpy")
    (pictures / "red door.dng").write_bytes(dng(striped(), size=(1600, 1200), orientation=6))
    gallery.add(pictures, options=ONE_WORKER)
    (hit,) = gallery.browse()
    picture = gallery.picture(hit.id)
    assert (picture.width, picture.height, picture.caption) == (1200, 1600, "red door")
    assert Path(gallery.get(hit.id).path).suffix == ".webp"  # browsers do not show it


def test_pictures_of_other_programs_are_counted_with_a_reason(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "a.png")
    for name in ("drawing.XCF", "print.ai", "notes.md", "scan.PDF"):
        (pictures / name).write_bytes(b"something")
    for _ in range(2):
        report = gallery.add(pictures, options=ONE_WORKER)
        assert {Path(path).name for path, _ in report.skipped} == {"drawing.XCF", "print.ai", "scan.PDF"}
        assert all("JPEG or PNG" in reason for _, reason in report.skipped)
    assert gallery.info().skipped == 3


@pytest.mark.parametrize(("suffix", "package"), [(".nef", "rawpy"), (".heic", "pillow-heif"), (".jxl", "pillow-jxl")])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, suffix: str, package: str) -> None:
    monkeypatch.setattr(formats, "_installed", lambda module: False)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"any")
    with pytest.raises(PackageMissing, match=f"pip install {package}"):
        load_picture(path)


def test_files_whose_package_was_missing_are_read_once_it_is_there(
    gallery: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Future:
        def result(self) -> None:
            raise PackageMissing(name="a.png", package="a-package")

    paint(pictures / "a.png")
    with monkeypatch.context() as patch:  # as the worker answers; it is a process of its own
        patch.setattr(
            "retrieval.ingest.pipeline.Ingest.decoded", lambda run, jobs: [(jobs[0], outcome_of(Future(), 30))]
        )
        report = gallery.add(pictures, options=ONE_WORKER)
    assert "pip install a-package" in report.skipped[0][1]
    assert gallery.add(pictures, options=ONE_WORKER).added == 1
