"""The JSON between a gallery server and its clients, typed and limited. Knows neither galleries nor HTTP."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from common.decoding import decode_base64

MAX_RESULTS = 100  # pictures in one answer
MAX_PHRASINGS = 8
MAX_EXCLUDED = 10_000
MAX_BODY = 8 * 1024 * 1024  # bytes of one request; a query picture is sent small
SIZES = (64, 128, 256, 512, 1024, 2048)  # longest edges that are made; others are rounded up
FILE_SIZE = SIZES[-1]
QUERY_PIXELS = 512  # longest edge of a query picture as a client sends it: encoders look at 224 to 384 pixels

_DATE = r"^(\d{4}-\d\d-\d\d)?$"
Id = Annotated[str, Field(min_length=1, max_length=256)]
ShortText = Annotated[str, Field(max_length=2000)]
LongText = Annotated[str, Field(max_length=10_000)]  # captions and credits of strangers


def _decoded(sent: object) -> object:
    try:
        return decode_base64(sent) if isinstance(sent, str) else sent
    except ValueError as error:
        raise ValueError("it is not base64 text") from error


Picture = Annotated[bytes, BeforeValidator(_decoded)]


class ClientRequest(BaseModel):
    """Base of what clients send. Unknown fields are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")


class SimilarRequest(ClientRequest):
    """POST /image/similar, the request of the InternLM-XComposer demo's picture service."""

    caption: Annotated[ShortText, Field(min_length=1)]
    exclude: Annotated[list[Id | int], Field(max_length=MAX_EXCLUDED)] = []
    need_idxs: bool = True
    k: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = 4


class FilterRequest(ClientRequest):
    """The pictures to search: retrieval.records.Filters without folders, which other machines must not know."""

    tag: Annotated[str, Field(max_length=500)] = ""
    after: Annotated[str, Field(pattern=_DATE)] = ""
    before: Annotated[str, Field(pattern=_DATE)] = ""
    orientation: Literal["", "landscape", "portrait", "square"] = ""
    min_width: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    min_height: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    licence: Annotated[str, Field(max_length=500)] = ""


class SearchRequest(ClientRequest):
    """POST /v1/search: phrasings of one query, or a picture (an encoded file as base64), or the id of a picture: more
    like that one."""

    queries: Annotated[list[Annotated[ShortText, Field(min_length=1)]], Field(max_length=MAX_PHRASINGS)] = []
    picture: Picture | None = None
    like: Id | None = None
    filters: FilterRequest | None = None
    exclude: Annotated[list[Id], Field(max_length=MAX_EXCLUDED)] = []
    k: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = 4

    @model_validator(mode="after")
    def _one_kind(self) -> "SearchRequest":
        if sum((bool(self.queries), self.picture is not None, self.like is not None)) != 1:
            raise ValueError("give one of 'queries', 'picture' and 'like'")
        return self


class PictureReply(BaseModel):
    """One picture; its file is at /v1/images/{id}/file. No path of the server's machine is in it."""

    id: Id
    score: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    caption: LongText = ""
    credit: LongText = ""
    licence: LongText = ""
    source: LongText = ""
    approximate: bool = False
    drawing: bool = False
    likely: bool = True  # servers of before do not say


class SearchReply(BaseModel):
    results: Annotated[list[PictureReply], Field(max_length=MAX_RESULTS)]


class InfoReply(BaseModel):
    """GET /v1/info."""

    name: Annotated[str, Field(max_length=500)]
    pictures: Annotated[int, Field(ge=0)]
    encoder: Annotated[str, Field(max_length=500)]
    updated: Annotated[str, Field(max_length=100)] = ""
    skipped: Annotated[int, Field(ge=0)] = 0
    attribution: LongText = ""
    query_languages: Annotated[list[Annotated[str, Field(max_length=20)]], Field(max_length=200)] = ["en"]


class Fault(BaseModel):
    code: Annotated[str, Field(max_length=100)]
    message: LongText
    message_zh: LongText = ""


class ErrorReply(BaseModel):
    """Every answer that is not 2xx or 304."""

    error: Fault


def fault_sentences(faults: list[dict[str, object]]) -> Iterator[str]:
    """pydantic's list of errors, each as "field: reason", without the values that were sent."""
    for fault in faults:
        where = fault.get("loc", ())
        parts = [str(part) for part in where if part != "body"] if isinstance(where, tuple) else []
        yield ": ".join(filter(None, [".".join(parts), str(fault.get("msg", "not valid"))]))
