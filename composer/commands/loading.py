"""Loading of the models for a command."""

from composer.commands.terminal import loading_steps, say
from composer.models import Model
from composer.settings import Settings


def load(settings: Settings) -> Model:
    """The model that the settings name; its steps, name and limits go to stderr. Raises what loading raises."""
    from composer.models import load_model

    model = load_model(
        settings.wanted_model, num_gpus=settings.num_gpus, progress=loading_steps(), **settings.model_options
    )
    say(f"Model: {model.name} on {', '.join(model.capabilities.devices)}")
    for limit in model.capabilities.limits:
        say(f"Note: {limit.text()}")
    return model


def load_judge(settings: Settings) -> Model | None:
    """The model that chooses pictures in place of the first one, where the settings name one. Raises as `load`."""
    from composer.models import load_model

    if settings.judge is None:
        return None
    judge = load_model(settings.judge, num_gpus=settings.num_gpus, progress=loading_steps(), **settings.judge_options)
    how = "by looking at them" if judge.capabilities.sees_pictures else "by their words: it sees none"
    say(f"Judge of pictures: {judge.name} on {', '.join(judge.capabilities.devices)}, {how}")
    return judge


def close(*models: Model | None) -> None:
    """Frees those that were loaded."""
    for model in models:
        if model is not None:
            model.close()
