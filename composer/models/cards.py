"""The NVIDIA cards of this machine, asked of the driver's own tool: importing torch for that takes seconds."""

import shutil
import subprocess
from dataclasses import dataclass

from composer.errors import SettingsError

_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class GraphicsCard:
    name: str
    free: int  # bytes
    total: int  # bytes


def graphics_cards() -> list[GraphicsCard]:
    """The cards in the driver's order; none where there is no driver or it does not answer."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        answer = subprocess.run(
            [tool, "--query-gpu=memory.free,memory.total,name", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [card for line in answer.stdout.splitlines() if (card := _card(line)) is not None]


def too_few(asked: int, there: int) -> SettingsError:
    """The refusal of more cards than this machine has."""
    return SettingsError(
        name="num_gpus",
        value=str(asked),
        reason_en=f"this machine has {there} usable GPU{'' if there == 1 else 's'}. "
        + (f"Ask for at most {there}." if there else "Use --num_gpus 0 for the CPU."),
        reason_zh=f"本机可用显卡为 {there} 块。" + (f"最多可填 {there}。" if there else "用 CPU 请填 0。"),
    )


def _card(line: str) -> GraphicsCard | None:
    free, _, rest = line.partition(",")
    total, _, name = rest.partition(",")
    try:
        return GraphicsCard(name.strip(), int(free) << 20, int(total) << 20)
    except ValueError:  # "[N/A]" on machines whose memory is shared
        return None
