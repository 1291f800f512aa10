"""InternLM-XComposer behind the protocol of composer.models.base, which the pipeline, the chat and the page use."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from common.messages import _
from composer.errors import InputError
from composer.models.base import Capabilities, LoadProgress, Message, Picture, Replier, Sampling, Usage, merge_turns
from composer.models.xcomposer.checkpoint import END_OF_BOT, END_OF_HUMAN, Progress, XComposerTokenizer
from composer.models.xcomposer.decoding import GenerationOptions, Prompt, SharedPrefix, generate_steps
from composer.models.xcomposer.devices import Placement
from composer.models.xcomposer.model import History, XComposer
from composer.models.xcomposer.network import pixel_values
from composer.models.xcomposer.placement import PICTURE_BATCH
from composer.models.xcomposer.template import render

PICTURE_CACHE_SIZE = 128  # encoded pictures in memory; one is 66 vectors, 0.5 MiB in 16 bits
MAX_PICTURES = 12  # in a prompt: each takes 66 positions, and the text must fit beside them
MIN_ANSWER_TOKENS = 16  # a prompt must leave at least so many positions
# the published demo's settings for articles; the answer also ends where the context does
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
    """The model of a checkpoint folder.

    dtype: "float16", "bfloat16", "float32" or a torch dtype. options: rotary, offload and compiled, as in
    XComposer.from_folder. Raises ModelFilesMissing, ModelFilesBroken, OutOfMemory, SettingsError.
    """
    XComposerTokenizer.from_folder(folder)  # raises before the weights are read where the tokenizer is missing
    network = XComposer.from_folder(
        folder, num_gpus=num_gpus, quantization=quantization, dtype=dtype, name=name, progress=progress, **options
    )
    if progress:
        progress(LoadProgress("ready"))
    return XComposerModel(network, name or Path(folder).resolve().name)


@dataclass(eq=False)
class _PrefixReplier:
    """The three calls of the model, on top of a shared prefix or without one."""

    model: "XComposerModel"
    shared: tuple[Message, ...] = ()
    prefix: SharedPrefix | None = None

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        prompt = self.model.prompt([*self.shared, *messages])
        options = self.model.generation_options(sampling, [prompt])
        return self._stream(prompt, options, sampling, _continues_reply(messages), stop)

    def _stream(
        self,
        prompt: Prompt,
        options: GenerationOptions,
        sampling: Sampling,
        continues: bool,
        stop: threading.Event | None,
    ) -> Iterator[str]:
        sent, text = 0, ""
        with self.model.readable_memory_errors():
            for settled, final in generate_steps(self.model.engine, [prompt], options, prefix=self.prefix, stop=stop):
                ids = final[0] if settled is None else settled[0]
                text, stopped = self.model.decode(ids, sampling.stop, settled is None, continues)
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
        prefix_tokens = self.prefix.cache.capacity if self.prefix else 0
        for batch in self.model.batches(rendered, sampling.max_tokens, sampling.beams, prefix_tokens=prefix_tokens):
            if stop is not None and stop.is_set():
                break
            texts += self._reply_batch(batch, prompts[len(texts) :], sampling, stop)
        return texts + [""] * (len(prompts) - len(texts))

    def _reply_batch(
        self,
        batch: list[Prompt],
        messages: Sequence[Sequence[Message]],
        sampling: Sampling,
        stop: threading.Event | None,
    ) -> list[str]:
        options = self.model.generation_options(sampling, batch)
        continued = [_continues_reply(m) for m in messages[: len(batch)]]
        answers: list[tuple[str, bool]] = [("", False)] * len(batch)
        with self.model.readable_memory_errors():
            for settled, final in generate_steps(self.model.engine, batch, options, prefix=self.prefix, stop=stop):
                if settled is None or (sampling.stop and options.num_beams == 1):
                    answers = [
                        self.model.decode(ids, sampling.stop, settled is None, continues)
                        for ids, continues in zip(final if settled is None else settled, continued, strict=True)
                    ]
                    if all(stopped for _, stopped in answers):
                        break
        return [text for text, _ in answers]

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        encoded = self._encoded(options)
        if len({ids[0] for ids in encoded}) == len(encoded):
            encoded = [ids[:1] for ids in encoded]
        return [sum(tokens) for tokens in self._score_tokens([messages], [encoded])[0]]

    def score_tokens(
        self, prompts: Sequence[Sequence[Message]], options: Sequence[Sequence[str]]
    ) -> list[list[list[float]]]:
        return self._score_tokens(prompts, [self._encoded(each) for each in options])

    def _encoded(self, options: Sequence[str]) -> list[list[int]]:
        encoded = [self.model.tokenizer.encode(option) for option in options]
        if not encoded or not all(encoded):
            raise ValueError("options are at least one, and none is empty")
        return encoded

    def _score_tokens(
        self, prompts: Sequence[Sequence[Message]], encoded: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[list[float]]]:
        rendered = [self.model.prompt([*self.shared, *messages]) for messages in prompts]
        for prompt, options in zip(rendered, encoded, strict=True):
            self.model.check_room(len(prompt), max(map(len, options)))
        longest = max((sum(len(ids) - 1 for ids in options) for options in encoded), default=0)
        found: list[list[list[float]]] = []
        prefix_tokens = self.prefix.cache.capacity if self.prefix else 0
        for batch in self.model.batches(rendered, longest, prefix_tokens=prefix_tokens):
            options_of_batch = encoded[len(found) : len(found) + len(batch)]
            with self.model.readable_memory_errors():
                found += self.model.engine.score_tokens(batch, options_of_batch, self.prefix)
        return found


def _continues_reply(messages: Sequence[Message]) -> bool:
    """Whether the messages end with the beginning of the reply."""
    return bool(messages) and messages[-1].role == "assistant"


class XComposerModel:
    """A loaded InternLM-XComposer; `network` is the native model with the published entry points."""

    def __init__(self, network: XComposer, name: str) -> None:
        self.network, self.name = network, name
        self.engine = network.engine
        self.tokenizer: XComposerTokenizer = network.required_tokenizer
        self.placement: Placement = network.placement
        self._picture_cache: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._picture_lock = threading.Lock()
        plan = self.placement.plan
        self.capabilities = Capabilities(
            sees_pictures=True,
            max_pictures=MAX_PICTURES,
            context_tokens=network.config.positions,
            family="xcomposer",
            beams=True,
            quantization=plan.quantization,
            dtype=str(self.placement.dtype).removeprefix("torch."),
            devices=self.placement.devices,
            memory_bytes=sum(card.weights + card.cache for card in plan.cards),
            defaults=ARTICLE,
            engine="PyTorch",
        )
        self._plain = _PrefixReplier(self)

    # -- the protocol ------------------------------------------------------------------------------------------------

    @property
    def usage(self) -> Usage:
        engine = self.engine
        return Usage(prefilled=engine.prefilled, reused=engine.reused, generated=engine.generated)

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        """With beams, only the text that all remaining beams share; the rest comes at the end."""
        return self._plain.stream(messages, sampling, stop=stop)

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        return self._plain.reply(prompts, sampling, stop=stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        """By the options' first tokens where those all differ, else by all their tokens."""
        return self._plain.score(messages, options)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(self.prompt(messages))

    def score_tokens(
        self, prompts: Sequence[Sequence[Message]], options: Sequence[Sequence[str]]
    ) -> list[list[list[float]]]:
        """See composer.models.ScoresTokens."""
        return self._plain.score_tokens(prompts, options)

    def generate(self, text: str, image: Any = None, **options: Any) -> str:
        """The published entry point; see XComposer.generate."""
        with self.readable_memory_errors():
            return self.network.generate(text, image, **options)

    def chat(self, text: str, image: Any = None, history: History | None = None, **options: Any) -> tuple[str, History]:
        """The published entry point; see XComposer.chat."""
        with self.readable_memory_errors():
            return self.network.chat(text, image, history, **options)

    @contextlib.contextmanager
    def prefix(self, messages: Sequence[Message]) -> Iterator[Replier]:
        """The three calls on top of the messages. Raises InputError where they leave no room for an answer."""
        prompt = self.prompt(messages, open_end=True)
        self.check_room(len(prompt), MIN_ANSWER_TOKENS)
        with self.readable_memory_errors():
            shared = self.engine.compute_prefix(prompt)
        yield _PrefixReplier(self, tuple(messages), shared)

    def close(self) -> None:
        """Frees the weights; the model cannot be used afterwards."""
        self._picture_cache.clear()
        self.network.to_empty(device="meta")
        self.engine.fast = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    # -- prompts -----------------------------------------------------------------------------------------------------

    def prompt(self, messages: Sequence[Message], *, open_end: bool = False) -> Prompt:
        """The prompt for the messages. Raises InputError for too many pictures."""
        pictures = [picture for message in messages for picture in message.pictures]
        if len(pictures) > MAX_PICTURES:
            raise InputError(
                _(
                    "{count} pictures are too many; this model takes {max_pictures}. Give fewer at a time.",
                    count=len(pictures),
                    max_pictures=MAX_PICTURES,
                )
            )
        vectors = self._encode_pictures(pictures)
        parts = render(
            self._without_marks(messages),
            self.tokenizer.bos,
            self.tokenizer.encode,
            lambda picture: vectors[picture.sha256],
            open_end=open_end,
        )
        return self.engine.prompt(parts)

    def _without_marks(self, messages: Sequence[Message]) -> list[Message]:
        """The turns with their texts joined, where two could make up a mark, and no mark in them."""
        turns = []
        for turn in merge_turns(messages):
            content: list[str | Picture] = []
            for piece in turn.content:
                if isinstance(piece, str) and content and isinstance(content[-1], str):
                    content[-1] += piece
                else:
                    content.append(piece)
            broken_up = (self.tokenizer.without_marks(p) if isinstance(p, str) else p for p in content)
            turns.append(replace(turn, content=tuple(broken_up)))
        return turns

    def _encode_pictures(self, pictures: Sequence[Picture]) -> dict[str, torch.Tensor]:
        """sha256 -> [66, H]; new pictures are encoded in batches, known ones come from the cache."""
        wanted = {picture.sha256: picture for picture in pictures}
        with self._picture_lock, self.readable_memory_errors():
            new = [sha for sha in wanted if sha not in self._picture_cache]
            for start in range(0, len(new), PICTURE_BATCH):
                some = new[start : start + PICTURE_BATCH]
                pixels = pixel_values([wanted[sha].image for sha in some], self.network.config.vision.picture)
                for sha, vectors in zip(some, self.network.encode_pictures(pixels), strict=True):
                    self._picture_cache[sha] = vectors
            found = {sha: self._picture_cache[sha] for sha in wanted}
            for sha in wanted:
                self._picture_cache.move_to_end(sha)
            while len(self._picture_cache) > PICTURE_CACHE_SIZE:
                self._picture_cache.popitem(last=False)
        return found

    def check_room(self, tokens: int, room: int) -> None:
        """Raises InputError where the prompt leaves no room in the context."""
        context = self.network.config.positions
        if tokens + room > context:
            raise InputError(
                _(
                    "The text has {tokens:,} tokens; this model takes {context:,} with its answer. Shorten it.",
                    tokens=tokens,
                    context=context,
                )
            )

    def generation_options(self, sampling: Sampling, prompts: Sequence[Prompt]) -> GenerationOptions:
        """How tokens are chosen. The answer ends where the context does."""
        longest = max(map(len, prompts))
        self.check_room(longest, MIN_ANSWER_TOKENS)
        return GenerationOptions.from_options(
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

    def batches(
        self, prompts: list[Prompt], room: int, beams: int = 1, *, prefix_tokens: int = 0
    ) -> Iterator[list[Prompt]]:
        """The prompts in order, as many at once as fit into the planned room for keys and values beside a prefix.

        room: tokens that follow each of them.
        """
        slots = max(self.placement.plan.rows, 1) * self.placement.plan.context_tokens - prefix_tokens
        longest = self.engine.capacity(max(map(len, prompts), default=0) + room)
        size = max(1, slots // (longest * beams)) if prompts else 1
        for start in range(0, len(prompts), size):
            yield prompts[start : start + size]

    # -- answers -----------------------------------------------------------------------------------------------------

    def decode(self, ids: Sequence[int], stops: Sequence[str], final: bool, continues: bool) -> tuple[str, bool]:
        """(text that can be shown, whether it is complete). Incomplete characters and stop texts are held back."""
        text = self.tokenizer.decode(ids)
        if not continues:
            text = text.lstrip(" ")  # the prompt ends with a colon, and the answer begins with the blank after it
        ends = [at for stop in (*stops, END_OF_BOT, END_OF_HUMAN) if stop and (at := text.find(stop)) >= 0]
        if ends:
            return text[: min(ends)], True
        if final:
            return text, True
        text = text.rstrip("\ufffd")
        begun = max((n for stop in stops for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0)
        return text[: len(text) - begun], False

    def readable_memory_errors(self) -> contextlib.AbstractContextManager[None]:
        """Turns running out of memory into an error with the plan; what the call had allocated is freed."""
        return self.placement.readable_memory_errors()
