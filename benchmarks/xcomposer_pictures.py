"""Pictures encoded a second, in batches of 32.

python -m benchmarks.xcomposer_pictures [--size 7b]
"""

import torch

from benchmarks.xcomposer_common import arguments, machine, random_model, seconds


def main() -> None:
    options = arguments(__doc__ or "", batch={"type": int, "default": 32})
    network = random_model(options).network
    pixels = torch.randn(options.batch, 3, 224, 224, device=network.device, dtype=network.engine.dtype)
    took = seconds(lambda: network.encode_pictures(pixels), repeat=5)
    print(machine())
    print(f"{options.batch / took:.1f} pictures/s in batches of {options.batch}")


if __name__ == "__main__":
    main()
