"""Jan's models: DATA/llamacpp/models/ID/model.yml with the paths of the model and of its picture part.

DATA is "data_folder" of Jan/settings.json among a person's data, else Jan/data there; paths are relative to it or
absolute. Source: extensions/llamacpp-extension/src/index.ts of janhq/jan, and its issue 8412.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from common.messages import _
from composer.models.discovery.found import Entry, read_json
from composer.models.discovery.places import data_folders


def folders() -> list[Path]:
    found: list[Path] = []
    for each in data_folders():
        chosen = (read_json(each / "Jan" / "settings.json") or {}).get("data_folder")
        found += [Path(chosen)] if isinstance(chosen, str) and chosen else []
        found.append(each / "Jan" / "data")
    return list(dict.fromkeys(found))


def entries() -> Iterator[Entry]:
    seen: set[str] = set()
    for data in folders():
        models = data / "llamacpp" / "models"
        for file in _files(models):
            name = file.parent.relative_to(models).as_posix()
            if name not in seen:
                seen.add(name)
                yield _entry(data, name, file)


def _files(models: Path) -> list[Path]:
    try:
        return sorted(models.rglob("model.yml"))
    except OSError:
        return []


def _entry(data: Path, name: str, file: Path) -> Entry:
    try:
        description: Any = yaml.safe_load(file.read_text("utf-8"))
        path = data / str(description["model_path"])
        projector = data / str(description["mmproj_path"]) if description.get("mmproj_path") else None
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return Entry(
            name, file, problem=_("Its description '{path}' cannot be read. Add the model again in Jan.", path=file)
        )
    missing = next((each for each in (path, projector) if each is not None and not each.is_file()), None)
    problem = _("Its file '{path}' is not there. Fetch it again in Jan.", path=missing) if missing is not None else None
    size = description.get("size_bytes")
    return Entry(name, path, projector, problem, size if isinstance(size, int) else 0)
