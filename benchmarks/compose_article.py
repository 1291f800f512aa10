"""What a whole article costs, and what sharing the article's beginning among all questions saves.

    python -m benchmarks.compose_article [--title TITLE] [--pictures 4] [--seed 5] [--model NAME_OR_FOLDER] [--json]

One run: writes and illustrates an article; prints the time to the first words, each step's seconds and the tokens. The
questions about pictures are recorded and asked again, all their tokens counted, cached or not:
so many would be computed without prefix reuse. Beside it the bare decode rate of the engine in the same run: the
article's own prompt again, nothing listening.
"""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from composer import Composer, load_model
from composer.events import ArticleReady, PictureChosen, SectionsReady, TextDelta
from composer.models import KeepsBeginnings, Message, Model, Replier, Sampling, merge_turns
from composer.pipeline import WRITING, Options
from retrieval import open_gallery


class Recorder:
    """A model that passes everything on and keeps the questions asked on top of a prefix."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.name, self.capabilities = model.name, model.capabilities
        self.asked: list[tuple[list[Message], tuple[str, ...] | Sampling]] = []
        self.written: tuple[list[Message], Sampling] | None = None

    @property
    def usage(self) -> Any:
        return self.model.usage

    def stream(self, messages: Sequence[Message], sampling: Sampling, **stop: Any) -> Iterator[str]:
        self.written = list(messages), sampling
        return self.model.stream(messages, sampling, **stop)

    def reply(self, prompts: Sequence[Sequence[Message]], sampling: Sampling, **stop: Any) -> list[str]:
        return self.model.reply(prompts, sampling, **stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        return self.model.score(messages, options)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return self.model.count_tokens(messages)

    @contextlib.contextmanager
    def prefix(self, messages: Sequence[Message]) -> Iterator[Replier]:
        with self.model.prefix(messages) as held:
            yield _Held(self, held, list(messages))

    def begin_with(self, messages: Sequence[Message]) -> None:
        if isinstance(self.model, KeepsBeginnings):
            self.model.begin_with(messages)

    def close(self) -> None:
        self.model.close()


class _Held:
    def __init__(self, recorder: Recorder, held: Replier, shared: list[Message]) -> None:
        self.recorder, self.held, self.shared = recorder, held, shared

    def stream(self, messages: Sequence[Message], sampling: Sampling, **stop: Any) -> Iterator[str]:
        return self.held.stream(messages, sampling, **stop)

    def reply(self, prompts: Sequence[Sequence[Message]], sampling: Sampling, **stop: Any) -> list[str]:
        self.recorder.asked += [(merge_turns([*self.shared, *prompt]), sampling) for prompt in prompts]
        return self.held.reply(prompts, sampling, **stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        self.recorder.asked.append((merge_turns([*self.shared, *messages]), tuple(options)))
        return self.held.score(messages, options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--title", default="How to take good care of a pet cat")
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--model", help="name or folder of a model; the embedded one if left out")
    parser.add_argument("--threads", type=int, help="of a GGUF model; chosen by what is free if left out")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    start = time.perf_counter()
    model = Recorder(load_model(arguments.model, threads=arguments.threads))
    gallery = open_gallery(None)
    gallery.search("a warm-up search")
    composer = Composer(model, gallery)
    composer.warm_up()
    loaded = time.perf_counter() - start
    options = Options(pictures=arguments.pictures, sampling=replace(WRITING, seed=arguments.seed))
    start, before = time.perf_counter(), model.usage
    first_words = written = written_at = first_picture = None
    for event in composer.compose(arguments.title, options):
        if isinstance(event, TextDelta) and first_words is None:
            first_words = time.perf_counter() - start
        elif isinstance(event, SectionsReady):
            written, written_at = model.usage, time.perf_counter()
            model.asked.clear()  # questions about headings belong to the writing
        elif isinstance(event, PictureChosen) and first_picture is None and written_at is not None:
            first_picture = time.perf_counter() - written_at
        elif isinstance(event, ArticleReady):
            report = event.report
    assert written is not None
    print(f"composed in {report.seconds['total']:.1f} s; now asking again …", file=sys.stderr, flush=True)
    questions = model.usage - written
    text = " ".join(section.text for section in composer.article)
    result = {
        "title": arguments.title,
        "model": model.name,
        "words": len(text.split()) if composer.article.language == "en" else len(text),
        "sections": len(composer.article.sections),
        "pictures": sum(1 for s in composer.article.illustrated if s.illustration and s.illustration.chosen),
        "load_seconds": round(loaded, 2),
        "first_words_seconds": round(first_words or 0.0, 2),
        "first_picture_seconds": round(first_picture or 0.0, 2),  # after the last word
        "seconds": {step: round(seconds, 2) for step, seconds in report.seconds.items()},
        "tokens": {"prefilled": report.prefilled, "reused": report.reused, "generated": report.generated},
        "question_tokens": {"prefilled": questions.prefilled, "reused": questions.reused},
        "without_reuse_prefilled": without_reuse(model.model, model.asked),
        "writing": {"tokens": (written - before).generated, "bare_tokens_a_second": bare_rate(model)},
    }
    result["ratio"] = round(questions.prefilled / max(result["without_reuse_prefilled"], 1), 3)
    if arguments.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        for key, value in result.items():
            print(f"{key:24} {value}")


def without_reuse(model: Model, asked: Sequence[tuple[list[Message], tuple[str, ...] | Sampling]]) -> int:
    """Prompt tokens that the questions have in all: computed or taken from the cache, both counted by the engine."""
    before = model.usage
    for messages, how in asked:
        if isinstance(how, Sampling):
            model.reply([messages], replace(how, max_tokens=1))
        else:
            model.score(messages, how[:1])
    cost = model.usage - before
    return cost.prefilled + cost.reused


def bare_rate(recorder: Recorder) -> float:
    """Tokens a second of the engine alone, for the article's own prompt (which is cached by then)."""
    assert recorder.written is not None
    messages, sampling = recorder.written
    before, start = recorder.usage, None
    for _ in recorder.model.stream(messages, replace(sampling, max_tokens=128)):
        start = start or time.perf_counter()
    generated = (recorder.usage - before).generated
    return round((generated - 1) / (time.perf_counter() - (start or 0.0)), 1)


if __name__ == "__main__":
    main()
