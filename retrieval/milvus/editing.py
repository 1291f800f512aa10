"""Editing, browsing and finding duplicates in a Milvus collection. Functions over a MilvusCollection.

Milvus sorts no rows and counts no values, so what a page shows comes from at most SAMPLE rows: exact for collections
up to that size.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from retrieval.encoders import encode_caption
from retrieval.errors import Reason
from retrieval.index import NEAR_DUPLICATE_BITS, Catalogue, near_groups, stored_words
from retrieval.ingest import GALLERY_FILE, path_words
from retrieval.milvus.collection import MilvusCollection
from retrieval.milvus.schema import HIT_COLUMNS, filter_expression, is_id
from retrieval.paths import folder_counts, real_path, stored_path
from retrieval.pictures import load_picture
from retrieval.records import Choices, Filters, Picture

SAMPLE = 16_384  # rows: Milvus' own bound for one answer
_PICTURE = (
    *("sha256", "phash", "width", "height", "caption", "credit", "licence", "source", "date", "indexed_at"),
    *("approximate", "drawing", "edited", "path"),
)


def picture(collection: MilvusCollection, picture_id: str) -> Picture:
    """Everything the collection knows about a picture. Raises KeyError."""
    row = one_row(collection, picture_id, (*_PICTURE, "tags"))
    values = {name: row[name] for name in _PICTURE} | {"path": real_path(row["path"])}
    return Picture(id=picture_id, tags=", ".join(row["tags"]), **values)


def one_row(collection: MilvusCollection, picture_id: str, fields: Sequence[str]) -> dict[str, Any]:
    """The row of a picture. Raises KeyError."""
    if not is_id(picture_id):
        raise KeyError(picture_id)
    row: dict[str, Any] = collection.rows([picture_id], fields)[picture_id]
    return row


def edit(
    collection: MilvusCollection, picture_id: str, new: Mapping[str, str], thumbnail: Callable[[str], Path]
) -> None:
    """Stores new texts of a picture by field name. `thumbnail` returns a picture's small file by its id; the picture
    is encoded from it where the encoder cannot read the caption. Raises KeyError, PictureUnreadable."""
    old = picture(collection, picture_id)
    row = one_row(collection, picture_id, ("station", "stamp", "dense"))
    changed = replace(old, edited=True, **new)  # type: ignore[arg-type]  # names of texts only
    if "caption" in new:
        changed = replace(changed, approximate=False)
        if collection.encoder.words_first:
            dense = encode_caption(collection.encoder, new["caption"], lambda: load_picture(thumbnail(picture_id)))
            row["dense"] = dense[0].tolist()
    row |= {name: getattr(changed, name) for name in _PICTURE} | {"path": stored_path(changed.path)}
    row |= {"id": picture_id, "tags": [tag.lower() for tag in changed.tag_list], "words": searchable_text(changed)}
    collection.store([row])


def searchable_text(picture: Picture) -> str:
    """The words by which full-text search finds a picture."""
    texts = (picture.caption, picture.tags, path_words(picture.path))
    return " ".join(stored_words(text) for text in texts)


def newest(collection: MilvusCollection, limit: int, offset: int, filters: Filters | None) -> list[dict[str, Any]]:
    """Rows of pictures that pass the filters, the newest of a sample first."""
    found = collection.sample(filter_expression((), filters), ("date",), SAMPLE)
    order = sorted(found, key=lambda row: (str(row["date"]), str(row["id"])), reverse=True)[offset : offset + limit]
    rows = collection.rows([str(row["id"]) for row in order], HIT_COLUMNS)
    return [rows[one] for one in (str(row["id"]) for row in order) if one in rows]


def choices(collection: MilvusCollection) -> Choices:
    """What can be filtered by, counted in a sample."""
    rows = collection.sample("", ("tags", "path", "licence"), SAMPLE)
    tags = Counter(tag for row in rows for tag in row["tags"])
    licences = Counter(str(row["licence"]) for row in rows if row["licence"])
    return Choices(
        dict(tags.most_common()), folder_counts(real_path(row["path"]) for row in rows), dict(licences.most_common())
    )


def duplicates(collection: MilvusCollection) -> list[list[dict[str, Any]]]:
    """Groups of rows of a sample whose pictures look nearly the same."""
    hashes = [(str(row["id"]), int(row["phash"])) for row in collection.sample("", ("phash",), SAMPLE)]
    groups = near_groups(dict(enumerate(phash for _, phash in hashes)), NEAR_DUPLICATE_BITS)
    rows = collection.rows([hashes[number][0] for group in groups for number in group], HIT_COLUMNS)
    return [[rows[hashes[number][0]] for number in group] for group in groups]


def skipped(collection: MilvusCollection) -> list[tuple[str, Reason]]:
    """Files that this machine looked at and did not take: (path, reason)."""
    file = collection.local_gallery / GALLERY_FILE
    if not file.is_file():
        return []
    catalogue = Catalogue(file)
    try:
        return catalogue.skipped()
    finally:
        catalogue.close()
