"""Words that other programs wrote into pictures and beside them."""

import json
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from common.language import is_chinese
from retrieval.ingest.metadata import Beside, read_metadata
from retrieval.ingest.metadata.licences import licence_name
from retrieval.ingest.metadata.png import png_words
from retrieval.ingest.metadata.rdf import xmp_words
from retrieval.ingest.metadata.record import iso_date
from retrieval.ingest.metadata.takeout import takeout_words
from tests.retrieval.ingest.test_metadata import words_of

SPACES = (
    "xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:lr='http://ns.adobe.com/lightroom/1.0/' "
    "xmlns:digiKam='http://www.digikam.org/ns/1.0/' xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/' "
    "xmlns:xmpRights='http://ns.adobe.com/xap/1.0/rights/' xmlns:cc='http://creativecommons.org/ns#' "
    "xmlns:Iptc4xmpExt='http://iptc.org/std/Iptc4xmpExt/2008-02-29/' xmlns:exif='http://ns.adobe.com/exif/1.0/'"
)


def bag(name: str, *items: str, kind: str = "Bag") -> str:
    return f"<{name}><rdf:{kind}>{''.join(f'<rdf:li>{item}</rdf:li>' for item in items)}</rdf:{kind}></{name}>"


def alternatives(name: str, **texts: str) -> str:
    items = "".join(f"<rdf:li xml:lang='{lang.replace('_', '-')}'>{text}</rdf:li>" for lang, text in texts.items())
    return f"<{name}><rdf:Alt>{items}</rdf:Alt></{name}>"


def packet(body: str, attributes: str = "") -> bytes:
    return (
        "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
        f"xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' {SPACES} {attributes}>"
        f"{body}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
    ).encode()


FULL = packet(
    alternatives("dc:title", x_default="Evening")
    + alternatives("dc:description", en="a walrus on ice", x_default="a walrus on ice", zh_CN="冰上的海象")
    + bag("dc:subject", "walrus", "ice")
    + bag("lr:hierarchicalSubject", "Animals|Mammals|walrus")
    + bag("digiKam:TagsList", "Places/Svalbard", kind="Seq")
    + bag("Iptc4xmpExt:PersonInImage", "Ada Example")
    + bag("dc:creator", "A. Photographer", "B. Helper", kind="Seq")
    + alternatives("dc:rights", x_default="© 2024 A. Photographer"),
    "photoshop:City='Longyearbyen' photoshop:Country='Norway' exif:DateTimeOriginal='2024-02-03T04:05:06.70+01:00' "
    "xmpRights:WebStatement='https://creativecommons.org/licenses/by-sa/4.0/'",
)


def test_everything_that_xmp_says() -> None:
    words = xmp_words(FULL)
    assert words.caption == "Evening. a walrus on ice / 冰上的海象"
    assert words.tags == "walrus, ice, Animals, Mammals, Places, Svalbard, Ada Example, Longyearbyen, Norway"
    assert (words.credit, words.licence) == ("A. Photographer, B. Helper", "CC BY-SA 4.0")
    assert words.date == "2024-02-03T04:05:06"


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("GBK", "gbk", "冰上的海象"),
        ("Big5", "big5", "冰上的海象"),
        ("UTF-16", "utf-16", "冰上的海象"),
        ("UTF-16", "utf-8", "冰上的海象"),  # a copied declaration
        ("", "cp1252", "Grüße von der Île de Ré"),
        ("", "gbk", "冰上的海象"),
        ("ISO-8859-1", "latin-1", "Grüße"),
    ],
)
def test_xmp_in_any_encoding(declared: str, encoding: str, text: str) -> None:
    whole = packet(alternatives("dc:description", x_default=text)).decode()
    bare = whole[whole.index("<x:xmpmeta") : whole.index("<?xpacket end")]
    declaration = f"<?xml version='1.0' encoding='{declared}'?>\n" if declared else ""
    assert xmp_words((declaration + bare).encode(encoding)).caption == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_zeros_behind_xmp_cost_no_words(encoding: str) -> None:
    assert xmp_words(FULL.decode().encode(encoding) + bytes(8)).credit == "A. Photographer, B. Helper"


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("Tom &amp;amp; Ann&amp;#39;s cat", "Tom & Ann's cat"),
        ("L&amp;Atilde;&amp;copy;zard", "Lézard"),  # of openclipart: UTF-8 taken for Latin-1, then written as in HTML
        ("R&amp;D; Q&amp;A &amp;unknown; AT&amp;T", "R&D; Q&A &unknown; AT&T"),
        ("half &amp;#xd83d; a face", "half \ufffd a face"),
    ],
)
def test_signs_written_as_in_html_become_what_they_mean(text: str, caption: str) -> None:
    assert xmp_words(packet(alternatives("dc:description", x_default=text))).caption == caption


@pytest.mark.parametrize("forbidden", ["\x0b", "\0", "&#0;", "&#x0;", "\uffff"])
def test_characters_that_xml_forbids_cost_no_words(forbidden: str) -> None:
    assert xmp_words(packet(alternatives("dc:description", x_default=f"a {forbidden}kite"))).caption == "a kite"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_xmp_inside_files(tmp_path: Path, suffix: str) -> None:
    picture = tmp_path / f"IMG_1{suffix}"
    options: dict[str, object] = {"xmp": FULL}
    if suffix == ".png":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", FULL.decode())
        options = {"pnginfo": info}
    if suffix == ".tif":
        options = {"tiffinfo": {700: FULL}}
    Image.new("RGB", (8, 8)).save(picture, **options)  # type: ignore[arg-type]  # Pillow's own options
    assert words_of(picture).credit == "A. Photographer, B. Helper"


def test_xmp_in_a_format_whose_reader_does_not_know_it(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.cr2").write_bytes(b"II*\0 raw " + FULL + b" more")
    assert words_of(tmp_path / "IMG_1.cr2").credit == "A. Photographer, B. Helper"


@pytest.mark.parametrize("name", ["IMG_2.xmp", "IMG_2.jpg.xmp", "IMG_2.XMP"])
def test_xmp_beside_a_picture_counts_more_than_inside_and_a_text_file_more_than_both(tmp_path: Path, name: str) -> None:
    picture = tmp_path / "IMG_2.jpg"
    Image.new("RGB", (8, 8)).save(picture, xmp=FULL)
    (tmp_path / name).write_bytes(
        packet(alternatives("dc:description", x_default="a seal") + bag("dc:subject", "seal"))
    )
    words = words_of(picture)
    assert (words.caption, words.credit) == ("a seal", "A. Photographer, B. Helper")
    assert words.tags.startswith("seal, walrus, ice")  # tags of all sources count
    (tmp_path / "IMG_2.txt").write_text("our seal")
    assert words_of(picture).caption == "our seal"


@pytest.mark.parametrize(
    "data", [b"", b"<", b"<x:xmpmeta>", FULL[:500], b"\xff\xfe<\0", FULL.replace(b"<rdf:li", b"<li")]
)
def test_broken_xmp_says_nothing(data: bytes) -> None:
    assert xmp_words(data).credit == ""


def test_xml_made_to_do_harm_says_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret words")
    external = f"<!DOCTYPE x [<!ENTITY e SYSTEM 'file://{secret}'>]>".encode()
    levels = "".join(f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 10))
    growing = f"<!DOCTYPE x [<!ENTITY a0 'ha'>{levels}]>".encode()
    for kind, reference in ((external, b"&e;"), (growing, b"&a9;")):
        bare = FULL[FULL.index(b"<x:xmpmeta") : FULL.index(b"<?xpacket end")]
        assert xmp_words(kind + bare.replace(b"Evening", reference)).caption == ""


def test_takeout(tmp_path: Path) -> None:
    picture = tmp_path / "IMG_4.jpg"
    Image.new("RGB", (8, 8)).save(picture)
    found = {
        "title": "IMG_4.jpg",
        "description": "grandmother feeding Tom &amp; Ann&#39;s pelican",
        "people": [{"name": "Ada"}, {"name": "&#197;se"}],
        "photoTakenTime": {"timestamp": "1577836800", "formatted": "1 Jan 2020"},
        "geoData": {"latitude": 1.0, "name": "Lima"},
    }
    (tmp_path / "IMG_4.jpg.json").write_text(json.dumps(found))
    words = words_of(picture)
    assert (words.caption, words.tags) == ("grandmother feeding Tom & Ann's pelican", "Ada, Åse, Lima")
    assert words.date == "2020-01-01T00:00:00"


@pytest.mark.parametrize(
    ("picture", "beside"),
    [
        ("IMG_4.jpg", "IMG_4.jpg.json"),
        ("IMG_4.jpg", "IMG_4.jpg.supplemental-metadata.json"),
        ("IMG_4.jpg", "img_4.JPG.supplemental-metadata.JSON"),
        ("IMG_4(1).jpg", "IMG_4.jpg(1).json"),
        ("IMG_4(1).jpg", "IMG_4.jpg.supplemental-metadata(1).json"),
        ("IMG_4-edited.jpg", "IMG_4.jpg.supplemental-metadata.json"),
        ("20230405_121314159_holiday.jpg", "20230405_121314159_holiday.jpg.supplemental-me.json"),
        ("a-very-long-name-of-a-picture-that-was-cut-off.jpg", "a-very-long-name-of-a-picture-that-was-cut-off.json"),
        (
            "a-very-long-name-of-a-picture-that-was-cut-off-twice.jpg",
            "a-very-long-name-of-a-picture-that-was-cut-off.json",
        ),
        ("IMG_4.heic", "IMG_4.heic.supplemental-metadat.json"),
        ("Screenshot_20210505-101010_One UI Home-one.jpg", "Screenshot_20210505-101010_One UI Home-one.jpg..json"),
    ],
)
def test_takeouts_ways_of_naming(picture: str, beside: str) -> None:
    assert Beside([picture, beside, "other.json", "metadata.json"]).of(picture) == [beside]


def test_json_of_another_program_is_no_words() -> None:
    for text in (
        '{"title": "x", "tags": [1]}',
        "[1]",
        "{",
        "[" * 100_000,
        '{"title": 1, "people": [3], "description": 4}',
    ):
        assert takeout_words(text.encode()).caption == ""


def test_text_chunks_of_png(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("Description", "a unicycle race – 独轮车", zip=True)
    info.add_text("Title", "Circus", zip=True)
    info.add_text("Author", "Zoë")
    info.add_text("Copyright", "https://creativecommons.org/licenses/by/4.0/")
    picture = tmp_path / "IMG_6.png"
    Image.new("RGB", (8, 8)).save(picture, pnginfo=info)
    words = words_of(picture)
    assert words.caption == "Circus. a unicycle race – 独轮车"
    assert (words.credit, words.licence) == ("Zoë", "CC BY 4.0")
    data = picture.read_bytes()
    behind = data[-12:]  # IEND; other programs put text behind the pixels
    body = b"Comment\0behind"
    chunk = len(body).to_bytes(4, "big") + b"tEXt" + body + zlib.crc32(b"tEXt" + body).to_bytes(4, "big")
    Image.new("RGB", (8, 8)).save(picture)
    assert png_words(picture.read_bytes()[:-12] + chunk + behind).caption == "behind"


@given(st.binary(max_size=200))
def test_any_png_does_no_harm(data: bytes) -> None:
    png_words(b"\x89PNG\r\n\x1a\n" + data)


def test_words_of_drawings(tmp_path: Path) -> None:
    drawing = tmp_path / "d1.svg"
    rdf = """<metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
      xmlns:cc="http://web.resource.org/cc/" xmlns:dc="http://purl.org/dc/elements/1.1/"><cc:Work rdf:about="">
      <dc:title>stick man</dc:title><dc:subject><rdf:Bag><rdf:li></rdf:li><rdf:li>people</rdf:li></rdf:Bag></dc:subject>
      <dc:creator><cc:Agent><dc:title>Nicu Buculei</dc:title></cc:Agent></dc:creator>
      <cc:license rdf:resource="http://web.resource.org/cc/PublicDomain"/></cc:Work></rdf:RDF></metadata>"""
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{}<g><title>a leg</title></g></svg>'
    drawing.write_text(svg.format(rdf))
    words = words_of(drawing)
    assert (words.caption, words.tags) == ("stick man", "people")
    assert (words.credit, words.licence) == ("Nicu Buculei", "Public Domain")
    drawing.write_text(svg.format(f"<title>A man</title><desc>He walks.</desc>{rdf}"))
    assert words_of(drawing).caption == "A man. He walks."
    drawing.write_bytes(f'<?xml version="1.0" encoding="utf-16"?>{svg.format("<title>跑</title>")}'.encode("utf-16"))
    assert words_of(drawing).caption == "跑"


def test_a_png_with_a_licence_and_without_a_maker(tmp_path: Path) -> None:
    for number, (rights, licence, credit) in enumerate(
        (
            ("Public Domain", "Public Domain", ""),
            ("© 2020 Jane Doe, CC BY-SA 4.0", "CC BY-SA 4.0", "© 2020 Jane Doe, CC BY-SA 4.0"),
            ("Jane Doe", "", "Jane Doe"),
        )
    ):
        info = PngImagePlugin.PngInfo()
        info.add_text("Copyright", rights)
        file = tmp_path / f"{number}.png"
        Image.new("RGB", (8, 8)).save(file, pnginfo=info)
        assert (words_of(file).licence, words_of(file).credit) == (licence, credit)


def test_a_title_in_several_languages_is_found_in_each(tmp_path: Path) -> None:
    titles = '<rdf:li xml:lang="de">Leuchtturm</rdf:li><rdf:li xml:lang="en-US">lighthouse</rdf:li>'
    packet = f"""<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
<rdf:Description rdf:about='' xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title><rdf:Alt>{titles}</rdf:Alt></dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
    file = tmp_path / "IMG_1.jpg"
    Image.new("RGB", (8, 8)).save(file)
    (tmp_path / "IMG_1.xmp").write_text(packet)
    assert words_of(file).caption == "Leuchtturm / lighthouse"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("https://creativecommons.org/licenses/by/4.0/", "CC BY 4.0"),
        ("http://creativecommons.org/licenses/by-nc-sa/3.0/de/", "CC BY-NC-SA 3.0 DE"),
        ("https://creativecommons.org/licenses/by-sa/4.0/deed.en", "CC BY-SA 4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
        ("http://creativecommons.org/publicdomain/mark/1.0/", "Public Domain"),
        ("http://web.resource.org/cc/PublicDomain", "Public Domain"),
        ("http://creativecommons.org/licenses/publicdomain/", "Public Domain"),
        ("CC-BY-SA-4.0", "CC BY-SA 4.0"),
        ("CC BY 4.0", "CC BY 4.0"),
        ("public domain", "Public Domain"),
        ("© 2020 Jane Doe, CC BY-SA 4.0", "CC BY-SA 4.0"),
        ("Creative Commons Attribution-ShareAlike 4.0 International License", "CC BY-SA 4.0"),
        ("Creative Commons Attribution 4.0 International", "CC BY 4.0"),
        ("Creative Commons Attribution-NonCommercial-NoDerivatives 4.0", "CC BY-NC-ND 4.0"),
        ("All rights reserved", "All rights reserved"),
        ("https://example.org/terms", "https://example.org/terms"),
    ],
)
def test_licences_have_short_names(written: str, name: str) -> None:
    assert licence_name(written) == name


@pytest.mark.parametrize(
    ("author", "rights", "credit", "licence"),
    [
        ("", "Copyright Bob", "Copyright Bob", ""),
        ("Ann", "Copyright Bob", "Ann / Bob", ""),
        ("Ann Example", "© 2019-2024 Ann Example", "Ann Example", ""),
        ("Ann", "(c) 2024, Ann Example", "Ann", ""),
        ("Ann", "Copyright 2024", "Ann", ""),
        ("Ann", "Bob Agency. All rights reserved.", "Ann / Bob Agency", "All rights reserved"),
        ("", "Bob. All Rights Reserved", "Bob", "All Rights Reserved"),
        ("Ann", "All rights reserved", "Ann", "All rights reserved"),
        ("Ann", "Free for editorial use", "Ann", "Free for editorial use"),
        ("Ann", "© 2020 Jane Doe, CC BY-SA 4.0", "Ann", "CC BY-SA 4.0"),
        ("李明", "版权所有：王芳", "李明 / 王芳", ""),
        ("李明", "未经许可不得转载", "李明", "未经许可不得转载"),
    ],
)
def test_whose_the_rights_are_is_a_credit_and_no_licence(
    tmp_path: Path, author: str, rights: str, credit: str, licence: str
) -> None:
    """As EXIF, PNG and XMP say it."""
    exif, info = Image.Exif(), PngImagePlugin.PngInfo()
    for tag, name, text in ((0x013B, "Author", author), (0x8298, "Copyright", rights)):
        if text:
            exif[tag] = text
            info.add_itxt(name, text)
    Image.new("RGB", (8, 8)).save(tmp_path / "IMG_1.jpg", exif=exif)
    Image.new("RGB", (8, 8)).save(tmp_path / "IMG_2.png", pnginfo=info)
    named = bag("dc:creator", author, kind="Seq") if author else ""
    found = [words_of(tmp_path / "IMG_2.png"), xmp_words(packet(named + alternatives("dc:rights", x_default=rights)))]
    if not is_chinese(rights):  # Pillow writes EXIF in Latin-1
        found.append(words_of(tmp_path / "IMG_1.jpg"))
    assert {(words.credit, words.licence) for words in found} == {(credit, licence)}


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("2024:05:06 07:08:09", "2024-05-06T07:08:09"),
        ("2024-05-06T07:08:09.5+02:00", "2024-05-06T07:08:09"),
        ("2023-07", "2023-07"),
        *[
            (odd, "")
            for odd in ("0000:00:00 00:00:00", "9999-99-99", "2023-02-30", "last summer", "    :  :     :  :  ")
        ],
    ],
)
def test_dates_are_of_a_calendar(written: str, date: str) -> None:
    assert iso_date(written) == date


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_harm(data: bytes) -> None:
    read_metadata(Path("IMG_1.jpg"), data)
    read_metadata(Path("IMG_1.jpg"), b"<?xml version='1.0'?><svg>" + data)


@pytest.mark.parametrize("plain", ["<dc:subject>lemon, market ; 柠檬，市场</dc:subject>", ""])
def test_keywords_that_a_program_wrote_as_one_text(plain: str) -> None:
    attribute = "" if plain else "dc:subject='lemon, market ; 柠檬，市场'"
    assert xmp_words(packet(plain, attribute)).tags == "lemon, market, 柠檬, 市场"
    assert xmp_words(packet(bag("dc:subject", "Paris, France", "tower"))).tags == "Paris France, tower"


def test_a_drawing_titled_in_several_languages(tmp_path: Path) -> None:
    drawing = tmp_path / "d.svg"
    drawing.write_text(
        "<svg xmlns='http://www.w3.org/2000/svg'><title xml:lang='de'>Zitrone</title><title>a lemon</title>"
        "<title lang='zh'>柠檬</title><desc xml:lang='zh'>黄色的</desc></svg>",
        encoding="utf-8",
    )
    assert words_of(drawing).caption == "a lemon / Zitrone / 柠檬. 黄色的"
