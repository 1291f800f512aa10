"""Pictures encoded a second, in batches of 32.

python -m benchmarks.xcomposer_pictures [--size 7b]
"""

import torch

from benchmarks.xcomposer_common import arguments, machine, random_model, seconds
from composer.models.xcomposer import XComposerModel


def measure(model: XComposerModel, batch: int) -> float:
    """Pictures a second."""
    network = model.network
    pixels = torch.randn(batch, 3, 224, 224, device=network.device, dtype=network.engine.dtype)
    return batch / seconds(lambda: network.encode_pictures(pixels), repeat=5)


def main() -> None:
    options = arguments(__doc__ or "", batch={"type": int, "default": 32})
    rate = measure(random_model(options), options.batch)
    print(machine())
    print(f"{rate:.1f} pictures/s in batches of {options.batch}")


if __name__ == "__main__":
    main()
