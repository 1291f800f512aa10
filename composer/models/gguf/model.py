"""The model of a GGUF file behind the protocol of composer.models.base; with its picture part (mmproj) it sees.

The chat template of the file turns messages into one prompt. Prompts that share a prefix share its keys and values: the
engine keeps them for each conversation and computes only what is new.
"""

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from PIL import Image

from common.messages import Text, _
from common.threads import free_threads
from composer.errors import InputError, ModelFailed, ModelFilesBroken
from composer.models.base import (
    Capabilities,
    LoadProgress,
    Message,
    Picture,
    Replier,
    Sampling,
    Script,
    Usage,
    merge_turns,
    user,
)
from composer.models.gguf.engine import Engine, EngineError, EngineSettings
from composer.models.gguf.header import GgufHeader, read_header
from composer.models.gguf.memory import SLOTS, choose_context, chosen_gpus, memory_needed
from composer.models.gguf.parts import model_name
from composer.models.gguf.projector import Projector, find_projector, read_projector
from composer.models.gguf.prompt import Prompt
from composer.models.gguf.remarks import engine_problem, limits_of
from composer.models.gguf.scoring import common_length, score_every_token, score_options
from composer.models.gguf.seeing import SeeingEngine
from composer.models.gguf.template import template_problem
from composer.models.prefixed import PrefixedReplier
from composer.models.thinking import empty_thought, may_think, with_thought_closed, without_thoughts

log = logging.getLogger(__name__)

KEPT_SLOT = SLOTS - 1  # of those, where prompts are computed that begin with what is kept for good
NO_PROJECTOR = "none"  # in the place of a picture part's path
# grammars of texts without a script, in GBNF; GPS and A4 may stand in a Chinese text
_WITHOUT: dict[Script, str] = {"latin": "root ::= [^a-z]*", "han": r"root ::= [^\u3400-\u9FFF]*"}
_TOP_K = 40  # tokens that sampling considers; more cost milliseconds a token and change nothing at top_p 0.9
_FIRST_TOKENS = 6  # of a reply, to see whether it begins with a thought: "<think>" may take three
_CPU_PICTURE_TOKENS = 256  # the most that a picture takes, for models that can see it smaller
_GPU_PICTURE_TOKENS = 1024
_PIXELS_PER_TOKEN = 32 * 32  # the most that a model sees in one token (Qwen3-VL); others see less
_MAX_PICTURES = 32

Progress = Callable[[LoadProgress], None]


class GgufModel:
    """A loaded model; implements `composer.models.base.Model`."""

    def __init__(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        threads: int | None = None,
        num_gpus: int | None = None,
        context_tokens: int | None = None,
        mmproj: str | Path | None = None,
        gpu_layers: int | None = None,
        picture_tokens: int | None = None,
        adapters: Sequence[Path] = (),
        text_only: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Loads the file; takes seconds.

        threads: to compute with; None chooses by what is free. num_gpus: 0 keeps everything on the CPU.
        context_tokens: the longest prompt and reply together; None takes 8192, or less where memory is short.
        mmproj: the file with the model's picture part; None: the one beside it, if there is one; "none": it shall see
        nothing. gpu_layers: layers that the cards compute; None: all that fit. picture_tokens: the most that a picture
        takes of the context; some models know limits of their own. adapters: GGUF files of LoRA adapters for it; those
        that are for another model are left out, and that is said. text_only: there is no picture part for it.
        Raises ModelFilesBroken, OutOfMemory, SettingsError.
        """
        report = progress or (lambda step: None)
        header = read_header(path)
        projector = _projector(header, mmproj)
        size = header.size + (projector.size if projector else 0)
        self.name = name or model_name(header.path)
        report(LoadProgress("load", 0, size, self.name))
        cards = chosen_gpus(num_gpus, gpu_layers)
        context = choose_context(header, context_tokens, self.name, on_gpu=bool(cards), projector=projector)
        self._beginning = ""  # text that prompts begin with whose keys and values are kept
        self._disturbed = False  # a prompt that begins otherwise may have been computed in their place
        self._beginnings: dict[str, str] = {}  # such text -> the name that it is kept under
        template = str(header.values.get("tokenizer.chat_template", ""))
        self._may_think = may_think(template)
        self._thought: str | None = None  # what stands before a reply; not known yet
        tokens = picture_tokens or (_GPU_PICTURE_TOKENS if cards else _CPU_PICTURE_TOKENS)
        settings = EngineSettings(
            path=header.path,
            context_tokens=context,
            slots=SLOTS,
            threads=free_threads(threads),
            gpu_layers=(-1 if gpu_layers is None else gpu_layers) if cards else 0,
            projector=projector.path if projector else None,
            adapters=tuple(adapters),
            picture_tokens=tokens,
            picture_pixels=max(tokens * _PIXELS_PER_TOKEN, projector.side**2 if projector else 0),
            least_batch=projector.least_batch if projector else 0,
        )
        try:
            with contextlib.ExitStack() as failing:
                self._engine, left_out = _started(settings)
                self._seeing = self._engine if isinstance(self._engine, SeeingEngine) else None
                failing.callback(self._engine.close)
                self._mark = self._seeing.picture_mark if self._seeing else ""
                self._control = _control_pattern([*header.control_tokens, *filter(None, [self._mark])])
                self._check_template(header.path)
                most_pictures = self._count_pictures(context)
                failing.pop_all()
        except EngineError as error:
            if template and (problem := template_problem(template)) is not None:
                raise ModelFilesBroken(path=header.path, reason=problem) from error
            raise ModelFilesBroken(path=header.path, reason=engine_problem(error, header, projector)) from error
        self.capabilities = Capabilities(
            sees_pictures=projector is not None,
            max_pictures=most_pictures,
            context_tokens=context,
            quantization=header.quantization,
            devices=tuple(cards) or ("cpu",),
            memory_bytes=memory_needed(header, context, projector),
            engine="llama.cpp",
            limits=tuple(limits_of(header, projector, None if text_only else mmproj or "", left_out)),
            texts_at_once=SLOTS,
        )
        report(LoadProgress("ready", size, size, self.name))

    @property
    def usage(self) -> Usage:
        return self._engine.usage

    @property
    def threads(self) -> int:
        return self._engine.settings.threads

    @property
    def tokens_per_second(self) -> float:
        """Of the last longer reply; 0 before the first."""
        return self._engine.tokens_per_second

    def close(self) -> None:
        self._engine.close()

    # -- the three calls ----------------------------------------------------------------------------------------------

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        """The reply in pieces of text; see `composer.models.base.Replier`.

        Raises InputError for a prompt longer than the context, ModelFailed for anything that breaks.
        """
        try:
            prompt = self._prompt(messages)
            # a thought may be in another language than the text, and so are its marks
            fields = _sampling_fields(replace(sampling, without=None) if self._may_think else sampling)
            request = {"prompt": prompt.field, **fields, **self._slot(prompt)}
            yield from without_thoughts(self._engine.stream(request, stop))
        except EngineError as error:
            self._raise_readable(error, _("writing"))

    def begin_with(self, messages: Sequence[Message]) -> None:
        """See `composer.models.KeepsBeginnings`. What lies in the engine's cache was computed in other batches."""
        try:
            # what the prompts of two questions have in common
            prompts = [self._prompt([*messages, user(text)]).text for text in ("A", "B")]
            beginning = prompts[0][: common_length(prompts)]
            if beginning not in self._beginnings:
                name = f"beginning-{len(self._beginnings)}"
                tokens = [self._engine.tokens(prompt) for prompt in prompts]
                self._engine.keep(tokens[0][: common_length(tokens)], KEPT_SLOT, name)
                self._beginnings[beginning] = name
            self._engine.put_back(KEPT_SLOT, self._beginnings[beginning])
            self._beginning, self._disturbed = beginning, False
        # an engine that cannot keep anything, or not pictures: the last digits then depend on what was asked
        except EngineError as error:
            log.info("The beginning of prompts is not kept: %s", error)
            self._beginning = ""

    def _slot(self, prompt: Prompt) -> dict[str, int]:
        """Where a prompt is computed that begins with what is kept. Another slot may have more of it, computed in other
        batches; and what is kept is put back where a prompt of another kind may have taken its place meanwhile."""
        if not (self._beginning and prompt.text.startswith(self._beginning)):
            self._disturbed = True
            return {}
        if self._disturbed:
            self._engine.put_back(KEPT_SLOT, self._beginnings[self._beginning])
            self._disturbed = False
        return {"id_slot": KEPT_SLOT}

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        """Answers one prompt after the other: on a CPU their shared prefix saves more than a batch would."""
        texts = []
        for prompt in prompts:
            stopped = stop is not None and stop.is_set()
            texts.append("" if stopped else "".join(self.stream(prompt, sampling, stop=stop)))
        return texts

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        """The log-probability of each option as the continuation; see composer.models.gguf.scoring.

        Usually one forward pass for all. An option that is a prefix of others gets the probability that their tokens
        leave. Raises as `stream`.
        """
        if not options:
            return []
        try:
            prompt = self._prompt(messages)
            found = score_options(self._engine, prompt, [_valid_utf8(each) for each in options], self._slot(prompt))
            return [found[_valid_utf8(option)] for option in options]
        except EngineError as error:
            self._raise_readable(error, _("comparing answers"))

    def count_tokens(self, messages: Sequence[Message]) -> int:
        try:
            prompt = self._prompt(messages)
            tokens = sum(len(self._engine.tokens(text, begins=not at)) for at, text in enumerate(prompt.texts))
            if self._seeing is None:
                return tokens
            pictures = [picture for message in messages for picture in message.pictures]
            return tokens + sum(self._seeing.picture_tokens(picture) for picture in pictures)
        except EngineError as error:
            self._raise_readable(error, _("counting words"))

    def score_tokens(
        self, prompts: Sequence[Sequence[Message]], options: Sequence[Sequence[str]]
    ) -> list[list[list[float]]]:
        """See composer.models.ScoresTokens. One forward pass for all tokens that follow the same ones."""
        try:
            return [
                score_every_token(self._engine, self._prompt(messages), [_valid_utf8(option) for option in each])
                for messages, each in zip(prompts, options, strict=True)
            ]
        except EngineError as error:
            self._raise_readable(error, _("comparing answers"))

    @contextlib.contextmanager
    def prefix(self, messages: Sequence[Message]) -> Iterator[Replier]:
        """The prefix is computed with the first question; the next ones find it in the engine's cache."""
        yield PrefixedReplier(self, messages)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _prompt(self, messages: Sequence[Message]) -> Prompt:
        """The messages as one prompt. Control tokens in a text are split up, so that it cannot end its turn.

        Without a picture part pictures are left out.
        """
        turns = [
            {"role": turn.role, "content": self._content(turn)}
            for turn in merge_turns(messages)
            if turn.content or turn.role != "assistant"  # an empty reply needs no turn
        ]
        turns = [turn for turn in turns if turn["content"] or turn["role"] != "assistant"]
        seeing = self._seeing
        pictures = [seeing.encode(each) for message in messages for each in message.pictures] if seeing else []
        return Prompt(self._chat_text(turns), tuple(pictures), self._mark)

    def _content(self, turn: Message) -> str:
        parts = [self._mark if isinstance(part, Picture) else self._split_marks(part) for part in turn.content]
        return "".join(parts)

    def _split_marks(self, text: str) -> str:
        return self._control.sub(_split_token, _valid_utf8(text))

    def _chat_text(self, turns: list[dict[str, str]]) -> str:
        if not self._may_think:
            return self._engine.chat_prompt(turns)
        begun = turns.pop()["content"] if turns and turns[-1]["role"] == "assistant" else ""  # after the thought
        prompt = self._engine.chat_prompt(turns)
        closed = with_thought_closed(prompt)
        return (closed if closed != prompt else prompt + self._empty_thought()) + begun

    def _check_template(self, path: Path) -> None:
        """Raises ModelFilesBroken where the chat template loses what is asked."""
        question = self._mark + "Hello!"
        if question not in self._engine.chat_prompt([{"role": "user", "content": question}]):
            raise ModelFilesBroken(path=path, reason=_("its chat template leaves out what is asked"))

    def _count_pictures(self, context: int) -> int:
        """How many large pictures one prompt may hold: they may take half of the context. Raises EngineError."""
        if self._seeing is None:
            return 0
        tokens = self._seeing.picture_tokens(Picture.open(Image.new("RGB", (1024, 1024))))
        return max(1, min(context // 2 // max(tokens, 1), _MAX_PICTURES))

    def _empty_thought(self) -> str:
        """An empty thought for a model that begins each reply with one: a thought would take the room of a short
        answer, and Yes and No would be compared inside of it. Found out once, by the first tokens of a reply."""
        if self._thought is None:
            prompt = self._engine.chat_prompt([{"role": "user", "content": "Hello!"}])
            begun = self._engine.stream({"prompt": prompt, **_sampling_fields(Sampling(max_tokens=_FIRST_TOKENS))})
            self._thought = empty_thought("".join(begun))
        return self._thought

    def _raise_readable(self, error: EngineError, doing: Text) -> NoReturn:
        """Raises an error for people instead of one of the engine."""
        if error.kind == "exceed_context_size_error":
            tokens, most = error.details.get("n_prompt_tokens", 0), self.capabilities.context_tokens
            raise InputError(
                _(
                    "The text is too long for this model: {tokens:,} tokens, and it reads at most {most:,}. Shorten "
                    "it, or use a model with a longer context.",
                    tokens=tokens,
                    most=most,
                )
            ) from error
        raise ModelFailed(name=self.name, doing=doing, reason=str(error)) from error


def _started(settings: EngineSettings) -> tuple[Engine, tuple[Path, ...]]:
    """The engine, and the adapters that it does not take: an adapter for another model keeps it from starting. Raises
    EngineError."""
    kind = Engine if settings.projector is None else SeeingEngine
    try:
        return kind(settings), ()
    except EngineError:
        if not settings.adapters:
            raise
        log.info("The engine does not start with the adapters %s.", settings.adapters)
        return kind(replace(settings, adapters=())), settings.adapters


def _projector(header: GgufHeader, mmproj: str | Path | None) -> Projector | None:
    """The picture part that is named, or that lies beside the model. Raises ModelFilesBroken for a named one."""
    if mmproj is None:
        found = find_projector(header)
        return read_projector(found) if found else None
    if str(mmproj).strip().lower() == NO_PROJECTOR:
        return None
    return read_projector(Path(mmproj).expanduser())


def _sampling_fields(sampling: Sampling) -> dict[str, Any]:
    return {
        "n_predict": sampling.max_tokens,
        "max_tokens": sampling.max_tokens,
        "temperature": max(0.0, sampling.temperature),
        "top_p": sampling.top_p,
        "top_k": _TOP_K,
        "min_p": 0.0,
        "repeat_penalty": sampling.repetition_penalty,
        "seed": -1 if sampling.seed is None else sampling.seed % 2**32,
        "stop": [text for text in sampling.stop if text],
        # what is found in the cache was computed in other batches, and so is rounded otherwise
        "cache_prompt": not sampling.repeatable,
        **({"grammar": _WITHOUT[sampling.without]} if sampling.without else {}),
    }


def _control_pattern(tokens: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted((re.escape(token) for token in tokens), key=len, reverse=True)
    return re.compile("|".join(longest_first) or r"(?!)")


def _valid_utf8(text: str) -> str:
    """The text without lone surrogates, which browsers can send and UTF-8 cannot encode; each becomes "?"."""
    return text.encode("utf-8", "replace").decode()


def _split_token(match: re.Match[str]) -> str:
    """The control token with a blank after its first character."""
    return f"{match[0][0]} {match[0][1:]}"
