"""Galleries that are not a folder of this machine: the embedded drawings, Openverse, another machine's gallery.

Knows how to download from hosts that are not trusted. Does not know how a person's own pictures are kept.
"""

from retrieval.sources.openmoji import Drawing, OpenMojiGallery, drawings
from retrieval.sources.openverse import OpenverseGallery
from retrieval.sources.remote import RemoteGallery

__all__ = [
    "Drawing",
    "OpenMojiGallery",
    "OpenverseGallery",
    "RemoteGallery",
    "drawings",
]
