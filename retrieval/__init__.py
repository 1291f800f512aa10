"""The gallery: pictures, their words and their vectors. Knows nothing of articles, models or pages."""

from typing import TYPE_CHECKING, Any

from retrieval.base import GalleryInfo, Hit, PictureGallery
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from retrieval.gallery import Gallery

__all__ = ["Gallery", "GalleryInfo", "Hit", "PictureGallery", "RetrievalError"]


def __getattr__(name: str) -> Any:
    if name == "Gallery":  # faiss and the encoders stay unimported until a gallery is opened
        from retrieval.gallery import Gallery

        return Gallery
    raise AttributeError(name)
