"""Fetches JSON and pictures from one configured host that may lie. Knows nothing of galleries.

What is refused, each with a sentence: other hosts (redirects included), private addresses behind a public name,
wrong types, too many bytes, fewer bytes than announced, answers that drip, compressed answers (a small one can hold
gigabytes), pictures that do not open. The environment's proxies and .netrc are not used: a proxy would hide which
address is asked, and .netrc would give its passwords to whatever host is named. Retries are urllib3's, connections.py.
"""

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3
from PIL import Image, UnidentifiedImageError

from common.decoding import decode_text
from common.folders import cache_folder
from common.messages import Text, _
from retrieval.errors import GalleryUnreadable, PictureUnreadable
from retrieval.pictures import load_picture
from retrieval.sources.answers import cause_of, innermost, media_type, time_ns
from retrieval.sources.connections import AddressRefused, AddressRule, CheckedAdapter

log = logging.getLogger(__name__)

MAX_JSON = 4 * 1024 * 1024
MAX_PICTURE = 30 * 1024 * 1024
MAX_PIXELS = 50_000_000
FRESH_SECONDS = 24 * 3600.0  # a kept picture is not asked for again within a day
MAX_REDIRECTS = 3
DOWNLOADS_AT_ONCE = 4
CHUNK = 64 * 1024
JSON_TYPES = frozenset({"application/json"})
PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})
PICTURE_TYPES = frozenset(
    {"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/bmp", "image/tiff"}
)
SUFFIXES = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "MPO": ".jpg",  # a JPEG with further views
    "AVIF": ".avif",
    "BMP": ".bmp",
    "TIFF": ".tif",
}

STATUS_REASONS = {
    403: _("it does not allow this"),
    404: _("it does not know this address"),
    413: _("the request was too large for it"),
    429: _("it has been asked too often; wait a while"),
    503: _("it cannot answer now; try again later"),
}


Item = TypeVar("Item")
Fetched = TypeVar("Fetched")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for a host."""

    connect: float = 5.0
    read: float = 20.0  # without a byte
    headers: float = 25.0  # until they have come
    body: float = 60.0  # until it has come


class Refusal(GalleryUnreadable):
    """The host's answer was not accepted; `status` is its HTTP status, 0 where there was none."""

    def __init__(self, *, status: int = 0, **values: object) -> None:
        self.status = status
        super().__init__(**values)


class Downloader:
    """Asks one origin (scheme, host, port) and no other. May be used from several threads.

    `origin`: such as https://pictures.example.org. `token`: sent as a bearer token, to this origin only;
    `token_variable`: the environment variable in which a person sets it, for messages. `public_only`: refuse private
    addresses from the first request on. `folder`: where pictures are kept. Raises GalleryUnreadable where `origin` is
    no http or https address.
    """

    def __init__(
        self,
        origin: str,
        *,
        token: str | None = None,
        token_variable: str = "",
        public_only: bool = False,
        folder: Path | None = None,
        timeouts: Timeouts | None = None,
        max_picture: int = MAX_PICTURE,
    ) -> None:
        self.place = origin
        parts = _split_address(origin, origin)
        self._origin = (parts.scheme, parts.hostname, _port(parts.scheme, parts.port))
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self.base = f"{parts.scheme}://{host}:{self._origin[2]}{parts.path.rstrip('/')}/"
        self._timeouts, self._max_picture = timeouts or Timeouts(), max_picture
        self._folder = folder
        self._token_variable = token_variable
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True  # an authority of a person's own network
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.update({"Accept-Encoding": "identity", "User-Agent": "xcomposer-studio"})
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
            if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
                log.warning("The token of %s travels unencrypted; https would protect it", self.base)
        adapter = CheckedAdapter(AddressRule(public_only=public_only), self._timeouts.headers)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def json(self, path: str, *, body: object = None, params: Mapping[str, str] | None = None) -> Any:
        """The JSON at `path` below the origin; posts `body` where given. Raises Refusal."""
        with self._response(path, body=body, params=params) as response:
            self._check_type(response, JSON_TYPES)
            data = b"".join(self._body_chunks(response, MAX_JSON))
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self.refusal(_("its answer is not valid JSON")) from error

    def picture(self, address: str) -> Path:
        """A checked picture file for `address` (a path or a URL of the origin), from the cache where fresh.

        Files are named by the SHA-256 of their content and appear whole or not at all. Raises Refusal.
        """
        folder = self._folder or cache_folder("downloads")
        url = urljoin(self.base, address)
        note = folder / "addresses" / f"{hashlib.sha256(url.encode('utf-8', 'surrogatepass')).hexdigest()}.json"
        cached, etag, age = _cached_picture(note, folder)
        if cached and age < FRESH_SECONDS:
            return cached
        with self._response(url, known={"If-None-Match": etag} if cached and etag else {}) as response:
            if response.status_code == 304 and cached:
                os.utime(note)
                return cached
            self._check_type(response, PICTURE_TYPES)
            path = self._store_picture(response, folder)
            _write_atomically(
                note, json.dumps({"file": f"{path.parent.name}/{path.name}", "etag": response.headers.get("ETag", "")})
            )
        return path

    def page(self, address: str) -> str:
        """The HTML page at an address of the origin, of at most MAX_JSON bytes. Raises Refusal."""
        with self._response(address) as response:
            if media_type(response) not in PAGE_TYPES:
                raise self.refusal(_("it sent '{sent}' instead of a page", sent=media_type(response)[:60] or "?"))
            return decode_text(b"".join(self._body_chunks(response, MAX_JSON)))

    def file(self, address: str, target: Path, most: int, mark: str = "") -> tuple[str, int]:
        """Writes any file of the origin that is no page, of at most `most` bytes, whole or not at all.

        mark: that of the file that is at `target`; nothing is written where the origin has it still. Returns the mark
        and when the file was changed (ns, 0 where the origin does not say). Raises Refusal, OSError.
        """
        kind, _colon, value = mark.partition(":")
        known = {"etag": {"If-None-Match": value}, "time": {"If-Modified-Since": value}}.get(kind, {})
        with self._response(address, known=known) as response:
            if response.status_code == 304:
                return mark, 0
            if media_type(response) in PAGE_TYPES:
                raise self.refusal(_("it sent a page instead of a file"))
            part = target.with_name(f".{target.name}.part")
            try:
                with part.open("wb") as file:
                    file.writelines(self._body_chunks(response, most))
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
        etag, changed = response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
        return f"etag:{etag}" if etag else f"time:{changed}" if changed else "", time_ns(changed)

    def refusal(self, reason: Text, status: int = 0) -> Refusal:
        return Refusal(place=self.place, reason=reason, status=status)

    @contextlib.contextmanager
    def _response(
        self,
        address: str,
        *,
        body: object = None,
        params: Mapping[str, str] | None = None,
        known: Mapping[str, str] | None = None,
    ) -> Iterator[requests.Response]:
        """The answer with status 200, its body not yet read. known: headers that tell what is here already, to which
        304 may be the answer."""
        url, headers = urljoin(self.base, address), dict(known or {})
        with contextlib.ExitStack() as stack:
            for _redirect in range(MAX_REDIRECTS + 1):
                self._check_origin(url)
                response = stack.enter_context(contextlib.closing(self._send(url, body, params, headers)))
                if not response.is_redirect:
                    break
                url, params = urljoin(url, response.headers["Location"]), None
            else:
                raise self.refusal(_("it redirects in circles"))
            if response.status_code == 304 and known:
                yield response
            elif response.status_code != 200:
                raise self._status_refusal(response)
            elif response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise self.refusal(_("it sent a compressed answer, which was not asked for"))
            else:
                yield response

    def _send(
        self, url: str, body: object, params: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> requests.Response:
        try:
            return self._session.request(
                "GET" if body is None else "POST",
                url,
                json=body,
                params=params,
                headers=dict(headers),
                stream=True,
                allow_redirects=False,
                timeout=(self._timeouts.connect, self._timeouts.read),
            )
        except AddressRefused as error:
            raise self.refusal(
                _("its name leads to the address {error}, which must not be asked", error=error)
            ) from error
        except (requests.exceptions.SSLError, requests.exceptions.InvalidURL) as error:
            raise self.refusal(_("no safe connection is possible ({error})", error=cause_of(error))) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if isinstance(error, requests.Timeout) or isinstance(innermost(error), TimeoutError):
                raise self.refusal(_("it does not answer in time")) from error
            raise self.refusal(
                _("it cannot be reached ({error}). Check the address and the network", error=cause_of(error)),
            ) from error

    def _check_origin(self, url: str) -> None:
        try:
            parts = _split_address(url, self.place)
        except GalleryUnreadable:
            parts = None
        if parts is None or (parts.scheme, parts.hostname, _port(parts.scheme, parts.port)) != self._origin:
            raise self.refusal(_("it points to another place ('{address}'), which is not asked", address=url[:100]))

    def _check_type(self, response: requests.Response, allowed: frozenset[str]) -> None:
        kind = media_type(response)
        if kind not in allowed:
            named = kind[:60] or "?"
            raise self.refusal(
                _("it sent '{sent}' instead of JSON", sent=named)
                if allowed == JSON_TYPES
                else _("it sent '{sent}' instead of a picture", sent=named)
            )

    def _body_chunks(self, response: requests.Response, limit: int) -> Iterator[bytes]:
        """The body in chunks: at most `limit` bytes, and no longer than the timeout allows. Raises Refusal."""
        announced = response.headers.get("Content-Length", "")
        expected = int(announced[:20]) if announced.isdecimal() else None
        too_many_bytes = self.refusal(_("it sent more than {limit:,} bytes", limit=limit))
        if expected is not None and expected > limit:
            raise too_many_bytes
        received, end = 0, time.monotonic() + self._timeouts.body
        try:
            # read1 returns what is there, where read() would wait for a whole chunk, however slowly it drips;
            # it raises where the body ends before the announced length
            while chunk := response.raw.read1(CHUNK, decode_content=False):
                received += len(chunk)
                if received > limit:
                    raise too_many_bytes
                if time.monotonic() > end:
                    raise self.refusal(_("it sends too slowly"))
                yield chunk
        except (urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
            raise self.refusal(_("it broke off ({error})", error=cause_of(error))) from error

    def _store_picture(self, response: requests.Response, folder: Path) -> Path:
        """Writes the body to a temporary file, checks that it is a picture, then gives it its name."""
        folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with tempfile.NamedTemporaryFile(dir=folder, prefix="arriving-", delete=False) as file:
            partial = Path(file.name)
            try:
                for chunk in self._body_chunks(response, self._max_picture):
                    digest.update(chunk)
                    file.write(chunk)
                file.close()
                load_picture(partial, max_pixels=MAX_PIXELS)
                suffix = self._suffix(partial)
                name = digest.hexdigest()
                path = folder / name[:2] / f"{name}{suffix}"
                path.parent.mkdir(exist_ok=True)
                partial.replace(path)
            except PictureUnreadable as error:
                raise self.refusal(
                    _("it sent a file that is no usable picture: {reason}", reason=error.values["reason"])
                ) from error
            finally:
                partial.unlink(missing_ok=True)  # gone already where it got its name
        return path

    def _status_refusal(self, response: requests.Response) -> Refusal:
        status = response.status_code
        if status == 401:
            return self.refusal(
                _("it wants a valid token; set {token_variable}", token_variable=self._token_variable),
                status,
            )
        reason = STATUS_REASONS.get(status, _("it answers with the HTTP status {status}", status=status))
        return self.refusal(reason, status)

    def _suffix(self, path: Path) -> str:
        """The suffix for the file's real format, whatever its sender calls it. SVG is none of them: it opens as a
        picture too, but may hold scripts."""
        try:
            with Image.open(path) as image:
                return SUFFIXES[image.format or ""]
        except (UnidentifiedImageError, KeyError) as error:
            raise PictureUnreadable(name=path.name, reason=_("its kind is not among those taken")) from error


def fetch_all(items: Sequence[Item], fetch: Callable[[Item], Fetched]) -> list[Fetched]:
    """`fetch` for each item, a few at once; results in the items' order. Refusals are logged and left out; where all
    are refused, the first is raised."""

    def attempt(item: Item) -> Fetched | Refusal:
        try:
            return fetch(item)
        except Refusal as refusal:
            log.warning("A picture was left out: %s", refusal)
            return refusal

    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        results = list(pool.map(attempt, items))
    fetched = [result for result in results if not isinstance(result, Refusal)]
    if results and not fetched:
        raise next(result for result in results if isinstance(result, Refusal))
    return fetched


def _split_address(url: str, place: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and _port(parts.scheme, parts.port):
            if parts.username is None and parts.password is None:
                return parts
            reason = _("an address may hold no user name or password; give the token in its own setting")
        else:
            reason = _("it is no http or https address")
    except ValueError as error:  # urlsplit and .port of malformed addresses
        reason = _("the address is malformed ({error})", error=error)
    raise GalleryUnreadable(place=place, reason=reason)


def _port(scheme: str, port: int | None) -> int:
    return port if port is not None else {"http": 80, "https": 443}[scheme]


def _cached_picture(note: Path, folder: Path) -> tuple[Path | None, str, float]:
    """The cached file of an address, its ETag and its age in seconds; (None, "", 0) where there is none."""
    try:
        entry = json.loads(note.read_text(encoding="utf-8"))
        path = folder / str(entry["file"])
        if path.is_file():
            return path, str(entry["etag"]), time.time() - note.stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):  # absent, or half written by another version
        return None, "", 0.0
    return None, "", 0.0


def _write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)
