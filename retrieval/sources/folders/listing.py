"""Folders that a web server lists (nginx, Apache, Caddy, `python -m http.server`), by the rules of download.py.

Links are followed below the folder's own address only, and pages are read for their links and nothing else.
"""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

from common.messages import _
from retrieval.errors import FolderUnreadable
from retrieval.pictures import MAX_BYTES
from retrieval.sources.download import Downloader, Refusal, Timeouts
from retrieval.sources.folders.base import RemoteFile

MAX_PAGES = 20_000  # listings of one folder and all below
TIMEOUTS = Timeouts(body=300.0)
TOKEN_VARIABLE = "XCOMPOSER_FOLDER_TOKEN"


class Listing:
    """A RemoteFolder behind a web server. Raises GalleryUnreadable for an address that cannot be used."""

    def __init__(self, address: str, *, token: str | None = None, timeouts: Timeouts = TIMEOUTS) -> None:
        """token: sent as a bearer token, to this server only."""
        self.address = address
        self._downloader = Downloader(address, token=token, token_variable=TOKEN_VARIABLE, timeouts=timeouts)

    def files(self) -> Iterator[RemoteFile]:
        base = self._downloader.base
        waiting, seen, pages = [base], {base}, 0
        while waiting:
            page = waiting.pop()
            pages += 1
            if pages > MAX_PAGES:
                raise FolderUnreadable(
                    place=self.address, reason=_("it has more than {count:,} folders", count=MAX_PAGES)
                )
            try:
                text = self._downloader.page(page)
            except Refusal as refusal:
                raise FolderUnreadable(place=self.address, reason=refusal.values["reason"]) from refusal
            for link in sorted(set(_links(text))):
                url = urldefrag(urljoin(page, link)).url
                if not url.startswith(base) or urlsplit(url).query or url in seen:
                    continue  # another place, or the same listing sorted in another way
                seen.add(url)
                if url.endswith("/"):
                    waiting.append(url)
                else:
                    yield RemoteFile(unquote(url[len(base) :], errors="surrogateescape"))

    def fetch(self, file: RemoteFile, target: Path, mark: str) -> tuple[str, int]:
        address = self._downloader.base + quote(file.name, errors="surrogateescape")
        return self._downloader.file(address, target, MAX_BYTES, mark)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def _links(text: str) -> list[str]:
    reader = _Links()
    reader.feed(text)
    return reader.found
