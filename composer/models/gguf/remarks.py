"""What is said of a GGUF model: why it cannot be loaded, and what it cannot do."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from common.messages import Text, _
from composer.models.gguf.engine import EngineError
from composer.models.gguf.header import GgufHeader
from composer.models.gguf.projector import Projector, damaged_projector


def engine_problem(error: EngineError, header: GgufHeader, projector: Projector | None) -> Text:
    """Why the engine cannot load a model."""
    if projector is None:
        return _(
            "the engine cannot load it ({error}). Its architecture is '{kind}': a newer engine may know it (pip "
            "install -U xllamacpp). XCOMPOSER_DEBUG=1 shows what the engine says",
            error=error,
            kind=header.architecture,
        )
    return _(
        "the engine cannot load it with the picture part '{mmproj}' ({error}). Are both of the same model? Without "
        "pictures: --mmproj none. XCOMPOSER_DEBUG=1 shows what the engine says",
        mmproj=projector.path,
        error=error,
    )


def limits_of(
    header: GgufHeader, projector: Projector | None, mmproj: str | Path | None, left_out: Sequence[Path]
) -> Iterator[Text]:
    """What a model cannot do. mmproj: as the person said it; "": they said nothing; None: there is none for this model.
    left_out: adapters that the engine does not take."""
    for path in left_out:
        yield _("Its adapter '{name}' (LoRA) is not applied: the engine cannot put it on this model.", name=path.name)
    if projector is None and mmproj is None:
        yield _("It was trained on text alone and sees no pictures. For pictures, load a model that sees.")
    elif projector is None and mmproj:
        yield _("It sees no pictures: its picture part is left out (mmproj: none).")
    elif projector is None and (broken := damaged_projector(header)) is not None:
        yield _("It sees no pictures: {error}", error=broken)
    elif projector is None:
        yield _(
            "It sees no pictures: its file holds language alone. If its makers offer a picture part (a file whose name "
            "has mmproj in it), put that beside the file and load the model again."
        )
    if not header.has_chat_template:
        yield _("Its file has no chat template; it is asked in the form of ChatML, which may not be its own.")
