"""The words that come with picture files."""

import unicodedata
from pathlib import Path

import pytest
from PIL import ExifTags, Image

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
                "3f2a9c1d",
                "b",
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


def iptc_picture(picture: Path, *records: tuple[int, int, bytes]) -> Path:
    iptc = b"".join(bytes((0x1C, one, tag)) + len(value).to_bytes(2, "big") + value for one, tag, value in records)
    resource = (
        b"8BIM" + (0x0404).to_bytes(2, "big") + b"\0\0" + len(iptc).to_bytes(4, "big") + iptc + b"\0" * (len(iptc) % 2)
    )
    segment = b"Photoshop 3.0\0" + resource
    Image.new("RGB", (8, 8)).save(picture)
    data = picture.read_bytes()
    picture.write_bytes(data[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:])
    return picture


def test_iptc_in_the_character_set_that_it_names(tmp_path: Path) -> None:
    records = ((1, 90, b"\x1b%G"), (2, 120, "Ýþ Þórsmörk".encode()), (2, 25, b"foss"), (2, 90, b"Vik"))
    words = words_of(iptc_picture(tmp_path / "IMG_1.jpg", *records, (2, 55, b"20240203")))
    assert (words.caption, words.tags, words.date) == ("Ýþ Þórsmörk", "foss, Vik", "2024-02-03")


@pytest.mark.parametrize(
    ("encoding", "words"),
    [("latin-1", ["Öl", "Ärger", "ÄÖ", "Rhône"]), ("gbk", ["猫", "海边", "Li"]), ("big5", ["貓", "海邊的陽光"])],
)
def test_short_words_of_iptc_in_a_character_set_that_nobody_names(
    tmp_path: Path, encoding: str, words: list[str]
) -> None:
    tags = [(2, 25, word.encode(encoding)) for word in words]
    assert words_of(iptc_picture(tmp_path / "IMG_1.jpg", *tags)).tags == ", ".join(words)


@pytest.mark.parametrize(
    ("stored", "caption"),
    [
        (b"ASCII\0\0\0a lemon\0\0\0", "a lemon"),
        (b"UNICODE\0" + "a lemon 柠檬树".encode("utf-16-le"), "a lemon 柠檬树"),
        (b"UNICODE\0" + "柠檬树".encode("utf-16-le"), "柠檬树"),
        (b"UNICODE\0" + "a lemon".encode("utf-16-be"), "a lemon"),  # another byte order than the file's
        (b"JIS\0\0\0\0\0" + "レモンの木".encode("iso2022_jp"), "レモンの木"),
        (b"\0\0\0\0\0\0\0\0" + "Zitrone für Öl".encode(), "Zitrone für Öl"),
        (b"a lemon without a prefix", "a lemon without a prefix"),
        (b"ASCII\0\0\0" + b"\0" * 64, ""),
        (b"UNICODE\0" + b" \0" * 40, ""),
        (b"UNICODE\0x", ""),
    ],
)
def test_the_user_comment_of_exif_in_the_character_set_that_it_names(
    tmp_path: Path, stored: bytes, caption: str
) -> None:
    picture = tmp_path / "IMG_9.jpg"
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = stored
    Image.new("RGB", (8, 8)).save(picture, exif=exif)
    assert words_of(picture).caption == caption
