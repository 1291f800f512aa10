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
from composer.models.transformers_vlm.decoding import (
    Batching,
    Chooser,
    Network,
    Read,
    TextReader,
    Writing,
    score,
    score_tokens,
)
from composer.models.transformers_vlm.memory import CONVERSATIONS
from composer.models.transformers_vlm.placement import Placement, free_bytes, out_of_memory
from composer.models.transformers_vlm.prompts import Prompt, PromptReader

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
        together: int = 1,
    ) -> None:
        """ends: tokens that end a reply. together: texts of several callers that are computed as one batch."""
        self.network, self.reader, self.name, self.capabilities = network, reader, name, capabilities
        self._placement, self._ends = placement, ends
        self._beginnings: dict[tuple[int, ...], Read] = {}
        self._conversation: tuple[int, Read] | None = None  # length of the prompt; prompt and reply
        self._speed = 0.0
        # what is kept for later, as beginnings and the last conversation, has room too where there is enough
        room = (placement.conversations - (placement.conversations > CONVERSATIONS)) * capabilities.context_tokens
        self.batching = Batching(network, most=together, tokens=room)
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
                found.append(score_tokens(self.network, prompt, each, self._known(prompt), self.batching.read))
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
            if not beginning.ids or beginning.ids in self._beginnings:
                return
            for oldest in list(self._beginnings)[: max(0, len(self._beginnings) + 1 - _BEGINNINGS)]:
                self._beginnings.pop(oldest, None)  # another caller may have been faster
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
        known = [*self._known(prompt, shared), *self._continued(prompt)]
        text = self._writing(prompt, known, sampling, stop)
        reader = TextReader(self.reader.tokenizer, (*sampling.stop, *self.reader.form.stops))
        begun, count = 0.0, 0
        self.batching.begin([text])
        try:
            while (token := self.batching.next_token(text)) is not None:
                begun, count = begun or time.perf_counter(), count + 1
                if piece := reader.feed(token):
                    yield piece
                if reader.ended:
                    break
            if rest := reader.finish():
                yield rest
        finally:
            if count >= _MEASURED_TOKENS:
                self._speed = (count - 1) / (time.perf_counter() - begun)
            read = self.batching.leave(text)
            if read is not None:
                self._conversation = (len(prompt.ids), read)

    def _writing(
        self,
        prompt: Prompt,
        known: Sequence[Read],
        sampling: Sampling,
        stop: threading.Event | None,
        call: object = None,
        number: int = 0,
    ) -> Writing:
        """A text to be written. call: of several prompts; number: among them."""
        return Writing(
            prompt,
            known,
            call or object(),
            stop,
            chooser=Chooser(sampling, number),
            most=min(sampling.max_tokens, self._check_room(prompt)),
            ends=self._ends,
            is_kept=call is None,
        )

    def write_all(
        self,
        prompts: Sequence[Sequence[Message]],
        sampling: Sampling,
        stop: threading.Event | None,
        shared: Read | None,
    ) -> list[str]:
        """One reply for each prompt."""
        with self._readable_errors(_("writing")):
            if len(prompts) == 1:
                return ["".join(without_thoughts(self._pieces(prompts[0], sampling, stop, shared)))]
            call, stops = object(), (*sampling.stop, *self.reader.form.stops)
            texts = [
                self._writing(prompt, self._known(prompt, shared), sampling, stop, call, number)
                for number, prompt in enumerate(map(self.reader.read, prompts))
            ]
            readers = [TextReader(self.reader.tokenizer, stops) for _each in texts]
            self.batching.begin(texts)
            try:
                self._take_turns(texts, readers)
            finally:
                for text in texts:
                    self.batching.leave(text)
            return ["".join(without_thoughts(iter([reader.text]))) for reader in readers]

    def _take_turns(self, texts: Sequence[Writing], readers: Sequence[TextReader]) -> None:
        """Makes the tokens of several texts words as they come, so that each ends at its own stop."""
        going = list(zip(texts, readers, strict=True))
        while going:
            begun = [each for each in going if each[0].begun or each[0].over]
            for each in begun or going[:1]:
                text, reader = each
                token = self.batching.next_token(text)
                if token is not None:
                    reader.feed(token)
                if token is None or reader.ended:
                    reader.finish()
                    self.batching.leave(text)
                    going.remove(each)

    def compare(self, messages: Sequence[Message], options: Sequence[str], shared: Read | None) -> list[float]:
        """The scores of the options."""
        if not options:
            return []
        with self._readable_errors(_("comparing answers")):
            prompt = self.reader.read(messages)
            self._check_room(prompt)
            return score(self.network, prompt, options, self._known(prompt, shared), self.batching.read)

    # -- what was read already ----------------------------------------------------------------------------------------

    def _known(self, prompt: Prompt, shared: Read | None = None) -> list[Read]:
        """What the prompt goes on from: the prefix that it shares, or the beginnings that it has whole. A part of one
        would be another sum for the same prompt, depending on what was asked before."""
        if shared is not None:
            return [shared]
        return [each for each in list(self._beginnings.values()) if each.common(prompt) == len(each.ids)]

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
        return self.network.read(beginning, self._known(beginning))

    def _continued(self, prompt: Prompt) -> list[Read]:
        """The last conversation, if the prompt goes on behind its reply. A prompt that is asked once more is read anew,
        so that the same seed gives the same text."""
        conversation = self._conversation  # another caller may put its own there
        if conversation is None:
            return []
        length, read = conversation
        return [read] if read.common(prompt) >= length else []

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
        except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
            # whatever an architecture of somebody else's raises becomes a sentence: the server lives on
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise ModelFailed(name=self.name, doing=doing, reason=reason) from error
