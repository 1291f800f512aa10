"""How much memory a GGUF model takes, and how long a conversation fits into what is free."""

import psutil

from common.messages import _
from composer.errors import OutOfMemory, SettingsError
from composer.models.cards import graphics_cards, too_few_cards
from composer.models.gguf.engine import import_engine
from composer.models.gguf.header import GgufHeader
from composer.models.gguf.projector import Projector

CONTEXT_TOKENS = 8192  # of one conversation, where memory allows
MIN_CONTEXT_TOKENS = 2048
SLOTS = 2  # conversations whose keys and values are kept at the same time
_OVERHEAD = 150 << 20  # bytes of compute buffers, prompts kept aside and the engine itself
_PICTURE_OVERHEAD = 250 << 20  # bytes of buffers in which a picture is computed


def gpus() -> list[str]:
    """Names of the GPUs that this build of the engine can use."""
    engine = import_engine()
    return [device["name"] for device in engine.get_device_info() if "GPU" in str(device.get("type", ""))]


def chosen_gpus(num_gpus: int | None, gpu_layers: int | None) -> list[str]:
    """The GPUs to compute with. Raises SettingsError where more is asked for than the engine can use here."""
    if 0 in (num_gpus, gpu_layers):
        return []
    found = gpus()
    if not found and (num_gpus or gpu_layers) and graphics_cards():
        name, value = ("num_gpus", num_gpus) if num_gpus else ("gpu_layers", gpu_layers)
        raise SettingsError(
            name=name,
            value=value,
            reason=_(
                "the engine of GGUF models here is a build for the CPU, which uses no card. Install a build of the "
                "package xllamacpp for your cards, or leave the setting out."
            ),
        )
    if num_gpus is not None and num_gpus > len(found):
        raise too_few_cards(num_gpus, len(found))
    if gpu_layers and not found:
        raise SettingsError(
            name="gpu_layers",
            value=gpu_layers,
            reason=_("this machine has no GPU that could compute layers. Leave it out, or use 0 for the CPU."),
        )
    return found


def memory_needed(header: GgufHeader, context: int, projector: Projector | None = None) -> int:
    """Bytes of weights, keys, values and buffers, as measured by benchmarks/model_decode.py."""
    seeing = projector.size + _PICTURE_OVERHEAD if projector else 0
    return header.size + header.cache_bytes_per_token * context * SLOTS + _OVERHEAD + seeing


def choose_context(
    header: GgufHeader, wanted: int | None, name: str, *, on_gpu: bool, projector: Projector | None = None
) -> int:
    """Context tokens of a conversation: as wanted, or as many as the model and the memory allow. Raises OutOfMemory."""
    trained = header.context_tokens or CONTEXT_TOKENS
    context = min(wanted or CONTEXT_TOKENS, trained)
    if on_gpu:
        return context  # the engine itself decides which layers go to the cards
    free = psutil.virtual_memory().available
    while wanted is None and context > MIN_CONTEXT_TOKENS and memory_needed(header, context, projector) > free:
        context //= 2
    needed = memory_needed(header, context, projector)
    if needed > free:
        raise OutOfMemory(
            name=name,
            needed=f"{needed / 1e9:.1f} GB",
            device="CPU",
            free=f"{free / 1e9:.1f} GB",
            way_out=_("Close other programs, or use a smaller model."),
        )
    return context
