"""A Milvus collection looked after like a gallery of one's own: words that can be changed, browsing, duplicates.

Functions over a MilvusGallery. Milvus sorts no rows and counts no values; what a page shows of it is therefore taken
from at most SAMPLE rows: exact for collections up to that size.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from retrieval.base import Hit
from retrieval.catalogue import Catalogue
from retrieval.distributed_ingest import own_place
from retrieval.distributed_schema import SHOWN, condition, is_id
from retrieval.ingest import file_words
from retrieval.pictures import load_picture
from retrieval.records import Choices, Filters, Picture, folder_counts
from retrieval.scan import GALLERY_FILE
from retrieval.search import TWIN_BITS, placed
from retrieval.vectors import near_groups
from retrieval.words import stored_words

if TYPE_CHECKING:
    from retrieval.distributed import MilvusGallery

SAMPLE = 16_384  # rows: Milvus' own bound for one answer
_PICTURE = (
    *("sha256", "phash", "width", "height", "caption", "credit", "licence", "source", "date", "indexed_at"),
    *("approximate", "drawing", "edited", "path"),
)


def picture(gallery: "MilvusGallery", picture_id: str) -> Picture:
    """Everything the collection knows about a picture. Raises KeyError."""
    row = one_row(gallery, picture_id, (*_PICTURE, "tags"))
    return Picture(id=picture_id, tags=", ".join(row["tags"]), **{name: row[name] for name in _PICTURE})


def one_row(gallery: "MilvusGallery", picture_id: str, fields: Sequence[str]) -> dict[str, Any]:
    """The row of a picture. Raises KeyError."""
    if not is_id(picture_id):
        raise KeyError(picture_id)
    row: dict[str, Any] = gallery.rows([picture_id], fields)[picture_id]
    return row


def edited(gallery: "MilvusGallery", picture_id: str, new: Mapping[str, str]) -> None:
    """Stores other words for a picture, by the names of their fields. Raises KeyError, PictureUnreadable."""
    old = picture(gallery, picture_id)
    row = one_row(gallery, picture_id, ("station", "stamp", "dense"))
    changed = replace(old, edited=True, **new)  # type: ignore[arg-type]  # names of texts only
    if "caption" in new:
        changed = replace(changed, approximate=False)
        if gallery.encoder.words_first:
            dense = placed(gallery.encoder, new["caption"], lambda: load_picture(gallery.thumbnail(picture_id)))
            row["dense"] = dense[0].tolist()
    facts = {name: getattr(changed, name) for name in _PICTURE}
    gallery.store([row | facts | {"id": picture_id, "tags": lowered(changed.tag_list), "words": words_of(changed)}])


def lowered(tags: Sequence[str]) -> list[str]:
    return [tag.lower() for tag in tags]


def words_of(picture: Picture) -> str:
    """What full-text search finds a picture by."""
    texts = (picture.caption, picture.tags, file_words(picture.path))
    return " ".join(stored_words(text) for text in texts)


def newest(gallery: "MilvusGallery", limit: int, offset: int, filters: Filters | None) -> list[Hit]:
    """Pictures that pass the filters, the newest of a sample first."""
    found = gallery.some(condition((), filters), ("date",), SAMPLE)
    order = sorted(found, key=lambda row: (str(row["date"]), str(row["id"])), reverse=True)[offset : offset + limit]
    rows = gallery.rows([str(row["id"]) for row in order], SHOWN)
    return [gallery.hit(rows[one], 0.0, quick=True) for one in (str(row["id"]) for row in order) if one in rows]


def choices(gallery: "MilvusGallery") -> Choices:
    """What can be filtered by, counted in a sample."""
    rows = gallery.some("", ("tags", "path", "licence"), SAMPLE)
    tags = Counter(tag for row in rows for tag in row["tags"])
    licences = Counter(str(row["licence"]) for row in rows if row["licence"])
    return Choices(
        dict(tags.most_common()), folder_counts(str(row["path"]) for row in rows), dict(licences.most_common())
    )


def duplicates(gallery: "MilvusGallery") -> list[list[Hit]]:
    """Groups of pictures of a sample that look nearly the same."""
    hashes = [(str(row["id"]), int(row["phash"])) for row in gallery.some("", ("phash",), SAMPLE)]
    groups = near_groups(dict(enumerate(phash for _, phash in hashes)), TWIN_BITS)
    rows = gallery.rows([hashes[number][0] for group in groups for number in group], SHOWN)
    return [[gallery.hit(rows[hashes[number][0]], 0.0, quick=True) for number in group] for group in groups]


def skipped(gallery: "MilvusGallery") -> list[tuple[str, str]]:
    """Files that this machine looked at and did not take: (path, reason)."""
    file = own_place(gallery) / GALLERY_FILE
    if not file.is_file():
        return []
    catalogue = Catalogue(file)
    try:
        return catalogue.skipped()
    finally:
        catalogue.close()
