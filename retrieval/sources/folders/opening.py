"""From an address to a remote folder."""

import os
import re

from common.messages import _
from retrieval.errors import FolderUnreadable
from retrieval.sources.folders.base import RemoteFolder
from retrieval.sources.folders.buckets import PACKAGES, Bucket
from retrieval.sources.folders.listing import TOKEN_VARIABLE, Listing

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # two letters at least: C:/ is a drive


def is_address(place: str) -> bool:
    """Whether that is an address, and not a folder of this machine."""
    return _ADDRESS.match(place) is not None


def open_folder(address: str) -> RemoteFolder:
    """The folder at an address. Raises FolderUnreadable, GalleryUnreadable, RetrievalError."""
    found = _ADDRESS.match(address)
    protocol = found[1].lower() if found else ""
    if protocol in ("http", "https"):
        return Listing(address, token=os.environ.get(TOKEN_VARIABLE) or None)
    if protocol in PACKAGES:
        return Bucket(address)
    raise FolderUnreadable(
        place=address,
        reason=_(
            "addresses begin with one of: {known}; a folder of this machine is named without '://'",
            known=[f"{name}://" for name in ("https", "http", *PACKAGES)],
        ),
    )
