"""The HTTP service over any gallery, with its gates.

Knows the gallery protocol and HTTP; not how a gallery stores or finds its pictures.
"""

from typing import TYPE_CHECKING

from common.lazy import lazy_exports

if TYPE_CHECKING:
    from retrieval.serve.server import serve

__all__ = ["serve"]

__getattr__ = lazy_exports(__name__, {"server": ("serve",)})
