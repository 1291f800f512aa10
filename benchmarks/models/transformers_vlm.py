"""What a model of transformers that sees costs: python -m benchmarks.models.transformers_vlm [--folder FOLDER] [--json]

Without a folder, random weights of a moderate size (a Qwen3-VL of 47 M), so that only the clock is read. In one run,
each pair taking turns: `stream` and transformers' own `generate` on the same prompt; `score` of four options and one
bare reading of the prompt; ten further questions with a shared prefix and without; eight captions as one `reply` and as
eight calls; eight people at the same time, each with an answer or a choice of their own, as one batch and one after the
other; then memory beside the plan.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch

from composer.models import Message, Picture, Sampling, load_model, user
from tests.composer.models.tiny_vlm import make, picture

MODERATE: dict[str, Any] = {
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 64,
}
WORDS = "The bee visits a flower in the garden, and a red fox sleeps under the old tree while the small bird sings. "
PROMPT_TOKENS, QUESTIONS, CAPTIONS, TOKENS = 1000, 10, 8, 64


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def taking_turns(works: Sequence[Callable[[], Any]], rounds: int) -> list[float]:
    """The median seconds of each, taken in turns after one round that does not count."""
    for work in works:
        work()
    times = [[seconds(work) for work in works] for _round in range(rounds)]
    return [statistics.median(each) for each in zip(*times, strict=True)]


def article(model: Any, shown: Picture) -> list[Message]:
    """A prompt of about a thousand tokens with one picture in front."""
    text = WORDS
    while model.count_tokens([user(shown, text)]) < PROMPT_TOKENS:
        text += WORDS
    return [user(shown, text)]


def decoding(model: Any, rounds: int) -> dict[str, float]:
    """Seconds of the same greedy reply through `stream` and through `generate`, from the prompt to the last token."""
    prompt = [user("What does the picture show? ", Picture(picture(1, (256, 192))))]
    read = model.reader.read(prompt)
    given = model.reader.pictures([read.text], [read.pictures])
    given = {name: value.to(model.network.device) for name, value in given.items()}
    network, ends = model.network.model, model._ends
    model._ends = frozenset()  # both write the same number of tokens

    def bare() -> None:
        options: dict[str, Any] = {"max_new_tokens": TOKENS, "min_new_tokens": TOKENS, "do_sample": False}
        if model.network.static_decoding:
            options["cache_implementation"] = "static"
        with torch.no_grad():
            network.generate(**given, **options)

    times = taking_turns([lambda: list(model.stream(prompt, Sampling(max_tokens=TOKENS))), bare], rounds)
    model._ends = ends
    return {"stream tok/s": TOKENS / times[0], "generate tok/s": TOKENS / times[1], "ratio": times[1] / times[0]}


def scoring(model: Any, prompt: list[Message], rounds: int) -> dict[str, float]:
    """Seconds of `score` of four options, and of one forward pass over the same prompt, its processor included."""
    asked = [*prompt, user(" Which letter?")]

    def prefill() -> None:
        read = model.reader.read(asked)
        given = {**read.tensors, **read.types, "input_ids": torch.tensor([read.ids])}
        given = {name: value.to(model.network.device) for name, value in given.items()}
        with torch.no_grad():
            model.network.model(**given, use_cache=True, logits_to_keep=1)

    letters, words, bare = taking_turns(
        [
            lambda: model.score(asked, ["A", "B", "C", "D"]),
            lambda: model.score(asked, ["The bee", "The bird", "The fox", "The tree"]),
            prefill,
        ],
        rounds,
    )
    return {
        "letters s": letters,
        "words s": words,
        "prefill s": bare,
        "ratio": letters / bare,
        "words ratio": words / bare,
    }


def prefix(model: Any, prompt: list[Message]) -> dict[str, float]:
    """Seconds of ten questions about the same article and picture."""
    questions = [[user(f" Is number {number} in it?")] for number in range(QUESTIONS + 1)]

    def without() -> None:
        for question in questions[1:]:
            model.score([*prompt, *question], ["Yes", "No"])

    with model.prefix(prompt) as ask:
        ask.score(questions[0], ["Yes", "No"])

        def shared() -> None:
            for question in questions[1:]:
                ask.score(question, ["Yes", "No"])

        times = taking_turns([shared, without], 1)
    return {"with s": times[0], "without s": times[1], "ratio": times[0] / times[1]}


def batch(model: Any, rounds: int) -> dict[str, float]:
    """Seconds of eight captions of 24 tokens."""
    prompts = [[user("Write a caption: ", Picture(picture(n, (256, 192))))] for n in range(CAPTIONS)]
    ends, model._ends = model._ends, frozenset()
    sampling = Sampling(max_tokens=24)
    together, alone = taking_turns(
        [lambda: model.reply(prompts, sampling), lambda: [model.reply([each], sampling) for each in prompts]], rounds
    )
    model._ends = ends
    return {"one reply s": together, "eight calls s": alone, "ratio": alone / together}


def people(model: Any, rounds: int) -> dict[str, float]:
    """Seconds of eight threads that ask at the same time: a text of 24 tokens each, or a choice."""
    asked = [[user(f"Number {n}. {WORDS * 2} What does the bee visit?")] for n in range(CAPTIONS)]
    ends, model._ends = model._ends, frozenset()
    most, sampling = model.batching.most, Sampling(max_tokens=24)

    def texts(number: int) -> None:
        list(model.stream(asked[number], sampling))

    def choices(number: int) -> None:
        model.score(asked[number], ["A", "B", "C", "D"])

    def at_once(work: Callable[[int], None], together: int) -> None:
        model.batching.most = together
        if together == 1:  # as the line before the model lets them
            for number in range(CAPTIONS):
                work(number)
            return
        threads = [threading.Thread(target=work, args=(number,)) for number in range(CAPTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    kinds = [(texts, CAPTIONS), (texts, 1), (choices, CAPTIONS), (choices, 1)]
    times = taking_turns([lambda kind=kind: at_once(*kind) for kind in kinds], rounds)  # type: ignore[misc]
    model._ends, model.batching.most = ends, most
    return {
        "texts together s": times[0],
        "one by one s": times[1],
        "ratio": times[1] / times[0],
        "choices together s": times[2],
        "choices one by one s": times[3],
        "ratio of choices": times[3] / times[2],
    }


def memory(model: Any) -> dict[str, float]:
    """GiB in use and planned for weights, keys and values."""
    used = torch.cuda.max_memory_allocated() if model._placement.cards else psutil.Process().memory_info().rss
    return {"used GiB": used / 2**30, "planned GiB": model._placement.needed / 2**30}


def measure(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, dict[str, float]]]:
    start = time.perf_counter()
    model: Any = load_model(folder, num_gpus=options.num_gpus, threads=options.threads, context_tokens=2048)
    yield "load", {"seconds": time.perf_counter() - start}
    shown = Picture(picture(5, (640, 480)))
    prompt = article(model, shown)
    yield "prompt", {"tokens": model.count_tokens(prompt), "of the picture": model.reader.pictures.length(shown)}
    parts: dict[str, Callable[[], dict[str, float]]] = {
        "decode": lambda: decoding(model, options.rounds),
        "captions": lambda: batch(model, options.rounds),
        "people": lambda: people(model, options.rounds),
        "score": lambda: scoring(model, prompt, options.rounds),
        "prefix": lambda: prefix(model, prompt),
        "memory": lambda: memory(model),
    }
    for name, part in parts.items():
        if not getattr(options, "only", None) or name in options.only:
            yield name, part()
    model.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="a seeing model; random weights of a moderate size if left out")
    parser.add_argument("--num_gpus", type=int, help="cards; 0: the CPU")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="PART", help="decode, captions, people, score, prefix, memory")
    parser.add_argument("--tiny", action="store_true", help="tiny weights: shows that the benchmark runs")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.folder
        if folder is None:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            folder = make("qwen3_vl", place / "random", **({} if options.tiny else MODERATE))
        found = {}
        for name, values in measure(folder, options):
            found[name] = values
            if not options.json:
                print(f"{name:10}", ", ".join(f"{key} {value:,.3g}" for key, value in values.items()), flush=True)
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
