"""Fast stand-ins for logic tests: a model that answers by rules, a gallery of generated pictures.

Each capability tested with these has a test with the real thing beside it.
"""

import contextlib
import math
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from composer.models.base import Capabilities, Message, Replier, Sampling, Usage, merge_turns
from retrieval.base import GalleryInfo, Hit

CAT_ARTICLE = (
    "## Food and water\n\n"
    "A cat needs a bowl of **fresh water** and good food every day.\n\n"
    "Feed it twice a day, and keep the bowl clean.\n\n"
    "## Rest\n\n"
    "A soft bed beside the window is where a cat sleeps best.\n\n"
    "Trust grows slowly, with patience and a quiet voice.\n"
)


class FakeModel:
    """Answers with `article` to writing prompts, with `answer(messages)` where given; scores by `scorer`.

    Streams in pieces of `piece` characters, waiting for `gate` (if given) before each piece. Keeps every prompt.
    Five characters are two tokens.
    """

    def __init__(
        self,
        article: str = CAT_ARTICLE,
        answer: Callable[[Sequence[Message]], str | None] | None = None,
        scorer: Callable[[Sequence[Message], str], float] | None = None,
        piece: int = 7,
        capabilities: Capabilities | None = None,
        gate: threading.Event | None = None,
    ) -> None:
        self.name = "fake"
        self.article, self.answer, self.scorer, self.piece, self.gate = article, answer, scorer, piece, gate
        self.capabilities = capabilities or Capabilities(context_tokens=4096)
        self.prompts: list[list[Message]] = []
        self.samplings: list[Sampling] = []
        self.usage = Usage()
        self.closed = False

    def _text(self, messages: Sequence[Message]) -> str:
        self.prompts.append(merge_turns(messages))
        answered = self.answer(messages) if self.answer else None
        return self._answer(messages) if answered is None else answered

    def _answer(self, messages: Sequence[Message]) -> str:
        """As a model would: things of a paragraph, a caption, else the article."""
        if "You name the things" in messages[0].text:
            return "bowl, bed, cat"
        if "You write the line" in messages[0].text:
            return messages[-1].text.split("\n")[0].split(": ")[-1]
        return self.article

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        self.samplings.append(sampling)
        text = self._text(messages)
        for start in range(0, len(text), self.piece):
            if self.gate is not None:
                self.gate.wait(10)
            if stop is not None and stop.is_set():
                return
            self.usage += Usage(generated=1)
            yield text[start : start + self.piece]

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        return ["" if stop and stop.is_set() else "".join(self.stream(prompt, sampling)) for prompt in prompts]

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        self.prompts.append(merge_turns(messages))
        if self.scorer is not None:
            return [self.scorer(messages, option) for option in options]
        if tuple(options) == ("Yes", "No"):
            return [math.log(0.9), math.log(0.1)]
        return [math.log(1 / len(options))] * len(options)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message.text) * 2 // 5 + 1 + 300 * len(message.pictures) for message in messages)

    @contextlib.contextmanager
    def prefix(self, messages: Sequence[Message]) -> Iterator[Replier]:
        yield _Held(self, list(messages))

    def close(self) -> None:
        self.closed = True


class _Held:
    def __init__(self, model: FakeModel, shared: list[Message]) -> None:
        self.model, self.shared = model, shared

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        return self.model.stream([*self.shared, *messages], sampling, stop=stop)

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        return self.model.reply([[*self.shared, *prompt] for prompt in prompts], sampling, stop=stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        return self.model.score([*self.shared, *messages], options)


class FakeGallery:
    """`count` pictures of one colour each in `folder`; a search returns them in order, best first."""

    def __init__(self, folder: Path, count: int = 12, query_languages: tuple[str, ...] = ("en",)) -> None:
        self.name = "fake"
        self.query_languages = query_languages
        self.queries: list[object] = []
        self.pictures: dict[str, Hit] = {}
        for number in range(count):
            path = folder / f"{number:02d}.png"
            Image.new("RGB", (64, 48), (number * 20 % 256, 120, 200)).save(path)
            self.pictures[f"p{number}"] = Hit(
                id=f"p{number}",
                path=str(path),
                score=0.0,
                caption=f"picture {number}",
                credit="A. Painter",
                licence="CC0",
            )

    def search(self, query: object, *, k: int = 4, exclude: Collection[str] = ()) -> list[Hit]:
        self.queries.append(query)
        return [hit for hit in self.pictures.values() if hit.id not in exclude][:k]

    def get(self, picture_id: str) -> Hit:
        return self.pictures[picture_id]

    def info(self) -> GalleryInfo:
        return GalleryInfo(name="fake", place="memory", pictures=len(self.pictures), encoder="none")


class NamedGallery(FakeGallery):
    """Pictures of these names; a search returns those whose name has a word of the query, then the others."""

    def __init__(self, folder: Path, names: Sequence[str], query_languages: tuple[str, ...] = ("en",)) -> None:
        super().__init__(folder, len(names), query_languages)
        self.pictures = {
            key: replace(hit, caption=name) for (key, hit), name in zip(self.pictures.items(), names, strict=True)
        }

    def search(self, query: object, *, k: int = 4, exclude: Collection[str] = ()) -> list[Hit]:
        self.queries.append(query)
        words = set(str(query).split())
        found = [hit for hit in self.pictures.values() if hit.id not in exclude]
        return sorted(found, key=lambda hit: not words & set(hit.caption.split()))[:k]
