"""A gallery in a Milvus collection, for collections that are too large for one machine.

Knows Milvus and how folders of this machine fill a collection. Does not know pages or articles.
"""

from retrieval.milvus.gallery import MilvusGallery

__all__ = ["MilvusGallery"]
