"""The same gallery in a Milvus collection, for collections that one machine does not hold.

Knows Milvus and the folders of this machine that fill it; nothing of pages or articles.
"""

from retrieval.milvus.gallery import MilvusGallery

__all__ = [
    "MilvusGallery",
]
