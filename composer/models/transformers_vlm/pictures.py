"""How a model's picture processor is told to spend no more than a number of tokens on a picture.

Processors know different settings: an area, a number of tiles, the longest edge. Each is tried, and what a picture
takes with it is counted. Knows processors; no models.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image

from composer.models.base import Picture

CPU_TOKENS, CARD_TOKENS = 256, 1024  # for one picture where nothing is chosen
_PROBES = ((1024, 768), (768, 1024), (800, 800))  # width, height of usual pictures


class PictureProcessor:
    """The pictures of prompts as the tensors that the network reads."""

    def __init__(self, processor: Any, placeholder: str, budget: int) -> None:
        """budget: tokens for one picture; where the processor cannot keep it, it takes as few as it can.

        Raises what the processor raises where it reads no picture with any setting.
        """
        self._processor, self.placeholder = processor, placeholder
        self.options: dict[str, Any] = {}
        self._longest_edge: int | None = None  # pictures are made smaller before the processor sees them
        self._counted: dict[tuple[int, int], int] = {}
        self.tokens = self._choose(budget)  # of a usual picture

    def __call__(
        self, texts: Sequence[str], pictures: Sequence[Sequence[Picture]], *, add_special_tokens: bool = False
    ) -> dict[str, Any]:
        """The tensors of texts with placeholders and of their pictures; texts of other lengths are padded on the left.

        Every text has a picture, or none has.
        """
        images = [[self._fitted(picture.image) for picture in each] for each in pictures]
        return dict(
            self._processor(
                text=list(texts),
                images=images if any(images) else None,
                return_tensors="pt",
                padding=len(texts) > 1,
                padding_side="left",
                add_special_tokens=add_special_tokens,
                **({"images_kwargs": dict(self.options)} if any(images) and self.options else {}),
            )
        )

    def placeholders(self, pictures: Sequence[Sequence[Picture]]) -> dict[str, Any]:
        """The tensors of pictures without a text around them."""
        return self([self.placeholder * len(each) for each in pictures], pictures)

    def length(self, picture: Picture) -> int:
        """Tokens that a picture of that size takes by itself, with the marks around it."""
        size = picture.image.size
        if size not in self._counted:
            self._counted[size] = len(self.placeholders([[Picture(Image.new("RGB", size))]])["input_ids"][0])
        return self._counted[size]

    def _fitted(self, image: Image.Image) -> Image.Image:
        if self._longest_edge is None or max(image.size) <= self._longest_edge:
            return image
        smaller = image.copy()
        smaller.thumbnail((self._longest_edge, self._longest_edge), Image.Resampling.LANCZOS)
        return smaller

    def _choose(self, budget: int) -> int:
        """Takes the first setting that keeps the budget, else the one with the fewest tokens; returns these."""
        found: list[tuple[int, dict[str, Any], int | None]] = []
        refused: Exception | None = None
        for options, edge in self._settings(budget):
            self.options, self._longest_edge = options, edge
            try:
                self._counted.clear()
                taken = max(self.length(Picture(Image.new("RGB", size))) for size in _PROBES)
            except (ValueError, TypeError, KeyError, RuntimeError) as error:
                refused = error  # this processor does not take the setting
                continue
            found.append((taken, options, edge))
            if taken <= budget:
                break
        if not found and refused is not None:
            raise refused
        taken, self.options, self._longest_edge = min(found, key=lambda each: max(each[0], budget))
        self._counted.clear()
        return taken

    def _settings(self, budget: int) -> Iterator[tuple[dict[str, Any], int | None]]:
        """Settings of the processor, and the longest edge of its pictures, from the most generous one on."""
        pictures = self._processor.image_processor
        size = getattr(pictures, "size", None) or {}
        yield {}, None
        if getattr(pictures, "merge_size", None) and "longest_edge" in size:  # Qwen: an area in pixels
            area = budget * (pictures.patch_size * pictures.merge_size) ** 2
            shortest = min(size["shortest_edge"], area)
            for share in (1.0, 0.85, 0.7, 0.5):  # the marks around a picture count too
                yield {"size": {"shortest_edge": shortest, "longest_edge": int(area * share)}}, None
        elif getattr(pictures, "max_patches", None):  # InternVL: tiles
            for tiles in range(pictures.max_patches - 1, 1, -1):
                yield {"max_patches": tiles}, None
            yield {"crop_to_patches": False}, None
        elif getattr(pictures, "do_image_splitting", False):  # Idefics, SmolVLM: tiles along the longest edge
            tile = pictures.max_image_size["longest_edge"]
            for tiles in range(size["longest_edge"] // tile - 1, 1, -1):
                yield {"size": {"longest_edge": tiles * tile}}, None
            yield {"do_image_splitting": False}, None
        for edge in (896, 768, 672, 560, 448, 336):
            yield {}, edge
