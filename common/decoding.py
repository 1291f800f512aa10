"""Bytes that people's programs wrote -> text, and names that are the same to a person.

The one place that guesses an encoding: caption files, password files, metadata of pictures.
"""

import base64
import codecs
import re
import unicodedata
from typing import Any

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# encodings of Chinese Windows, simplified and traditional, and where their most used characters lie
_CHINESE = (("gb18030", b"\xb0\xa1", b"\xd7\xf9"), ("big5", b"\xa4\x40", b"\xc6\x7e"))
_NO_LETTER = 0x80  # a second byte below may be a letter after an accented one: "Öl" is one character of GB18030, too
_INVISIBLE = r"[\s\x00\ufeff\u200b-\u200f\u2028-\u202e\u2060]+"
_URL_SAFE = str.maketrans("-_", "+/")  # the second alphabet of base64 -> the first
_XML_ENCODING = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_XML_DECLARATION = re.compile(r"^<\?xml[^>]*\?>")
_BLANK = "\ufeff \t\r\n"
_BLANK_BYTES = b"\xef\xbb\xbf\xff\xfe \t\r\n"
_HALF = re.compile("[\ud800-\udfff]")
# Marks that turn the reading direction of everything after them; letters of right-to-left scripts stay.
_DIRECTION = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F])
_INVISIBLE_ENDS = re.compile(f"^{_INVISIBLE}|{_INVISIBLE}$")


def decode_text(data: bytes, declared: str = "") -> str:
    """The text of bytes in an encoding that nobody may have named; nothing is lost without a mark.

    In this order: a byte order mark, the `declared` encoding, UTF-8, UTF-16 by its zero bytes, GB18030 or Big5 where
    that gives common Chinese characters (what Chinese Windows calls ANSI), the guess of charset-normalizer where it is
    sure, and Windows-1252, in which every byte means something.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) if encoding == "utf-8" else 0 :].decode(encoding, "replace").removeprefix("\ufeff")
    if declared:
        try:
            return data.decode(declared)
        except (LookupError, UnicodeDecodeError):
            pass  # the declaration is wrong
    if encoding := _utf16(data):
        return data.decode(encoding, "replace")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _guessed(data)
    # two bytes of Chinese may be a letter of UTF-8, "一只猫" then a Cyrillic, a Hebrew and a French one
    if _mixes_scripts(text) and (chinese := _chinese(data, *_CHINESE[0])) is not None:
        return chinese
    return text


def xml_text(data: bytes) -> str:
    """The text of an XML file without its declaration, also in encodings that XML parsers do not know, and where the
    declaration is wrong or missing."""
    declared = _XML_ENCODING.match(data[:400].replace(b"\0", b"").lstrip(_BLANK_BYTES))
    text = decode_text(data, declared[1].decode("ascii") if declared else "").lstrip(_BLANK)
    if not text.startswith("<"):  # programs copy a declaration and write UTF-8
        text = decode_text(data).lstrip(_BLANK)
    return _XML_DECLARATION.sub("", text)  # it is Unicode now, whatever it says


def _utf16(data: bytes) -> str:
    """ "utf-16-le" or "-be" where every other byte of mostly Western text is zero; "" elsewhere."""
    if len(data) < 4 or len(data) % 2:
        return ""
    for encoding, zeros in (("utf-16-le", data[1::2]), ("utf-16-be", data[0::2])):
        if zeros.count(0) > 0.4 * len(zeros):
            return encoding
    return ""


def _mixes_scripts(text: str) -> bool:
    """Whether the letters beyond ASCII are few-byte ones of several scripts, as no person writes them together."""
    letters = {character for character in text if character > "\x7f" and not character.isspace()}
    if not letters or max(letters) >= "\u0800":  # what takes three bytes is no accident
        return False
    return len({unicodedata.name(letter, "?").split()[0] for letter in letters}) > 1


def _guessed(data: bytes) -> str:
    for encoding, first, last in _CHINESE:
        if (text := _chinese(data, encoding, first, last)) is not None:
            return text
    from charset_normalizer import from_bytes

    best = from_bytes(data, cp_isolation=["shift_jis", "euc_kr", "cp1251", "cp1252"]).best()
    if best is not None and best.encoding != "cp1252" and best.chaos == 0 and len(data) > 40:
        return str(best)
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:  # five bytes have no character there
        return data.decode("latin-1")


def _chinese(data: bytes, encoding: str, first: bytes, last: bytes) -> str | None:
    """The text where it is Chinese in this encoding: two thirds of it are of the characters that are used most, which
    stand between `first` and `last` in the encoding's own table. Accented letters of Western text come out as Chinese
    characters, too, but as single ones among letters: "Jürgen"."""
    try:
        text = data.decode(encoding)
        codes = [character.encode(encoding) for character in text if "\u4e00" <= character <= "\u9fff"]
    except UnicodeError:
        return None
    if any(unicodedata.category(character) in ("Co", "Cn", "Cc") and character not in "\r\n\t" for character in text):
        return None
    sure = encoding == "big5" and len(codes) > 1  # half of its most used characters have a letter as second byte
    common = sum(first <= code <= last and (sure or code[1] >= _NO_LETTER) for code in codes if len(code) == 2)
    alone = len(re.findall(r"[A-Za-z][\u4e00-\u9fff]|[\u4e00-\u9fff][a-z]", text))
    return text if codes and 3 * common >= 2 * len(codes) and 2 * alone <= len(codes) - 2 * (alone > 0) else None


def repaired(text: str) -> str:
    """Text that a reader took for Latin-1 although it is UTF-8, as Pillow does with EXIF: "CafÃ©" -> "Café"."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def same_name(name: str) -> str:
    """A file's name for comparing: composed as Windows and Linux write it, where a Mac decomposes, and without case."""
    return unicodedata.normalize("NFC", name).casefold()


def without_controls(text: str) -> str:
    """The text without control characters and direction marks; tabs and line ends become blanks or single line ends."""
    text = text.translate(_DIRECTION).replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(
        c for c in text if c == "\n" or not (unicodedata.category(c) in ("Cc", "Cs", "Co") or _no_character(c))
    )


def _no_character(code: str) -> bool:
    """Of the 66 codes that never are one. Other unassigned ones may be emoji newer than this Python."""
    return ord(code) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(code) <= 0xFDEF


def well_formed(text: str) -> str:
    """The text without halves of surrogate pairs, which browsers can send and UTF-8 cannot encode; pairs are joined."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")


def without_invisible_ends(text: str) -> str:
    """What a person typed or piped, without blanks, byte order marks and other invisible characters at its ends."""
    return _INVISIBLE_ENDS.sub("", text)


def decode_base64(text: str) -> bytes:
    """The bytes of base64 text as programs write it: in one line or many, of either alphabet, with padding or without.

    Raises ValueError for anything else.
    """
    plain = "".join(text.split()).translate(_URL_SAFE).rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def half_characters(text: str) -> str:
    """The halves of characters beyond U+FFFF in a text, e.g. "U+D83D" of an emoji that was cut in two; "" for none.

    JSON can hold them; no text file, database or tokenizer can.
    """
    return ", ".join(f"U+{ord(code):04X}" for code in sorted(set(_HALF.findall(text))))


def without_halves(value: Any) -> Any:
    """Data from JSON with U+FFFD in place of half characters, wherever a text stands in it."""
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, dict):
        return {without_halves(name): without_halves(one) for name, one in value.items()}
    return [without_halves(one) for one in value] if isinstance(value, list | tuple) else value
