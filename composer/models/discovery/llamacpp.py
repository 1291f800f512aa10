"""The downloads of llama.cpp's own programs: OWNER_NAME_FILE.gguf in one folder; since 2026 as in Hugging Face's cache.

The folder: LLAMA_CACHE, else llama.cpp among the caches. Sources: common/common.cpp (fs_get_cache_directory),
common/download.cpp and common/hf-cache.cpp of llama.cpp.
"""

from collections.abc import Iterator
from pathlib import Path

from common.messages import _
from composer.models.discovery.found import Entry
from composer.models.discovery.hf_cache import entries_in
from composer.models.discovery.places import cache_folder, named
from composer.models.gguf import model_name, models_in

_UNFINISHED = ".downloadInProgress"


def folder() -> Path:
    return named("LLAMA_CACHE") or cache_folder() / "llama.cpp"


def entries() -> Iterator[Entry]:
    try:
        models = models_in(folder())
        unfinished = sorted(folder().glob(f"*.gguf{_UNFINISHED}"))
    except OSError:
        return
    for path in models:
        yield Entry(model_name(path), path)
    for path in unfinished:
        name = model_name(Path(path.name.removesuffix(_UNFINISHED)))
        yield Entry(name, path, problem=_("Its download was not finished. Start llama.cpp with it once more."))
    yield from entries_in(folder())
