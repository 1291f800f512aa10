"""What runs on the cluster's machines: an actor that reads files, and one that encodes what was read.

Values travel between them as pickles made by this program, in one column of bytes: (job, what came out of it).
"""

import pickle
import platform
from typing import TYPE_CHECKING, Any

from common.errors import ReadableError
from retrieval.encoders import Preparation, load_encoder
from retrieval.errors import WrongEncoder
from retrieval.ingest.decode import Decoded
from retrieval.ingest.encoding import encode
from retrieval.ingest.reading import ReadingPool

if TYPE_CHECKING:
    import pyarrow

COLUMN = "file"


class Reading:
    """Reads files in processes of its own, with the limits that hold on one machine."""

    def __init__(self, preparation: Preparation, processes: int, seconds_a_file: float) -> None:
        self._pool = ReadingPool(
            preparation, thumbnails=None, catalogue=None, workers=processes, seconds_a_file=seconds_a_file
        )

    def __call__(self, batch: "pyarrow.Table") -> "pyarrow.Table":
        """Jobs -> (job, outcome)."""
        return packed(self._pool.read(unpacked(batch)))

    def close(self) -> None:
        """Ends its processes; an actor's end with it."""
        self._pool.close()


class Encoding:
    """Encodes what was read, on this actor's card where it has one."""

    def __init__(self, name: str, identity: dict[str, str], step: int) -> None:
        """identity: that of the gallery's encoder."""
        self._step = step
        self._error: ReadableError | None = None
        try:
            self._encoder = load_encoder(name)
            self._check(identity)
        except ReadableError as error:  # sent as a value: what Ray raises there arrives as a text
            self._error = error

    def _check(self, identity: dict[str, str]) -> None:
        own = self._encoder.identity
        if differing := [key for key in identity if identity[key] != own.get(key)]:
            raise WrongEncoder(
                place=platform.node(),
                stored=identity.get("name", ""),
                given=self._encoder.name,
                difference=", ".join(differing),
            )

    def __call__(self, batch: "pyarrow.Table") -> "pyarrow.Table":
        """(job, outcome) -> the same with vectors instead of pixels; or the error that hinders it."""
        if self._error is not None:
            return packed([self._error])
        files = unpacked(batch)
        read = [outcome for _, outcome in files if isinstance(outcome, Decoded)]
        for decoded, encoded in zip(read, encode(self._encoder, read, self._step), strict=True):
            decoded.encoded, decoded.pixels = encoded, None
        return packed(files)


def packed(values: Any) -> "pyarrow.Table":
    """A table with one row a value."""
    import pyarrow

    rows = [pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL) for value in values]
    return pyarrow.table({COLUMN: pyarrow.array(rows, pyarrow.large_binary())})


def unpacked(batch: "pyarrow.Table") -> list[Any]:
    """The values of such a table."""
    return [pickle.loads(row) for row in batch[COLUMN].to_pylist()]
