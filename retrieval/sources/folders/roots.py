"""Which folders of this machine are read for the places that a person named: they themselves, or copies."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from retrieval.ingest import IngestReport, Progress
from retrieval.sources.folders.copies import copy_folder, copy_place
from retrieval.sources.folders.opening import is_address, open_folder

Shows = Callable[[str], AbstractContextManager[Callable[[Progress], None]]]  # from a title to a line of progress


def split(places: Sequence[str]) -> tuple[list[Path], list[str]]:
    """(folders of this machine, addresses)."""
    here = [Path(place).expanduser().resolve() for place in places if not is_address(place)]
    return here, [place for place in places if is_address(place)]


def copied_roots(
    addresses: Sequence[str], place: Path, report: IngestReport, stop: Callable[[], bool], shows: Shows, *, prune: bool
) -> Iterator[Path]:
    """The copy of each address below `place`, once it is up to date. What was left out is added to the report.

    Raises as `open_folder` and `copy_folder`.
    """
    for address in addresses:
        if stop():
            return
        root = copy_place(place, address)
        with shows(address) as progress:

            def show(done: int, total: int, progress: Callable[[Progress], None] = progress) -> None:
                progress(Progress("fetch", done, total))

            copied = copy_folder(open_folder(address), root, progress=show, stop=stop, prune=prune)
        report.skipped += [(f"{address.rstrip('/')}/{name}", reason) for name, reason in copied.skipped]
        report.stopped |= copied.stopped
        yield root
