"""A model of transformers behind the protocol of composer.models.base."""

import contextlib
import threading
import time
import traceback
from collections.abc import Iterator, Sequence

import torch

from common.messages import Text, _
from composer.errors import InputError, ModelFailed
from composer.models.base import Capabilities, Message, Replier, Sampling, Usage, user
from composer.models.thinking import empty_thought, without_thoughts
from composer.models.transformers_vlm.caches import Read
from composer.models.transformers_vlm.decoding import TextReader, generate
from composer.models.transformers_vlm.network import Batch, Network, Stopped
from composer.models.transformers_vlm.placement import Placement, free_bytes, out_of_memory
from composer.models.transformers_vlm.prompts import Prompt, PromptReader
from composer.models.transformers_vlm.scoring import score, score_tokens

MIN_ANSWER_TOKENS = 16  # a prompt must leave at least so many
_BEGINNINGS = 4  # kept at most
_FIRST_TOKENS = 6  # of a reply, to see whether it begins with a thought
_MEASURED_TOKENS = 16  # a shorter reply says nothing about speed
_CONTINUATIONS = ("A", " b", "\n\n1", ".")  # what may follow shared text: their tokens tell where it can be cut
_MEMORY_ERRORS: tuple[type[BaseException], ...] = (torch.OutOfMemoryError, MemoryError)


class _PrefixReplier:
    """The three calls of the model, on top of messages that it has read or without any."""

    def __init__(self, model: "TransformersModel", shared: Sequence[Message] = (), read: Read | None = None) -> None:
        self._model, self._shared, self._read = model, tuple(shared), read

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        return self._model.write([*self._shared, *messages], sampling, stop, self._read)

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        return self._model.write_all([[*self._shared, *each] for each in prompts], sampling, stop, self._read)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        return self._model.compare([*self._shared, *messages], options, self._read)


class TransformersModel:
    """A loaded model; implements `composer.models.base.Model`, KeepsBeginnings and ScoresTokens."""

    def __init__(
        self,
        network: Network,
        reader: PromptReader,
        *,
        name: str,
        capabilities: Capabilities,
        placement: Placement,
        ends: frozenset[int],
    ) -> None:
        """ends: tokens that end a reply."""
        self.network, self.reader, self.name, self.capabilities = network, reader, name, capabilities
        self._placement, self._ends = placement, ends
        self._beginnings: dict[tuple[int, ...], Read] = {}
        self._conversation: tuple[int, Read] | None = None  # length of the prompt; prompt and reply
        self._speed = 0.0
        self._plain = _PrefixReplier(self)
        if reader.form.thinks:
            self._learn_thought()

    # -- the protocol -------------------------------------------------------------------------------------------------

    @property
    def usage(self) -> Usage:
        return self.network.usage

    @property
    def tokens_per_second(self) -> float:
        """Of the last longer reply; 0 before the first."""
        return self._speed

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        """See `composer.models.base.Replier`. A conversation that goes on is not read again from its beginning.

        Raises InputError for a prompt longer than the context, OutOfMemory, ModelFailed.
        """
        return self._plain.stream(messages, sampling, stop=stop)

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        """As many prompts at once as the planned memory holds."""
        return self._plain.reply(prompts, sampling, stop=stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        """One forward pass for the prompt; a second one for options with the same first token."""
        return self._plain.score(messages, options)

    def score_tokens(
        self, prompts: Sequence[Sequence[Message]], options: Sequence[Sequence[str]]
    ) -> list[list[list[float]]]:
        """See composer.models.ScoresTokens. The options of a prompt are one batch."""
        with self._readable_errors(_("comparing answers")):
            found = []
            for messages, each in zip(prompts, options, strict=True):
                prompt = self.reader.read(messages)
                self._check_room(prompt)
                found.append(score_tokens(self.network, prompt, each, self._known([prompt])))
            return found

    def count_tokens(self, messages: Sequence[Message]) -> int:
        with self._readable_errors(_("counting words")):
            return len(self.reader.read(messages).ids)

    @contextlib.contextmanager
    def prefix(self, messages: Sequence[Message]) -> Iterator[Replier]:
        """The three calls on top of the messages. Raises InputError where they leave no room for an answer."""
        with self._readable_errors(_("reading")):
            read = self._read_beginning(messages)
        yield _PrefixReplier(self, messages, read)

    def begin_with(self, messages: Sequence[Message]) -> None:
        """See `composer.models.KeepsBeginnings`."""
        with self._readable_errors(_("reading")):
            beginning = self._beginning(messages)
            if beginning.ids and beginning.ids not in self._beginnings:
                while len(self._beginnings) >= _BEGINNINGS:
                    del self._beginnings[next(iter(self._beginnings))]
                self._beginnings[beginning.ids] = self.network.read(beginning)

    def close(self) -> None:
        self._beginnings.clear()
        self._conversation = None
        self.network.close()

    # -- the three calls ----------------------------------------------------------------------------------------------

    def write(
        self, messages: Sequence[Message], sampling: Sampling, stop: threading.Event | None, shared: Read | None
    ) -> Iterator[str]:
        """The reply in pieces of text."""
        with self._readable_errors(_("writing")):
            yield from without_thoughts(self._pieces(messages, sampling, stop, shared))

    def _pieces(
        self, messages: Sequence[Message], sampling: Sampling, stop: threading.Event | None, shared: Read | None
    ) -> Iterator[str]:
        prompt = self.reader.read(messages)
        room = self._check_room(prompt)
        try:
            read = self.network.read(prompt, [*self._known([prompt], shared), *self._continued(prompt)], stop)
        except Stopped:
            return
        batch = self.network.one(read, prompt)
        text = TextReader(self.reader.tokenizer, (*sampling.stop, *self.reader.form.stops))
        written: list[int] = []
        begun = time.perf_counter()
        try:
            for tokens in generate(self.network, batch, sampling, room, self._ends, stop):
                written += [token for token in tokens if token is not None]
                if piece := text.feed(written[-1]):
                    yield piece
                if text.ended:
                    break
            if rest := text.finish():
                yield rest
        finally:
            if len(written) >= _MEASURED_TOKENS:
                self._speed = (len(written) - 1) / (time.perf_counter() - begun)
            self._keep_conversation(prompt, read, batch, written)

    def write_all(
        self,
        prompts: Sequence[Sequence[Message]],
        sampling: Sampling,
        stop: threading.Event | None,
        shared: Read | None,
    ) -> list[str]:
        """One reply for each prompt."""
        with self._readable_errors(_("writing")):
            read = [self.reader.read(messages) for messages in prompts]
            texts: list[str] = []
            while len(texts) < len(read) and not (stop is not None and stop.is_set()):
                size = self._batch_size(read[len(texts) :], sampling)
                some = read[len(texts) : len(texts) + size]
                batch = None
                if size > 1:
                    batch = self.network.together(some, self._known(some, shared))
                if batch is None:
                    one = prompts[len(texts)]
                    texts.append("".join(without_thoughts(self._pieces(one, sampling, stop, shared))))
                else:
                    texts += self._write_batch(batch, some, sampling, stop)
            return texts + [""] * (len(prompts) - len(texts))

    def _write_batch(
        self, batch: Batch, prompts: Sequence[Prompt], sampling: Sampling, stop: threading.Event | None
    ) -> list[str]:
        room = min(self._check_room(prompt) for prompt in prompts)
        stops = (*sampling.stop, *self.reader.form.stops)
        texts = [TextReader(self.reader.tokenizer, stops) for _each in prompts]
        steps = generate(self.network, batch, sampling, room, self._ends, stop)
        with contextlib.suppress(StopIteration):
            tokens = next(steps)
            while True:
                for text, token in zip(texts, tokens, strict=True):
                    if token is not None:
                        text.feed(token)
                tokens = steps.send([row for row, text in enumerate(texts) if text.ended])
        for text in texts:
            text.finish()
        return ["".join(without_thoughts(iter([text.text]))) for text in texts]

    def compare(self, messages: Sequence[Message], options: Sequence[str], shared: Read | None) -> list[float]:
        """The scores of the options."""
        if not options:
            return []
        with self._readable_errors(_("comparing answers")):
            prompt = self.reader.read(messages)
            self._check_room(prompt)
            return score(self.network, prompt, options, self._known([prompt], shared))

    # -- what was read already ----------------------------------------------------------------------------------------

    def _known(self, prompts: Sequence[Prompt], shared: Read | None = None) -> list[Read]:
        """What the prompts go on from: the prefix that they share, or the beginnings that all of them have whole. A
        part of one would be another sum for the same prompt, depending on what was asked before."""
        if shared is not None:
            return [shared]
        kept = self._beginnings.values()
        return [each for each in kept if all(each.common(prompt) == len(each.ids) for prompt in prompts)]

    def _beginning(self, messages: Sequence[Message]) -> Prompt:
        """What all prompts have in common that begin with these messages and go on with a question."""
        longer = [self.reader.read([*messages, user(text)]) for text in _CONTINUATIONS]
        common = 0
        for column in zip(*(prompt.ids for prompt in longer), strict=False):
            if len(set(column)) > 1:
                break
            common += 1
        return longer[0].without_last(len(longer[0].ids) - common)

    def _read_beginning(self, messages: Sequence[Message]) -> Read | None:
        beginning = self._beginning(messages)
        if not beginning.ids:
            return None
        self._check_room(beginning)
        return self.network.read(beginning, self._known([beginning]))

    def _continued(self, prompt: Prompt) -> list[Read]:
        """The last conversation, if the prompt goes on behind its reply. A prompt that is asked once more is read anew,
        so that the same seed gives the same text."""
        if self._conversation is None:
            return []
        length, read = self._conversation
        return [read] if read.common(prompt) >= length else []

    def _keep_conversation(self, prompt: Prompt, read: Read, batch: Batch, written: Sequence[int]) -> None:
        if not batch.is_static:  # else the cache with the reply serves the next prompt, and the question is kept alone
            ids = (*prompt.ids, *written)[: int(batch.cache.get_seq_length())]
            read = Read(ids, prompt.hashes, batch.cache, batch.logits[0], batch.positions)
        self._conversation = (len(prompt.ids), read)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _learn_thought(self) -> None:
        """Finds out, by the first tokens of a reply, whether the model begins each with a thought: it would take the
        room of a short answer, and Yes and No would be compared inside of it."""
        pieces = self._pieces([user("Hello!")], Sampling(max_tokens=_FIRST_TOKENS), None, None)
        self.reader.form.thought = empty_thought("".join(pieces))

    def _check_room(self, prompt: Prompt) -> int:
        """How many tokens the reply may have. Raises InputError where there is no room."""
        most, tokens = self.capabilities.context_tokens, len(prompt.ids)
        if tokens + MIN_ANSWER_TOKENS <= most:
            return most - tokens
        in_pictures = self.reader.count_pictures(prompt.ids)
        if in_pictures > tokens // 2:
            raise InputError(
                _(
                    "{count} pictures are too many for this model: they take {pictures:,} of {tokens:,} tokens, and it "
                    "reads at most {most:,}. Use fewer pictures, or fewer tokens for each (setting picture_tokens).",
                    count=len(prompt.pictures),
                    pictures=in_pictures,
                    tokens=tokens,
                    most=most,
                )
            )
        raise InputError(
            _(
                "The text is too long for this model: {tokens:,} tokens, and it reads at most {most:,}. Shorten "
                "it, or use a model with a longer context.",
                tokens=tokens,
                most=most,
            )
        )

    def _batch_size(self, prompts: Sequence[Prompt], sampling: Sampling) -> int:
        """How many of the prompts, from the first on, have room together in the planned keys and values."""
        longest, size = 0, 0
        kind = bool(prompts[0].pictures)
        for prompt in prompts:
            longest = max(longest, len(prompt.ids) + sampling.max_tokens)
            if bool(prompt.pictures) != kind or (size and longest * (size + 1) > 2 * self.capabilities.context_tokens):
                break
            size += 1
        return size

    @contextlib.contextmanager
    def _readable_errors(self, doing: Text) -> Iterator[None]:
        """Turns what transformers and torch raise into sentences."""
        try:
            yield
        except _MEMORY_ERRORS as error:
            traceback.clear_frames(error.__traceback__)  # who keeps the error must not keep their tensors
            self._beginnings.clear()
            self._conversation = None
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            free = sum(free_bytes(self._placement.cards))
            raise out_of_memory(self.name, self._placement, free) from error
        except (RuntimeError, ValueError, TypeError, LookupError, AttributeError, NotImplementedError) as error:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise ModelFailed(name=self.name, doing=doing, reason=reason) from error
