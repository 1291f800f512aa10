"""Files of models that are not there yet: pointers of Git LFS (three lines of text in the place of a large file, where
a model was cloned without git-lfs), and downloads that were not finished."""

from collections.abc import Iterator
from pathlib import Path

from common.messages import Text, _
from composer.errors import ModelFilesBroken

_BEGINNING = b"version https://git-lfs.github.com/spec/"
_LONGEST = 1024  # bytes of a pointer, by its specification
_BESIDE = ("config.json", "tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "tokenizer_config.json")


# as Hugging Face, curl and browsers, wget and aria2, ModelScope and LM Studio name what they have begun
_UNFINISHED = (".incomplete", ".part", ".partial", ".crdownload", ".download", ".aria2", ".tmp", ".downloading")
_WEIGHTS = (".safetensors", ".gguf", ".bin")


def unfinished_in(folder: Path) -> Text | None:
    """A sentence about the weights of a folder that are only begun; None where there are none."""
    try:
        begun = sorted(
            path.name
            for path in folder.iterdir()
            if path.suffix.lower() in _UNFINISHED and path.with_suffix("").suffix.lower() in _WEIGHTS
        )
    except OSError:
        return None
    if not begun:
        return None
    return _(
        "The download of '{name}' was not finished. Let the program that downloads it go on, or download it again.",
        name=begun[0],
    )


def is_pointer(path: Path) -> bool:
    """Whether the file is such a pointer; False for one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False


def refuse_pointer(path: Path) -> None:
    """Raises ModelFilesBroken where the file is a pointer."""
    if not is_pointer(path):
        return
    size = _named_size(path)
    if size:
        what = _("it is a pointer of Git LFS; the file itself has {size:,} bytes and is not here.", size=size)
    else:
        what = _("it is a pointer of Git LFS; the file itself is not here.")
    way_out = _(
        "In its folder, run: git lfs install && git lfs pull. Without git-lfs, download the file from the model's page."
    )
    raise ModelFilesBroken(path=path, reason=_("{what} {way_out}", what=what, way_out=way_out))


def refuse_pointers(folder: Path) -> None:
    """Raises ModelFilesBroken where a file of a model's folder is a pointer: its weights, tokenizer or settings."""
    for path in _files(folder):
        refuse_pointer(path)


def _files(folder: Path) -> Iterator[Path]:
    try:
        weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    except OSError:
        return
    yield from (folder / name for name in _BESIDE)
    yield from weights


def _named_size(path: Path) -> int:
    """Bytes of the file that the pointer stands for; 0 where it does not say."""
    try:
        lines = path.read_bytes()[:_LONGEST].decode("ascii", "replace").splitlines()
    except OSError:
        return 0
    named = (line.removeprefix("size ") for line in lines if line.startswith("size "))
    return next((int(size) for size in named if size.isdecimal()), 0)
