"""The words that come with picture files."""

import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from retrieval.ingest.metadata import Beside, Metadata, caption_from_name, read_metadata, sidecar_lines


def words_of(picture: Path) -> Metadata:
    """As an index run reads them: with the files beside it."""
    names = Beside(file.name for file in picture.parent.iterdir()).of(picture.name)
    data = picture.read_bytes() if picture.exists() else b""
    return read_metadata(picture, data, [picture.with_name(name) for name in names])


@pytest.mark.parametrize(
    ("stem", "caption"),
    [
        ("red_bus-2", "red bus"),
        ("RedBusInLondon", "Red Bus In London"),
        ("日落_海边", "日落 海边"),
        ("beach (2)", "beach"),
        *[(name, "") for name in ("IMG_2041", "DSC01234", "20230405_121212", "微信图片_20230101", "P1010123")],
        *[(name, "") for name in ("DJI_0001", "FB_IMG_1600000000000", "Copy of IMG_1234", "KakaoTalk_20200101_123456")],
        *[
            (name, "")
            for name in ("PXL_20230102_030405678.MP", "signal-2021-01-01-120000", "Unbenannt", "New Project (1)")
        ],
        *[
            (name, "")
            for name in ("photo-1500530855697-b586d89ba3ee", "pexels-john-doe-123456", "ann-lee-x1Yz2-unsplash")
        ],
        ("Copy of red bus", "Copy of red bus"),
        ("signal box", "signal box"),
        *[
            (name, "")
            for name in ("_DSC1234", "_MG_1234-Edit", "IMGP0001", "R0010001", "100_1234", "IMG_E1234", "Bild (3)")
        ],
        *[
            (name, "")
            for name in (
                "Screenshot from 2023-01-01 10-00-00",
                "Screen Shot 2019-01-01 at 9.00.00 AM",
                "Screenshot_20210505-101010_com.android.chrome",
                "Bildschirmfoto vom 2023-01-01 10-00-00",
                "Capture d’écran 2023-01-01 à 10.00.00",
                "螢幕截圖 2023-01-01 上午10.00.00",
                "QQ截图20230101",
                "WhatsApp Image 2023-01-01 at 10.00.00 AM (1)",
                "IMG_20230101_100000_BURST001_COVER",
                "PXL_20230101_120000000.PORTRAIT-01",
                "IMG_1234的副本",
                "original_1d4caa6f-16c6-4c3d-901b-9387de10e528_I",
            )
        ],
        *[(name, name) for name in ("Bild von Oma", "screenshot of a map", "Scanner", "portrait", "12 monkeys")],
        ("图片里的猫", "图片里的猫"),
        ("_DSC1234 boat", "boat"),
        ("\u202eright to left", "right to left"),
        *[(name, "") for name in ("Screenshot 2023-04-05 at 12.30.11", "a3f9c0d1e2b4a5f6", "IMG-20230101-WA0003")],
    ],
)
def test_caption_from_name(stem: str, caption: str) -> None:
    assert caption_from_name(stem) == caption


def test_sidecar_counts_more_than_the_picture_and_its_name(tmp_path: Path) -> None:
    picture = tmp_path / "red_bus.jpg"
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x0132] = "A bus in the rain", "Ann", "2024:05:06 07:08:09"
    Image.new("RGB", (8, 8)).save(picture, exif=exif)
    without = words_of(picture)
    assert (without.caption, without.credit, without.date) == ("A bus in the rain", "Ann", "2024-05-06T07:08:09")

    (tmp_path / "red_bus.txt").write_text("The last bus\nhome\n许可: CC0\nTags: bus, night\n", encoding="utf-8")
    words = words_of(picture)
    assert (words.caption, words.licence, words.tags, words.credit) == ("The last bus home", "CC0", "bus, night", "Ann")


def test_camera_text_is_no_caption(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "OLYMPUS DIGITAL CAMERA         "
    Image.new("RGB", (8, 8)).save(tmp_path / "IMG_1.jpg", exif=exif)
    assert words_of(tmp_path / "IMG_1.jpg").caption == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk"])
def test_text_files_of_other_programs(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("一只猫\ncredit: Li", encoding=encoding)
    assert (words_of(path.with_suffix(".jpg")).caption, words_of(path.with_suffix(".jpg")).credit) == ("一只猫", "Li")


def test_a_binary_text_file_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(bytes(range(256)) * 10)
    assert "\x00" not in words_of(path.with_suffix(".jpg")).caption


def test_fields_are_cleaned_and_a_date_must_be_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("caption: a\tcat\x07 \ncredit: " + "x" * 5000 + "\ndate: last summer\n")
    words = words_of(path.with_suffix(".jpg"))
    assert (words.caption, len(words.credit), words.date) == ("a cat", 1000, "")
    path.write_text("date: 2023-07\n")
    assert words_of(path.with_suffix(".jpg")).date == "2023-07"


def test_every_line_is_a_query_of_an_evaluation(tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    (tmp_path / "a.txt").write_text("A cat\nA cat sleeps\ncredit: Ann\n")
    (tmp_path / "a.zh.txt").write_text("一只猫\n", encoding="utf-8")
    assert sidecar_lines(picture) == ["A cat", "A cat sleeps", "一只猫"]


def test_exif_in_utf_8_is_read_as_written(tmp_path: Path) -> None:
    """As exiftool, telephones and Lightroom write it; Pillow hands it over as Latin-1."""
    exif, written = Image.Exif(), "Café in Zürich 长城".encode()
    exif[0x010E] = "X" * len(written)
    picture = tmp_path / "a.jpg"
    Image.new("RGB", (8, 8)).save(picture, exif=exif.tobytes().replace(b"X" * len(written), written))
    assert words_of(picture).caption == "Café in Zürich 长城"


@pytest.mark.parametrize("name", ["BRIDGE.TXT", "bridge.Txt", "bridge.jpg.TXT"])
def test_a_text_file_is_found_whatever_its_case(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("an iron bridge")
    assert words_of(tmp_path / "bridge.jpg").caption == "an iron bridge"


def test_a_text_file_is_found_beside_a_decomposed_name(tmp_path: Path) -> None:
    (tmp_path / unicodedata.normalize("NFC", "Größe.txt")).write_text("a chimney")
    assert words_of(tmp_path / unicodedata.normalize("NFD", "Größe.jpg")).caption == "a chimney"
