"""What the embedded model costs: python -m benchmarks.model_decode [--folder FILE.gguf] [--threads N] [--json]

In one run: loading, the decode rate of the bare engine and through `stream` (taking turns), time to the first words,
what a shared beginning saves, `score`, two writers at once against one after the other, Stop, memory; with `--busy`
also the decode rate beside other programs, with `--pictures` only what pictures cost a model that sees.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import psutil
from PIL import Image

from composer.models import GgufModel, Message, Picture, Sampling, assistant, load_model, system, user

WRITING = [
    system("You write clear, friendly articles."),
    user("Write an article with the title: How to take good care of a pet cat. Write 5 paragraphs without a list."),
]
ARTICLE = (
    "A cat needs fresh water and good food every day. Keep the bowls clean and put them in a quiet corner, away from "
    "the litter box. Young cats eat three times a day, grown ones twice. "
) * 12
QUESTIONS = [
    f"\n\nIs {thing} mentioned in the article? Answer Yes or No." for thing in ("water", "a dog", "a bowl", "snow")
]
TOKENS = 96
GREEDY = Sampling(max_tokens=TOKENS)


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare_rate(model: GgufModel, messages: list[Message]) -> float:
    """Tokens a second of xllamacpp itself, first to last token."""
    times: list[float] = []
    request = {"prompt": model._prompt(messages).text, "max_tokens": TOKENS, "temperature": 0.0, "stream": True}
    model._engine._server.handle_completions(request, lambda chunk: times.append(time.perf_counter()))
    return (len(times) - 1) / (times[-1] - times[0])


def stream_rate(model: GgufModel, messages: list[Message]) -> float:
    times = [time.perf_counter() for _ in model.stream(messages, GREEDY)]
    return (len(times) - 1) / (times[-1] - times[0])


def first_words(model: GgufModel, text: str) -> float:
    """Seconds until the first piece of a prompt that is not in the cache."""
    start = time.perf_counter()
    pieces = model.stream([system("You write clear, friendly articles."), user(text)], GREEDY)
    next(pieces)
    found = time.perf_counter() - start
    pieces.close()  # type: ignore[attr-defined]  # `stream` is a generator
    return found


def prefix_gain(model: GgufModel) -> dict[str, float]:
    def ask(mark: str) -> tuple[list[float], int]:
        before, times = model.usage, []
        with model.prefix([user(f"{mark} {ARTICLE}")]) as held:
            for question in QUESTIONS:
                times.append(seconds(lambda question=question: held.score([user(question)], ["Yes", "No"])))
        return times, (model.usage - before).prefilled

    shared, prefilled = ask("Article:")
    cold, cold_prefilled = [], 0
    for number, question in enumerate(QUESTIONS):
        before = model.usage
        messages = [user(f"Text {number}: {ARTICLE}{question}")]  # the first words differ: nothing can be reused
        cold.append(seconds(lambda messages=messages: model.score(messages, ["Yes", "No"])))
        cold_prefilled += (model.usage - before).prefilled
    return {
        "first_question_s": shared[0],
        "next_question_s": statistics.median(shared[1:]),
        "question_without_prefix_s": statistics.median(cold),
        "prefilled_share": prefilled / cold_prefilled,
    }


def score_latency(model: GgufModel) -> dict[str, float]:
    messages = [user("Which is a fruit? A car, B apple, C house, D tree. Answer with one letter.")]
    letters = ["A", "B", "C", "D"]
    rare = ["apple", "apple tree", "Zwetschgendatschi", "苹果"]
    model.score(messages, letters)
    return {
        "letters_s": statistics.median(seconds(lambda: model.score(messages, letters)) for _ in range(5)),
        "phrases_s": statistics.median(seconds(lambda: model.score(messages, rare)) for _ in range(5)),
    }


def two_at_once(model: GgufModel) -> dict[str, float]:
    prompts = [[*WRITING, assistant("Cats are")], [user("用中文写一篇关于上海的文章。")]]
    for prompt in prompts:  # both prompts cached: decoding is compared
        next(model.stream(prompt, Sampling(max_tokens=1)))

    def write(prompt: list[Message]) -> int:
        return sum(1 for _ in model.stream(prompt, GREEDY))

    start = time.perf_counter()
    pieces = sum(write(prompt) for prompt in prompts)
    one_by_one = pieces / (time.perf_counter() - start)
    start = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        pieces = sum(pool.map(write, prompts))
    return {"one_by_one_pieces_s": one_by_one, "at_once_pieces_s": pieces / (time.perf_counter() - start)}


def picture_cost(model: GgufModel) -> dict[str, float]:
    """`score` of four options on a prompt with a picture against reading it once, and what a shared beginning saves."""
    text = " ".join(ARTICLE.split()[:220])

    def prompt(number: int) -> list[Message]:
        noise = np.random.default_rng(number).integers(0, 255, (378, 378, 3), dtype=np.uint8)
        return [user(f"{number}. ", Picture.open(Image.fromarray(noise)), text)]

    one = Sampling(max_tokens=1)
    tokens = model.count_tokens(prompt(0))
    read = [seconds(lambda n=n: model.reply([prompt(n)], one)) for n in range(1, 3)]
    scored = [seconds(lambda n=n: model.score(prompt(n), ["A", "B", "C", "D"])) for n in range(4, 6)]
    alone = [seconds(lambda n=n: model.score([*prompt(n), user(QUESTIONS[0])], ["Yes", "No"])) for n in range(7, 8)]
    with model.prefix(prompt(9)) as held:
        held.score([user(QUESTIONS[0])], ["Yes", "No"])
        further = [seconds(lambda q=q: held.score([user(q)], ["Yes", "No"])) for q in QUESTIONS[1:] * 3]
    return {
        "prompt_tokens": tokens,
        "picture_tokens": tokens - model.count_tokens([user("0. ", text)]),
        "reading_s": statistics.median(read),
        "score_of_four_s": statistics.median(scored),
        "score_share": statistics.median(scored) / statistics.median(read),
        "question_alone_s": statistics.median(alone),
        "further_question_s": statistics.median(further),
        "further_share": statistics.median(further) / statistics.median(alone),
    }


def stop_delay(model: GgufModel) -> dict[str, float]:
    def delay(messages: list[Message], after: float) -> float:
        stop, asked = threading.Event(), [0.0]

        def ask() -> None:
            asked[0] = time.perf_counter()
            stop.set()

        threading.Timer(after, ask).start()
        for _ in model.stream(messages, Sampling(max_tokens=2000), stop=stop):
            pass
        return time.perf_counter() - asked[0]

    writing = delay(WRITING, 2.0)
    reading = delay([user("Stop me. " + ARTICLE * 6)], 1.0)
    return {"while_writing_s": writing, "while_reading_s": reading, "next_words_s": first_words(model, "Hello!")}


def burn() -> None:
    while True:
        pass


def busy_rates(model: GgufModel) -> dict[str, float]:
    rates = {}
    for count in (0, 1, 2):
        burners = [multiprocessing.get_context("spawn").Process(target=burn, daemon=True) for _ in range(count)]
        for burner in burners:
            burner.start()
        time.sleep(2)
        rates[f"{count}_busy_programs_tok_s"] = stream_rate(model, [user(f"Tell story {count}.")])
        for burner in burners:
            burner.kill()
            burner.join()
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    start = time.perf_counter()
    model = load_model(given.folder, threads=given.threads)
    assert isinstance(model, GgufModel)
    result: dict[str, Any] = {
        "machine": f"{os.cpu_count()} CPUs, {psutil.virtual_memory().total / 2**30:.0f} GiB",
        "model": f"{model.name} {model.capabilities.quantization}, {model.threads} threads",
        "load_s": time.perf_counter() - start,
        "memory_after_load_mb": psutil.Process().memory_info().rss / 1e6,
    }
    if given.busy:
        result["busy"] = busy_rates(model)
    elif given.pictures:
        result["reckoned_memory_mb"] = model.capabilities.memory_bytes / 1e6
        result["pictures"] = picture_cost(model)
    else:
        result["first_words_s"] = [
            first_words(model, f"Write an article of about 300 words in paragraphs. The title is: {title}")
            for title in ("How to take good care of a pet cat", "又见敦煌", "Shanghai Travel Guide")
        ]
        stream_rate(model, WRITING)
        pairs = [(bare_rate(model, WRITING), stream_rate(model, WRITING)) for _ in range(5)]
        bare, streamed = (statistics.median(column) for column in zip(*pairs, strict=True))
        result["decode"] = {"bare_pieces_s": bare, "stream_pieces_s": streamed, "share": streamed / bare}
        result["prefix"] = prefix_gain(model)
        result["score"] = score_latency(model)
        result["two_writers"] = two_at_once(model)
        result["stop"] = stop_delay(model)
    result["memory_mb"] = psutil.Process().memory_info().rss / 1e6
    result["load_average"] = psutil.getloadavg()[0]
    if given.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        for name, value in result.items():
            print(f"{name}: {_shown(value)}")
    model.close()


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{key}={_shown(one)}" for key, one in value.items())
    if isinstance(value, list):
        return " ".join(_shown(one) for one in value)
    return (
        f"{value:.3g}"
        if isinstance(value, float) and value < 100
        else f"{value:.0f}"
        if isinstance(value, float)
        else str(value)
    )


if __name__ == "__main__":
    main()
