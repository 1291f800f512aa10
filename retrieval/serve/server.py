"""Answers searches in any gallery over HTTP. Knows retrieval/protocol.py; access checks and metrics are in guard.py.

POST /image/similar                 the protocol of the InternLM-XComposer demo's picture service
POST /v1/search                     words or a picture to typed results
GET  /v1/images/{id}                what is known of one picture
GET  /v1/images/{id}/thumbnail      WebP, longest edge ?size= (default 256); with ETag
GET  /v1/images/{id}/file           WebP, longest edge at most 2048
GET  /v1/info                       the gallery in numbers
GET  /health, GET /metrics          for monitors; /metrics is Prometheus text

Original files never leave the machine. Pictures are encoded anew without their metadata, so an answer holds neither
the place and camera of a photograph nor a path of the server.
"""

import functools
import hashlib
import io
import logging
import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException as AnyHTTPException

from common.hosts import AllowedHosts, is_loopback
from common.messages import Text, _
from retrieval.base import Hit, PictureGallery
from retrieval.editable import FilteredGallery
from retrieval.errors import PictureUnreadable, RetrievalError
from retrieval.pictures import load_picture
from retrieval.protocol import (
    FILE_SIZE,
    SIZES,
    InfoReply,
    PictureReply,
    SearchReply,
    SearchRequest,
    SimilarRequest,
    fault_sentences,
)
from retrieval.records import Filters
from retrieval.serve.guard import RequestGuard, RequestMetrics, error_response

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger(__name__)

TOKEN_VARIABLE = "XCOMPOSER_GALLERY_TOKEN"
QUERY_MAX_PIXELS = 50_000_000
MAX_CONNECTIONS = 128  # further ones do not wait: they are answered 503 at once
QUALITY = 86  # of WebP, 0 to 100


def serve(
    gallery: PictureGallery,
    host: str = "127.0.0.1",
    port: int = 7801,
    token: str | None = None,
    allowed_hosts: Sequence[str] = (),
) -> None:
    """Serves `gallery` until interrupted. `token` defaults to the environment variable XCOMPOSER_GALLERY_TOKEN.

    Without a token only this machine may ask: a `host` that is no loopback address needs one. Raises RetrievalError
    where it is missing or the port cannot be opened. Port 0 takes a free one, which is logged.
    """
    import uvicorn

    token = token or os.environ.get(TOKEN_VARIABLE) or None
    if token is None and not is_loopback(host):
        raise RetrievalError(
            _(
                "On the address '{host}' other machines could search this gallery, so a token is needed: set "
                "{token_variable} or give --token. For this machine alone use --host 127.0.0.1.",
                host=host,
                token_variable=TOKEN_VARIABLE,
            )
        )
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise RetrievalError(
            _(
                "A token is made of ASCII letters, digits and signs without spaces. Make one with: python -c "
                "'import secrets; print(secrets.token_urlsafe())'"
            )
        )
    try:
        if not 0 <= port <= 65535:
            raise OSError("there is no such port")
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise RetrievalError(
            _(
                "The server cannot listen on {host}, port {port}: {error}. Choose another one with --port.",
                host=host,
                port=port,
                error=error,
            )
        ) from error
    # every connection inherits it: head and body are two packets, and the second would wait 40 ms for the first's
    # acknowledgement
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        # loads the encoder: its errors show now, and the first client does not wait for it
        gallery.search("picture", k=1)
    except RetrievalError:
        listener.close()
        raise
    log.info("Serving '%s' on %s port %d", gallery.name, host, listener.getsockname()[1])
    config = uvicorn.Config(
        create_app(gallery, token=token, local_only=token is None, allowed_hosts=allowed_hosts),
        log_level="warning",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    with listener:
        uvicorn.Server(config).run(sockets=[listener])


def create_app(
    gallery: PictureGallery, *, token: str | None = None, local_only: bool = False, allowed_hosts: Sequence[str] = ()
) -> FastAPI:
    """The ASGI application over `gallery`; `local_only` refuses requests whose Host header names another machine
    and is none of `allowed_hosts`. Pages of other addresses never may ask."""
    app = FastAPI(title="Picture gallery", version="1", docs_url=None, redoc_url=None)  # their pages load from a CDN
    request_metrics = RequestMetrics(pictures=lambda: gallery.info().pictures)
    app.add_middleware(
        RequestGuard,
        token=token,
        local_only=local_only,
        hosts=AllowedHosts(names=allowed_hosts),
        request_metrics=request_metrics,
    )
    _add_error_handlers(app)
    renderer = _Renderer()

    @app.post("/image/similar")
    def similar(body: SimilarRequest, request: Request) -> dict[str, dict[str, list[str]]]:
        hits = gallery.search(body.caption, k=body.k, exclude=[str(one) for one in body.exclude])[: body.k]
        data = {"image_urls": [str(request.url_for("file", picture_id=hit.id)) for hit in hits]}
        if body.need_idxs:
            data["indices"] = [hit.id for hit in hits]
        return {"data": data}

    @app.post("/v1/search")
    def search(body: SearchRequest) -> SearchReply:
        return SearchReply(results=[_reply(hit) for hit in _search_or_like(gallery, body)])

    # ids may hold slashes; the longer routes come first, so that ":path" does not swallow their last part
    @app.get("/v1/images/{picture_id:path}/thumbnail")
    def thumbnail(picture_id: str, request: Request, size: Annotated[int, Query(ge=1, le=FILE_SIZE)] = 256) -> Response:
        return renderer.response(_get_or_404(gallery, picture_id), size, request)

    @app.get("/v1/images/{picture_id:path}/file")
    def file(picture_id: str, request: Request) -> Response:
        return renderer.response(_get_or_404(gallery, picture_id), FILE_SIZE, request)

    @app.get("/v1/images/{picture_id:path}")
    def picture(picture_id: str) -> PictureReply:
        return _reply(_get_or_404(gallery, picture_id))

    @app.get("/v1/info")
    def info() -> InfoReply:
        facts = gallery.info()
        return InfoReply(
            name=facts.name[:500],
            pictures=facts.pictures,
            encoder=facts.encoder[:500],
            updated=facts.updated,
            skipped=facts.skipped,
            attribution=facts.attribution[:10_000],
            query_languages=list(gallery.query_languages),
        )

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(request_metrics.text(), media_type=request_metrics.content_type)

    return app


def _reply(hit: Hit) -> PictureReply:
    return PictureReply(
        id=hit.id,
        score=hit.score,
        caption=hit.caption[:10_000],
        credit=hit.credit[:10_000],
        licence=hit.licence[:10_000],
        source=hit.source[:10_000] if hit.source.startswith(("https://", "http://")) else "",  # never a local path
        approximate=hit.approximate,
        drawing=hit.drawing,
        likely=hit.likely,
    )


def _get_or_404(gallery: PictureGallery, picture_id: str) -> Hit:
    try:
        return gallery.get(picture_id)
    except KeyError as error:
        raise HTTPException(404, _("there is no picture with this id")) from error


def _search_or_like(gallery: PictureGallery, request: SearchRequest) -> list[Hit]:
    query = request.queries if request.picture is None else _decode_query_picture(request.picture)
    if request.filters is None and request.like is None:
        return gallery.search(query, k=request.k, exclude=request.exclude)
    if not isinstance(gallery, FilteredGallery):
        raise HTTPException(422, _("filters, like: this gallery has neither"))
    filters = Filters(**request.filters.model_dump()) if request.filters else None
    if request.like is None:
        return gallery.search(query, k=request.k, exclude=request.exclude, filters=filters)
    try:
        return gallery.like(request.like, k=request.k, exclude=request.exclude, filters=filters)
    except KeyError as error:
        raise HTTPException(404, _("there is no picture with this id")) from error


def _decode_query_picture(data: bytes) -> "Image.Image":
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<", b"\x1f\x8b")):
        raise HTTPException(422, _("picture: SVG is not taken here; send pixels"))  # a small one can draw for hours
    try:
        return load_picture(io.BytesIO(data), max_pixels=QUERY_MAX_PIXELS, enough=1024)
    except PictureUnreadable as error:
        raise HTTPException(422, _("picture: {reason}", reason=error.values["reason"])) from error


class _Renderer:
    """Renders a gallery's pictures as WebP and keeps the small ones in memory."""

    def __init__(self) -> None:
        # a decoded picture takes up to 360 MB (120 M pixels): only as many at once as there are cores
        self._slots = threading.BoundedSemaphore(max(1, (os.cpu_count() or 2) // 2))
        self._render_small = functools.lru_cache(maxsize=512)(self._render)  # about 15 KB each

    def response(self, hit: Hit, size: int, request: Request) -> Response:
        size = next(rendered for rendered in SIZES if rendered >= size)
        path = Path(hit.path)
        try:
            file = path.stat()
        except OSError as error:
            log.warning("The file of picture %r is gone: %s", hit.id, error)
            raise HTTPException(404, _("the file of this picture is gone")) from error
        key = f"{hit.id}\n{file.st_mtime_ns}\n{file.st_size}\n{size}\n{hit.drawing}\n{QUALITY}"
        etag = f'"{hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'
        headers = {"ETag": etag, "Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
        cached = request.headers.get("if-none-match", "")
        if cached.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in cached.split(",")):
            return Response(status_code=304, headers=headers)
        render = self._render_small if size <= 512 else self._render
        return Response(render(path, size, hit.drawing, etag), media_type="image/webp", headers=headers)

    def _render(self, path: Path, size: int, drawing: bool, _etag: str) -> bytes:
        from PIL import Image

        with self._slots:
            picture = load_picture(path, enough=size)
            if drawing:  # a drawn icon keeps its transparency, so that it fits any background
                with Image.open(path) as original:
                    if original.mode in ("RGBA", "LA", "PA") or "transparency" in original.info:
                        picture = original.convert("RGBA")
            picture.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=3)
            written = io.BytesIO()
            picture.save(written, "WEBP", quality=QUALITY, method=2)
        return written.getvalue()


_REFUSED = {
    400: _("the request is not of the right form"),
    404: _("there is nothing at this address"),
    405: _("this address does not take requests of this kind"),
}


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        faults: list[dict[str, Any]] = list(error.errors())
        message = "; ".join(fault_sentences(faults))[:2000]
        return error_response(422, "invalid_request", _("the request is not of the right form"), message=message)

    @app.exception_handler(AnyHTTPException)
    def refused(_request: Request, error: AnyHTTPException) -> JSONResponse:
        codes = {400: "invalid_request", 404: "not_found", 405: "method_not_allowed", 422: "invalid_request"}
        code = codes.get(error.status_code, "refused")
        # a Text where this program refused; the framework says it in English words only
        said: object = error.detail
        reason = said if isinstance(said, Text) else _REFUSED.get(error.status_code, _REFUSED[400])
        reply = error_response(error.status_code, code, reason)
        reply.headers.update(error.headers or {})
        return reply

    @app.exception_handler(PictureUnreadable)
    def unreadable(_request: Request, error: PictureUnreadable) -> JSONResponse:
        log.warning("%s", error)
        return error_response(404, "picture_unreadable", _("the file of this picture cannot be read"))

    @app.exception_handler(RetrievalError)
    def gallery_failed(_request: Request, error: RetrievalError) -> JSONResponse:
        log.error("The gallery cannot answer: %s", error)  # in the log only: it may name paths of this machine
        reason = _("the gallery cannot answer now; the reason is in the server's log")
        return error_response(503, "gallery_unavailable", reason)
