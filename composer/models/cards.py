"""The NVIDIA cards of this machine and their memory. Asks the driver's own tool: importing torch takes seconds."""

import shutil
import subprocess
from dataclasses import dataclass

from common.messages import _, _n
from composer.errors import SettingsError

_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class GraphicsCard:
    """One card and its memory."""

    name: str
    free: int  # bytes
    total: int  # bytes


def graphics_cards() -> list[GraphicsCard]:
    """The cards in the driver's order; an empty list where there is no driver or it does not answer."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        answer = subprocess.run(
            [tool, "--query-gpu=memory.free,memory.total,name", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [card for line in answer.stdout.splitlines() if (card := _card(line)) is not None]


def too_few_cards(wanted: int, available: int) -> SettingsError:
    """The error for asking for more cards than this machine has."""
    way_out = _("Ask for at most {count}.", count=available) if available else _("Use --num_gpus 0 for the CPU.")
    return SettingsError(
        name="num_gpus",
        value=str(wanted),
        reason=_n(
            "this machine has {count} usable GPU. {way_out}",
            "this machine has {count} usable GPUs. {way_out}",
            count=available,
            way_out=way_out,
        ),
    )


def _card(line: str) -> GraphicsCard | None:
    free, _, rest = line.partition(",")
    total, _, name = rest.partition(",")
    try:
        return GraphicsCard(name.strip(), int(free) << 20, int(total) << 20)
    except ValueError:  # "[N/A]" on machines whose memory is shared
        return None
