"""What the gallery's commands say: while pictures are indexed, when it is done, and where it cannot be done."""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, NoReturn

from common.errors import ReadableError
from common.messages import Text, _, _n
from common.terminal import json_line, make_output_safe, printable_line, terminal_language
from retrieval.errors import Reason, RetrievalError

if TYPE_CHECKING:
    from retrieval.gallery import Gallery
    from retrieval.ingest import IngestReport, Progress
    from retrieval.milvus import MilvusGallery


PROGRAM = "python -m retrieval"  # as hints name it, unless another command holds these


@contextmanager
def readable_errors(program: str = PROGRAM) -> "Iterator[None]":
    """Ends the program with status 2 and one sentence for a problem that a person can solve. `program`: what was
    typed before the name of the command; sentences that suggest another command begin with it."""
    make_output_safe()
    try:
        yield
    except ReadableError as error:
        _fail(error)
    except sqlite3.DatabaseError as error:
        way_out = f"{program} repair --gallery …"
        reason = _(
            "The gallery's catalogue cannot be read ({error}). Mend it with: {way_out}", error=error, way_out=way_out
        )
        _fail(RetrievalError(reason))
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:  # a place that cannot be written, no room, too many folders to watch
        _fail(RetrievalError(reason=str(error)))


def _fail(error: ReadableError) -> NoReturn:
    print(printable_line(error.text(terminal_language())), file=sys.stderr)
    sys.exit(2)


@contextmanager
def progress_bar(title: str) -> "Iterator[Callable[[Progress], None]]":
    """A progress line on stderr; silent where that is no terminal."""
    from rich import progress as rich_progress
    from rich.console import Console

    console = Console(stderr=True)
    title = printable_line(title)
    columns = (
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def show(progress: "Progress") -> None:
            bar.update(
                task, completed=progress.done, total=progress.total or None, description=f"{progress.stage} {title}"
            )

        yield show


def report_ingest(report: "IngestReport", gallery: "Gallery | MilvusGallery", as_json: bool) -> None:
    info = gallery.info()
    if as_json:
        skipped = [{"path": path, "reason": reason} for path, reason in report.skipped]
        facts = asdict(report) | {"skipped": skipped, "pictures": info.pictures, "encoder": info.encoder}
        print(json_line(facts), flush=True)
        return
    language = terminal_language()
    nothing = _("stopped before the first was read") if report.stopped else _("nothing new")
    said = _n(
        "{count} picture in {place} ({changes}; {seconds:.1f} s, encoder {encoder})",
        "{count} pictures in {place} ({changes}; {seconds:.1f} s, encoder {encoder})",
        count=info.pictures,
        place=printable_line(info.place),
        changes=list(_changes(report)) or nothing,
        seconds=report.seconds.get("total", 0),
        encoder=info.encoder,
    )
    print(said.text(language), flush=True)
    report_left_out(report.skipped)
    if report.by_rule:
        rules = ", ".join(f"{rule} {count}" for rule, count in sorted(report.by_rule.items()))
        total = sum(report.by_rule.values())
        by_rule = _("left out by rule: {count} ({rules})", count=total, rules=printable_line(rules))
        print(f"  {by_rule.text(language)}", file=sys.stderr)


def _changes(report: "IngestReport") -> Iterator[Text]:
    """What was done, in numbers that are not zero."""
    counted = (
        _n("{count} added", "{count} added", count=report.added),
        _n("{count} updated", "{count} updated", count=report.updated),
        _n("{count} renamed", "{count} renamed", count=report.renamed),
        _n("{count} copy", "{count} copies", count=report.copies),
        _n("{count} removed", "{count} removed", count=report.removed),
        _n("{count} unchanged", "{count} unchanged", count=report.unchanged),
        _n("{count} looked at for text", "{count} looked at for text", count=report.texts),
        _n("{count} still to be read", "{count} still to be read", count=report.left),
    )
    yield from (text for text in counted if text.values["count"])


def report_left_out(skipped: Sequence[tuple[str, Reason]]) -> None:
    """Files that were not taken, each with the reason."""
    for path, reason in skipped:
        line = _("left out: {path}: {reason}", path=path, reason=reason)
        print(printable_line(f"  {line.text(terminal_language())}"), file=sys.stderr)
