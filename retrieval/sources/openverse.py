"""OpenverseGallery: free pictures of the web through Openverse, only where a person chose it (`--gallery openverse`).

Every search sends the caption to api.openverse.org; nothing else leaves the machine. The API is described at
https://api.openverse.org/v1/ and in the project WordPress/openverse (api/api/serializers): GET /v1/images/ with q (at
most 200 characters), page_size (at most 20 without an account), license_type, mature. Without an account Openverse
answers few searches (its settings name 5 an hour, 100 a day); a registered application's bearer token in
XCOMPOSER_OPENVERSE_TOKEN raises that. Answers are remembered while the program runs.
"""

import functools
import os
import threading
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError

from common.decoding import well_formed
from common.messages import Text, _
from retrieval.base import GalleryInfo, Hit
from retrieval.errors import RetrievalError
from retrieval.index import fuse
from retrieval.sources.download import Downloader, Refusal, Timeouts, fetch_all

if TYPE_CHECKING:
    from PIL import Image

ORIGIN = "https://api.openverse.org"
TOKEN_VARIABLE = "XCOMPOSER_OPENVERSE_TOKEN"
PAGE = 20  # the most that is allowed without an account
MAX_PAGES = 5
MAX_QUERY = 200
MAX_PHRASINGS = 3  # each costs a search of the few that are allowed
ATTRIBUTION = "Pictures found with Openverse (openverse.org); each under its own free licence, see its credit."


class _Picture(BaseModel):
    """One result, the fields that are used; the others are ignored."""

    id: uuid.UUID
    title: Annotated[str | None, Field(max_length=5000)] = None
    creator: Annotated[str | None, Field(max_length=5000)] = None
    thumbnail: Annotated[str, Field(max_length=2000)]
    license: Annotated[str, Field(max_length=50)]
    license_version: Annotated[str | None, Field(max_length=25)] = None
    license_url: Annotated[str | None, Field(max_length=2000)] = None
    attribution: Annotated[str | None, Field(max_length=10_000)] = None
    foreign_landing_url: Annotated[str | None, Field(max_length=2000)] = None
    mature: bool = False
    unstable__sensitivity: list[str] = []


class _Page(BaseModel):
    page_count: Annotated[int, Field(ge=0)]
    results: Annotated[list[_Picture], Field(max_length=500)]


class _Source(BaseModel):
    media_count: Annotated[int, Field(ge=0)]


Reply = TypeVar("Reply", bound=BaseModel)


class OpenverseGallery:
    """Pictures that may be used commercially, with their attribution in `Hit.credit`; a PictureGallery.

    Hits hold Openverse's thumbnail (about 600 pixels wide), kept under `folder` (default: the user's cache). Results
    marked as mature or sensitive are left out, and so are those that came in spite of a non-commercial licence.
    Everything raises RetrievalError where Openverse cannot be asked. `origin` is for tests.
    """

    name = "openverse"
    query_languages: tuple[str, ...] = ("en",)  # its titles and tags are mostly English
    few_searches = True  # a page must not spend them while a person types

    def __init__(
        self,
        *,
        token: str | None = None,
        folder: Path | None = None,
        timeouts: Timeouts | None = None,
        origin: str = ORIGIN,
    ) -> None:
        self._downloader = Downloader(
            origin,
            token=token or os.environ.get(TOKEN_VARIABLE) or None,
            token_variable=TOKEN_VARIABLE,
            folder=folder,
            timeouts=timeouts,
            public_only=origin == ORIGIN,
        )
        self._page = functools.lru_cache(maxsize=256)(self._request_page)
        self._count = functools.lru_cache(maxsize=1)(self._request_count)
        self._lock = threading.Lock()

    def search(
        self,
        query: "str | Sequence[str] | Image.Image",
        *,
        k: int = 4,
        exclude: Collection[str] = (),
    ) -> list[Hit]:
        """The k best pictures, downloaded. Of several phrasings the first three are asked and fused by rank."""
        if not isinstance(query, (str, Sequence)):
            raise RetrievalError(_("Openverse can be searched with words only. Describe the picture instead."))
        phrasings = [well_formed(text) for text in ([query] if isinstance(query, str) else query)]
        distinct = dict.fromkeys(" ".join(text.split())[:MAX_QUERY] for text in phrasings if text.strip())
        rankings = [self._find(phrasing, k, frozenset(exclude)) for phrasing in list(distinct)[:MAX_PHRASINGS]]
        pictures = list({picture.id: picture for ranking in rankings for picture in ranking}.values())
        numbers = {picture.id: number for number, picture in enumerate(pictures)}
        scores = fuse([([numbers[picture.id] for picture in ranking], 1.0) for ranking in rankings])
        best = sorted(scores, key=scores.__getitem__, reverse=True)[:k]
        return fetch_all(best, lambda number: self._hit(pictures[number], scores[number]))

    def get(self, picture_id: str) -> Hit:
        """One picture by its Openverse id (a UUID). Raises KeyError."""
        try:
            answer = self._downloader.json(f"v1/images/{uuid.UUID(picture_id)}/")
        except ValueError as error:
            raise KeyError(picture_id) from error
        except Refusal as refusal:
            if refusal.status == 404:
                raise KeyError(picture_id) from refusal
            raise
        return self._hit(self._validated(_Picture, answer), 0.0)

    def info(self) -> GalleryInfo:
        """The number of pictures is what Openverse's statistics sum up to."""
        return GalleryInfo(
            name=self.name,
            place=self._downloader.place,
            pictures=self._count(),
            encoder="Openverse text search",
            attribution=ATTRIBUTION,
        )

    def _find(self, phrasing: str, k: int, exclude: frozenset[str]) -> list[_Picture]:
        found: dict[uuid.UUID, _Picture] = {}
        for number in range(1, MAX_PAGES + 1):
            with self._lock:  # two threads with the same query spend one request
                page = self._page(phrasing, number)
            found.update({p.id: p for p in page.results if _usable(p) and str(p.id) not in exclude})
            if len(found) >= k or number >= page.page_count:
                break
        return list(found.values())[:k]

    def _request_page(self, phrasing: str, number: int) -> _Page:
        params = {
            "q": phrasing,
            "page_size": str(PAGE),
            "page": str(number),
            "license_type": "commercial",
            "mature": "false",
        }
        try:
            return self._validated(_Page, self._downloader.json("v1/images/", params=params))
        except Refusal as refusal:
            if refusal.status != 429:
                raise
            raise self._downloader.refusal(
                _(
                    "it has been asked too often. Wait an hour, or register at {origin} and set {token_variable}",
                    origin=ORIGIN,
                    token_variable=TOKEN_VARIABLE,
                ),
                refusal.status,
            ) from refusal

    def _request_count(self) -> int:
        answer = self._downloader.json("v1/images/stats/")
        if not isinstance(answer, list):
            raise self._unexpected(_("a list was expected"))
        return sum(self._validated(_Source, one).media_count for one in answer)

    def _hit(self, picture: _Picture, score: float) -> Hit:
        licence = _licence(picture)
        return Hit(
            id=str(picture.id),
            path=str(self._downloader.picture(picture.thumbnail)),
            score=score,
            caption=picture.title or "",
            credit=picture.attribution or _credit(picture, licence),
            licence=licence,
            source=_web_page(picture.foreign_landing_url),
        )

    def _validated(self, kind: type[Reply], answer: object) -> Reply:
        try:
            return kind.model_validate(answer)
        except ValidationError as error:
            first = error.errors()[0]
            raise self._unexpected(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error

    def _unexpected(self, reason: Text | str) -> Refusal:
        return self._downloader.refusal(_("its answer has not the documented form ({reason})", reason=reason))


def _usable(picture: _Picture) -> bool:
    """Not marked as sensitive, and its licence (such as by-nc-sa) allows commercial use."""
    return not picture.mature and not picture.unstable__sensitivity and "nc" not in picture.license.lower().split("-")


def _licence(picture: _Picture) -> str:
    """ "by-sa", "2.0" -> CC BY-SA 2.0; "cc0" -> CC0 1.0; "pdm" -> Public Domain Mark 1.0."""
    code = picture.license.lower()
    name = {"cc0": "CC0", "pdm": "Public Domain Mark"}.get(code, f"CC {code.upper()}")
    return f"{name} {picture.license_version or ''}".strip()


def _credit(picture: _Picture, licence: str) -> str:
    """The attribution line as Openverse writes it, for results that come without one."""
    terms = f" ({picture.license_url})" if picture.license_url else ""
    return f'"{picture.title or "Untitled"}" by {picture.creator or "unknown"}, {licence}{terms}'


def _web_page(address: str | None) -> str:
    """The address if it is one of the web, else "": a link of another kind (javascript:) could run code."""
    return address if address and urlsplit(address).scheme in ("http", "https") else ""
