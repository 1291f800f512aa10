"""Reads the text in a gallery's pictures, after they were indexed: one at a time, in a process of its own.

Each picture is one transaction: what was read is found at once, and a run that is killed goes on where it was.
"""

import hashlib
import io
import logging
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import ReadableError
from common.messages import _
from retrieval.errors import RetrievalError
from retrieval.index import Catalogue, store_text, unread
from retrieval.ingest.report import IngestOptions, IngestReport, Progress
from retrieval.pictures import MAX_BYTES, TEXT_SIDE, TextReader, load_picture

if TYPE_CHECKING:
    from pebble import ProcessFuture

log = logging.getLogger(__name__)

READ_TEXT = "read_text"  # the gallery's fact: "yes" where the text in its pictures is read
SECONDS_A_PICTURE = 60.0  # of reading; a picture full of small print takes about ten
MAX_TEXT = 4000  # characters kept of a picture: about a page of print

_reader: TextReader | None = None


def check_text_reader() -> None:
    """Raises RetrievalError where text in pictures cannot be read on this machine."""
    try:
        TextReader()
    except ImportError as error:  # raised too where a library of the system is missing
        raise RetrievalError(
            _(
                "Text in pictures cannot be read: {reason}. Install the reader with: pip install rapidocr onnxruntime",
                reason=str(error),
            )
        ) from error


def read_texts(
    catalogue: Catalogue,
    options: IngestOptions,
    report: IngestReport,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> None:
    """Reads the pictures that were not looked at yet, where the gallery was asked to, by these options or before.

    Files that cannot be read now are tried again the next time. Adds to `report` how many were read. `stop()` is asked
    between pictures.
    """
    if options.read_text is not None:
        catalogue.set_fact(READ_TEXT, "yes" if options.read_text else "no")
    wanted = catalogue.fact(READ_TEXT) == "yes" and not report.stopped
    if not wanted or not (waiting := unread(catalogue.connection)):
        return
    from pebble import ProcessPool

    with ProcessPool(max_workers=1, context=multiprocessing.get_context("spawn"), initializer=_start) as pool:
        for done, (number, sha256) in enumerate(waiting, 1):
            if stop is not None and stop():
                report.stopped = True
                return
            try:
                paths = catalogue.paths_of(number)
                outcome = _outcome(pool.schedule(_text_of, [paths, sha256], timeout=SECONDS_A_PICTURE))
            except ImportError as error:
                log.warning("Text in pictures is not read: %s", error)
                return
            if outcome is not None:
                with catalogue.transaction() as connection:
                    store_text(connection, number, *outcome)
                report.texts += 1
            if progress is not None:
                progress(Progress("text", done, len(waiting)))


def _start() -> None:
    os.nice(10) if hasattr(os, "nice") else None  # the page and the language model come first


def _text_of(paths: list[str], sha256: str) -> str | None:
    """The text in the picture of that content; None where no file has it any more."""
    global _reader
    _reader = _reader or TextReader()
    for path in map(Path, paths):
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError:
            continue
        if hashlib.sha256(data).hexdigest() == sha256:
            source = io.BytesIO(data)
            source.name = path.name  # its kind
            return "\n".join(_reader.lines(load_picture(source, enough=TEXT_SIDE)))[:MAX_TEXT]
    return None


def _outcome(future: "ProcessFuture[str | None]") -> tuple[str, str] | None:
    """(text, reason why there is none); None where the picture should be tried again. Raises ImportError."""
    from pebble import ProcessExpired

    try:
        text = future.result()
    except ImportError:
        raise
    except ReadableError as error:
        return "", error.text()
    except FutureTimeout:
        return "", f"reading its text took longer than {SECONDS_A_PICTURE:g} s"
    except ProcessExpired:
        return "", "reading its text ended the reading process"
    except OSError:
        return None
    except Exception as error:  # noqa: BLE001 - one strange picture must not end the reading of all others
        return "", f"reading its text failed ({type(error).__name__}: {error})"
    return None if text is None else (text, "")
