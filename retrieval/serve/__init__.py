"""The HTTP service over any gallery.

Knows the protocol of retrieval/protocol.py, HTTP and access checks. Does not know how a gallery stores or finds its
pictures.
"""

from typing import TYPE_CHECKING

from common.lazy import lazy_exports

if TYPE_CHECKING:
    from retrieval.serve.server import serve

__all__ = ["serve"]

__getattr__ = lazy_exports(__name__, {"server": ("serve",)})
