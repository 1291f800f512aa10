"""Encoders turn words and pictures into unit vectors of one space.

Know nothing of galleries, catalogues or files of pictures. `load_encoder` gives the encoder of a name; what computes is
loaded when it is first used.
"""

from retrieval.encoders.base import Encoder, Preparation, Vectors, encode_pictures, encoding_together, file_sha256, unit
from retrieval.encoders.classifier import ImageLabeller
from retrieval.encoders.clip import OpenClipEncoder
from retrieval.encoders.dictionary import available as dictionary_available
from retrieval.encoders.dictionary import (
    chinese_names,
    english_names,
    is_word,
    read_dictionary,
    readable,
    simplified,
    understood,
)
from retrieval.encoders.factory import load_encoder
from retrieval.encoders.labels import LabelEncoder, encode_caption, shared_label_encoder
from retrieval.encoders.queries import for_queries
from retrieval.encoders.text import shared_text_encoder

__all__ = [
    "Encoder",
    "ImageLabeller",
    "LabelEncoder",
    "OpenClipEncoder",
    "Preparation",
    "Vectors",
    "chinese_names",
    "dictionary_available",
    "encode_caption",
    "encode_pictures",
    "encoding_together",
    "english_names",
    "file_sha256",
    "for_queries",
    "is_word",
    "load_encoder",
    "read_dictionary",
    "readable",
    "shared_label_encoder",
    "shared_text_encoder",
    "simplified",
    "understood",
    "unit",
]
