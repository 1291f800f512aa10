"""A prompt as the engine takes it: text, with a mark in the place of each picture."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prompt:
    """The text of a conversation in the model's own chat format, and its pictures in order."""

    text: str
    pictures: tuple[str, ...] = ()  # files in base 64
    mark: str = ""  # stands in `text` for a picture

    @property
    def field(self) -> str | dict[str, Any]:
        """The "prompt" of a request."""
        if not self.pictures:
            return self.text
        return {"prompt_string": self.text, "multimodal_data": list(self.pictures)}

    @property
    def texts(self) -> list[str]:
        """The texts before, between and after the pictures."""
        return self.text.split(self.mark) if self.pictures else [self.text]
