"""How each process of a run gets its model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composer.commands import loading_steps, say
from composer.models import Model, is_known_model, load_model, unknown_model


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


def check_name(name: str) -> None:
    """Refuses a name that no model and no path has, without loading one. Raises UnknownModel, ModelFilesMissing."""
    if not is_known_model(name) and not Path(name).expanduser().exists():
        raise unknown_model(name)


def model_loader(name: str, num_gpus: int | None, copies: int = 1) -> Load:
    """Loads a named model with the person's settings. Raises SettingsError."""
    from composer.settings import load_settings

    settings = load_settings(folder=name)
    each = 1 if num_gpus and copies > 1 else num_gpus
    options = {key: value for key, value in settings.model_options.items() if key != "update"}
    return Load(settings.wanted_model, each, tuple(options.items()))
