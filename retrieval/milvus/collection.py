"""One Milvus collection: connecting, its rows, nearest rows. Knows rows and encoders, no hits and no folders."""

import contextlib
import hashlib
import json
import logging
import os
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.folders import cache_folder
from common.messages import Text, _
from retrieval.encoders import Encoder, load_encoder
from retrieval.errors import GalleryNotFound, GalleryUnreadable, WrongEncoder
from retrieval.milvus.schema import (
    FORMAT,
    TOKEN_VARIABLE,
    fit_to_columns,
    is_id,
    parse_address,
    schema_and_indexes,
    without_secrets,
)
from retrieval.milvus.stems import with_stems

if TYPE_CHECKING:
    from pymilvus import MilvusClient

SECONDS = 15.0  # for one request
DESCRIPTION_PROPERTY = "xcomposer.gallery"  # the collection's property that tells its encoder
# pymilvus sends keep-alive pings so often that Milvus Lite drops the connection; these are gRPC's defaults
GRPC = {"grpc.keepalive_time_ms": 2**31 - 1, "grpc.keepalive_permit_without_calls": 0}


class MilvusCollection:
    """An open collection. Several threads may use it. MilvusGallery documents the arguments and the errors."""

    def __init__(self, place: str, encoder: str | Encoder | None, *, create: bool, index: str) -> None:
        self.place = place
        self._uri, self._collection = parse_address(place)
        self.address = f"{self._uri}/{self._collection}"
        self.name = self._collection if "://" in place else Path(place).stem
        self.lite = False  # Milvus Lite, in this process or behind an address
        self._writing = threading.Lock()  # Milvus Lite takes one writer at a time
        if not create and "://" not in self._uri and not Path(self._uri).exists():
            raise GalleryNotFound(place=place)
        self._client = self._connect()
        try:
            self.encoder = self._open(encoder, create, index)
        except BaseException:
            self._client.close()
            raise
        self.query_languages = self.encoder.query_languages

    @property
    def local_gallery(self) -> Path:
        """The folder in this machine's cache that holds its catalogue and thumbnails of the collection."""
        mark = hashlib.sha256(json.dumps([self.address, self.encoder.identity], sort_keys=True).encode()).hexdigest()
        return cache_folder("milvus") / f"{mark[:20]}.gallery"

    # -- reading -----------------------------------------------------------------------------------

    def nearest_ids(self, field: str, data: Sequence[object], limit: int, expression: str) -> list[list[str]]:
        """The ids nearest to each of the queries, best first: vectors for "dense", words for "sparse"."""
        return [[str(row["id"]) for row in rows] for rows in self.nearest_rows(field, data, limit, expression, ())]

    def nearest_rows(
        self, field: str, data: Sequence[object], limit: int, expression: str, fields: Sequence[str]
    ) -> list[list[dict[str, Any]]]:
        """The same as rows with their id and these columns."""
        if not data:
            return []
        if field == "sparse":
            data = self.indexed_words([str(words) for words in data])
        with self._readable_errors():
            found = self._client.search(
                self._collection,
                data=list(data),
                anns_field=field,
                limit=min(limit, 16_384),  # Milvus' own bound
                filter=expression,
                output_fields=list(fields),
                search_params={"metric_type": "COSINE" if field == "dense" else "BM25"},
                timeout=SECONDS,
            )
        return [[{**hit["entity"], "id": hit["id"]} for hit in hits] for hits in found]

    def rows(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, dict[str, Any]]:
        """id -> row with these columns, of the ids that exist."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), 1000):
            part = list(ids[start : start + 1000])
            with self._readable_errors():
                rows = self._client.get(self._collection, ids=part, output_fields=["id", *fields], timeout=SECONDS)
            found.update({str(row["id"]): dict(row) for row in rows})
        return found

    def sample(self, expression: str, fields: Sequence[str], most: int) -> list[dict[str, Any]]:
        """At most `most` rows that fulfil the expression, in no order; Milvus itself allows 16,384."""
        with self._readable_errors():
            rows = self._client.query(
                self._collection, filter=expression, output_fields=["id", *fields], limit=most, timeout=SECONDS
            )
        return [dict(row) for row in rows]

    def facts(self) -> tuple[int, str, str]:
        """(rows, version of the engine, kind of the index over the vectors)."""
        with self._readable_errors():
            counted = self._client.query(self._collection, output_fields=["count(*)"], timeout=SECONDS)
            version = self._client.get_server_version()
            indexed = self._client.describe_index(self._collection, "dense", timeout=SECONDS) or {}
        return int(counted[0]["count(*)"]), str(version), str(indexed.get("index_type", ""))

    # -- changing ----------------------------------------------------------------------------------

    def remove(self, ids: Collection[str]) -> int:
        """Takes pictures out of the gallery; their files stay. How many there were."""
        known = list(self.rows([one for one in ids if is_id(one)], ()))
        for start in range(0, len(known), 1000):
            with self._writing, self._readable_errors():
                self._client.delete(self._collection, ids=known[start : start + 1000], timeout=SECONDS)
        return len(known)

    def store(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Adds or replaces rows with the columns of `schema_and_indexes`; texts that are too long are cut."""
        if rows:
            words = self.indexed_words([str(row["words"]) for row in rows])
            rows = [{**row, "words": own} for row, own in zip(rows, words, strict=True)]
            with self._writing, self._readable_errors():
                self._client.upsert(self._collection, [fit_to_columns(row) for row in rows], timeout=SECONDS * 4)

    def indexed_words(self, texts: Sequence[str]) -> list[str]:
        """Words as the full text of this engine has to get them, of pictures and of queries: a cluster stems by itself,
        Milvus Lite does not."""
        return with_stems(texts) if self.lite else list(texts)

    def flush(self) -> None:
        """Closes the segments that are being written, which are searched without an index until then."""
        with self._writing, self._readable_errors():
            self._client.flush(self._collection, timeout=SECONDS * 8)

    def stamps(self, station: str) -> dict[str, str]:
        """id -> stamp of all rows that came from this station (64 hexadecimal digits)."""
        found: dict[str, str] = {}
        with self._readable_errors():
            iterator = self._client.query_iterator(
                self._collection, batch_size=1000, filter=f'station == "{station}"', output_fields=["stamp"]
            )
            try:
                while batch := iterator.next():
                    found.update({str(row["id"]): str(row["stamp"]) for row in batch})
            finally:
                iterator.close()
        return found

    def close(self) -> None:
        """Releases the connection, and the lock of a Milvus Lite file."""
        self._client.close()

    # -- opening -----------------------------------------------------------------------------------

    def _connect(self) -> "MilvusClient":
        try:
            from pymilvus import MilvusClient
            from pymilvus.exceptions import MilvusException
        except ImportError as error:
            raise self._unreadable(
                _("the packages for Milvus are not installed. Install them with: pip install 'pymilvus[milvus-lite]'")
            ) from error
        # every error is also raised as an exception; Milvus Lite logs calls that it lacks and nothing here needs
        for noisy in ("pymilvus", "grpc._server", "milvus_lite"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)
        try:
            return MilvusClient(self._uri, token=os.environ.get(TOKEN_VARIABLE, ""), timeout=SECONDS, grpc_options=GRPC)
        except MilvusException as error:
            if "://" in self._uri:
                raise self._unreadable(
                    _(
                        "no Milvus answers there ({message}). Check the address, and {token_variable} where it needs a "
                        "password",
                        message=error.message,
                        token_variable=TOKEN_VARIABLE,
                    )
                ) from error
            raise self._unreadable(
                _("it is no Milvus Lite file, or another program has it open; one program at a time can use it")
            ) from error

    def _open(self, encoder: str | Encoder | None, create: bool, index: str) -> Encoder:
        """The encoder of the collection, which is made where it is absent and `create` allows it."""
        given = encoder if isinstance(encoder, Encoder) else None
        with self._readable_errors():
            self.lite = "lite" in self._client.get_server_version().lower()
            if self._client.has_collection(self._collection, timeout=SECONDS):
                facts = self._read_description()
                chosen = given or load_encoder(encoder if isinstance(encoder, str) else facts["encoder"])
                differing = [key for key, value in facts["identity"].items() if chosen.identity.get(key) != value]
                if differing:
                    raise WrongEncoder(
                        place=without_secrets(self.place),
                        stored=facts["identity"].get("name", ""),
                        given=chosen.name,
                        difference=", ".join(differing),
                    )
            elif create:
                name = encoder if isinstance(encoder, str) else "auto"
                chosen = given or load_encoder(name)
                description = json.dumps(
                    {"encoder": getattr(chosen, "spec", name), "identity": chosen.identity, "format": FORMAT}
                )
                schema, indexes = schema_and_indexes(self._client, chosen.dim, description, index)
                self._client.create_collection(
                    self._collection,
                    schema=schema,
                    properties={DESCRIPTION_PROPERTY: description},
                    consistency_level="Session",  # who writes sees it at once, others within moments
                    timeout=SECONDS * 4,
                )
                # without sync: pymilvus would wait half a second for the index, which is ready at once when empty
                self._client.create_index(self._collection, indexes, timeout=SECONDS * 4, sync=False)
            else:
                raise GalleryNotFound(place=without_secrets(self.place))
            self._client.load_collection(self._collection, timeout=SECONDS * 4)
        return chosen

    def _read_description(self) -> dict[str, Any]:
        described = self._client.describe_collection(self._collection, timeout=SECONDS)
        # Milvus Lite keeps properties and drops descriptions; a cluster keeps both
        description = (
            described.get("properties", {}).get(DESCRIPTION_PROPERTY) or described.get("description") or "null"
        )
        with contextlib.suppress(ValueError):
            facts = json.loads(description)
            if isinstance(facts, dict) and isinstance(facts.get("identity"), dict) and facts.get("format") == FORMAT:
                return facts
        raise self._unreadable(
            _("the collection '{name}' was not made by this version of this program", name=self._collection)
        )

    @contextlib.contextmanager
    def _readable_errors(self) -> Iterator[None]:
        from pymilvus.exceptions import MilvusException

        try:
            yield
        except MilvusException as error:
            raise self._unreadable(_("Milvus says: {message}", message=error.message)) from error

    def _unreadable(self, reason: Text) -> GalleryUnreadable:
        return GalleryUnreadable(place=without_secrets(self.place), reason=reason)
