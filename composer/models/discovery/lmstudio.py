"""LM Studio's models: MODELS/PUBLISHER/NAME/*.gguf, or a folder for MLX.

MODELS is "downloadsFolder" of settings.json in its home, else "models" there; its home is named by
~/.lmstudio-home-pointer, else ~/.lmstudio, before 2025 ~/.cache/lm-studio. Sources: src/lmstudioPaths.ts of
lmstudio-ai/lms and LM Studio's documentation (app/basics/import-model).
"""

from collections.abc import Iterator
from pathlib import Path

from common.messages import _
from composer.models.discovery.found import Entry, folder_entry, gguf_entries, read_json, subfolders
from composer.models.discovery.places import home


def folders() -> list[Path]:
    homes = [home() / ".lmstudio", home() / ".cache" / "lm-studio"]
    try:
        pointed = (home() / ".lmstudio-home-pointer").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        pointed = ""
    if pointed:
        homes.insert(0, Path(pointed))
    found = []
    for each in homes:
        chosen = (read_json(each / "settings.json") or {}).get("downloadsFolder")
        found += [Path(chosen)] if isinstance(chosen, str) and chosen else []
        found.append(each / "models")
    return list(dict.fromkeys(found))


def entries() -> Iterator[Entry]:
    seen: set[Path] = set()
    for models in folders():
        for publisher in subfolders(models):
            for folder in subfolders(publisher):
                if folder.resolve() not in seen:
                    seen.add(folder.resolve())
                    yield from _of_folder(folder, f"{publisher.name}/{folder.name}")


def _of_folder(folder: Path, name: str) -> Iterator[Entry]:
    model = folder_entry(folder, name)
    if model is not None:
        yield model
        return
    found = list(gguf_entries(folder, name))
    yield from found
    unfinished = next(folder.glob("downloading_*.part"), None)
    if not found and unfinished is not None:
        yield Entry(name, unfinished, problem=_("Its download was not finished. Go on with it in LM Studio."))
