"""What the original code produced on tiny models, recorded in folders, and the network on the same input."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from composer.models.xcomposer.decoding.engine import Part, Prompt
from composer.models.xcomposer.decoding.generation import GenerationOptions, generate
from composer.models.xcomposer.model import XComposer
from composer.models.xcomposer.network.language import Rotary
from composer.models.xcomposer.network.vision import pixel_values

TRIMMED = Path(__file__).parents[2] / "data" / "xcomposer"


class Recorded:
    """One golden folder, loaded, with its prompts assembled from recorded ids. Needs no pytest: the benchmark of a GPU
    reads it too."""

    def __init__(self, folder: Path, *, num_gpus: int = 0) -> None:
        self.name, self.folder, self.num_gpus = folder.name, folder, num_gpus
        self.values: dict[str, Any] = json.loads((folder / "golden.json").read_text("utf-8"))
        with np.load(folder / "golden.npz") as arrays:
            self.arrays = {key: arrays[key] for key in arrays.files}
        self.model = self.load("exact")
        self.pixels = recorded_pixels().to(self.model.device)
        self.picture = self.model.encode_pictures(self.pixels)
        segments = self.values.get("segments") or {
            kind: self.values[f"prompt_{kind}_segments"] for kind in ("text", "mixed")
        }
        self.prompts = {kind: self.prompt(parts) for kind, parts in segments.items()}

    def load(self, rotary: Rotary) -> XComposer:
        return XComposer.from_folder(self.folder, num_gpus=self.num_gpus, rotary=rotary, dtype="float32")

    def prompt(self, parts: list[Any]) -> Prompt:
        assembled: list[Part] = [self.picture[0] if part == "IMG" else part for part in parts]
        return self.model.engine.prompt(assembled)

    def logits(self, kind: str) -> torch.Tensor:
        return torch.as_tensor(self.model(inputs_embeds=self.model.engine.embed(self.prompts[kind])[None]).logits[0])

    def off(self, value: torch.Tensor, key: str) -> float:
        """Largest difference to the recorded array."""
        return float((value.float().cpu() - torch.from_numpy(self.arrays[key])).abs().max())

    def answer(self, model: XComposer, kind: str, stop_words: list[int], **options: Any) -> list[int]:
        choice = GenerationOptions.from_options(model.config, None, stop_words_ids=stop_words, **options)
        return generate(model.engine, [self.prompts[kind]], choice)[0]


def recorded_pixels() -> torch.Tensor:
    with np.load(TRIMMED / "picture.npz") as arrays:
        return pixel_values([Image.fromarray(arrays["rgb"])])
