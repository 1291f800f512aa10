"""Prompts as a network reads them: token ids, where the pictures stand in them, and the pictures' tensors.

Knows processors, tokenizers and the chat format; computes nothing with the network.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from composer.models.base import Message, Picture
from composer.models.transformers_vlm.pictures import PictureProcessor
from composer.models.transformers_vlm.template import ChatFormat

PER_TOKEN = ("token_type_ids", "mm_token_type_ids")  # tensors with a value for each token, besides ids and mask


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt."""

    text: str  # with a placeholder for each picture
    ids: tuple[int, ...]  # with all tokens of the pictures
    pictures: tuple[Picture, ...] = ()
    spans: tuple[tuple[int, int], ...] | None = ()  # first token and the one after the last of each; None: not known
    tensors: dict[str, Any] = field(default_factory=dict)  # of all pictures, as the network takes them
    types: dict[str, Any] = field(default_factory=dict)  # PER_TOKEN name -> [1, T]

    @property
    def hashes(self) -> tuple[str, ...]:
        """Which pictures they are."""
        return tuple(picture.sha256 for picture in self.pictures)

    def without_last(self, tokens: int) -> "Prompt":
        """The prompt without its last tokens, which are text."""
        if not tokens:
            return self
        types = {name: values[:, :-tokens] for name, values in self.types.items()}
        return replace(self, ids=self.ids[:-tokens], types=types)

    def followed_by(self, ids: Sequence[int]) -> "Prompt":
        """The prompt with these tokens of text behind it."""
        pad = torch.nn.functional.pad
        return replace(
            self, ids=(*self.ids, *ids), types={name: pad(each, (0, len(ids))) for name, each in self.types.items()}
        )

    def new_pictures(self, start: int) -> tuple[Picture, ...]:
        """The pictures that begin at that token or after it. `start` is in no picture."""
        if start == 0 or not self.pictures:
            return self.pictures
        assert self.spans is not None  # else nothing is cut
        return tuple(
            picture for picture, (first, _end) in zip(self.pictures, self.spans, strict=True) if first >= start
        )


class PromptReader:
    """Makes prompts from messages. Several threads may use it: tokenizers cannot be used by two at once."""

    def __init__(
        self, form: ChatFormat, tokenizer: Any, pictures: PictureProcessor | None, picture_ids: frozenset[int]
    ) -> None:
        """pictures: None for a model that sees none. picture_ids: tokens in whose place vectors of pictures come."""
        self.form, self.tokenizer, self.pictures, self.picture_ids = form, tokenizer, pictures, picture_ids
        self._begin_mark = str(getattr(tokenizer, "bos_token", None) or "")
        self._lock = threading.RLock()

    def read(self, messages: Sequence[Message]) -> Prompt:
        """The prompt for the reply to these messages."""
        text = self.form.text(messages)
        if self.pictures is None or not self.form.sees:
            return Prompt(text, tuple(self.plain_ids(text)))
        shown = tuple(picture for message in messages for picture in message.pictures)
        with self._lock:
            found = self.pictures([text], [shown], add_special_tokens=self._adds_marks(text))
        ids = tuple(int(each) for each in found["input_ids"][0])
        types = {name: found[name] for name in PER_TOKEN if name in found}
        tensors = {k: v for k, v in found.items() if k not in ("input_ids", "attention_mask", *PER_TOKEN)}
        spans = _spans(ids, self.plain_ids(text), [self.pictures.length(each) for each in shown], self._place_id)
        if spans is None:
            spans = _runs(ids, self.picture_ids, len(shown))
        return Prompt(text, ids, shown, spans, tensors, types)

    def plain_ids(self, text: str) -> list[int]:
        """Token ids of a text, one for each placeholder of a picture."""
        return self.plain_ids_of([text])[0]

    def plain_ids_of(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of texts that begin alike."""
        marks = self._adds_marks(texts[0])
        with self._lock:
            found: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=marks)["input_ids"]
        return found

    def picture_tensors(self, rows: Sequence[Sequence[Picture]], tokens: Sequence[int]) -> dict[str, Any] | None:
        """The tensors of these pictures alone, for rows of a batch; each row has some.

        tokens: how many tokens of pictures each row has. None where the processor reads pictures in another way when
        they stand together with others, so that their vectors would not fit into the prompt.
        """
        assert self.pictures is not None
        with self._lock:
            found = self.pictures.placeholders(rows)
        counted = [self.count_pictures(row.tolist()) for row in found["input_ids"]]
        if counted != list(tokens):
            return None
        return {k: v for k, v in found.items() if k not in ("input_ids", "attention_mask", *PER_TOKEN)}

    def count_pictures(self, ids: Sequence[int]) -> int:
        """How many of the tokens stand for vectors of pictures."""
        return sum(each in self.picture_ids for each in ids)

    def _adds_marks(self, text: str) -> bool:
        """Whether the tokenizer puts its beginning mark before the text: not where the template wrote it already."""
        begun = bool(self._begin_mark) and text.startswith(self._begin_mark)
        return not begun and (self.form.is_plain or self.pictures is not None)

    @property
    def _place_id(self) -> int | None:
        if self.pictures is None:
            return None
        found = self.tokenizer.convert_tokens_to_ids(self.pictures.placeholder)
        return int(found) if isinstance(found, int) else None


def _spans(
    ids: Sequence[int], plain: Sequence[int], lengths: Sequence[int], place: int | None
) -> tuple[tuple[int, int], ...] | None:
    """Where each picture stands in `ids`, if every placeholder in `plain` grew to the length that its picture has by
    itself; None otherwise."""
    places = [at for at, each in enumerate(plain) if each == place]
    if len(places) != len(lengths) or len(plain) - len(places) + sum(lengths) != len(ids):
        return None
    spans, grown = [], 0
    for at, length in zip(places, lengths, strict=True):
        spans.append((at + grown, at + grown + length))
        grown += length - 1
    outside = [each for at, each in enumerate(ids) if not any(first <= at < end for first, end in spans)]
    return tuple(spans) if outside == [each for each in plain if each != place] else None


def _runs(ids: Sequence[int], picture_ids: frozenset[int], count: int) -> tuple[tuple[int, int], ...] | None:
    """The runs of pictures' tokens, if there is one for each picture."""
    runs: list[tuple[int, int]] = []
    for at, each in enumerate(ids):
        if each in picture_ids:
            if runs and runs[-1][1] == at:
                runs[-1] = (runs[-1][0], at + 1)
            else:
                runs.append((at, at + 1))
    return tuple(runs) if len(runs) == count else None
