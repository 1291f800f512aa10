"""How an ingest is asked for, where it is, and what it did. Values only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from retrieval.errors import Reason

if TYPE_CHECKING:
    from retrieval.encoders import Encoder
    from retrieval.ingest.decode import Job
    from retrieval.ingest.reading import Outcome

SECONDS_A_FILE = 30.0


@dataclass(slots=True)
class Progress:
    """Where an ingest is."""

    stage: str  # "scan", "read" or "text"
    done: int
    total: int  # 0 while it is not known


@dataclass(slots=True)
class IngestReport:
    """What an ingest did. Counts are of files."""

    found: int = 0
    unchanged: int = 0
    added: int = 0
    renamed: int = 0
    copies: int = 0  # the same content under another name: no second picture
    updated: int = 0  # its words changed
    removed: int = 0
    left: int = 0  # still to be read, of a run that was stopped
    texts: int = 0  # pictures that were looked at for text
    skipped: list[tuple[str, Reason]] = field(default_factory=list)  # (path, reason)
    by_rule: dict[str, int] = field(default_factory=dict)  # rule -> pictures and folders that were not looked at
    bytes_read: int = 0
    seconds: dict[str, float] = field(default_factory=dict)  # stage -> s; decode: summed over the workers
    stopped: bool = False

    def merge(self, other: "IngestReport") -> None:
        for name in ("found", "unchanged", "added", "renamed", "copies", "updated", "removed", "left", "texts"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.bytes_read += other.bytes_read
        self.skipped += other.skipped
        self.add_by_rule(other.by_rule)
        for stage, value in other.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + value
        self.stopped |= other.stopped

    def add_by_rule(self, counts: Mapping[str, int]) -> None:
        for rule, count in counts.items():
            self.by_rule[rule] = self.by_rule.get(rule, 0) + count


class ReadsElsewhere(Protocol):
    """Reads and encodes files on other machines, or in another way."""

    def read(
        self,
        jobs: "Sequence[Job]",
        encoder: "Encoder",
        thumbnails: Path,
        options: "IngestOptions",
        stop: Callable[[], bool],
    ) -> "Iterator[tuple[Job, Outcome]]":
        """Every job with what came out of it, in order, with `Decoded.encoded` set and thumbnails written to the folder
        `thumbnails`. `encoder`: the gallery's, which the vectors must agree with. `stop()` is asked between files.
        Raises RetrievalError."""
        ...


@dataclass(frozen=True, slots=True)
class IngestOptions:
    workers: int = 0  # decoding processes; 0: as many as cores, at most 8
    seconds_a_file: float = SECONDS_A_FILE
    batch: int = 0  # pictures encoded at once; 0: the encoder's own
    prune: bool = False  # drop all pictures of a folder that is empty now, or gone
    read_text: bool | None = None  # from now on, or no more; None: as the gallery has it
    exclude: tuple[str, ...] = ()  # what not to look at, as in .gitignore
    elsewhere: ReadsElsewhere | None = None  # None: files are read by processes of this machine
