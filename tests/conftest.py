"""What all tests share: the real embedded model, loaded once."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from common.folders import DATA_VARIABLE
from retrieval.errors import EncoderUnavailable

if TYPE_CHECKING:
    from composer.models.gguf.model import GgufModel

# Threads that wait for each other by spinning: two of them beside another process of tests are slower than one.
BESIDE_OTHERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1
MODEL_THREADS = 1 if BESIDE_OTHERS else None  # of the embedded model; None: what is free
if BESIDE_OTHERS:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch, FAISS and numpy read it when they are first imported


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Among several processes (`-n 2`) a file stays whole, for its fixtures, and files with tests that use the embedded
    model stay together: it is in memory once, and two of them do not fight for the processor."""
    from xdist.scheduler import LoadFileScheduling

    class RealTogether(LoadFileScheduling):  # type: ignore[misc]  # optional package
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return "real" if "mark.real" in (config.rootpath / file).read_text(encoding="utf-8") else file

    return RealTogether(config, log)


@pytest.fixture(scope="session")
def embedded_model() -> "Iterator[GgufModel]":
    """The embedded language model. Skips, with the way to get it, where its packages are not installed."""
    from composer.models import embedded
    from composer.models.gguf.model import GgufModel

    if not embedded.is_ready() and not embedded.EMBEDDED.path.is_file() and embedded.EMBEDDED.missing_parts():
        pytest.skip(f"the embedded model is not installed: {embedded.PIP_COMMAND}")
    model = GgufModel(embedded.model_file(download=False), name=embedded.NAME, threads=MODEL_THREADS)
    yield model
    model.close()


@pytest.fixture(scope="session", autouse=True)
def own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes among the drafts of the person who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_VARIABLE, str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(autouse=True)
def words_alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of logic judge pictures without the text encoder, which loads for seconds; those marked real use it."""
    if request.node.get_closest_marker("real") is None:
        monkeypatch.setattr("composer.illustrating.evidence.shared_text_encoder", _no_encoder)


def _no_encoder() -> None:
    raise EncoderUnavailable(name="none", reason="left out in tests of logic")
