"""What a model on a server costs beside bare requests: python -m benchmarks.models.endpoint [--tiny] [--rounds N]

The embedded model runs in llama.cpp's own server on loopback; with `--tiny` a random one of a few thousand weights, so
that nearly all of a request's time is the sending. The same requests are sent bare (httpx, one connection
kept open) and through `EndpointModel`, by turns; the figures are medians, and of the differences of neighbours:

* counting the tokens of a prompt, which costs the server next to nothing: what our side of a request takes
* one token of a prompt that is in the server's cache, and two answers compared (`score`)
* a streamed reply of 16 tokens: until its first piece and its last
* four short replies one after the other and together
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

from composer.models import Sampling, embedded, system, user
from composer.models.endpoint import EndpointModel
from composer.models.gguf import GgufModel

QUESTION = [system("Be brief."), user("Is snow white? Answer Yes or No.")]
LONGER = [system("Be brief."), user("Tell me about the octopus in three sentences.")]
TOKENS = 16


def by_turns(bare: Callable[[], Any], ours: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Medians in ms, and that of the differences between a call of ours and the bare one before it."""
    times: list[tuple[float, float]] = []
    for work in (bare, ours):
        work()  # what is computed once is in the cache
    for _round in range(rounds):
        pair = []
        for work in (bare, ours):
            start = time.perf_counter()
            work()
            pair.append(1000 * (time.perf_counter() - start))
        times.append((pair[0], pair[1]))
    return {
        "bare ms": round(statistics.median(first for first, _second in times), 2),
        "ours ms": round(statistics.median(second for _first, second in times), 2),
        "overhead ms": round(statistics.median(second - first for first, second in times), 2),
    }


def measure(address: str, key: Path, rounds: int) -> dict[str, Any]:
    start = time.perf_counter()
    model = EndpointModel(address, api_key_file=key)
    loading = 1000 * (time.perf_counter() - start)
    headers = {"Authorization": f"Bearer {key.read_text()}"}
    with httpx.Client(base_url=f"{address}/v1", headers=headers, timeout=60) as http:

        def posted(path: str, body: dict[str, Any]) -> Callable[[], Any]:
            return lambda: http.post(path, json=body).raise_for_status().json()

        def streamed(body: dict[str, Any], first: bool) -> Callable[[], Any]:
            def call() -> None:
                with http.stream("POST", "/chat/completions", json={**body, "stream": True}) as response:
                    for line in response.iter_lines():
                        if first and '"content":"' in line:
                            return

            return call

        def first_piece() -> None:
            pieces = model.stream(LONGER, Sampling(max_tokens=TOKENS))
            next(pieces)
            pieces.close()  # type: ignore[attr-defined]  # a generator

        chat = model._chat
        one, long = chat.body(QUESTION, Sampling(1)), chat.body(LONGER, Sampling(max_tokens=TOKENS))
        messages = {"messages": one["messages"]}
        logprobs = {**one, **chat.dialect.logprob_fields}
        long = {**long, "stream_options": {"include_usage": True}}
        figures: dict[str, Any] = {
            "found out ms": round(loading, 1),
            "counting tokens": by_turns(
                posted("/chat/completions/input_tokens", messages), lambda: model.count_tokens(QUESTION), rounds * 4
            ),
            "one token": by_turns(
                posted("/chat/completions", one), lambda: model.reply([QUESTION], Sampling(1)), rounds
            ),
            "score": by_turns(
                posted("/chat/completions", logprobs), lambda: model.score(QUESTION, ["Yes", "No"]), rounds
            ),
            "first piece": by_turns(streamed(long, True), first_piece, rounds),
            f"{TOKENS} tokens streamed": by_turns(
                streamed(long, False), lambda: list(model.stream(LONGER, Sampling(max_tokens=TOKENS))), rounds // 4
            ),
        }
    prompts = [[user(f"Name one thing that is {colour}.")] for colour in ("red", "green", "blue", "white")]
    together = by_turns(
        lambda: [model.reply([prompt], Sampling(max_tokens=8)) for prompt in prompts],
        lambda: model.reply(prompts, Sampling(max_tokens=8)),
        max(2, rounds // 10),
    )
    figures["four replies"] = {"one by one ms": together["bare ms"], "together ms": together["ours ms"]}
    model.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40, help="pairs of requests (40)")
    parser.add_argument("--tiny", action="store_true", help="a model that computes nothing worth measuring")
    parser.add_argument("--threads", type=int, help="of the embedded model; chosen by what is free if left out")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.tiny:
            from tests.composer.models.tiny_eyes import make_model, write_files

            file = write_files(make_model(), folder)[0]
        else:
            file = embedded.model_file()
        local, key = GgufModel(file, threads=asked.threads), folder / "key"
        engine = local._engine
        key.write_text(engine._key)
        figures = measure(f"http://{engine._host}:{engine._port}", key, asked.rounds)
        local.close()
    figures["load of the machine"] = round(psutil.getloadavg()[0], 1)
    print(json.dumps(figures) if asked.json else json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
