"""The language model of a GGUF file behind the protocol of composer.models.base. It sees no pictures.

The chat template of the file turns messages into one prompt. Prompts that share a prefix share its keys and values: the
engine keeps them for each conversation and computes only what is new.
"""

import contextlib
import logging
import math
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from common.messages import Text, _
from common.threads import free_threads
from composer.errors import InputError, ModelFailed, ModelFilesBroken
from composer.models.base import Capabilities, LoadProgress, Message, Replier, Sampling, Usage, merge_turns, user
from composer.models.gguf.engine import Engine, EngineError, EngineSettings
from composer.models.gguf.header import read_header
from composer.models.gguf.memory import SLOTS, choose_context, gpus, memory_needed
from composer.models.gguf.parts import model_name
from composer.models.gguf.template import template_problem
from composer.models.thinking import empty_thought, may_think, with_thought_closed, without_thoughts

log = logging.getLogger(__name__)

KEPT_SLOT = SLOTS - 1  # of those, where prompts are computed that begin with what is kept for good
_TOP_K = 40  # tokens that sampling considers; more cost milliseconds a token and change nothing at top_p 0.9
_SCORED_TOKENS = 256  # log-probabilities in the first request; a second one names the tokens that it lacks
_FIRST_TOKENS = 6  # of a reply, to see whether it begins with a thought: "<think>" may take three
_BIAS = 40.0  # lifts the named tokens above all others: log-probabilities of a vocabulary span less

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
        progress: Progress | None = None,
    ) -> None:
        """Loads the file; takes seconds.

        threads: to compute with; None chooses by what is free. num_gpus: 0 keeps everything on the CPU.
        context_tokens: the longest prompt and reply together; None takes 8192, or less where memory is short.
        Raises ModelFilesBroken, OutOfMemory.
        """
        report = progress or (lambda step: None)
        header = read_header(path)
        self.name = name or model_name(header.path)
        report(LoadProgress("load", 0, header.size, self.name))
        cards = [] if num_gpus == 0 else gpus()
        context = choose_context(header, context_tokens, self.name, on_gpu=bool(cards))
        self._beginning = ""  # text that prompts begin with whose keys and values are kept
        self._beginnings: dict[str, str] = {}  # such text -> the name that it is kept under
        self._control = _control_pattern(header.control_tokens)
        template = str(header.values.get("tokenizer.chat_template", ""))
        self._may_think = may_think(template)
        self._thought: str | None = None  # what stands before a reply; not known yet
        try:
            self._engine = Engine(
                EngineSettings(
                    path=header.path,
                    context_tokens=context,
                    slots=SLOTS,
                    threads=free_threads(threads),
                    gpu_layers=-1 if cards else 0,
                )
            )
            self._check_template(header.path)
        except EngineError as error:
            if template and (problem := template_problem(template)) is not None:
                raise ModelFilesBroken(path=header.path, reason=problem) from error
            raise ModelFilesBroken(
                path=header.path,
                reason=_(
                    "the engine cannot load it ({error}). XCOMPOSER_DEBUG=1 shows what the engine says", error=error
                ),
            ) from error
        self.capabilities = Capabilities(
            context_tokens=context,
            quantization=header.quantization,
            devices=tuple(cards) or ("cpu",),
            memory_bytes=memory_needed(header, context),
            engine="llama.cpp",
        )
        report(LoadProgress("ready", header.size, header.size, self.name))

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
            request = {"prompt": prompt, **_sampling_fields(sampling), **self._slot(prompt)}
            yield from without_thoughts(self._engine.stream(request, stop))
        except EngineError as error:
            self._raise_readable(error, _("writing"))

    def begin_with(self, messages: Sequence[Message]) -> None:
        """See `composer.models.KeepsBeginnings`. What lies in the engine's cache was computed in other batches."""
        try:
            # what the prompts of two questions have in common
            prompts = [self._prompt([*messages, user(text)]) for text in ("A", "B")]
            beginning = prompts[0][: _common_length(prompts)]
            if beginning not in self._beginnings:
                name = f"beginning-{len(self._beginnings)}"
                tokens = [self._engine.tokens(prompt) for prompt in prompts]
                self._engine.keep(tokens[0][: _common_length(tokens)], KEPT_SLOT, name)
                self._beginnings[beginning] = name
            self._engine.put_back(KEPT_SLOT, self._beginnings[beginning])
            self._beginning = beginning
        except (
            EngineError
        ) as error:  # an engine that cannot keep anything: the last digits then depend on what was asked
            log.info("The beginning of prompts is not kept: %s", error)
            self._beginning = ""

    def _slot(self, prompt: str) -> dict[str, int]:
        """Where a prompt is computed that begins with what is kept. Another slot may have more of it, computed in other
        batches."""
        return {"id_slot": KEPT_SLOT} if self._beginning and prompt.startswith(self._beginning) else {}

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
        """The log-probability of each option as the continuation.

        An option is followed token by token until no other option shares its tokens: usually one token, and so one
        forward pass for all. An option that is a prefix of others gets the probability that their tokens leave.
        """
        if not options:
            return []
        try:
            prompt = self._prompt(messages)
            tokens = {option: self._engine.tokens(prompt + _valid_utf8(option)) for option in dict.fromkeys(options)}
            start = _common_length([*tokens.values(), self._engine.tokens(prompt)])
            found: dict[str, float] = {}
            self._score(next(iter(tokens.values()))[:start], tokens, start, 0.0, found, self._slot(prompt))
            return [found[option] for option in options]
        except EngineError as error:
            self._raise_readable(error, _("comparing answers"))

    def count_tokens(self, messages: Sequence[Message]) -> int:
        try:
            return len(self._engine.tokens(self._prompt(messages)))
        except EngineError as error:
            self._raise_readable(error, _("counting words"))

    def score_tokens(
        self, prompts: Sequence[Sequence[Message]], options: Sequence[Sequence[str]]
    ) -> list[list[list[float]]]:
        """See composer.models.ScoresTokens. One forward pass for all tokens that follow the same ones."""
        try:
            return [self._score_tokens(self._prompt(m), each) for m, each in zip(prompts, options, strict=True)]
        except EngineError as error:
            self._raise_readable(error, _("comparing answers"))

    @contextlib.contextmanager
    def prefix(self, messages: Sequence[Message]) -> Iterator[Replier]:
        """The prefix is computed with the first question; the next ones find it in the engine's cache."""
        yield _PrefixReplier(self, messages)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _prompt(self, messages: Sequence[Message]) -> str:
        """The messages as one prompt. Control tokens in a text are split up, so that it cannot end its turn."""
        turns = [
            {"role": turn.role, "content": self._control.sub(_split_token, _valid_utf8(turn.text))}
            for turn in merge_turns(messages)
            if turn.text or turn.role != "assistant"  # an empty reply needs no turn
        ]
        if not self._may_think:
            return self._engine.chat_prompt(turns)
        begun = turns.pop()["content"] if turns and turns[-1]["role"] == "assistant" else ""  # after the thought
        prompt = self._engine.chat_prompt(turns)
        closed = with_thought_closed(prompt)
        return (closed if closed != prompt else prompt + self._empty_thought()) + begun

    def _check_template(self, path: Path) -> None:
        """Raises ModelFilesBroken where the chat template loses what is asked."""
        question = "Hello!"
        if question not in self._engine.chat_prompt([{"role": "user", "content": question}]):
            self._engine.close()
            raise ModelFilesBroken(path=path, reason=_("its chat template leaves out what is asked"))

    def _empty_thought(self) -> str:
        """An empty thought for a model that begins each reply with one: a thought would take the room of a short
        answer, and Yes and No would be compared inside of it. Found out once, by the first tokens of a reply."""
        if self._thought is None:
            prompt = self._engine.chat_prompt([{"role": "user", "content": "Hello!"}])
            begun = self._engine.stream({"prompt": prompt, **_sampling_fields(Sampling(max_tokens=_FIRST_TOKENS))})
            self._thought = empty_thought("".join(begun))
        return self._thought

    def _score(
        self,
        prefix: list[int],
        tokens: dict[str, list[int]],
        depth: int,
        logprob: float,
        found: dict[str, float],
        slot: dict[str, int],
    ) -> None:
        """Puts the options' scores into `found`. tokens: option -> ids of prompt and option, equal up to `depth`."""
        ended = [option for option, ids in tokens.items() if len(ids) == depth]
        branches: dict[int, dict[str, list[int]]] = {}
        for option, ids in tokens.items():
            if len(ids) > depth:
                branches.setdefault(ids[depth], {})[option] = ids
        logprobs = self._next_token(prefix, list(branches), slot)
        for option in ended:
            rest = 1.0 - sum(math.exp(logprobs[token]) for token in branches)
            found[option] = logprob + math.log(max(rest, 1e-12))
        for token, below in branches.items():
            if len(below) == 1:
                found[next(iter(below))] = logprob + logprobs[token]
            else:
                self._score([*prefix, token], below, depth + 1, logprob + logprobs[token], found, slot)

    def _score_tokens(self, prompt: str, options: Sequence[str]) -> list[list[float]]:
        encoded = [self._engine.tokens(prompt + _valid_utf8(option)) for option in options]
        start = _common_length([*encoded, self._engine.tokens(prompt)])
        following: dict[tuple[int, ...], list[int]] = {}  # what was read -> the tokens that options go on with
        for ids in encoded:
            for at in range(start, len(ids)):
                following.setdefault(tuple(ids[:at]), []).append(ids[at])
        found = {read: self._next_token(list(read), list(dict.fromkeys(ids)), {}) for read, ids in following.items()}
        return [[found[tuple(ids[:at])][ids[at]] for at in range(start, len(ids))] for ids in encoded]

    def _next_token(self, prompt: list[int], tokens: Sequence[int], slot: dict[str, int]) -> dict[int, float]:
        """Log-probabilities of these tokens as the next one, before any sampling rule.

        One forward pass, or two where a token is not among the likeliest ones.
        """
        listed = self._probabilities({"prompt": prompt, "temperature": 0.0, "n_probs": _SCORED_TOKENS, **slot})
        values = {entry["id"]: float(entry["logprob"]) for entry in listed}
        absent = [token for token in tokens if token not in values]
        if absent:
            anchor = int(listed[0]["id"])
            named = [*absent, anchor]
            # The same bias for all keeps their differences; the anchor's true log-probability gives the level
            lifted = self._probabilities(
                {
                    "prompt": prompt,
                    "temperature": 1.0,
                    "samplers": ["temperature"],
                    "logit_bias": [[token, _BIAS] for token in named],
                    "n_probs": len(named) + 8,
                    "post_sampling_probs": True,
                    **slot,
                }
            )
            shares = {entry["id"]: max(float(entry["prob"]), 1e-30) for entry in lifted}
            for token in absent:
                values[token] = values[anchor] + math.log(shares.get(token, 1e-30) / shares[anchor])
        return {token: values[token] for token in tokens}

    def _probabilities(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        answer = self._engine.complete({**request, "n_predict": 1, "max_tokens": 1, "cache_prompt": True})
        first = answer["choices"][0]["logprobs"]["content"][0]
        listed: list[dict[str, Any]] = first.get("top_logprobs") or first["top_probs"]
        return listed

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


class _PrefixReplier:
    """The three calls of a model with a shared prefix in front of the messages."""

    def __init__(self, model: GgufModel, shared: Sequence[Message]) -> None:
        self._model, self._shared = model, tuple(shared)

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        return self._model.stream([*self._shared, *messages], sampling, stop=stop)

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        return self._model.reply([[*self._shared, *prompt] for prompt in prompts], sampling, stop=stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        return self._model.score([*self._shared, *messages], options)


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
        "cache_prompt": True,
    }


def _common_length(sequences: Sequence[Sequence[object]]) -> int:
    """The length of the prefix that all sequences share."""
    length = 0
    for column in zip(*sequences, strict=False):
        if len(set(column)) > 1:
            break
        length += 1
    return length


def _control_pattern(tokens: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted((re.escape(token) for token in tokens), key=len, reverse=True)
    return re.compile("|".join(longest_first) or r"(?!)")


def _valid_utf8(text: str) -> str:
    """The text without lone surrogates, which browsers can send and UTF-8 cannot encode; each becomes "?"."""
    return text.encode("utf-8", "replace").decode()


def _split_token(match: re.Match[str]) -> str:
    """The control token with a blank after its first character."""
    return f"{match[0][0]} {match[0][1:]}"
