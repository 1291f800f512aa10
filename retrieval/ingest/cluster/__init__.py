"""Reads and encodes pictures on the machines of a Ray cluster.

Knows Ray; not what a gallery keeps, and not how it is searched. Needs the package ray (the extra `ray`).
"""

from retrieval.ingest.cluster.reader import RayReader

__all__ = ["RayReader"]
