"""RayReader: joins a cluster, lays out the two stages on its machines, and hands on what comes, in order."""

import contextlib
import logging
import math
import os
import pickle
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import ReadableError
from common.messages import _
from retrieval.encoders import Encoder
from retrieval.errors import RetrievalError
from retrieval.ingest.cluster.stages import COLUMN, Encoding, Reading
from retrieval.ingest.decode import Decoded, Job, save_thumbnail
from retrieval.ingest.reading import Outcome
from retrieval.ingest.report import IngestOptions

log = logging.getLogger(__name__)

AUTO = "auto"  # the cluster that this machine belongs to, else this machine alone
ANSWER_SECONDS = 5.0
# nothing of a person's work is told to others, and errors are told by sentences
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal", "GRPC_VERBOSITY": "ERROR"}
FILES_A_TASK = 64  # read by one actor at a time
GPU_BATCH = 256  # pictures that one card encodes at once
_ADDRESS = re.compile(r"(?:ray://)?(?P<name>[^\s/:]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Layout:
    """How many actors, each with one CPU, and the second kind with a card where there are any."""

    reading: int
    encoding: int
    cards: bool

    @classmethod
    def of(cls, resources: dict[str, float]) -> "Layout":
        """For a cluster with these resources, as Ray counts them. Raises RetrievalError where there are too few."""
        cpus, cards = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
        if cpus < 2:
            raise RetrievalError(
                _("The Ray cluster has {count} CPUs; at least 2 are needed, for reading and for encoding.", count=cpus)
            )
        encoding = min(cards, cpus - 1) if cards else cpus // 2
        return cls(reading=cpus - encoding, encoding=encoding, cards=bool(cards))


class RayReader:
    """Reads and encodes on a Ray cluster; a ReadsElsewhere of retrieval.ingest.

    address: "auto", "host:6379" or "ray://host:10001". Every machine needs this program, the encoder's weights and the
    pictures under the same paths. Raises RetrievalError where Ray is not installed.
    """

    def __init__(self, address: str = AUTO) -> None:
        self.address = address
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)  # read when the libraries are loaded
        try:
            import ray.data  # noqa: F401
        except ImportError as error:
            raise RetrievalError(
                _("Working on a Ray cluster needs the package ray ({error}): pip install 'ray[data]'", error=error)
            ) from error

    def read(
        self,
        jobs: Sequence[Job],
        encoder: Encoder,
        thumbnails: Path,
        options: IngestOptions,
        stop: Callable[[], bool],
    ) -> Iterator[tuple[Job, Outcome]]:
        """See ReadsElsewhere."""
        with self._joined() as ray, _readable_errors(ray):
            layout = Layout.of(ray.cluster_resources())
            rows = self._stages(ray, jobs, encoder, options, layout).iter_rows()
            for row in rows:
                if stop():
                    return
                value = pickle.loads(row[COLUMN])
                if isinstance(value, ReadableError):
                    raise value
                job, outcome = value
                if isinstance(outcome, Decoded):
                    save_thumbnail(outcome.thumbnail, thumbnails, outcome.sha256)
                    outcome.thumbnail = b""
                yield job, outcome

    def _stages(self, ray: Any, jobs: Sequence[Job], encoder: Encoder, options: IngestOptions, layout: Layout) -> Any:
        """The dataset of (job, outcome), which is computed while it is read."""
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what goes wrong is told by the error
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True  # of two copies the first is the picture
        context.enable_progress_bars = False
        step = options.batch or (GPU_BATCH if layout.cards else encoder.batch)
        name = getattr(encoder, "spec", encoder.name)
        files = [{COLUMN: pickle.dumps(job)} for job in jobs]
        return (
            ray.data.from_items(files, override_num_blocks=math.ceil(len(files) / FILES_A_TASK))
            .map_batches(
                Reading,
                fn_constructor_args=(encoder.preparation, options.workers or 1, options.seconds_a_file),
                batch_format="pyarrow",
                batch_size=FILES_A_TASK,
                num_cpus=1,
                concurrency=(1, layout.reading),
            )
            .map_batches(
                Encoding,
                fn_constructor_args=(name, encoder.identity, step),
                batch_format="pyarrow",
                batch_size=max(step, FILES_A_TASK),
                num_cpus=1,
                num_gpus=1 if layout.cards else 0,
                concurrency=(1, layout.encoding),
            )
        )

    @contextlib.contextmanager
    def _joined(self) -> Iterator[Any]:
        """The module ray, connected; the connection ends with the context unless it was there before."""
        import ray

        if ray.is_initialized():
            yield ray
            return
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            if host := _ADDRESS.fullmatch(self.address):
                # Ray itself would wait for minutes, whatever is wrong with the address
                socket.create_connection((host["name"].strip("[]"), int(host["port"])), ANSWER_SECONDS).close()
            elif self.address != AUTO:
                raise ValueError("it is no address")
            try:
                ray.init(self.address, **quiet)
            except ConnectionError:
                if self.address != AUTO:
                    raise
                ray.init("local", include_dashboard=False, **quiet)
        except (ray.exceptions.RayError, ValueError, RuntimeError, OSError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise RetrievalError(
                _(
                    "No Ray cluster answers at '{address}' ({reason}). An address is host:6379 or ray://host:10001; "
                    "'auto' takes the cluster of this machine, or this machine alone.",
                    address=self.address,
                    reason=reason,
                )
            ) from error
        try:
            yield ray
        finally:
            ray.shutdown()


@contextlib.contextmanager
def _readable_errors(ray: Any) -> Iterator[None]:
    """An error of the cluster as a sentence."""
    try:
        yield
    except ray.exceptions.RayError as error:
        raise RetrievalError(
            _(
                "The work on the Ray cluster ended: {reason} What was read is kept; index again to go on.",
                reason=(str(error).strip().splitlines() or [type(error).__name__])[-1],
            )
        ) from error
