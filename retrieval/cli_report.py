"""What the gallery's commands say while pictures are indexed, and when it is done."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from common.terminal import json_line, printable_line

if TYPE_CHECKING:
    from retrieval.gallery import Gallery
    from retrieval.ingest import IngestReport, Progress
    from retrieval.milvus import MilvusGallery


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
    parts = ("added", "updated", "renamed", "copies", "removed", "unchanged")
    changes = ", ".join(f"{value} {name}" for name in parts if (value := getattr(report, name)))
    if report.texts:
        changes += f"{', ' if changes else ''}{report.texts} looked at for text"
    print(
        f"{info.pictures} pictures in {printable_line(info.place)} ({changes or 'nothing new'}; "
        f"{report.seconds.get('total', 0):.1f} s, encoder {info.encoder})",
        flush=True,
    )
    for path, reason in report.skipped:
        print(printable_line(f"  left out: {path}: {reason}"), file=sys.stderr)
    if report.by_rule:
        rules = ", ".join(f"{rule} {count}" for rule, count in sorted(report.by_rule.items()))
        print(f"  left out by rule: {sum(report.by_rule.values())} ({printable_line(rules)})", file=sys.stderr)
