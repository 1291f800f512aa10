"""The protocol of a model: messages in; text, scores and token counts out.

It holds what the pipeline, the chat and the evaluation need, and no more. Knows nothing of any engine and does not
import torch. The wording of prompts lives in composer.prompts; the chat template belongs to the model.
"""

import hashlib
import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from common.messages import Text, _
from composer.errors import PictureError
from retrieval.errors import PictureUnreadable
from retrieval.pictures import load_picture

if TYPE_CHECKING:
    from PIL import Image

Role = Literal["system", "user", "assistant"]


class Picture:
    """One picture in a message: decoded once, upright, RGB. Equal pictures have equal `sha256`."""

    def __init__(self, image: "Image.Image", name: str = "picture") -> None:
        self.image = image  # mode RGB, EXIF orientation applied
        self.name = name

    @classmethod
    def open(cls, source: "str | Path | bytes | IO[bytes] | Image.Image | Picture") -> "Picture":
        """A picture from a path, bytes, an open binary file or a PIL image. Raises PictureError."""
        if isinstance(source, Picture):
            return source
        name = str(getattr(source, "name", "picture")) if not isinstance(source, (str, Path)) else Path(source).name
        try:
            return cls(load_picture(io.BytesIO(source) if isinstance(source, bytes) else source), name)
        except PictureUnreadable as error:
            raise PictureError(**{**error.values, "name": name}) from error
        except ValueError as error:  # a PIL image in a mode that only Pillow itself uses
            raise PictureError(name=name, reason=_("{error}.", error=error)) from error

    @cached_property
    def sha256(self) -> str:
        """Hash of size and RGB bytes."""
        return hashlib.sha256(repr(self.image.size).encode() + self.image.tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation, or a part of one: texts and pictures in order.

    A message with the same role as the one before it continues that turn. An assistant message at the end is the
    beginning of the reply, which the model continues.
    """

    role: Role
    content: tuple[str | Picture, ...]

    @property
    def text(self) -> str:
        """The texts joined, without the pictures."""
        return "".join(part for part in self.content if isinstance(part, str))

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return tuple(part for part in self.content if isinstance(part, Picture))


def system(*content: str) -> Message:
    return Message("system", content)


def user(*content: str | Picture) -> Message:
    return Message("user", content)


def assistant(*content: str) -> Message:
    return Message("assistant", content)


def merge_turns(messages: Sequence[Message]) -> list[Message]:
    """The turns: neighbouring messages of the same role become one message."""
    turns: list[Message] = []
    for message in messages:
        if turns and turns[-1].role == message.role:
            turns[-1] = replace(turns[-1], content=turns[-1].content + message.content)
        else:
            turns.append(message)
    return turns


Script = Literal["latin", "han"]  # small Latin letters; Chinese characters


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. temperature 0 is greedy; beams > 1 is beam search where the model has it."""

    max_tokens: int = 1000
    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    beams: int = 1
    seed: int | None = None
    stop: tuple[str, ...] = ()  # the reply ends before the first of these
    repeatable: bool = False  # the same seed gives the same text whatever was asked before; first words come later
    without: Script | None = None  # letters that do not come, where the engine can keep them out

    def with_choices(
        self,
        *,
        temperature: float | None = None,
        top_p: float | None = None,
        beams: int | None = None,
        repetition_penalty: float | None = None,
        seed: int | None = None,
    ) -> "Sampling":
        """These settings, changed where a person chose otherwise (not None).

        A chosen temperature asks for words to be drawn, not for the best of several beams: beams are then 1, unless
        they were chosen too.
        """
        if beams is None and temperature:
            beams = 1
        choices: dict[str, Any] = {
            "temperature": temperature,
            "top_p": top_p,
            "beams": beams,
            "repetition_penalty": repetition_penalty,
            "seed": seed,
        }
        return replace(self, **{name: value for name, value in choices.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a loaded model can do and where it runs."""

    sees_pictures: bool = False
    max_pictures: int = 0  # in one prompt; 0 where it sees none
    context_tokens: int = 2048
    languages: tuple[str, ...] = ("en", "zh")
    family: str = "general"  # selects the prompts: "general" or "xcomposer"
    beams: bool = False  # has beam search
    quantization: str = ""  # e.g. "Q4_K_M", "gptq-4bit"; empty for 16 or 32 bits
    dtype: str = ""  # of the computation, e.g. "float16"; empty where the quantization says it all
    devices: tuple[str, ...] = ("cpu",)
    memory_bytes: int = 0  # of weights and KV cache, as far as known
    defaults: Sampling | None = None  # for writing articles, best for its family; None: those of the pipeline
    engine: str = ""  # what computes it, e.g. "llama.cpp", "transformers"
    at_once: int = 1  # calls that it computes at the same time; others wait
    texts_at_once: int = 1  # texts that it writes side by side, even if other calls are computed one at a time
    limits: tuple[Text, ...] = ()  # what it cannot do or does in another way, one sentence each, for the page


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens since the model was loaded: computed in prompts, reused from a cache, generated."""

    prefilled: int = 0
    reused: int = 0
    generated: int = 0

    def __sub__(self, other: "Usage") -> "Usage":
        return Usage(self.prefilled - other.prefilled, self.reused - other.reused, self.generated - other.generated)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.prefilled + other.prefilled, self.reused + other.reused, self.generated + other.generated)


class Replier(Protocol):
    """The three calls of a model, which several threads may make at once.

    `stop` is an event that another thread may set. The call then returns soon with what it has: `stream` ends, `reply`
    returns the texts so far and empty ones for the rest. `score` is short and has no such event.
    """

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        """The reply in pieces of text. Closing the iterator stops the model."""
        ...

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        """One reply for each prompt, in order; the model may compute them as one batch."""
        ...

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        """The log-probability of each option as the continuation of the prompt; same length and order as `options`.

        Where the options differ in their first tokens, these decide.
        """
        ...


@runtime_checkable
class Model(Replier, Protocol):
    """A loaded model."""

    name: str
    capabilities: Capabilities

    @property
    def usage(self) -> Usage: ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """How much of the context the messages take as a prompt, by the model's own tokenizer, pictures included."""
        ...

    def prefix(self, messages: Sequence[Message]) -> AbstractContextManager[Replier]:
        """The three calls on top of a shared prefix, whose keys and values are computed once.

        A call with `question` then asks `merge_turns([*messages, *question])`: a question with the role of the last
        shared message continues that turn (the article first, the question last, in one user turn).
        """
        ...

    def close(self) -> None:
        """Frees memory and threads; the model cannot be used afterwards."""
        ...


@runtime_checkable
class KeepsBeginnings(Protocol):
    """A model whose numbers depend a little on what it keeps of earlier prompts: sums of other lengths, rounded."""

    def begin_with(self, messages: Sequence[Message]) -> None:
        """The next prompts begin with these messages. Computed once and kept as they were: the same questions in the
        same order have the same answers, whatever was asked before."""
        ...


@runtime_checkable
class TellsAllowedShare(Protocol):
    """A model that knows how much it wanted to answer as it was allowed to."""

    @property
    def allowed_share(self) -> float | None:
        """The share of all probability, 0..1, that fell on the allowed answers when answers were last compared; None
        where it is not known."""
        ...


@runtime_checkable
class ScoresTokens(Protocol):
    """A model that can score options by every one of their tokens, several prompts at once."""

    def score_tokens(
        self, prompts: Sequence[Sequence[Message]], options: Sequence[Sequence[str]]
    ) -> list[list[list[float]]]:
        """For each prompt the log-probability of each token of each of its options as the continuation.

        Unlike `Replier.score` it goes on where the first tokens differ: for rules that compare mean losses. The prompts
        are one batch where the model has batches.
        """
        ...


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """A step of loading a model, for a status line."""

    stage: Literal["find", "download", "assemble", "verify", "load", "ready"]
    done: int = 0  # bytes where total is bytes
    total: int = 0
    detail: str = field(default="")
