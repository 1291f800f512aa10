"""From a name to an encoder. The only file that knows all of them."""

from retrieval.encoders.base import Encoder
from retrieval.encoders.clip import DEFAULT_MODEL, OpenClipEncoder, default_is_here
from retrieval.encoders.labels import shared_label_encoder


def load_encoder(name: str = "auto") -> Encoder:
    """The encoder of that name: "labels" (the embedded one), "auto", or anything `OpenClipEncoder` knows.

    "auto" is the default CLIP model where its weights are on this machine already, else "labels"; it never downloads.
    Raises EncoderUnavailable.
    """
    if name in ("labels", "label", ""):
        return shared_label_encoder()
    if name == "auto":
        return OpenClipEncoder(DEFAULT_MODEL) if default_is_here() else shared_label_encoder()
    return OpenClipEncoder(name)
