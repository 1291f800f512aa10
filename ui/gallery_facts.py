"""A gallery in one line, for the Gallery tab."""

from typing import Any

from retrieval.base import GalleryInfo
from ui.texts import text


def facts(info: GalleryInfo, language: str) -> dict[str, Any]:
    """Its name, a line of how many pictures, which encoder and when updated, and how many files were left out."""
    parts = [text("gallery.facts", language, count=f"{info.pictures:,}", encoder=info.encoder)]
    if info.updated:
        parts.append(text("gallery.updated", language, date=info.updated[:10]))
    left_out = text("gallery.left_out", language, count=f"{info.skipped:,}") if info.skipped else ""
    return {
        "name": info.name,
        "facts": " · ".join(parts),
        "left_out": left_out,
        "pictures": info.pictures,
        "attribution": info.attribution,
    }
