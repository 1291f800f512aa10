"""MilvusGallery: the same gallery calls on Milvus, for collections that one machine does not hold.

A place is `milvus://host:19530/name` (a cluster, or one server) or the path of a Milvus Lite file (`pictures.db`, the
engine inside this process). Facts, words and vector of a picture are one row of one collection; its file stays where
it is, so machines that show pictures need the same folders. docs/gallery-server.md has the sizes.

Milvus Lite (3.2) differs from a cluster where its own documentation says so: one process at a time, exact search or
HNSW and IVF without product quantization, BM25 weights counted by segment instead of over all, and no stemming
("dog" does not find "dogs" by words; the vectors do). Sharding, replicas, DiskANN and users are the cluster's.
"""

import contextlib
import json
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.base import GalleryInfo, Hit
from retrieval.distributed_schema import (
    SHOWN,
    TOKEN_VARIABLE,
    address_of,
    condition,
    fitted,
    hit_of,
    is_id,
    schema_and_indexes,
    without_secrets,
)
from retrieval.encoders import Encoder, encode_pictures, load_encoder, unit
from retrieval.errors import GalleryNotFound, GalleryUnreadable, WrongEncoder
from retrieval.pictures import load_picture
from retrieval.records import Filters
from retrieval.search import (
    CHARACTERS_WEIGHT,
    DENSE_WEIGHT,
    DEPTH,
    TWIN_BITS,
    WORDS_WEIGHT,
    Wish,
    differing_bits,
    fuse,
    parse,
    understood,
)
from retrieval.words import wanted_words

if TYPE_CHECKING:
    from PIL import Image
    from pymilvus import MilvusClient

    from retrieval.ingest import IngestOptions, IngestReport, Progress

SECONDS = 15.0  # for one question
FACTS = "xcomposer.gallery"  # the collection's property that tells its encoder


class MilvusGallery:
    """A gallery in a Milvus collection; a PictureGallery. Several threads may use it.

    `encoder`: a name for `load_encoder` or a loaded one; None takes the collection's own, for a new one the default.
    `create` makes the collection where it is absent, with `index` over the vectors: AUTOINDEX lets Milvus choose; a
    cluster also has HNSW, IVF_SQ8, DISKANN. Raises GalleryNotFound, WrongEncoder, EncoderUnavailable, and
    GalleryUnreadable where Milvus cannot be asked.
    """

    def __init__(
        self, place: str, encoder: str | Encoder | None = None, *, create: bool = False, index: str = "AUTOINDEX"
    ) -> None:
        self.place = place
        self._uri, self._collection = address_of(place)
        self.address = f"{self._uri}/{self._collection}"
        self.name = self._collection if "://" in place else Path(place).stem
        self._writing = threading.Lock()  # Milvus Lite takes one writer at a time
        if not create and "://" not in self._uri and not Path(self._uri).exists():
            raise GalleryNotFound(place=place)
        self._client = self._connect()
        try:
            self.encoder = self._opened(encoder, create, index)
        except BaseException:
            self._client.close()
            raise
        self.query_languages = self.encoder.query_languages

    # -- searching ---------------------------------------------------------------------------------

    def search(
        self,
        query: "str | Sequence[str] | Image.Image",
        *,
        k: int = 4,
        exclude: Collection[str] = (),
        filters: Filters | None = None,
    ) -> list[Hit]:
        """Nearest vectors and BM25 over the words, fused by rank as in a local gallery, near-twins last."""
        if k < 1:
            return []
        depth = max(DEPTH, 4 * k)
        if isinstance(query, (str, Sequence)):
            phrasings = [query] if isinstance(query, str) else list(query)
            wishes = [parse(one) for one in dict.fromkeys(phrasings) if one.strip()]
            rankings = self._by_words(wishes, depth, exclude, filters)
        else:
            vector = encode_pictures(self.encoder, [load_picture(query)])[0].tolist()
            rankings = [(ids, 1.0) for ids in self._near("dense", [vector], depth, condition(exclude, filters))]
        known = list(dict.fromkeys(one for ids, _ in rankings for one in ids))
        numbers = {one: number for number, one in enumerate(known)}
        scores = fuse([([numbers[one] for one in ids], weight) for ids, weight in rankings])
        best = {known[number]: score for number, score in list(scores.items())[: max(4 * k, 20)]}
        rows = self._rows(list(best), SHOWN)
        return [hit_of(row, best[one]) for one, row in _varied({i: rows[i] for i in best if i in rows}).items()][:k]

    def get(self, picture_id: str) -> Hit:
        """One picture by id (score 0). Raises KeyError."""
        if not is_id(picture_id):
            raise KeyError(picture_id)
        return hit_of(self._rows([picture_id], SHOWN)[picture_id], 0.0)

    def info(self) -> GalleryInfo:
        with self._asking():
            counted = self._client.query(self._collection, output_fields=["count(*)"], timeout=SECONDS)
            version = self._client.get_server_version()
            indexed = self._client.describe_index(self._collection, "dense", timeout=SECONDS) or {}
        return GalleryInfo(
            name=self.name,
            place=without_secrets(self.place),
            pictures=int(counted[0]["count(*)"]),
            encoder=self.encoder.name,
            details={"engine": f"Milvus {version}", "index": str(indexed.get("index_type", ""))},
        )

    # -- changing ----------------------------------------------------------------------------------

    def add(
        self,
        folder: str | Path,
        *,
        progress: "Callable[[Progress], None] | None" = None,
        stop: Callable[[], bool] | None = None,
        options: "IngestOptions | None" = None,
    ) -> "IngestReport":
        """Brings a folder's pictures in, incrementally, as a local gallery does. Raises RetrievalError."""
        from retrieval.distributed_ingest import add_folder

        return add_folder(self, Path(folder), progress=progress, stop=stop, options=options)

    def remove(self, ids: Collection[str]) -> int:
        """Takes pictures out of the gallery; their files stay. How many there were."""
        known = list(self._rows([one for one in ids if is_id(one)], ()))
        for start in range(0, len(known), 1000):
            with self._writing, self._asking():
                self._client.delete(self._collection, ids=known[start : start + 1000], timeout=SECONDS)
        return len(known)

    def store(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Adds or replaces rows with the columns of `schema_and_indexes`; too long texts are cut."""
        if rows:
            with self._writing, self._asking():
                self._client.upsert(self._collection, [fitted(row) for row in rows], timeout=SECONDS * 4)

    def flush(self) -> None:
        """Closes the segments that are being written: until then they are searched without an index."""
        with self._writing, self._asking():
            self._client.flush(self._collection, timeout=SECONDS * 8)

    def stamps(self, station: str) -> dict[str, str]:
        """id -> stamp of all rows that came from this station (64 hexadecimal digits)."""
        found: dict[str, str] = {}
        with self._asking():
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
        """Lets go of the connection, and of a Milvus Lite file's lock."""
        self._client.close()

    # -- inside ------------------------------------------------------------------------------------

    def _by_words(
        self, wishes: Sequence[Wish], depth: int, exclude: Collection[str], filters: Filters | None
    ) -> list[tuple[list[str], float]]:
        rankings: list[tuple[list[str], float]] = []
        counting = condition(exclude, filters)
        for ids in self._near("dense", self._vectors(wishes), depth, counting):
            rankings.append((ids, DENSE_WEIGHT))
        for wish in wishes:
            strong, weak = wanted_words(" ".join(wish.plus))
            unwanted = [word for phrase in wish.minus for word in wanted_words(phrase)[0]]
            expression = condition(exclude, filters, unwanted)
            for words, weight in ((strong, WORDS_WEIGHT), (weak, CHARACTERS_WEIGHT)):
                found = self._near("sparse", [" ".join(words)] if words else [], depth, expression)
                rankings += [(ids, weight) for ids in found]
        return rankings

    def _vectors(self, wishes: Sequence[Wish]) -> list[list[float]]:
        """One vector for each wish that the encoder can read: what is wanted less what is not."""
        readable = [w for w in wishes if all(understood(p, self.query_languages) for p in (*w.plus, *w.minus))]
        encoded = iter(self.encoder.encode_texts([phrase for w in readable for phrase in (*w.plus, *w.minus)]))
        vectors = []
        for wish in readable:
            total = sum(next(encoded) for _ in wish.plus) - sum(next(encoded) for _ in wish.minus)
            vectors.append([float(value) for value in unit(total)])
        return vectors

    def _near(self, field: str, data: Sequence[object], limit: int, expression: str) -> list[list[str]]:
        """The ids nearest to each of the queries, best first: vectors for "dense", words for "sparse"."""
        if not data:
            return []
        with self._asking():
            found = self._client.search(
                self._collection,
                data=list(data),
                anns_field=field,
                limit=min(limit, 16_384),  # Milvus' own bound
                filter=expression,
                search_params={"metric_type": "COSINE" if field == "dense" else "BM25"},
                timeout=SECONDS,
            )
        return [[str(hit["id"]) for hit in hits] for hits in found]

    def _rows(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, dict[str, Any]]:
        """id -> row, those that exist."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), 1000):
            part = list(ids[start : start + 1000])
            with self._asking():
                rows = self._client.get(self._collection, ids=part, output_fields=["id", *fields], timeout=SECONDS)
            found.update({str(row["id"]): dict(row) for row in rows})
        return found

    # -- opening -----------------------------------------------------------------------------------

    def _connect(self) -> "MilvusClient":
        try:
            from pymilvus import MilvusClient
            from pymilvus.exceptions import MilvusException
        except ImportError as error:
            raise self._unusable(
                "the packages for Milvus are not installed. Install them with: pip install 'pymilvus[milvus-lite]'",
                "未安装 Milvus 所需的软件包。请安装：pip install 'pymilvus[milvus-lite]'",
            ) from error
        # every error also comes as an exception; Milvus Lite reports calls that it does not have and need not have
        for noisy in ("pymilvus", "grpc._server", "milvus_lite"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)
        try:
            return MilvusClient(self._uri, token=os.environ.get(TOKEN_VARIABLE, ""), timeout=SECONDS)
        except MilvusException as error:
            if "://" in self._uri:
                raise self._unusable(
                    f"no Milvus answers there ({error.message}). Check the address, and {TOKEN_VARIABLE} where it "
                    "needs a password",
                    f"该地址没有 Milvus 应答。请检查地址；如需密码，请设置 {TOKEN_VARIABLE}",
                ) from error
            raise self._unusable(
                "it is no Milvus Lite file, or another program has it open; one program at a time can use it",
                "它不是 Milvus Lite 文件，或已被其他程序打开；同一时间只能有一个程序使用它",
            ) from error

    def _opened(self, encoder: str | Encoder | None, create: bool, index: str) -> Encoder:
        """The encoder of the collection, which is made where it is absent and `create` allows it."""
        given = encoder if isinstance(encoder, Encoder) else None
        with self._asking():
            if self._client.has_collection(self._collection, timeout=SECONDS):
                facts = self._facts()
                chosen = given or load_encoder(encoder if isinstance(encoder, str) else facts["encoder"])
                different = [key for key, value in facts["identity"].items() if chosen.identity.get(key) != value]
                if different:
                    raise WrongEncoder(
                        place=without_secrets(self.place),
                        stored=facts["identity"].get("name", ""),
                        given=chosen.name,
                        difference=", ".join(different),
                    )
            elif create:
                name = encoder if isinstance(encoder, str) else "auto"
                chosen = given or load_encoder(name)
                told = json.dumps({"encoder": getattr(chosen, "spec", name), "identity": chosen.identity})
                schema, indexes = schema_and_indexes(self._client, chosen.dim, told, index)
                self._client.create_collection(
                    self._collection,
                    schema=schema,
                    index_params=indexes,
                    properties={FACTS: told},
                    consistency_level="Session",  # who adds sees what was added; others within moments
                    timeout=SECONDS * 4,
                )
            else:
                raise GalleryNotFound(place=without_secrets(self.place))
            self._client.load_collection(self._collection, timeout=SECONDS * 4)
        return chosen

    def _facts(self) -> dict[str, Any]:
        described = self._client.describe_collection(self._collection, timeout=SECONDS)
        # Milvus Lite keeps properties and drops descriptions; a cluster keeps both
        told = described.get("properties", {}).get(FACTS) or described.get("description") or "null"
        with contextlib.suppress(ValueError):
            facts = json.loads(told)
            if isinstance(facts, dict) and isinstance(facts.get("identity"), dict) and "encoder" in facts:
                return facts
        raise self._unusable(
            f"the collection '{self._collection}' was not made by this program",
            f"集合“{self._collection}”不是由本程序建立的",
        )

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        from pymilvus.exceptions import MilvusException

        try:
            yield
        except MilvusException as error:
            raise self._unusable(f"Milvus says: {error.message}", f"Milvus 报告：{error.message}") from error

    def _unusable(self, en: str, zh: str) -> GalleryUnreadable:
        return GalleryUnreadable(place=without_secrets(self.place), reason_en=en, reason_zh=zh)


def _varied(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Near-twins of a better picture, by difference hash, behind everything else."""
    first: dict[str, Mapping[str, Any]] = {}
    later: dict[str, Mapping[str, Any]] = {}
    for one, row in rows.items():
        twin = any(differing_bits(int(row["phash"]), int(other["phash"])) <= TWIN_BITS for other in first.values())
        (later if twin else first)[one] = row
    return first | later
