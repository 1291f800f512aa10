"""What the pipeline, the chat and the evaluation need of a model, and no more.

Knows nothing of any engine. Does not import torch. Prompt wording lives in composer.prompts; the chat template belongs
to the model.
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
        except ValueError as error:  # a PIL image of a mode that only Pillow's inside uses
            raise PictureError(name=name, reason_en=f"{error}.", reason_zh=f"{error}。") from error

    @cached_property
    def sha256(self) -> str:
        """Hash of size and RGB bytes."""
        return hashlib.sha256(repr(self.image.size).encode() + self.image.tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Message:
    """One turn, or a part of one: texts and pictures in order.

    A message whose role is that of the message before it continues that turn; an assistant message at the end is the
    beginning of the reply, which the model continues.
    """

    role: Role
    content: tuple[str | Picture, ...]

    @property
    def text(self) -> str:
        """The texts, joined; pictures left out."""
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


def merged(messages: Sequence[Message]) -> list[Message]:
    """The messages with neighbours of the same role joined into one turn each."""
    turns: list[Message] = []
    for message in messages:
        if turns and turns[-1].role == message.role:
            turns[-1] = replace(turns[-1], content=turns[-1].content + message.content)
        else:
            turns.append(message)
    return turns


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

    def chosen(
        self,
        *,
        temperature: float | None = None,
        top_p: float | None = None,
        beams: int | None = None,
        repetition_penalty: float | None = None,
        seed: int | None = None,
    ) -> "Sampling":
        """This, with what a person chose; None was not chosen. Who chooses a temperature wants words drawn, not the
        best of several beams: beams are then 1 unless chosen too."""
        if beams is None and temperature:
            beams = 1
        wishes: dict[str, Any] = {
            "temperature": temperature,
            "top_p": top_p,
            "beams": beams,
            "repetition_penalty": repetition_penalty,
            "seed": seed,
        }
        return replace(self, **{name: value for name, value in wishes.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a loaded model can do and where it runs."""

    sees_pictures: bool = False
    max_pictures: int = 0  # a prompt; 0 where it sees none
    context_tokens: int = 2048
    languages: tuple[str, ...] = ("en", "zh")
    family: str = "general"  # selects the prompts: "general" or "xcomposer"
    beams: bool = False  # has beam search
    quantization: str = ""  # e.g. "Q4_K_M", "gptq-4bit"; empty for 16 or 32 bits
    devices: tuple[str, ...] = ("cpu",)
    memory_bytes: int = 0  # of the weights and the cache, as far as known
    defaults: Sampling | None = None  # how its family writes articles best; None: as the pipeline does


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens since the model was loaded: computed in prompts, taken from a cache, written."""

    prefilled: int = 0
    reused: int = 0
    generated: int = 0

    def __sub__(self, other: "Usage") -> "Usage":
        return Usage(self.prefilled - other.prefilled, self.reused - other.reused, self.generated - other.generated)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.prefilled + other.prefilled, self.reused + other.reused, self.generated + other.generated)


class Replier(Protocol):
    """The three calls. All may come from several threads at once.

    `stop`: an event that another thread may set; the call then returns soon with what it has (`stream` ends, `reply`
    returns the texts so far, the rest empty). `score` is short and has none.
    """

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        """The reply in pieces of text. Closing the iterator stops the model."""
        ...

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        """One reply a prompt, in order; the model may work on them as one batch."""
        ...

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        """Log-probability of each option as the continuation of the prompt, by its first token where the options
        differ there. Same length and order as `options`."""
        ...


@runtime_checkable
class Model(Replier, Protocol):
    """A loaded model."""

    name: str
    capabilities: Capabilities

    @property
    def usage(self) -> Usage: ...

    def prefix(self, messages: Sequence[Message]) -> AbstractContextManager[Replier]:
        """The three calls on top of a shared beginning, whose keys and values are computed once.

        What is then asked is `merged([*messages, *question])`: a question of the role of the last shared message
        continues that turn (the article first, the question last, in one user turn).
        """
        ...

    def close(self) -> None:
        """Frees memory and threads; the model cannot be used afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """A step of loading a model, for a status line."""

    stage: Literal["find", "download", "assemble", "verify", "load", "ready"]
    done: int = 0  # bytes where total is bytes
    total: int = 0
    detail: str = field(default="")
