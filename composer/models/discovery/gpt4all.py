"""GPT4All's models: *.gguf in one folder; what is being downloaded is called incomplete-NAME.

The folder: "modelPath" of its settings, else nomic.ai/GPT4All among a person's data; that of its Python package is
~/.cache/gpt4all. Sources: gpt4all-chat/src/{mysettings,modellist}.cpp and docs/gpt4all_desktop/settings.md of
nomic-ai/gpt4all.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from common.messages import _
from composer.models.discovery.found import Entry
from composer.models.discovery.places import data_folders, home
from composer.models.gguf import model_name, models_in

_UNFINISHED = "incomplete-"


def folders() -> list[Path]:
    places = [each / "nomic.ai" for each in data_folders()]
    found = [path for place in places if (path := _chosen(place / "GPT4All.ini")) is not None]
    found += [place / "GPT4All" for place in places]
    return list(dict.fromkeys([*found, home() / ".cache" / "gpt4all"]))


def entries() -> Iterator[Entry]:
    seen: set[str] = set()
    for folder in folders():
        try:
            models = models_in(folder)
        except OSError:
            continue
        for path in models:
            name = model_name(path)
            if name in seen:
                continue
            seen.add(name)
            if name.startswith(_UNFINISHED):
                plain = name[len(_UNFINISHED) :]
                yield Entry(plain, path, problem=_("Its download was not finished. Go on with it in GPT4All."))
            else:
                yield Entry(name, path)


def _chosen(settings: Path) -> Path | None:
    """The folder that a person chose: a line "modelPath=…" of its settings."""
    try:
        text = settings.read_text("utf-8", "replace")
    except OSError:
        return None
    line = re.search(r"^modelPath=(.+)$", text, re.MULTILINE)
    return Path(line[1].strip().strip('"')) if line else None
