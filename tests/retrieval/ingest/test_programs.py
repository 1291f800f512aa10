"""What cameras and programs write where a picture's description stands is no caption; what people write there is."""

import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from retrieval.ingest.metadata.programs import from_people
from tests.retrieval.ingest.test_metadata import words_of
from tests.retrieval.ingest.test_metadata_sources import alternatives, packet

PROGRAMS = [
    "File written by Adobe Photoshop",
    "File written by Adobe Photoshop¨ 4.0",
    "File written by Adobe Photoshop® CS2",
    "CREATOR: gd-jpeg v1.0 (using IJG JPEG v80), quality = 90",
    "CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), default quality",
    "CREATOR: XV Version 3.10a Rev: 12/29/94 Quality = 75, Smoothing = 0",
    "Created with GIMP",
    "Created with The GIMP",
    "Created with GIMP on a Mac",
    "Created with Inkscape 1.2.",
    "Created by Imlib",
    "OLYMPUS DIGITAL CAMERA         ",
    "KONICA MINOLTA DIGITAL CAMERA",
    "KODAK Digital Still Camera",
    "MOULTRIE DIGITAL GAME CAMERA",
    "SAMSUNG CAMERA PICTURES",
    "<KENOX S760  / Samsung S760>",
    "<Digimax i5, Samsung #1>",
    "SONY DSC",
    "Minolta DSC",
    "DCIM\\100MEDIA\\DJI_0001.JPG",
    "DJI_0001.JPG",
    "DSC_0123",
    "IMG_20230405_121212.jpg",
    "P1010123",
    "Screenshot",
    "Screenshot 2023-04-05 at 12.30.11",
    "ASCII",
    "ASCII\0\0\0",
    "charset=Ascii",
    'charset="Ascii"',
    "Exif_JPEG_PICTURE",
    "binary comment",
    "LEAD Technologies Inc. V1.01",
    "Intel(R) JPEG Library, version [1.51.12.44]",
    "Intel(R) JPEG Library, version 1,5,4,36",
    "Handmade Software, Inc. Image Alchemy v1.11",
    "JPEG Encoder Copyright 1998, James R. Weeks and BioElectroMech.  ",
    "Lavc58.134.100",
    "Compressed by jpeg-recompress",
    "Optimized by JPEGmini 3.18",
    "Optimized by JPEGmini 3.18.4.211672608-TBTBLNP 0x88155d6d",
    "Optimized by JPEGmini 3.9.2.5L Internal 0x8c97c7da",
    "Processed By eBay with ImageMagick, z1.1.0. ||B2",
    "Processed with VSCO with a6 preset",
    "AppleMark",
    "default",
    "untitled",
    "Untitled-1",
    "sdr_HDRB",
    "filter: 0; fileterIntensity: 0.0; filterMask: 0; module: photo;",
    "a3f9c0d1e2b4a5f60718293a4b5c6d7e",
    "xmp.did:8F2A6C1E-4B3D-11E5-9C1B-D1F3A2B4C5D6",
    "FF D8 FF E0 00 10 4A 46 49 46 00 01",
    '{"workflow": {"nodes": [1, 2]}, "seed": 42}',
    'Workflow:{"nodes": [1, 2]}',
    "<?xml version='1.0'?><mxfile host='app.diagrams.net'/>",
    "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
]
PEOPLE = [
    "My desk with Adobe Photoshop open",
    "Created with GIMP from three photos of my cat",
    "Screenshot of the new editor",
    "Screenshots are lies, 2023",
    "Camera obscura in Edinburgh",
    "My first digital camera",
    "Digital art of a fox",
    "Sony Center in Berlin at night",
    "Samsung tower, Seoul",
    "Olympus digital camera on a red table",
    "Kodak theatre",
    "Default gateway of the castle",
    "Untitled, oil on canvas",
    "ASCII art of a cow",
    "Sam, 2019",
    "Burst pipe",
    "Mon chat",
    "A smart fox",
    "1984",
    "<3 my dog",
    "<b>Boats</b> at sea",
    '"Boats" {1883}',
    "Facade",
    "海上的船",
]


def jpeg(path: Path, text: str) -> Path:
    exif = Image.Exif()
    exif[0x010E] = text
    Image.new("RGB", (8, 8)).save(path.with_suffix(".jpg"), exif=exif)
    return path.with_suffix(".jpg")


def windows(path: Path, text: str) -> Path:
    exif = Image.Exif()
    exif[0x9C9C] = text.encode("utf-16-le") + b"\0\0"
    Image.new("RGB", (8, 8)).save(path.with_suffix(".jpg"), exif=exif)
    return path.with_suffix(".jpg")


def iptc(path: Path, text: str) -> Path:
    value = text.encode()
    record = b"\x1c\x01\x5a\x00\x03\x1b%G" + b"\x1c\x02\x78" + len(value).to_bytes(2, "big") + value
    segment = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + len(record).to_bytes(4, "big") + record + b"\0"
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, format="JPEG")
    data = file.getvalue()
    path = path.with_suffix(".jpg")
    path.write_bytes(data[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:])
    return path


def escaped(text: str) -> str:
    return "".join(f"&#{ord(character)};" for character in text)


def xmp(path: Path, text: str) -> Path:
    Image.new("RGB", (8, 8)).save(
        path.with_suffix(".webp"), xmp=packet(alternatives("dc:description", x_default=escaped(text)))
    )
    return path.with_suffix(".webp")


def png(path: Path, text: str) -> Path:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("Comment", text)
    Image.new("RGB", (8, 8)).save(path.with_suffix(".png"), pnginfo=info)
    return path.with_suffix(".png")


def svg(path: Path, text: str) -> Path:
    path = path.with_suffix(".svg")
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><desc>{escaped(text)}</desc></svg>')
    return path


def takeout(path: Path, text: str) -> Path:
    path = path.with_suffix(".jpg")
    Image.new("RGB", (8, 8)).save(path)
    path.with_name(f"{path.name}.json").write_text(json.dumps({"title": path.name, "description": text}))
    return path


FILES = [jpeg, windows, iptc, xmp, png, svg, takeout]


@pytest.mark.parametrize("written", FILES)
def test_no_reader_takes_a_programs_text_for_a_caption(tmp_path: Path, written: Callable[[Path, str], Path]) -> None:
    for number, text in enumerate(PROGRAMS):
        if "\0" not in text or written is jpeg:
            assert words_of(written(tmp_path / str(number) / "IMG_1", text)).caption == "", text


@pytest.mark.parametrize("written", FILES)
def test_every_reader_takes_a_persons_sentence(tmp_path: Path, written: Callable[[Path, str], Path]) -> None:
    for number, text in enumerate(PEOPLE):
        if text.isascii() or written is not jpeg:  # EXIF has no other letters
            assert words_of(written(tmp_path / str(number) / "IMG_1", text)).caption == text


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> None:
    for number in range(max(len(PROGRAMS), len(PEOPLE))):
        (tmp_path / str(number)).mkdir()


def test_what_drawing_programs_write_is_no_caption(tmp_path: Path) -> None:
    for text in ("Created with Sketch.", "Created with Raphaël 2.1.2", "Produced by GNUPLOT 5.0 patchlevel 3"):
        assert words_of(svg(tmp_path / "IMG_1", text)).caption == ""
    drawing = tmp_path / "IMG_1.svg"
    drawing.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><title>A swan</title>'
        "<desc>Created with Sketch.</desc></svg>"
    )
    assert words_of(drawing).caption == "A swan"


def test_the_next_source_speaks_where_a_program_wrote(tmp_path: Path) -> None:
    assert words_of(jpeg(tmp_path / "red_bus", "SONY DSC")).caption == "red bus"
    title, description = alternatives("dc:title", x_default="DSC_0123"), alternatives("dc:description", en="A heron")
    exif = Image.Exif()
    exif[0x010E] = "OLYMPUS DIGITAL CAMERA"
    picture = tmp_path / "IMG_2.jpg"
    Image.new("RGB", (8, 8)).save(picture, exif=exif, xmp=packet(title + description))
    assert words_of(picture).caption == "A heron"
    Image.new("RGB", (8, 8)).save(
        picture,
        xmp=packet(alternatives("dc:title", x_default="Untitled") + "<photoshop:Headline>A crane</photoshop:Headline>"),
    )
    assert words_of(picture).caption == "A crane"


def test_xmp_beside_a_picture_may_repeat_what_the_camera_wrote(tmp_path: Path) -> None:
    """darktable and Lightroom copy it there."""
    picture = jpeg(tmp_path / "IMG_3", "A kiosk")
    packed = packet(alternatives("dc:description", x_default="OLYMPUS DIGITAL CAMERA"))
    picture.with_name("IMG_3.jpg.xmp").write_bytes(packed)
    assert words_of(picture).caption == "A kiosk"


@pytest.mark.parametrize("text", ["Screenshot", "default", "SONY DSC", "Created with GIMP"])
def test_a_persons_own_text_file_is_taken_as_it_is(tmp_path: Path, text: str) -> None:
    picture = jpeg(tmp_path / "IMG_4", "Something else")
    picture.with_suffix(".txt").write_text(text)
    assert words_of(picture).caption == text


def test_long_texts_are_read_at_once() -> None:
    begun = time.perf_counter()
    for start in ("Created with GIMP", "Optimized by JPEGmini", "Intel(R) JPEG Library", "IMG_1234", "<", "{", "ab "):
        for more in (" 1,", ", 1", "1.", "(1", "<samsung", "00 ", "-", ' "'):
            text = (start + more * 1000)[:999] + "!"
            from_people(text)
    assert time.perf_counter() - begun < 5
