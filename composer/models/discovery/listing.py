"""All stores together: what lies on this machine, one model by its name, and the best one to propose."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from common.messages import Text, _
from composer.errors import ModelFilesMissing
from composer.models.cards import graphics_cards
from composer.models.discovery import gpt4all, hf_cache, jan, llamacpp, lmstudio, modelscope_cache, ollama
from composer.models.discovery.found import Entry, LocalModel, describe, may_see

log = logging.getLogger(__name__)

_CPU_BYTES = 6 << 30  # of a model that still writes a word a second on a processor
_SHOWN = 12  # names in an error


@dataclass(frozen=True, slots=True)
class Store:
    """A program that keeps models."""

    title: str
    entries: Callable[[], Iterator[Entry]]


STORES = {  # prefix of a name -> store
    "ollama": Store("Ollama", ollama.entries),
    "lmstudio": Store("LM Studio", lmstudio.entries),
    "hf": Store("Hugging Face", hf_cache.entries),
    "modelscope": Store("ModelScope", modelscope_cache.entries),
    "jan": Store("Jan", jan.entries),
    "gpt4all": Store("GPT4All", gpt4all.entries),
    "llamacpp": Store("llama.cpp", llamacpp.entries),
}
_HUBS = {"hf": "huggingface", "modelscope": "modelscope"}  # prefix -> the hub that its programs download from


@dataclass(frozen=True, slots=True)
class Proposal:
    """The best model that was found, and why."""

    model: LocalModel
    why: Text


def local_models(*, seeing_only: bool = False) -> list[LocalModel]:
    """The models that other programs keep here, those that can be loaded first, of these those that see.

    A store that cannot be read is left out; a model that cannot be loaded says why. seeing_only: only those that see
    pictures, which is quicker.
    """
    found: list[LocalModel] = []
    seen: dict[Path, str] = {}  # file -> the store that has it
    for prefix, store in STORES.items():
        for entry in _entries(prefix):
            if seeing_only and not may_see(entry):
                continue
            model = describe(prefix, store.title, entry)
            elsewhere = seen.get(model.path, prefix) != prefix  # llama.cpp may keep downloads in Hugging Face's cache
            if elsewhere or (seeing_only and not model.sees):
                continue
            found.append(model)
            if model.engine != "server":
                seen.setdefault(model.path, prefix)
    return sorted(found, key=lambda model: (not model.loadable, not model.sees, model.store, model.name.lower()))


def is_local_name(name: str) -> bool:
    """Whether a name begins with that of a store, as in "ollama:qwen3-vl:4b"."""
    prefix, colon, rest = name.partition(":")
    return bool(colon and rest.strip()) and prefix.lower() in STORES


def find_local_model(name: str) -> LocalModel:
    """The model of that name, which can be loaded. Raises ModelFilesMissing with what the store has instead."""
    prefix, _colon, wanted = name.partition(":")
    prefix, wanted = prefix.lower(), wanted.strip()
    store = STORES[prefix]
    if prefix == "ollama":
        wanted = ollama.full_name(wanted)
    entries = _entries(prefix)
    chosen = [each for each in entries if each.name.lower() == wanted.lower()]
    if not chosen:  # the last part of a name is enough where only one ends with it
        chosen = [each for each in entries if each.name.lower().endswith("/" + wanted.lower())]
    if len(chosen) != 1:
        known = [each.name for each in chosen or entries]
        shown = [f"{prefix}:{each}" for each in known[:_SHOWN]] + (["…"] if len(known) > _SHOWN else [])
        nothing = _("{store} keeps no models here.", store=store.title)
        way_out = _("{store} has: {known}", store=store.title, known=shown) if known else nothing
        raise ModelFilesMissing(name=name, missing=wanted, way_out=way_out)
    model = describe(prefix, store.title, chosen[0])
    if not model.loadable:
        raise ModelFilesMissing(name=model.name, missing=model.path.name, way_out=model.why or "")
    return model


def find_repository(name: str, hub: str | None = None) -> list[LocalModel]:
    """The models that other programs downloaded from a repository "OWNER/NAME" of a hub ("huggingface", "modelscope";
    None: either), those too whose download was not finished."""
    prefixes = [prefix for prefix, each in _HUBS.items() if hub in (None, each)]
    listed = [(prefix, entry) for prefix in prefixes for entry in _entries(prefix)]
    return [
        describe(prefix, STORES[prefix].title, entry)
        for prefix, entry in listed
        if f"{entry.name.lower()}:".startswith(f"{name.lower()}:")
    ]


def propose(models: list[LocalModel] | None = None, *, num_gpus: int | None = None) -> Proposal | None:
    """The best of the models: it can be loaded, sees pictures and fits the memory; the largest of those.

    models: None looks at those that other programs keep here. num_gpus: cards that may be used; None: all.
    """
    cards = graphics_cards()[:num_gpus]
    on_cards = sum(card.free for card in cards)
    free = on_cards or psutil.virtual_memory().available
    most = free if on_cards else min(free, _CPU_BYTES)
    known = local_models(seeing_only=True) if models is None else models
    fitting = [each for each in known if each.loadable and each.sees and 0 < each.memory <= most]
    best = max(fitting, key=lambda model: (model.chat_template, model.memory), default=None)
    if best is None:
        return None
    values: dict[str, object] = {
        "name": best.name,
        "store": best.store,
        "needed": best.memory / 1e9,
        "free": free / 1e9,
    }
    if on_cards:
        why = _(
            "{name} is on this machine ({store}), sees pictures, and needs {needed:.1f} GB of the {free:.1f} that are "
            "free on the cards. Use it with: --model {name}",
            **values,
        )
    else:
        why = _(
            "{name} is on this machine ({store}), sees pictures, and needs {needed:.1f} GB of the {free:.1f} that are "
            "free. Use it with: --model {name}",
            **values,
        )
    return Proposal(best, why)


def _entries(prefix: str) -> list[Entry]:
    """What the store lists; what cannot be read of it is left out."""
    found: list[Entry] = []
    try:
        for entry in STORES[prefix].entries():
            found.append(entry)
    except OSError as error:
        log.warning("The models of %s cannot be listed: %s", STORES[prefix].title, error)
    return found
