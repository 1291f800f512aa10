"""Two people at the embedded model: an answer begins while another person's article is being written."""

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes import FakeGallery
from ui.chat.answering import stream_answer
from ui.session import Question, Session
from ui.studio import Studio
from ui.write.running import run_messages

if TYPE_CHECKING:
    from composer.models.gguf.model import GgufModel

pytestmark = pytest.mark.real
SOON = 12.0  # seconds; the article takes half a minute and more, 2 s were measured (benchmarks.page.sharing)


def test_an_answer_begins_while_an_article_is_written(
    embedded_model: "GgufModel", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_model, "close", lambda: None)  # other tests go on with it
    studio = Studio(lambda progress: embedded_model, lambda: FakeGallery(tmp_path))
    studio.start()
    assert studio.model_settled.wait(60)
    assert studio.gallery_settled.wait(60)
    writer, reader = Session(), Session()

    def written(run: Any) -> Any:
        return studio.composer(run.job).compose("A long history of the lighthouse", stop=run.stop)

    article = threading.Thread(target=lambda: list(run_messages(studio, writer, written)), daemon=True)
    article.start()
    deadline = time.monotonic() + 60
    while not writer.article.sections and time.monotonic() < deadline:
        time.sleep(0.05)
    assert writer.article.sections
    reader.question = Question("What do cats eat? Answer in one sentence.")
    began = time.monotonic()
    answer = stream_answer(studio, reader)
    for _shown in answer:
        if reader.talk.tree.exchanges and reader.talk.tree.exchanges[-1].answer:
            break
    seconds = time.monotonic() - began
    assert writer.status["step"] == "write", "the article is still being written"
    assert seconds < SOON
    answer.close()
    written_so_far = len(writer.article.sections[-1].text), len(writer.article.sections)
    time.sleep(2)
    assert (len(writer.article.sections[-1].text), len(writer.article.sections)) != written_so_far, "and goes on"
    writer.stop("article")
    article.join(30)
    assert not article.is_alive()
    assert studio.line.count() == 0
    studio.close()
