"""Text whose encoding nobody named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.decoding import decode_text, repaired, same_name, without_invisible_ends

WESTERN = st.text(st.sampled_from("abcdefgh ijklmnop,.'-\n\u00e9\u00fc\u00df\u00f1\u00e7"), min_size=1)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("渔船在黄昏\n标签：海边，帆船", "gbk"),
        ("城堡", "gbk"),
        ("2019年 北京 photo by Li", "gbk"),
        ("caption: 猫在窗台上\ntags: cat, 猫", "gb18030"),
        ("臺灣的海邊", "big5"),
        ("Café am Fluß\ncredit: Jürgen\n", "cp1252"),
        ("ÄÖÜ", "cp1252"),
        *[(word, "cp1252") for word in ("Öl", "Ål", "År", "Äpfel", "Évry", "Übung", "ÖL", "Él")],
        ("狗", "gbk"),
        ("貓咪", "big5"),
        ("São Paulo à noite – “carnaval”", "cp1252"),
        ("кошка на солнце спит весь день и мурлычет", "cp1251"),
        ("海边", "utf-16"),
        ("hello world", "utf-16-le"),
        ("hello world", "utf-16-be"),
        ("咖啡 Café", "utf-8"),
        ("咖啡 Café", "utf-8-sig"),
        ("咖啡 Café", "utf-32"),
    ],
)
def test_the_encoding_is_found(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == text


def test_a_declaration_counts_before_a_guess_and_a_wrong_one_does_no_harm() -> None:
    assert decode_text("猫".encode("gb2312"), "GB2312") == "猫"
    assert decode_text("Café".encode(), "no-such-encoding") == "Café"
    assert decode_text("Café".encode(), "ascii") == "Café"


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")))
def test_utf_8_is_read_as_written(text: str) -> None:
    assert decode_text(f"文{text}".encode()) == f"文{text}"


@given(WESTERN)
def test_western_text_never_loses_a_letter(text: str) -> None:
    assert len(decode_text(text.encode("cp1252"))) == len(text)


@given(st.binary())
def test_any_bytes_are_read(data: bytes) -> None:
    decode_text(data).encode("utf-8", "surrogatepass")


@given(st.text())
def test_repairing_leaves_other_text_alone(text: str) -> None:
    mended = repaired(text)
    assert mended == text or mended.encode().decode("latin-1") == text


def test_what_was_taken_for_latin_1_is_mended() -> None:
    assert repaired("Café terrace".encode().decode("latin-1")) == "Café terrace"
    assert repaired("Café") == "Café"


def test_names_are_compared_as_people_read_them() -> None:
    assert same_name("Gro\u0308\u00dfe.TXT") == same_name("Gr\u00f6\u00dfe.txt")


def test_invisible_ends_go() -> None:
    assert without_invisible_ends("\ufeff a cat \u200b\r\n") == "a cat"
