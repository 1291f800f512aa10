"""How a Milvus collection is laid out: addresses, columns, filter expressions. Knows no encoders, asks no server."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from common.messages import _
from retrieval.errors import GalleryUnreadable
from retrieval.paths import under
from retrieval.records import Filters

if TYPE_CHECKING:
    from pymilvus import CollectionSchema, MilvusClient
    from pymilvus.milvus_client.index import IndexParams

TOKEN_VARIABLE = "XCOMPOSER_MILVUS_TOKEN"  # "user:password" or an API key
LITE_COLLECTION = "pictures"
ID_LENGTH = 20
FORMAT = 2  # of the columns
HIT_COLUMNS = ("caption", "credit", "licence", "source", "approximate", "drawing", "path", "phash", "sha256")
# column -> most bytes; Milvus requires a limit for every text
TEXTS = {
    "sha256": 64,
    "station": 64,
    "stamp": 64,
    "path": 8192,
    "caption": 8192,
    "credit": 8192,
    "licence": 2048,
    "source": 8192,
    "date": 64,
    "indexed_at": 64,
    "words": 65_535,
}
MAX_TAGS, TAG_BYTES = 256, 512

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_ID = re.compile(rf"[0-9a-f]{{{ID_LENGTH}}}")


def parse_address(place: str) -> tuple[str, str]:
    """(URI for pymilvus, collection) of a place. Raises GalleryUnreadable.

    milvus://host:19530/name -> http://host:19530; with ?tls=1 https; a file's path becomes absolute.
    """
    if not place.startswith("milvus://"):
        return str(Path(place).expanduser().absolute()), LITE_COLLECTION
    try:
        parts = urlsplit(place)
        host, port, name = parts.hostname, parts.port or 19530, unquote(parts.path.strip("/"))
        secret = parts.username is not None or parts.password is not None
    except ValueError:
        host, port, name, secret = None, 0, "", False
    if not host or secret or not _NAME.fullmatch(name):
        raise GalleryUnreadable(
            place=without_secrets(place),
            reason=_(
                "a Milvus gallery is named milvus://host:19530/name (name: English letters, digits, _); a "
                "password is given in {token_variable}, never in the address",
                token_variable=TOKEN_VARIABLE,
            ),
        )
    tls = parse_qs(parts.query).get("tls", ["0"])[-1] not in ("0", "false")
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}", name


def without_secrets(place: str) -> str:
    """The place without a user's name and password, for messages."""
    return re.sub(r"//[^/@]*@", "//", place)


def is_id(text: str) -> bool:
    """Whether the text can be a picture's id at all."""
    return _ID.fullmatch(text) is not None


def schema_and_indexes(
    client: "MilvusClient", dim: int, description: str, index: str
) -> "tuple[CollectionSchema, IndexParams]":
    """The columns of a new collection and what is indexed."""
    from pymilvus import DataType, Function, FunctionType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False, description=description)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=ID_LENGTH)
    for name, length in TEXTS.items():
        if name != "words":
            # mapped from disk: a cluster would otherwise hold all texts in memory, more than the vectors' index
            schema.add_field(name, DataType.VARCHAR, max_length=length, mmap_enabled=True)
    for name, kind in (("width", DataType.INT32), ("height", DataType.INT32), ("phash", DataType.INT64)):
        schema.add_field(name, kind)
    for name in ("approximate", "drawing", "edited"):
        schema.add_field(name, DataType.BOOL)
    schema.add_field("tags", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=MAX_TAGS, max_length=TAG_BYTES)
    # the words come tokenized (index/tokenizer.py), with spaces between; Milvus Lite has one tokenizer only
    lite = "lite" in client.get_server_version().lower()
    cluster = {"tokenizer": "whitespace", "filter": ["lowercase", {"type": "stemmer", "language": "english"}]}
    schema.add_field(
        "words",
        DataType.VARCHAR,
        max_length=TEXTS["words"],
        enable_analyzer=True,
        enable_match=True,
        mmap_enabled=True,
        analyzer_params={"tokenizer": "standard"} if lite else cluster,
    )
    schema.add_field("dense", DataType.FLOAT_VECTOR, dim=dim)
    schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(
        Function(
            name="bm25", function_type=FunctionType.BM25, input_field_names=["words"], output_field_names=["sparse"]
        )
    )
    indexes = client.prepare_index_params()
    indexes.add_index("dense", index_type=index, metric_type="COSINE")
    indexes.add_index("sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
    indexes.add_index("station", index_type="INVERTED")
    return schema, indexes


def fit_to_columns(row: Mapping[str, object]) -> dict[str, object]:
    """The row with texts and tags cut to what the columns hold. Milvus counts bytes; no character is cut in two."""
    ready = {name: _cut_to_bytes(value, TEXTS[name]) if name in TEXTS else value for name, value in row.items()}
    tags = row.get("tags")
    if isinstance(tags, list):
        ready["tags"] = [_cut_to_bytes(tag, TAG_BYTES) for tag in tags[:MAX_TAGS]]
    return ready


def _cut_to_bytes(value: object, limit: int) -> str:
    return str(value).encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def literal(text: str) -> str:
    """A string literal of Milvus' expressions, which has the escapes of JSON."""
    return json.dumps(text, ensure_ascii=False)


def filter_expression(
    exclude: Collection[str] = (), filters: Filters | None = None, unwanted: Sequence[str] = ()
) -> str:
    """Milvus' expression for the pictures to search: "" for all.

    `exclude`: ids. `unwanted`: words (retrieval/index/tokenizer.py) that must not be among a picture's.
    """
    parts: list[str] = []
    if ids := sorted(one for one in set(exclude) if is_id(one)):
        parts.append(f"id not in {json.dumps(ids)}")
    if unwanted:
        parts.append(f"not text_match(words, {literal(' '.join(unwanted))})")
    if filters is not None:
        parts += _filter_parts(filters)
    return " and ".join(parts)


def _filter_parts(filters: Filters) -> list[str]:
    shapes = {"landscape": "width > height", "portrait": "width < height", "square": "width == height"}
    parts: list[str] = []
    if filters.tag:
        parts.append(f"array_contains(tags, {literal(filters.tag.strip().lower())})")
    if filters.folder:
        first, end = under(filters.folder)
        parts.append(f"path >= {literal(first)} and path < {literal(end)}")
    if filters.after:
        parts.append(f"date >= {literal(filters.after)}")
    if filters.before:
        parts.append(f"date < {literal(filters.before)}")
    if filters.orientation:
        parts.append(shapes[filters.orientation])
    if filters.min_width:
        parts.append(f"width >= {int(filters.min_width)}")
    if filters.min_height:
        parts.append(f"height >= {int(filters.min_height)}")
    if filters.licence:
        last = filters.licence[:-1] + chr(ord(filters.licence[-1]) + 1)  # "CC BY" -> all that begin with it
        parts.append(f"licence >= {literal(filters.licence)} and licence < {literal(last)}")
    return parts
