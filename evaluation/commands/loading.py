"""How each process of a run gets its model."""

from dataclasses import dataclass
from typing import Any

from composer.commands import loading_steps, say
from composer.models import Model, load_model


@dataclass(frozen=True, slots=True)
class Load:
    """Loads the model when called, and says so; travels to other processes."""

    name: str
    num_gpus: int | None = None
    options: tuple[tuple[str, Any], ...] = ()

    def __call__(self) -> Model:
        model = load_model(self.name, num_gpus=self.num_gpus, progress=loading_steps(), **dict(self.options))
        say(f"Model: {model.name} on {', '.join(model.capabilities.devices)}")
        return model
