"""Loading of the model for a command."""

from composer.commands.terminal import loading_steps, say
from composer.models import Model
from composer.settings import Settings


def load(settings: Settings) -> Model:
    """The model that the settings name; its steps and name go to stderr. Raises what loading raises."""
    from composer.models import load_model

    model = load_model(
        settings.wanted_model, num_gpus=settings.num_gpus, progress=loading_steps(), **settings.model_options
    )
    say(f"Model: {model.name} on {', '.join(model.capabilities.devices)}")
    return model
