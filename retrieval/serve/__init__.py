"""The HTTP service over any gallery, with its gates.

Knows the gallery protocol and HTTP; not how a gallery stores or finds its pictures.
"""

from retrieval.serve.server import serve

__all__ = [
    "serve",
]
