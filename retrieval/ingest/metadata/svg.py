"""The words in a vector drawing: its title, its description, and the RDF that Inkscape and libraries write."""

from retrieval.ingest.metadata.rdf import parsed_xml, rdf_words
from retrieval.ingest.metadata.record import Metadata, cleaned, titled
from retrieval.pictures import drawing_text

SVG = "{http://www.w3.org/2000/svg}"


def svg_words(data: bytes) -> Metadata:
    """The words of a drawing; none where it is no XML."""
    try:
        root = parsed_xml(drawing_text(data))
    except ValueError:
        return Metadata()
    if root is None:
        return Metadata()
    shown = {
        name: cleaned(" ".join(found.itertext()))
        for name in ("title", "desc")
        if (found := root.find(SVG + name)) is not None
    }
    own = Metadata(caption=titled(shown.get("title", ""), shown.get("desc", "")))
    return own.over(rdf_words(root))  # browsers show the title; a library's catalogue may say more
