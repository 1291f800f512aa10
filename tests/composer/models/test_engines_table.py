"""The table of engines and abilities in docs/models.md: each entry is found out by asking a loaded model.

`XCOMPOSER_WRITE_TABLE=1 python -m pytest tests/composer/models/test_engines_table.py` writes the table anew.
"""

import math
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from composer.models import KeepsBeginnings, Message, Model, Picture, Sampling, ScoresTokens, load_model, user
from composer.models.endpoint import EndpointModel
from tests.composer.models import tiny_eyes, tiny_vlm
from tests.composer.xcomposer.tiny import train_tokenizer, write_folder

torch: Any = pytest.importorskip("torch")

PAGE = Path(__file__).parents[3] / "docs" / "models.md"
BEGIN, END = "<!-- engines: filled by tests/composer/models/test_engines_table.py -->", "<!-- end of engines -->"
DRAWN = Sampling(max_tokens=24, temperature=1.0, top_p=0.95, seed=7)
LONG = [user("The brown dog and the small cat look at the red bird. " * 12)]
ONE, OTHER = Picture.open(tiny_vlm.picture(1)), Picture.open(tiny_vlm.picture(5))
YES, NO = "yes", "–"


def joined(model: Model, messages: list[Message], sampling: Sampling = DRAWN) -> str:
    return "".join(model.stream(messages, sampling))


def streams(model: Model) -> str:
    return YES if len(list(model.stream([user("Tell me more.")], DRAWN))) > 1 else NO


def stops(model: Model) -> str:
    stop, more = threading.Event(), 0
    for _piece in model.stream([user("Tell me more.")], Sampling(max_tokens=200, temperature=1.0, seed=3), stop=stop):
        more += stop.is_set()
        stop.set()
    return YES if more <= 1 else NO


def repeats(model: Model) -> str:
    first = joined(model, [user("Tell me a story.")])
    return YES if first == joined(model, [user("Tell me a story.")]) else NO


def goes_on(model: Model) -> str:
    """An assistant message at the end is the beginning of the reply: two prompts must differ by it."""
    begun = [user("Who?"), Message("assistant", ("The small cat",))]
    greedy = Sampling(max_tokens=8)
    try:
        return YES if model.count_tokens(begun) > model.count_tokens(begun[:1]) and joined(model, begun, greedy) else NO
    except Exception:  # noqa: BLE001 - a server that refuses to go on
        return NO


def scores(model: Model) -> str:
    found = model.score([user("Is it a dog? ")], ["Yes", "No"])
    return YES if all(math.isfinite(one) and one <= 0 for one in found) and found[0] != found[1] else NO


def scores_tokens(model: Model) -> str:
    return YES if isinstance(model, ScoresTokens) else NO


def reuses(model: Model) -> str:
    """The shared beginning is computed once for two questions."""
    with model.prefix(LONG) as held:
        held.score([user(" Is it red?")], ["Yes", "No"])
        before = model.usage
        held.score([user(" Is it small?")], ["Yes", "No"])
        used = model.usage - before
    return YES if used.prefilled < model.count_tokens(LONG) / 2 else NO


def keeps(model: Model) -> str:
    return YES if isinstance(model, KeepsBeginnings) else NO


def sees(model: Model) -> str:
    if not model.capabilities.sees_pictures:
        return NO
    questions = [[user("What is it? ", picture)] for picture in (ONE, OTHER)]
    said = {joined(model, question, Sampling(max_tokens=8)) for question in questions}
    scored = {tuple(model.score(question, ["Yes", "No"])) for question in questions}
    return YES if len(said) + len(scored) > 2 else NO  # a tiny model may say the same of both


def several(model: Model) -> str:
    return YES if model.capabilities.max_pictures > 1 else NO


def beams(model: Model) -> str:
    return YES if model.capabilities.beams else NO


def calls(model: Model) -> str:
    return str(model.capabilities.at_once)


def texts(model: Model) -> str:
    return str(max(model.capabilities.at_once, model.capabilities.texts_at_once))


ABILITIES: dict[str, Callable[[Model], str]] = {
    "a text comes in pieces": streams,
    "Stop ends it within a piece": stops,
    "the same seed gives the same text": repeats,
    "goes on with a reply that is begun": goes_on,
    "scores given answers": scores,
    "scores every token of them": scores_tokens,
    "computes a shared beginning once": reuses,
    "keeps a beginning bit by bit": keeps,
    "sees pictures": sees,
    "several in one question": several,
    "beam search": beams,
    "calls at once": calls,
    "texts side by side": texts,
}


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Model]]:
    """A tiny model of each engine, by the name of its column."""
    folder = tmp_path_factory.mktemp("engines")
    threads = torch.get_num_threads()
    (folder / "eyes").mkdir()
    with torch.random.fork_rng(), ExitStack() as stack:
        gguf, _mmproj = tiny_eyes.write_files(tiny_eyes.make_model(), folder / "eyes")
        vlm = tiny_vlm.make("qwen2_5_vl", folder / "vlm")
        native = write_folder(folder / "native", train_tokenizer(folder))
        seeing: Any = load_model(gguf, num_gpus=0, threads=1)
        key = folder / "key"
        key.write_text(seeing._engine._key)
        made: dict[str, Model] = {
            "llama.cpp": load_model(gguf, num_gpus=0, threads=1, mmproj="none"),
            "llama.cpp with mmproj": seeing,
            "transformers": load_model(vlm, num_gpus=0, threads=1, context_tokens=4096),
            "XComposer": load_model(native, num_gpus=0),
            "a server (llama.cpp)": EndpointModel(
                f"http://{seeing._engine._host}:{seeing._engine._port}", api_key_file=key
            ),
        }
        for model in reversed(made.values()):
            stack.callback(model.close)
        yield made
    torch.set_num_threads(threads)


def test_the_table_says_what_the_engines_can(engines: dict[str, Model]) -> None:
    lines = [f"| | {' | '.join(engines)} |", "|---" * (len(engines) + 1) + "|"]
    for ability, ask in ABILITIES.items():
        lines.append(f"| {ability} | {' | '.join(ask(model) for model in engines.values())} |")
    table = "\n".join(lines)
    page = PAGE.read_text("utf-8")
    if os.environ.get("XCOMPOSER_WRITE_TABLE"):
        page = re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", f"{BEGIN}\n{table}\n{END}", page, flags=re.DOTALL)
        PAGE.write_text(page, "utf-8")
    assert table in page
