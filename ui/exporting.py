"""An export that is watched: made beside the one who waits for it, who hears how far it is and can end it."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from composer.article import Article, Candidate
from composer.exporting import rendered

_BEAT = 0.5  # seconds after which the one who waits is asked whether they are still there


def export_steps(
    article: Article, format: str, stop: threading.Event, *, made_by: bool = False
) -> Iterator[float | bytes]:
    """The share that is done, 0 to 1, as it grows and at least every half second; at last the content of the file.

    JSON names its pictures by id, not where they lie on this machine. Setting `stop` or closing the iterator ends the
    export. Raises what `rendered` raises.
    """
    if format == "json":
        article = _without_paths(article)
    steps: queue.SimpleQueue[float | bytes | BaseException] = queue.SimpleQueue()

    def work() -> None:
        try:
            steps.put(rendered(article, format, made_by=made_by, progress=steps.put, stop=stop))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            steps.put(error)

    threading.Thread(target=work, name="export", daemon=True).start()
    share = 0.0
    try:
        while True:
            try:
                step = steps.get(timeout=_BEAT)
            except queue.Empty:
                yield share
                continue
            if isinstance(step, BaseException):
                raise step
            yield step
            if isinstance(step, bytes):
                return
            share = step
    finally:
        stop.set()


def _without_paths(article: Article) -> Article:
    def named(candidate: Candidate) -> Candidate:
        return replace(candidate, path=Path(candidate.path).name)

    sections = []
    for section in article:
        picture = section.illustration
        if picture is not None:
            offered = tuple(named(candidate) for candidate in picture.candidates)
            picture = replace(picture, chosen=picture.chosen and named(picture.chosen), candidates=offered)
        sections.append(replace(section, illustration=picture))
    return replace(article, sections=tuple(sections))
