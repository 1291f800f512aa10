"""XMP and RDF: the words that Lightroom, digiKam, darktable, Inkscape and others write. Knows XML, no pictures.

Sources: XMP specification part 1 (2012) and 2 (2014); IPTC Photo Metadata Standard 2023; Creative Commons' ccREL.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from common.decoding import xml_text
from retrieval.ingest.metadata.licences import credit_and_licence, is_licence_address, licence_name
from retrieval.ingest.metadata.programs import from_people
from retrieval.ingest.metadata.record import Metadata, cleaned, iso_date, joined_tags, titled

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
XML_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_PREFIXES = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dc",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://creativecommons.org/ns#": "cc",
    "http://web.resource.org/cc/": "cc",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
}
_BETWEEN_KEYWORDS = re.compile("[,;\uff0c\u3001\uff1b]")  # of both languages
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#x?0+;")
MAX_LANGUAGES = 3  # of one caption
Values = list[tuple[str, str]]  # (language, text)


def parsed_xml(text: str) -> "Element | None":
    """The root of an XML text, None where it is none or made to do harm. Entities of the text itself are resolved."""
    try:
        root: Element = defusedxml.ElementTree.fromstring(text, forbid_entities=False)
    except (defusedxml.ElementTree.ParseError, DefusedXmlException, ValueError):
        return None
    return root


def xmp_words(packet: bytes) -> Metadata:
    """The words of an XMP packet, or of an .xmp file."""
    text = xml_text(packet)
    # programs leave zeros behind the packet, and characters that XML forbids in what a person typed
    root = parsed_xml(_NO_XML.sub("", text[: text.rfind(">") + 1]))
    return Metadata() if root is None else rdf_words(root)


def rdf_words(root: "Element") -> Metadata:
    """The words of all descriptions under an element."""
    found: dict[str, Values] = {}
    for block in root.iter(f"{RDF}RDF"):
        for described in block:
            for name, values in _properties(described):
                found.setdefault(name, values)  # the first description is the picture's

    def first(*names: str) -> str:
        return next((values[0][1] for name in names if (values := found.get(name))), "")

    def every(*names: str) -> list[str]:
        return [text for name in names for _, text in found.get(name, [])]

    title = in_languages(found.get("dc:title", [])) or from_people(first("photoshop:Headline"))
    paths = [part for text in every("lr:hierarchicalSubject") for part in text.split("|")]
    paths += [part for text in every("digiKam:TagsList", "MicrosoftPhoto:LastKeywordXMP") for part in text.split("/")]
    places = every("photoshop:City", "photoshop:State", "photoshop:Country", "Iptc4xmpCore:Location")
    creators = ", ".join(dict.fromkeys(every("dc:creator")))
    rights = first("dc:rights")
    author = creators or first("cc:attributionName", "photoshop:Credit", "dc:publisher")
    credit, terms = credit_and_licence(author, rights)
    addresses = every("cc:license", "xmpRights:WebStatement", "dc:rights", "xmpRights:UsageTerms")
    licence = next((licence_name(text) for text in addresses if is_licence_address(text)), "")
    licence = licence or licence_name(first("cc:license", "xmpRights:UsageTerms")) or terms
    source = first("dc:source", "cc:attributionURL", "photoshop:Source")
    return Metadata(
        caption=titled(title, in_languages(found.get("dc:description", []))),
        tags=joined_tags([*every("dc:subject"), *paths, *every("Iptc4xmpExt:PersonInImage"), *places]),
        credit=credit,
        licence=licence,
        source=source if source.startswith(("http://", "https://")) else "",
        date=iso_date(first("exif:DateTimeOriginal") or first("photoshop:DateCreated")),
    )


def in_languages(values: Values) -> str:
    """The default first, then the same in other languages: a picture is found in each of them."""
    ordered = sorted(values, key=lambda value: value[0] not in ("", "x-default"))
    return " / ".join(list(dict.fromkeys(text for _, text in ordered if from_people(text)))[:MAX_LANGUAGES])


def _properties(described: "Element") -> Iterator[tuple[str, Values]]:
    for name, value in described.attrib.items():
        if (short := _short(name)) and (text := cleaned(value)):
            yield short, [("", text)] if short != "dc:subject" else _listed(text)
    for child in described:
        if (short := _short(child.tag)) and (values := list(_values(child))):
            plain = short == "dc:subject" and child.find(f".//{RDF}li") is None
            yield short, values if not plain else _listed(values[0][1])


def _listed(text: str) -> Values:
    """Keywords that a program wrote as one text in place of a list."""
    return [("", part) for one in _BETWEEN_KEYWORDS.split(text) if (part := one.strip())]


def _values(element: "Element") -> Iterator[tuple[str, str]]:
    items = list(element.iter(f"{RDF}li"))
    for item in items or [element]:
        resource = item.get(f"{RDF}resource") or ""
        if text := cleaned(resource) or cleaned(" ".join(item.itertext())):
            yield item.get(XML_LANGUAGE, ""), text


def _short(name: object) -> str:
    """ "dc:title" for Expanded names of known spaces, "" for others; comments have no name at all."""
    space, _, local = str(name).removeprefix("{").rpartition("}")
    return f"{_PREFIXES[space]}:{local}" if space in _PREFIXES else ""
