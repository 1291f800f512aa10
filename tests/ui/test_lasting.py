"""Work that outlives a reload: what must happen at its end, whatever goes wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import FakeGallery, FakeModel
from ui.lasting import LastingRun
from ui.session import Session
from ui.studio import Studio


class Breaking(LastingRun[str]):
    """Fails to end its work and to keep it."""

    work = "chat"

    def _begin(self) -> Iterator[str]:
        try:
            yield "one"
            yield "two"
        finally:
            raise ValueError("the engine is gone")

    def _apply(self, event: str) -> None: ...

    def _place(self) -> str | None:
        return None

    def _names(self, session: Session) -> set[str]:
        return set()

    def _give(self, before: Session, after: Session) -> None: ...

    def _close(self) -> None:
        raise OSError("the disk is gone")


def test_work_that_cannot_be_ended_keeps_nobody_waiting(tmp_path: Path) -> None:
    studio, session = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path)), Session()
    running = Breaking(studio, session)
    assert studio.line.wait(running.run.job, 1.0)
    assert next(running.events(session)) == "one"
    with pytest.raises(OSError, match="the disk is gone"):
        running.end(session)
    assert running.run.ended.is_set()
    assert (studio.line.count(), studio.lasting, session.lasting) == (0, [], {})
    studio.close()
