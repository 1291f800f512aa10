"""The picture part of a model (mmproj): a GGUF file of its own that turns pictures into tokens of the language model.

Knows its header and how such files are named, not how it computes. Source of the keys: tools/mtmd/clip-impl.h and
tools/mtmd/mtmd.cpp of llama.cpp.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from common.messages import _
from composer.errors import ModelFilesBroken
from composer.models.gguf.header import DAMAGED, MAGIC, Damaged, GgufHeader, models_in, number_of, read_file, refuse
from composer.models.gguf.parts import SUFFIX

# Projectors whose picture is read in both directions at once, so that it must fit into one batch -> most tokens of a
# picture. The engine ends the whole process where it does not fit (`llama_context::decode`).
_WHOLE_PICTURES = {"gemma3": 256, "gemma4v": 1120, "gemma4uv": 1120}
_PRECISIONS = ("f16", "bf16", "q8_0", "f32")  # of several files for one model the first that is here is taken


@dataclass(frozen=True, slots=True)
class Projector:
    """The header of a picture part."""

    path: Path
    size: int  # bytes
    kind: str  # of projector, e.g. "qwen3vl_merger"
    name: str = ""  # of the model that it belongs to, where the header says
    side: int = 0  # pixels of the pictures, or of their parts, that it was trained with

    @property
    def least_batch(self) -> int:
        """Tokens that must be computed at once, so that a picture is not cut; 0 where it may be cut."""
        known = _WHOLE_PICTURES.get(self.kind, 0)
        return known or (max(_WHOLE_PICTURES.values()) if self.kind.startswith("gemma") else 0)


def read_projector(path: str | Path) -> Projector:
    """The header of a picture part. Raises ModelFilesBroken for a file that is none, incomplete or damaged."""
    file = read_file(Path(path))
    values = file.values
    if file.architecture != "clip":
        refuse(file.path, _("it is no picture part (mmproj) of a model"))
    kind = str(values.get("clip.vision.projector_type") or values.get("clip.projector_type") or "mlp")
    if not values.get("clip.has_vision_encoder", True):
        refuse(file.path, _("it is a part for sound (mmproj), not for pictures"))
    try:
        side = number_of(values, "clip.vision.image_size")
    except Damaged as error:
        refuse(file.path, DAMAGED, error)
    return Projector(file.path, file.size, kind, str(values.get("general.name", "")), side)


def projectors_in(folder: Path) -> list[Path]:
    """The picture parts in a folder, what is damaged left out. Raises OSError."""
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() == SUFFIX and _is_projector(path)]


def find_projector(header: GgufHeader) -> Path | None:
    """The picture part that lies beside a model and belongs to it, or None.

    A folder with one model belongs to that model. Among several models names decide: a wrong part would be loaded
    without an error and show the model something else.
    """
    folder = header.path.parent
    try:
        found = projectors_in(folder)
        alone = bool(found) and len(models_in(folder)) == 1
    except OSError:
        return None
    fitting = [path for path in found if alone or _belongs(path, header)]
    return min(fitting, key=_preference, default=None)


def damaged_projector(header: GgufHeader) -> ModelFilesBroken | None:
    """What is wrong with a picture part beside the model that cannot be used, such as half a download, or None."""
    try:
        for path in sorted(header.path.parent.iterdir()):
            if path.suffix.lower() == SUFFIX and "mmproj" in path.stem.lower() and not _is_projector(path):
                read_projector(path)
    except ModelFilesBroken as error:
        return error
    except OSError:
        return None
    return None


def _is_projector(path: Path) -> bool:
    if not _may_be_projector(path):
        return False
    try:
        read_projector(path)
    except ModelFilesBroken:
        return False
    return True


def _may_be_projector(path: Path) -> bool:
    """A look at the first bytes: all known writers begin with the architecture, and reading a large vocabulary only to
    find that the file is a language model takes a tenth of a second."""
    try:
        with path.open("rb") as file:
            start = file.read(128)
    except OSError:
        return False
    return start[:4] == MAGIC and (b"general.architecture" not in start or b"clip" in start)


def _belongs(path: Path, header: GgufHeader) -> bool:
    """Whether the names in both headers, or those of both files, are of one model."""
    projector = read_projector(path)
    if projector.name and projector.name == header.name:
        return True
    before, _mark, after = path.stem.lower().partition("mmproj")
    after = re.sub(r"^[-_.]*model|(b?f16|f32|q\d_\w+)$", "", after)
    own = next((part for part in (before.strip("-_."), after.strip("-_.")) if len(part) > 2), None)
    return own is not None and header.path.stem.lower().startswith(own)


def _preference(path: Path) -> tuple[int, str]:
    name = path.stem.lower()
    # "bf16" contains "f16": the longer name is looked for first
    precision = next((each for each in sorted(_PRECISIONS, key=len, reverse=True) if each in name), "f16")
    return _PRECISIONS.index(precision), name
