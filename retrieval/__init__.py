"""The gallery: pictures, their words and their vectors. Knows nothing of articles, models or pages."""

from typing import TYPE_CHECKING, Any

from retrieval.base import GalleryInfo, Hit, PictureGallery
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from retrieval.gallery import Gallery

__all__ = ["Gallery", "GalleryInfo", "Hit", "PictureGallery", "RetrievalError", "open_gallery"]


def __getattr__(name: str) -> Any:
    if name == "Gallery":  # faiss and the encoders stay unimported until a gallery is opened
        from retrieval.gallery import Gallery

        return Gallery
    raise AttributeError(name)


def open_gallery(place: str | None = None) -> PictureGallery:
    """The gallery at `place`: a gallery's folder, or the embedded drawings for None. Raises RetrievalError."""
    if place is None:
        from retrieval.openmoji import OpenMojiGallery

        return OpenMojiGallery()
    from retrieval.gallery import Gallery

    return Gallery.open(place)
