"""RemoteGallery: searches the gallery of another machine over HTTP. Knows the protocol of retrieval/protocol.py.

What the other machine sends is not trusted: download.py lists what is refused, protocol.py describes the answers.
"""

import base64
import functools
import io
import os
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from common.decoding import well_formed
from common.messages import _
from retrieval.base import GalleryInfo, Hit
from retrieval.protocol import (
    MAX_EXCLUDED,
    MAX_PHRASINGS,
    MAX_RESULTS,
    QUERY_PIXELS,
    InfoReply,
    PictureReply,
    SearchReply,
)
from retrieval.records import Filters
from retrieval.sources.download import Downloader, Refusal, Timeouts, fetch_all

if TYPE_CHECKING:
    from PIL import Image

TOKEN_VARIABLE = "XCOMPOSER_GALLERY_TOKEN"

Reply = TypeVar("Reply", bound=BaseModel)


class RemoteGallery:
    """A gallery served by `python -m retrieval serve` elsewhere; a PictureGallery.

    `address`: https://host[:port][/path], or http:// in a network of your own. `token` defaults to the environment
    variable XCOMPOSER_GALLERY_TOKEN. Pictures found are kept under `folder` (default: the user's cache), which is what
    the paths of the hits point to. The constructor asks the server for /v1/info; every call raises RetrievalError
    where the server is not there, is slow, or sends something that download.py refuses.
    """

    def __init__(
        self, address: str, *, token: str | None = None, folder: Path | None = None, timeouts: Timeouts | None = None
    ) -> None:
        token = token or os.environ.get(TOKEN_VARIABLE) or None
        self._downloader = Downloader(
            address, token=token, token_variable=TOKEN_VARIABLE, folder=folder, timeouts=timeouts
        )
        facts = self._request_info()
        self.name = facts.name
        self.query_languages = tuple(facts.query_languages)

    def search(
        self,
        query: "str | Sequence[str] | Image.Image",
        *,
        k: int = 4,
        exclude: Collection[str] = (),
        filters: Filters | None = None,
        quick: bool = False,
    ) -> list[Hit]:
        """The k best pictures (at most 100), downloaded; with `quick` only their thumbnails. Pictures that cannot be
        fetched are left out, with a warning in the log; where none can, the first reason is raised."""
        if not isinstance(query, (str, Sequence)):
            return self._downloaded(self._request({"picture": _small_jpeg(query)}, k, exclude, filters), quick)
        phrasings = _phrasings([query] if isinstance(query, str) else query)
        return self._downloaded(self._request({"queries": phrasings}, k, exclude, filters), quick) if phrasings else []

    def find_many(self, queries: Sequence[str], *, k: int = 4) -> list[list[Hit]]:
        """See retrieval.base.FindsMany: one request a query, and no picture is downloaded."""
        asked = [_phrasings([query]) for query in queries]
        found = [self._request({"queries": each}, k) if each else [] for each in asked]
        return [[_described(reply, "") for reply in replies] for replies in found]

    def like(
        self,
        picture_id: str,
        *,
        k: int = 4,
        exclude: Collection[str] = (),
        filters: Filters | None = None,
        quick: bool = False,
    ) -> list[Hit]:
        """More pictures like that one, without it, downloaded as for `search`. Raises KeyError where there is none."""
        try:
            return self._downloaded(self._request({"like": picture_id}, k, exclude, filters), quick)
        except Refusal as refusal:
            if refusal.status == 404:
                raise KeyError(picture_id) from refusal
            raise

    def _request(
        self, asked: dict[str, object], k: int, exclude: Collection[str] = (), filters: Filters | None = None
    ) -> list[PictureReply]:
        request = asked | {"k": min(max(k, 1), MAX_RESULTS), "exclude": list(exclude)[:MAX_EXCLUDED]}
        if filters is not None and filters != Filters():
            if filters.folder:
                raise self._downloader.refusal(
                    _("the folders of its machine cannot be asked for. Leave the folder out"),
                )
            request["filters"] = {name: value for name, value in asdict(filters).items() if value}
        try:
            answer = self._downloader.json("v1/search", body=request)
        except Refusal as refusal:
            if refusal.status == 422 and ("filters" in request or "like" in request):
                raise self._downloader.refusal(
                    _("its pictures cannot be filtered, or looked for by likeness"), 422
                ) from refusal
            raise
        return self._validated(SearchReply, answer).results[:k]

    def _downloaded(self, replies: Sequence[PictureReply], quick: bool) -> list[Hit]:
        return fetch_all(replies, functools.partial(self._hit, quick=quick))

    def get(self, picture_id: str) -> Hit:
        """One picture by id. Raises KeyError where the server has none, RetrievalError where it cannot be asked."""
        try:
            answer = self._downloader.json(f"v1/images/{quote(picture_id, safe='')}")
        except Refusal as refusal:
            if refusal.status == 404:
                raise KeyError(picture_id) from refusal
            raise
        return self._hit(self._validated(PictureReply, answer))

    def info(self) -> GalleryInfo:
        """The server's facts, asked anew."""
        facts = self._request_info()
        return GalleryInfo(
            name=facts.name,
            place=self._downloader.place,
            pictures=facts.pictures,
            encoder=facts.encoder,
            updated=facts.updated,
            skipped=facts.skipped,
            attribution=facts.attribution,
        )

    def _request_info(self) -> InfoReply:
        return self._validated(InfoReply, self._downloader.json("v1/info"))

    def _hit(self, reply: PictureReply, quick: bool = False) -> Hit:
        path = self._downloader.picture(f"v1/images/{quote(reply.id, safe='')}/{'thumbnail' if quick else 'file'}")
        return _described(reply, str(path))

    def _validated(self, kind: type[Reply], answer: object) -> Reply:
        try:
            return kind.model_validate(answer)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise self._downloader.refusal(
                _(
                    "its answer is not that of a gallery server ({where}: {reason}). Check the address",
                    where=where or "answer",
                    reason=first["msg"],
                )
            ) from error


def _phrasings(texts: Sequence[str]) -> list[str]:
    stripped = [well_formed(text).strip()[:2000] for text in texts]
    return [text for text in stripped if text][:MAX_PHRASINGS]


def _described(reply: PictureReply, path: str) -> Hit:
    source = reply.source if reply.source.startswith(("https://", "http://")) else ""
    return Hit(**{**reply.model_dump(), "source": source}, path=path)


def _small_jpeg(picture: "Image.Image") -> str:
    """The picture as the server's encoder needs it, as base64: without metadata, small."""
    from retrieval.pictures import load_picture

    small = load_picture(picture)
    small.thumbnail((QUERY_PIXELS, QUERY_PIXELS), reducing_gap=3)
    written = io.BytesIO()
    small.save(written, "JPEG", quality=92)
    return base64.b64encode(written.getvalue()).decode("ascii")
