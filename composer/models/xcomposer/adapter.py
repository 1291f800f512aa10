"""The native model behind the protocol of composer.models.base: what the pipeline, the chat and the page use."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from composer.errors import InputError
from composer.models.base import Capabilities, LoadProgress, Message, Picture, Replier, Sampling, Usage
from composer.models.placement import PICTURE_BATCH
from composer.models.xcomposer.decoding import Choice, progress
from composer.models.xcomposer.engine import Held, Prompt
from composer.models.xcomposer.model import History, XComposer
from composer.models.xcomposer.placing import Placing
from composer.models.xcomposer.template import render
from composer.models.xcomposer.tokenizer import END_OF_BOT, END_OF_HUMAN, XComposerTokenizer
from composer.models.xcomposer.vision import pixel_values
from composer.models.xcomposer.weights import Progress

PICTURES_KEPT = 128  # encoded pictures in memory; one is 66 vectors, 0.5 MiB in 16 bits
MAX_PICTURES = 12  # a prompt: 66 positions each, and the text must fit beside them
ROOM_FOR_ANSWER = 16  # a prompt must leave so many positions
# the published demo's settings for articles; it stops at the end of the context
ARTICLE = Sampling(max_tokens=2000, beams=5, repetition_penalty=5.0)


def load(
    folder: str | Path,
    *,
    num_gpus: int | None = None,
    quantization: str | None = None,
    dtype: "str | torch.dtype | None" = None,
    progress: Progress | None = None,
    name: str | None = None,
    **options: Any,
) -> "XComposerModel":
    """The model of a checkpoint folder. Further options: those of XComposer.from_folder (rotary, offload,
    compiled).

    dtype: "float16", "bfloat16", "float32" or a torch dtype. Raises ModelFilesMissing, ModelFilesBroken, OutOfMemory,
    SettingsError.
    """
    XComposerTokenizer.from_folder(folder)  # said before the weights are read, if it is missing
    network = XComposer.from_folder(
        folder, num_gpus=num_gpus, quantization=quantization, dtype=dtype, name=name, progress=progress, **options
    )
    if progress:
        progress(LoadProgress("ready"))
    return XComposerModel(network, name or Path(folder).resolve().name)


@dataclass(eq=False)
class _Asking:
    """The three calls, on top of a beginning that is held, or of none."""

    model: "XComposerModel"
    shared: tuple[Message, ...] = ()
    held: Held | None = None

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        prompt = self.model.prompt([*self.shared, *messages])
        choice = self.model.choice(sampling, [prompt])
        return self._stream(prompt, choice, sampling, _continues(messages), stop)

    def _stream(
        self, prompt: Prompt, choice: Choice, sampling: Sampling, continues: bool, stop: threading.Event | None
    ) -> Iterator[str]:
        sent, text = 0, ""
        with self.model.watched():
            for sure, whole in progress(self.model.engine, [prompt], choice, held=self.held, stop=stop):
                final = sure is None
                text, stopped = self.model.text(whole[0] if sure is None else sure[0], sampling.stop, final, continues)
                if len(text) > sent:
                    yield text[sent:]
                    sent = len(text)
                if stopped:
                    return

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        rendered = [self.model.prompt([*self.shared, *messages]) for messages in prompts]
        texts: list[str] = []
        for part in self.model.batches(rendered, sampling, held=self.held.cache.capacity if self.held else 0):
            if stop is not None and stop.is_set():
                break
            texts += self._batch(part, prompts[len(texts) :], sampling, stop)
        return texts + [""] * (len(prompts) - len(texts))

    def _batch(
        self,
        part: list[Prompt],
        messages: Sequence[Sequence[Message]],
        sampling: Sampling,
        stop: threading.Event | None,
    ) -> list[str]:
        choice = self.model.choice(sampling, part)
        continued = [_continues(m) for m in messages[: len(part)]]
        answers: list[tuple[str, bool]] = [("", False)] * len(part)
        with self.model.watched():
            for sure, whole in progress(self.model.engine, part, choice, held=self.held, stop=stop):
                if sure is None or (sampling.stop and choice.num_beams == 1):
                    answers = [
                        self.model.text(ids, sampling.stop, sure is None, goes_on)
                        for ids, goes_on in zip(whole if sure is None else sure, continued, strict=True)
                    ]
                    if all(stopped for _, stopped in answers):
                        break
        return [text for text, _ in answers]

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        prompt = self.model.prompt([*self.shared, *messages])
        coded = [self.model.tokenizer.encode(option) for option in options]
        if not coded or not all(coded):
            raise ValueError("options are at least one, and none is empty")
        if len({ids[0] for ids in coded}) == len(coded):
            coded = [ids[:1] for ids in coded]
        self.model.check_room(len(prompt), max(map(len, coded)))
        with self.model.watched():
            return self.model.engine.score(prompt, coded, self.held)


def _continues(messages: Sequence[Message]) -> bool:
    return bool(messages) and messages[-1].role == "assistant"


class XComposerModel:
    """A loaded InternLM-XComposer; `network` is the native model with the published entry points."""

    def __init__(self, network: XComposer, name: str) -> None:
        self.network, self.name = network, name
        self.engine = network.engine
        self.tokenizer: XComposerTokenizer = network.tokens
        self.placing: Placing = network.placing
        self._pictures: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._seeing = threading.Lock()
        plan = self.placing.plan
        self.capabilities = Capabilities(
            sees_pictures=True,
            max_pictures=MAX_PICTURES,
            context_tokens=network.config.positions,
            family="xcomposer",
            beams=True,
            quantization=plan.quantization,
            devices=self.placing.devices,
            memory_bytes=sum(card.weights + card.cache for card in plan.cards),
            defaults=ARTICLE,
        )
        self._plain = _Asking(self)

    # -- the protocol ------------------------------------------------------------------------------------------------

    @property
    def usage(self) -> Usage:
        engine = self.engine
        return Usage(prefilled=engine.prefilled, reused=engine.reused, generated=engine.generated)

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        """With beams, only text that all beams still possible share; the rest comes at the end."""
        return self._plain.stream(messages, sampling, stop=stop)

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        return self._plain.reply(prompts, sampling, stop=stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        """By the first token where those all differ, else by all tokens of each option."""
        return self._plain.score(messages, options)

    def generate(self, text: str, image: Any = None, **options: Any) -> str:
        """The published entry point; see XComposer.generate."""
        with self.watched():
            return self.network.generate(text, image, **options)

    def chat(self, text: str, image: Any = None, history: History | None = None, **options: Any) -> tuple[str, History]:
        """The published entry point; see XComposer.chat."""
        with self.watched():
            return self.network.chat(text, image, history, **options)

    @contextlib.contextmanager
    def prefix(self, messages: Sequence[Message]) -> Iterator[Replier]:
        prompt = self.prompt(messages, open_end=True)
        self.check_room(len(prompt), ROOM_FOR_ANSWER)
        with self.watched():
            held = self.engine.hold(prompt)
        yield _Asking(self, tuple(messages), held)

    def close(self) -> None:
        """Frees the weights; the model cannot be used afterwards."""
        self._pictures.clear()
        self.network.to_empty(device="meta")
        self.engine.fast = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    # -- prompts -----------------------------------------------------------------------------------------------------

    def prompt(self, messages: Sequence[Message], *, open_end: bool = False) -> Prompt:
        """The messages as the model reads them. Raises InputError for too many pictures."""
        pictures = [picture for message in messages for picture in message.pictures]
        if len(pictures) > MAX_PICTURES:
            raise InputError(
                reason_en=f"{len(pictures)} pictures are too many; this model takes {MAX_PICTURES}.",
                reason_zh=f"一次 {len(pictures)} 张图片太多，这个模型最多可看 {MAX_PICTURES} 张。",
            )
        vectors = self._see(pictures)
        parts = render(
            messages,
            self.tokenizer.bos,
            self.tokenizer.encode,
            lambda picture: vectors[picture.sha256],
            open_end=open_end,
        )
        return self.engine.prompt(parts)

    def _see(self, pictures: Sequence[Picture]) -> dict[str, torch.Tensor]:
        """sha256 -> [66, H]; new ones are encoded in batches, known ones come from the cache."""
        wanted = {picture.sha256: picture for picture in pictures}
        with self._seeing, self.watched():
            new = [sha for sha in wanted if sha not in self._pictures]
            for start in range(0, len(new), PICTURE_BATCH):
                some = new[start : start + PICTURE_BATCH]
                pixels = pixel_values([wanted[sha].image for sha in some], self.network.config.vision.picture)
                for sha, vectors in zip(some, self.network.encode_pictures(pixels), strict=True):
                    self._pictures[sha] = vectors
            found = {sha: self._pictures[sha] for sha in wanted}
            for sha in wanted:
                self._pictures.move_to_end(sha)
            while len(self._pictures) > PICTURES_KEPT:
                self._pictures.popitem(last=False)
        return found

    def check_room(self, tokens: int, room: int) -> None:
        """Raises InputError where the prompt leaves no room in the context."""
        context = self.network.config.positions
        if tokens + room > context:
            raise InputError(
                reason_en=f"The text has {tokens:,} tokens; this model takes {context:,} with its answer. Shorten it.",
                reason_zh=f"文本有 {tokens:,} 个词元，此模型连同回答最多 {context:,} 个，请缩短。",
            )

    def choice(self, sampling: Sampling, prompts: Sequence[Prompt]) -> Choice:
        """How to choose tokens; the answer ends where the context does."""
        longest = max(map(len, prompts))
        self.check_room(longest, ROOM_FOR_ANSWER)
        return Choice.from_options(
            self.network.config,
            self.tokenizer,
            max_new_tokens=max(1, min(sampling.max_tokens, self.network.config.positions - longest)),
            num_beams=sampling.beams,
            do_sample=sampling.temperature > 0,
            temperature=sampling.temperature or 1.0,
            top_p=sampling.top_p,
            repetition_penalty=sampling.repetition_penalty,
            seed=sampling.seed,
        )

    def batches(self, prompts: list[Prompt], sampling: Sampling, held: int = 0) -> Iterator[list[Prompt]]:
        """The prompts in order, as many at once as the planned room for keys and values has beside `held` positions."""
        slots = max(self.placing.plan.rows, 1) * self.placing.plan.context_tokens - held
        longest = self.engine.capacity(max(map(len, prompts), default=0) + sampling.max_tokens)
        size = max(1, slots // (longest * sampling.beams)) if prompts else 1
        for start in range(0, len(prompts), size):
            yield prompts[start : start + size]

    # -- answers -----------------------------------------------------------------------------------------------------

    def text(self, ids: Sequence[int], stops: Sequence[str], final: bool, continues: bool) -> tuple[str, bool]:
        """(text that can be shown, whether it is complete). Held back: half characters, and what may become a stop."""
        text = self.tokenizer.decode(ids)
        if not continues:
            text = text.lstrip(" ")  # the prompt ends at a colon, and the model begins with the blank after it
        ends = [at for stop in (*stops, END_OF_BOT, END_OF_HUMAN) if stop and (at := text.find(stop)) >= 0]
        if ends:
            return text[: min(ends)], True
        if final:
            return text, True
        text = text.rstrip("\ufffd")
        held = max((n for stop in stops for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0)
        return text[: len(text) - held], False

    def watched(self) -> contextlib.AbstractContextManager[None]:
        """Turns running out of memory into a sentence; what was allocated for the call is given back."""
        return self.placing.watched()
