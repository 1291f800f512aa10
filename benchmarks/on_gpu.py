"""Everything that only a GPU can tell, in one command of at most eight minutes.

    python -m benchmarks.on_gpu [--out figures.json] [--minutes 8] [--parts decode,memory] [--goldens FOLDER]

In order of worth: goldens of the native model, decoding, pictures, composing, memory, 4 bits, loading, two shards, CLIP
in half precision, a vision-language model of transformers, the engine for such models, decoding with compiled steps.
All weights are random, of the true sizes; without a GPU (or with --size tiny) of tiny ones, which shows that the
benchmark runs and says nothing about speed. Each part has its own time limit; one that fails or hangs costs no other. A
table comes last; --out is written after every part, so that a run which is ended early leaves what it had.

--goldens: the folder that holds golden/tiny-lora and golden/tiny-nolora, all that was recorded; without it the part of
them that is in the checkout. Needs torch, transformers, accelerate, safetensors, pillow, numpy, pyyaml and
sentencepiece; the part "clip" also open_clip. Status 1 where a part failed or a figure is not as wanted.
"""

import argparse
import importlib
import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    seconds: float  # its limit
    work: str  # module:function, called with a Session; yields figures


PARTS = (
    Part("goldens", 75, "benchmarks.gpu.goldens:goldens"),
    Part("decode", 75, "benchmarks.gpu.native:decode"),
    Part("pictures", 30, "benchmarks.gpu.native:pictures"),
    Part("compose", 60, "benchmarks.gpu.native:compose"),
    Part("memory", 45, "benchmarks.gpu.native:memory"),
    Part("four bits", 60, "benchmarks.gpu.native:four_bits"),
    Part("loading", 120, "benchmarks.gpu.native:loading"),
    Part("shards", 45, "benchmarks.gpu.native:shards"),
    Part("clip", 45, "benchmarks.gpu.clip:clip"),
    Part("vlm", 90, "benchmarks.gpu.vlm:transformers_vlm"),
    Part("engine", 120, "benchmarks.gpu.engine:engine"),
    Part("compiled", 120, "benchmarks.gpu.native:compiled"),
)
PATIENCE = 4.0  # so many times the limits where nothing is measured: other programs may be at work
LEAST_SECONDS = 10.0  # a part is not begun with less time left
START_SECONDS = 60.0  # for a new process: importing torch and transformers, making the card ready


@dataclass
class Outcome:
    """What came of a part."""

    status: str = "not begun"  # "ok", "skipped", "failed", "too slow", "not begun"
    seconds: float = 0.0
    reason: str = ""
    figures: list[dict[str, Any]] = field(default_factory=list)


# -- the process that measures ---------------------------------------------------------------------------------------


def work(parts: Sequence[Part], settings: dict[str, Any], report: Connection) -> None:
    """Runs the parts one after the other. Ends with the first that fails: what it left on the card is not trusted."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # so that its own processes end with it
    from benchmarks.gpu.figures import PartSkipped, Session
    from benchmarks.xcomposer_common import machine

    session = Session(**settings)
    report.send(("machine", machine()))
    for part in parts:
        report.send(("begin", part.name))
        module, _, name = part.work.partition(":")
        print(f"-- {part.name}", flush=True)
        try:
            function: Callable[[Session], Iterable[Any]] = getattr(importlib.import_module(module), name)
            for figure in function(session):
                report.send(("figure", figure.as_dict()))
            report.send(("ok", ""))
        except PartSkipped as reason:
            report.send(("skipped", str(reason)))
        except Exception as error:  # noqa: BLE001 - whatever it is, the next parts are measured
            traceback.print_exc()
            report.send(("failed", f"{type(error).__name__}: {error}"))
            return


class Run:
    """The parts, in processes of which each goes on where the one before ended."""

    def __init__(self, parts: Sequence[Part], settings: dict[str, Any], seconds: float, out: Path | None) -> None:
        self.parts, self.settings, self.out = list(parts), settings, out
        self.outcomes = {part.name: Outcome() for part in parts}
        self.machine = ""
        self.started, self.end = time.time(), time.monotonic() + seconds
        self._process: Any = None

    def run(self) -> None:
        """Until all parts are through or the time is over."""
        try:
            waiting = self.parts
            while waiting and self._left() > LEAST_SECONDS:
                waiting = self._run_process(waiting)
        finally:
            self._kill()
            self._write()

    def _run_process(self, parts: list[Part]) -> list[Part]:
        """Parts that are still to do after one process."""
        context = multiprocessing.get_context("spawn")
        reading, writing = context.Pipe(duplex=False)
        self._process = context.Process(target=work, args=(parts, self.settings, writing))
        self._process.start()
        writing.close()
        for part in parts:
            outcome = self.outcomes[part.name]
            began = self._measure(reading, part, outcome)
            self._write()
            if outcome.status in ("failed", "too slow"):
                self._kill()
                return parts[parts.index(part) + (1 if began else len(parts)) :]
        self._process.join(5)
        return []

    def _measure(self, reading: Connection, part: Part, outcome: Outcome) -> bool:
        """Hears what the process says until the part is done. False where it was not begun."""
        kind, value = self._next(reading, time.monotonic() + START_SECONDS)
        if kind == "machine":
            self.machine = value
            kind, value = self._next(reading, time.monotonic() + START_SECONDS)
        began = kind == "begin"
        if began:
            patience = PATIENCE if self.settings["size"] == "tiny" else 1.0
            start, limit = time.monotonic(), min(part.seconds * patience, self._left())
            print(f"{part.name}: at most {limit:.0f} s", file=sys.stderr, flush=True)
            while (said := self._next(reading, start + limit))[0] == "figure":
                outcome.figures.append(said[1])
            kind, value = said
            outcome.seconds = round(time.monotonic() - start, 1)
        outcome.status, outcome.reason = kind, value
        return began

    def _next(self, reading: Connection, limit: float) -> tuple[str, Any]:
        """What the process says next, or that it is too slow or ended."""
        try:
            if reading.poll(max(0.0, min(limit, self.end) - time.monotonic())):
                said: tuple[str, Any] = reading.recv()
                return said
        except EOFError:
            self._process.join(5)
            return "failed", f"its process ended with status {self._process.exitcode}"
        return "too slow", "its time was over"

    def _left(self) -> float:
        return self.end - time.monotonic()

    def _kill(self) -> None:
        """Ends the process and its own."""
        process, self._process = self._process, None
        if process is None:
            return
        if hasattr(os, "killpg"):
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):  # it ended, or has no group of its own yet
                process.kill()
        else:
            process.kill()
        process.join(10)

    def result(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "machine": self.machine,
            **{name: str(value) for name, value in self.settings.items() if value is not None},
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.started)),
            "seconds": round(time.time() - self.started, 1),
            "parts": {name: vars(outcome) for name, outcome in self.outcomes.items()},
        }

    def _write(self) -> None:
        if self.out is not None:
            part = self.out.with_name(self.out.name + ".part")
            part.write_text(json.dumps(self.result(), ensure_ascii=False, indent=1) + "\n", "utf-8")
            part.replace(self.out)

    @property
    def good(self) -> bool:
        done = all(outcome.status in ("ok", "skipped") for outcome in self.outcomes.values())
        return done and all(f["met"] is not False for o in self.outcomes.values() for f in o.figures)


# -- what is printed -------------------------------------------------------------------------------------------------


def table(run: Run) -> str:
    """One line a figure: part, what, value, what is wanted, whether it is so."""
    from benchmarks.gpu.figures import Figure

    lines = [f"{run.machine or 'no process came up'}; {run.settings['size']}, {run.settings['dtype']}"]
    for name, outcome in run.outcomes.items():
        if outcome.status != "ok":
            lines.append(f"{name:10} {outcome.status.upper()} {outcome.reason}"[:200].rstrip())
        for each in outcome.figures:
            figure = Figure(**{key: value for key, value in each.items() if key != "met"})
            mark = {None: "", True: "yes", False: "NO"}[figure.met]
            value = f"{figure.value:.4g}" if abs(figure.value) < 1000 else f"{figure.value:,.0f}"
            lines.append(f"{name:10} {figure.what:66} {value:>9} {figure.unit:5} {figure.wanted:14} {mark}".rstrip())
    return "\n".join(lines)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("7b", "tiny"), help="default: 7b with a GPU, else tiny")
    parser.add_argument("--dtype", choices=("float16", "bfloat16"), default="float16")
    parser.add_argument("--out", type=Path, help="file for all figures, JSON")
    parser.add_argument("--minutes", type=float, default=8.0, help="for everything")
    parser.add_argument("--parts", help=f"of these, by commas: {', '.join(part.name for part in PARTS)}")
    parser.add_argument("--goldens", type=Path, help="folder with golden/tiny-lora and golden/tiny-nolora")
    options = parser.parse_args(given)
    names = [name.strip() for name in options.parts.split(",")] if options.parts else [part.name for part in PARTS]
    known = {part.name for part in PARTS}
    for name in names:
        if name not in known:
            parser.error(f"there is no part '{name}'; there are: {', '.join(part.name for part in PARTS)}")
    if options.goldens is not None and not (options.goldens / "golden").is_dir():
        parser.error(f"'{options.goldens}' holds no folder 'golden'")
    options.parts = [part for part in PARTS if part.name in names]
    return options


def stopped(*_: object) -> NoReturn:
    sys.exit(143)


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    signal.signal(signal.SIGTERM, stopped)  # so that the process that measures ends too, and the table is printed
    if options.size is None:
        import torch

        options.size = "7b" if torch.cuda.is_available() else "tiny"
    settings = {"size": options.size, "dtype": options.dtype, "goldens": options.goldens}
    run = Run(options.parts, settings, options.minutes * 60, options.out)
    try:
        run.run()
    finally:
        print(table(run), flush=True)
    return 0 if run.good else 1


if __name__ == "__main__":
    sys.exit(main())
