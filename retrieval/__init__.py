"""The gallery: pictures, their words and their vectors. Knows nothing of articles, models or pages."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from retrieval.base import GalleryInfo, Hit, PictureGallery
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from retrieval.gallery import Gallery

NAMED_GALLERIES = ("openmoji", "openverse")  # places that are neither a path nor an address

__all__ = ["NAMED_GALLERIES", "Gallery", "GalleryInfo", "Hit", "PictureGallery", "RetrievalError", "open_gallery"]


def __getattr__(name: str) -> Any:
    if name == "Gallery":  # faiss and the encoders stay unimported until a gallery is opened
        from retrieval.gallery import Gallery

        return Gallery
    raise AttributeError(name)


def open_gallery(place: str | None = None, *, progress: Callable[[int, int], None] | None = None) -> PictureGallery:
    """The gallery at `place`. Raises RetrievalError.

    `progress(done, total)` hears of the first opening of the embedded drawings, which takes some seconds.

    None or "openmoji"         the embedded drawings
    a folder                   a person's own gallery
    https://…, http://…        a gallery served by another machine
    milvus://host:port/name    a collection of a Milvus cluster; a path ending in .db: a Milvus Lite file
    "openverse"                free pictures of the web, by searches to openverse.org
    """
    if place is None or place.strip().lower() in ("", "openmoji"):
        from retrieval.sources import OpenMojiGallery

        return OpenMojiGallery(progress=progress)
    if place.lower() == "openverse":
        from retrieval.sources import OpenverseGallery

        return OpenverseGallery()
    if place.startswith(("https://", "http://")):
        from retrieval.sources import RemoteGallery

        return RemoteGallery(place)
    if place.startswith("milvus://") or place.endswith(".db"):
        from retrieval.milvus import MilvusGallery

        return MilvusGallery(place)
    from retrieval.gallery import Gallery

    return Gallery.open(place)
