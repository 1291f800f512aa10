"""Brings a folder of pictures into a gallery: scan -> decode (processes) -> encode -> commit.

Incremental: a file whose size and time are known is not read again; a renamed one is recognised by its content; what
was deleted is dropped. Every batch is one transaction, so an ingest that is killed at any point continues where it was.
"""

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from retrieval.encoders import Encoder, Vectors, readable
from retrieval.errors import FolderEmpty, Reason
from retrieval.index import (
    Catalogue,
    KnownFile,
    assign_file,
    forget_files,
    known_files,
    note_file,
    note_unseen,
    read_file_again,
)
from retrieval.ingest.decode import Decoded, Job, file_date, picture_id
from retrieval.ingest.encoding import encode, placed_by_words
from retrieval.ingest.metadata import WORD_FIELDS, WORDS_VERSION, Metadata, caption_from_name, path_words
from retrieval.ingest.reading import Outcome, ReadingPool
from retrieval.ingest.report import IngestOptions, IngestReport, Progress
from retrieval.ingest.scan import Scan, scan_folder
from retrieval.paths import stored_path
from retrieval.records import Picture

ENCODE_EVERY = 16  # pictures, at least
COMMIT_EVERY = 64  # files; what a kill can cost


class Ingest:
    """One run over one folder. Not reusable."""

    def __init__(
        self,
        catalogue: Catalogue,
        encoder: Encoder | Callable[[], Encoder],
        thumbnails: Path,
        options: IngestOptions,
        progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> None:
        """`encoder`, or what loads it: where nothing has changed it is not needed."""
        self._catalogue, self._given, self._thumbnails, self._options = catalogue, encoder, thumbnails, options
        self._progress = progress or (lambda _: None)
        self._stop = stop or (lambda: False)
        self.report = IngestReport()
        self._again: list[Job] = []  # to be read once more, with their pixels
        self._found: dict[str, Job] = {}  # path -> file, of all under the folder
        self._following: set[str] = set()  # further files of a picture of which one says other words now
        self._same: set[str] = set()  # files that are as they were, read for their words alone

    @functools.cached_property
    def _encoder(self) -> Encoder:
        return self._given if isinstance(self._given, Encoder) else self._given()

    def run(self, root: Path) -> IngestReport:
        """Brings everything under `root` in.

        Raises FolderUnreadable, FolderEmpty, and OSError or sqlite3.Error where the disk is full.
        """
        started = time.perf_counter()
        with self._timed("scan"):
            gone = self._options.prune and not root.exists()
            found = Scan() if gone else self._scan(root)
            jobs, vanished = self._changes(root, found)
        lost = [path for path, number in vanished.items() if number is not None]
        if lost and not found.jobs and not found.by_person and not self._options.prune:
            raise FolderEmpty(place=root, count=len(lost))
        self._found = {job.path: job for job in found.jobs}
        self.report.found = len(found.jobs)
        self.report.unchanged = len(found.jobs) - len(jobs)
        self.report.skipped += found.unreadable
        self.report.add_by_rule(found.by_rule)
        with self._catalogue.transaction() as connection:
            note_unseen(connection, found.unreadable)
        self._read(jobs, vanished)
        if self._again and not self.report.stopped:
            self._read(self._again[:], vanished)
        if not self.report.stopped:
            self._drop(vanished)
            self._catalogue.set_fact(_words_fact(root), WORDS_VERSION)
        self.report.seconds["total"] = time.perf_counter() - started
        return self.report

    def _read(self, jobs: list[Job], vanished: dict[str, int | None]) -> None:
        """Reads, encodes and stores; while one batch is encoded the worker processes decode the next ones."""
        waiting: list[Decoded] = []
        encoded: list[tuple[Decoded, Vectors | None, str]] = []
        failed: list[tuple[Job, Reason]] = []
        done = 0
        for done, (job, outcome) in enumerate(self.decoded(jobs), 1):
            self._progress(Progress("read", done, len(jobs)))
            if isinstance(outcome, Decoded):
                self.report.bytes_read += outcome.bytes_read
                self._add_seconds("decode", outcome.seconds)
                waiting.append(outcome)
            elif isinstance(outcome, OSError):  # the next run tries again: permissions and disks can be mended
                unknown = replace(job, words_mtime_ns=-1) if job.path in self._same else replace(job, mtime_ns=0)
                failed.append((unknown, Reason.of(outcome)))
            else:
                failed.append((job, outcome))
            if len(waiting) >= max(self._options.batch or self._encoder.batch, ENCODE_EVERY):
                encoded += self._encoded(waiting)
                waiting = []
            if len(encoded) + len(failed) >= COMMIT_EVERY:
                self._commit(encoded, failed, vanished)
                encoded, failed = [], []
        self._commit(encoded + self._encoded(waiting), failed, vanished)
        self.report.left += len(jobs) - done

    # -- scan --------------------------------------------------------------------------------------

    def _scan(self, root: Path) -> Scan:
        return scan_folder(
            root, exclude=self._options.exclude, seen=lambda count: self._progress(Progress("scan", count, 0))
        )

    def _changes(self, root: Path, found: Scan) -> tuple[list[Job], dict[str, int | None]]:
        """Files to read, and files of the catalogue that are gone: path -> number of their picture."""
        known = known_files(self._catalogue.connection, root)
        if not known:  # all that is noted from here on is read by these readers, also where this run is ended early
            self._catalogue.set_fact(_words_fact(root), WORDS_VERSION)
        versions = (self._catalogue.fact(_words_fact(folder)) for folder in (root, *root.parents))
        if WORDS_VERSION not in versions:  # read by a program that found fewer words and knew fewer formats
            known = {path: replace(file, words_mtime_ns=-1) for path, file in known.items()}
        jobs: list[Job] = []
        for job in found.jobs:
            before = known.pop(job.path, None)
            if before is None or before != replace(_as_known(job, before.error), number=before.number):
                jobs.append(job)
                if before is not None and (before.size, before.mtime_ns) == (job.size, job.mtime_ns):
                    self._same.add(job.path)
            elif before.error:
                self.report.skipped.append((job.path, before.error))
        unseen = [path for path, _ in found.unreadable] + found.passed_by
        unknown = tuple(path.rstrip(os.sep) + os.sep for path in unseen)
        gone = {path: file.number for path, file in known.items() if not f"{path}{os.sep}".startswith(unknown or "\0")}
        return jobs, gone

    # -- decode ------------------------------------------------------------------------------------

    def decoded(self, jobs: list[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Every job with what came out of it, or the reason why nothing did, in order.

        Raises OSError where the disk is full, sqlite3.Error where the catalogue fails.
        """
        if not jobs:
            return
        options = self._options
        if options.elsewhere is not None:
            yield from options.elsewhere.read(jobs, self._encoder, self._thumbnails, options, self._stopped)
            return
        with ReadingPool(
            self._encoder.preparation,
            thumbnails=self._thumbnails,
            catalogue=self._catalogue.path,
            workers=options.workers,
            seconds_a_file=options.seconds_a_file,
        ) as pool:
            yield from pool.read(jobs, self._stopped)

    def _stopped(self) -> bool:
        self.report.stopped = self.report.stopped or self._stop()
        return self.report.stopped

    # -- encode and commit -------------------------------------------------------------------------

    def _commit(
        self,
        encoded: list[tuple[Decoded, Vectors | None, str]],
        failed: list[tuple[Job, Reason]],
        vanished: dict[str, int | None],
    ) -> None:
        if not encoded and not failed:
            return
        with self._timed("commit"), self._catalogue.transaction() as connection:
            for decoded, vectors, labels in encoded:
                self._store(decoded, vectors, labels, vanished)
            for job, reason in failed:
                self.report.skipped.append((job.path, reason))
                before = self._note_file(job, reason)
                if before is not None and (job.path in self._same or not job.mtime_ns):
                    assign_file(connection, job.path, before)  # its picture is as it was, or may be
            connection.execute("INSERT OR REPLACE INTO facts VALUES ('updated', ?)", (_now(),))

    def _encoded(self, batch: list[Decoded]) -> list[tuple[Decoded, Vectors | None, str]]:
        """Each with its vectors (None: keep what is stored) and, where an image classifier spoke, its labels."""
        started = time.perf_counter()
        new = [decoded for decoded in batch if decoded.encoded is None]
        if new:
            step = self._options.batch or self._encoder.batch
            for decoded, encoded in zip(new, encode(self._encoder, new, step), strict=True):
                decoded.encoded = encoded
        self._add_seconds("encode", time.perf_counter() - started)
        return [(decoded, *(decoded.encoded or (None, ""))) for decoded in batch]

    def _store(self, decoded: Decoded, vectors: Vectors | None, labels: str, vanished: dict[str, int | None]) -> None:
        job, words = decoded.job, decoded.words
        existing = self._catalogue.by_id(picture_id(decoded.sha256))
        before = self._note_file(job)
        if existing is None or existing.number is None:
            if vectors is None:  # it was known when it was read, and is not any more
                self._read_again(job)
                return
            number = self._catalogue.store(self._picture(decoded, labels, before), vectors, path_words(job.path))
            self.report.added += 1
        else:
            number = existing.number
            others = set(self._catalogue.paths_of(number)) - {job.path}
            moved = others <= vanished.keys() or not any(map(os.path.exists, others))
            if moved:  # a library that was renamed, or mounted elsewhere: its old paths lead nowhere
                forget_files(self._catalogue.connection, others - vanished.keys())
            if before == number:
                self.report.updated += 1
            elif moved:
                self.report.renamed += 1
            else:
                self.report.copies += 1
            if existing.edited:
                pass  # what a person wrote about it here counts more than any file
            elif not moved and others and not (before == number and self._followed(job, others)):
                self._merge(existing, words, job, vectors, others)
            else:
                if vectors is None and placed_by_words(self._encoder, existing.caption) and not existing.approximate:
                    self._read_again(job)  # its words are gone: now its pixels must place it
                else:
                    guess = labels or (Metadata.of(existing).guess() if existing.approximate else "")
                    guessed = bool(guess and not words.caption)
                    self._rewrite(existing, words.captioned(guess), job, vectors, approximate=guessed)
        assign_file(self._catalogue.connection, job.path, number)

    def _followed(self, job: Job, others: set[str]) -> bool:
        """Whether a file whose words changed can begin its picture's words anew, since its other files are read again
        after it: what it says no more is among those that are stored."""
        if job.path in self._following or not others <= self._found.keys():
            return False
        self._again += [self._found[path] for path in sorted(others - self._following)]
        self._following |= others
        return True

    def _merge(self, existing: Picture, words: Metadata, job: Job, vectors: Vectors | None, others: set[str]) -> None:
        """One more file of a picture: what somebody wrote comes before names of files and what a classifier sees."""
        known = Metadata.of(existing)
        of_tags = replace(known, caption="").captioned("").caption
        unwritten = existing.approximate or (of_tags and existing.caption == of_tags)
        weak = unwritten or any(existing.caption == caption_from_name(Path(one).stem) for one in others)
        written = words.caption and words.caption != caption_from_name(Path(job.path).stem)
        merged = words.over(known) if weak and written else known.over(words)
        if unwritten and merged.caption == known.caption:  # the other file has tags, or nothing
            merged = replace(merged, caption="").captioned(known.guess() if existing.approximate else "")
        if merged == replace(known, date=merged.date):
            return
        approximate = existing.approximate and not written
        if approximate or merged.caption == known.caption:
            vectors = None  # it stays where it is placed
        elif vectors is None and placed_by_words(self._encoder, merged.caption):
            vectors = self._encoder.encode_texts([readable(merged.caption, self._encoder.query_languages)])
        names = " ".join(path_words(one) for one in sorted({job.path, *others}))
        changed = {name: getattr(merged, name) for name in WORD_FIELDS}
        self._catalogue.rewrite(replace(existing, approximate=approximate, **changed), names, vectors)

    def _read_again(self, job: Job) -> None:
        """Has the file read once more with its pixels: in this run, or in the next where this one ends before."""
        self._again.append(replace(job, fresh=True))
        read_file_again(self._catalogue.connection, job.path)

    def _picture(self, decoded: Decoded, labels: str, before: int | None) -> Picture:
        words = decoded.words
        picture = Picture(
            id=picture_id(decoded.sha256),
            sha256=decoded.sha256,
            phash=decoded.phash,
            width=decoded.width,
            height=decoded.height,
            caption=words.captioned(labels).caption,
            tags=words.tags,
            credit=words.credit,
            licence=words.licence,
            source=words.source,
            date=words.date or file_date(decoded.job.mtime_ns),
            indexed_at=_now(),
            approximate=bool(labels and not words.caption),
        )
        if kept := self._catalogue.remembered(decoded.sha256):  # it was gone for a while
            return replace(picture, edited=True, approximate=False, **kept)  # type: ignore[arg-type]  # names of texts
        edited = self._catalogue.by_numbers([before]).get(before) if before is not None else None
        if edited is None or not edited.edited:
            return picture
        # the file was replaced by another version: what a person wrote about it stays
        return replace(picture, edited=True, approximate=False, **{n: getattr(edited, n) for n in WORD_FIELDS})

    def _rewrite(
        self, existing: Picture, words: Metadata, job: Job, vectors: Vectors | None, *, approximate: bool
    ) -> None:
        """New words and date for a picture whose file was renamed or whose words changed: what nobody says any more
        goes."""
        kept = {name: getattr(words, name) for name in WORD_FIELDS} | {"date": words.date or file_date(job.mtime_ns)}
        self._catalogue.rewrite(replace(existing, approximate=approximate, **kept), path_words(job.path), vectors)

    def _note_file(self, job: Job, error: Reason | None = None) -> int | None:
        """Notes the file as it is now; returns the number of the picture it stood for until now."""
        return note_file(self._catalogue.connection, job.path, _as_known(job, error))

    def _drop(self, vanished: dict[str, int | None]) -> None:
        with self._timed("commit"), self._catalogue.transaction() as connection:
            forget_files(connection, vanished)
            orphans = self._catalogue.without_files()
            self._catalogue.drop(orphans)
        self.report.removed = len(orphans)

    @contextlib.contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._add_seconds(stage, time.perf_counter() - started)

    def _add_seconds(self, stage: str, seconds: float) -> None:
        self.report.seconds[stage] = self.report.seconds.get(stage, 0.0) + seconds


def _words_fact(root: Path) -> str:
    """The fact of the catalogue that names the version of the readers by which a folder's words were read."""
    return f"words of {stored_path(str(root))}"


def _as_known(job: Job, error: Reason | None) -> KnownFile:
    return KnownFile(None, job.size, job.mtime_ns, job.words_mtime_ns, error)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
