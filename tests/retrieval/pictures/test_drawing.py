"""Vector drawings as other programs write them, and those made to do harm."""

import gzip
import io
from pathlib import Path

import pytest

from retrieval.errors import PictureUnreadable
from retrieval.ingest.metadata.embedded import svg_words
from retrieval.pictures import load_picture

RED = '<rect width="100%" height="100%" fill="red"/>'
NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def drawn(text: str | bytes) -> object:
    data = text.encode() if isinstance(text, str) else text
    return load_picture(io.BytesIO(data)).getpixel((5, 5))


@pytest.mark.parametrize(
    "size",
    [
        *('width="210mm" height="297mm"', 'width="3cm" height="2cm"', 'width="2in" height="1in"'),
        *('width="40pt" height="30pt"', 'width="10pc" height="5pc"', 'width="100%" height="50%"', ""),
        *('width="200"', 'height="3cm"', 'width="200" viewBox="0 0 20 10"', 'width="auto" height="auto"'),
        *(
            'width="10em" height="5em"',
            'viewBox="0,0,20,10"',
            'width="100vw" height="50vh"',
            'width="40Q" height="20Q"',
        ),
    ],
)
def test_sizes_in_every_unit(size: str) -> None:
    body = RED if size else '<rect width="30" height="20" fill="red"/>'
    assert drawn(f"<svg {NAMESPACES} {size}>{body}</svg>") == (255, 0, 0)


@pytest.mark.parametrize(
    "size",
    [
        'width="-20" height="10"',
        'width="20" height="-10"',
        "width='-20' height='-10'",
        'width=" -50%" height="10"',
        'title="a > b" width = "-3mm" height="3mm"',
    ],
)
def test_a_negative_size_is_none_as_in_browsers(size: str) -> None:
    """Chromium shows it as if the size had not been given."""
    assert drawn(f'<svg {NAMESPACES} {size} viewBox="0 0 20 10"><rect width="20" height="10" fill="red"/></svg>') == (
        255,
        0,
        0,
    )


@pytest.mark.parametrize("declared", ["utf-16", "utf-16le", "UCS-4", "utf-32", "cp037", "klingon", "rot13", "utf-8"])
@pytest.mark.parametrize("really", ["utf-8", "utf-8-sig"])
def test_a_wrong_declaration_of_the_encoding(declared: str, really: str) -> None:
    """Chromium shows what is UTF-8 although another encoding is declared."""
    head = f'<?xml version="1.0" encoding="{declared}"?>'
    text = f'{head}<svg {NAMESPACES} width="9" height="9"><title>猫</title>{RED}</svg>'
    assert drawn(text.encode(really)) == (255, 0, 0)
    assert svg_words(text.encode(really)).caption == "猫"


def test_entities_and_document_types_of_illustrator_and_inkscape() -> None:
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
    <!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [
      <!ENTITY ns_svg "http://www.w3.org/2000/svg"> <!ENTITY st0 "fill:#ff0000;stroke:none;">
    ]>
    <svg xmlns="&ns_svg;" width="20" height="10">{RED.replace('fill="red"', 'style="&st0;"')}</svg>"""
    assert drawn(text) == (255, 0, 0)


def test_a_namespace_prefix_and_no_declaration() -> None:
    rect = '<svg:rect width="20" height="10" fill="red"/>'
    text = f'<svg:svg xmlns:svg="http://www.w3.org/2000/svg" width="20" height="10">{rect}</svg:svg>'
    assert drawn(text) == (255, 0, 0)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "cp1252", "koi8-r", "shift_jis"])
def test_zipped_in_other_encodings(encoding: str) -> None:
    letters = {"cp1252": "é", "koi8-r": "ж", "shift_jis": "猫"}.get(encoding, "猫")
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    declared = encoding[:6] if mark else encoding
    head = f'{mark}<?xml version="1.0" encoding="{declared}"?>'
    text = f'{head}<svg {NAMESPACES} width="9" height="9"><title>{letters}</title>{RED}</svg>'
    assert drawn(gzip.compress(text.encode(encoding))) == (255, 0, 0)


@pytest.mark.parametrize("link", ["photo.png", "parts/a > b.png", "missing.jpg"])
def test_a_file_beside_a_drawing_is_left_out(link: str) -> None:
    image = f'<image title="a > b" xlink:href="{link}" width="20" height="10"/>'
    assert drawn(f'<svg {NAMESPACES} width="20" height="10">{RED}{image}</svg>') == (255, 0, 0)


@pytest.mark.parametrize(
    ("before", "image"),
    [
        ("", '<image href="{file}"/>'),
        ("", '<image href="file://{file}"/>'),
        ("", '<image href="../../secret.png"/>'),
        ("", "<image href=' C:\\secret.png'/>"),
        ("", '<image href="http://127.0.0.1/secret.png"/>'),
        ("", '<image data-a="a > b" xlink:href="{file}"/>'),
        ("", '<feImage href="{file}"/>'),
        ("", '<s:image xmlns:s="http://www.w3.org/2000/svg" href="{file}"/>'),
        ("", '<image href="&#47;{file}"/>'),
        ('<!DOCTYPE svg [<!ENTITY f "{file}">]>', '<image href="&f;"/>'),
        ("<!DOCTYPE svg [<!ENTITY e \"&#60;image href='{file}'/>\">]>", "&e;"),
        ('<!DOCTYPE svg [<!ATTLIST image href CDATA "{file}">]>', "<image/>"),
        ("<!DOCTYPE svg [<!ENTITY e \"&#60;image href='photo.png'/>\">]>", "&e;"),
    ],
)
def test_no_drawing_shows_this_machines_files(tmp_path: Path, before: str, image: str) -> None:
    secret = tmp_path / "secret.png"
    load_picture(io.BytesIO(f'<svg {NAMESPACES} width="9" height="9">{RED}</svg>'.encode())).save(secret)
    text = f'{before}<svg {NAMESPACES} width="20" height="10">{image}</svg>'.replace("{file}", str(secret))
    with pytest.raises(PictureUnreadable) as caught:
        load_picture(io.BytesIO(text.encode()))
    assert "shows another file" in caught.value.text()


def test_entities_that_grow_without_bounds_are_refused() -> None:
    levels = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    text = f'<!DOCTYPE svg [<!ENTITY a0 "ha">{levels}]><svg {NAMESPACES} width="9" height="9"><title>&a9;</title></svg>'
    with pytest.raises(PictureUnreadable):
        load_picture(io.BytesIO(text.encode()))
