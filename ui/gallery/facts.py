"""A gallery in one line, for the Gallery tab."""

from typing import Any

from retrieval.base import PictureGallery
from retrieval.editable import EditableGallery, FilteredGallery
from ui.texts import text


def facts(gallery: PictureGallery, language: str) -> dict[str, Any]:
    """Its name, a line of how many pictures, which encoder, when updated and where it can be changed, and how many
    files were left out."""
    info = gallery.info()
    parts = [text("gallery.facts", language, count=f"{info.pictures:,}", encoder=info.encoder)]
    if info.updated:
        parts.append(text("gallery.updated", language, date=info.updated[:10]))
    if isinstance(gallery, FilteredGallery) and not isinstance(gallery, EditableGallery):
        parts.append(text("gallery.elsewhere", language))
    left_out = text("gallery.left_out", language, count=f"{info.skipped:,}") if info.skipped else ""
    return {
        "name": info.name,
        "facts": " · ".join(parts),
        "left_out": left_out,
        "pictures": info.pictures,
        "attribution": info.attribution,
    }
