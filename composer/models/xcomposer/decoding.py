"""Choosing tokens: greedy, sampling and beam search as the published model does them, streamed where nothing changes.

transformers' own `generate` is not used: its beam search cannot be streamed, ends single beams at a stop word, and
normalises lengths another way than the release the model was published with (4.33, whose rules stand here: the
sequence begins with one BOS that the network never reads but that counts for penalties and lengths).
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from composer.models.xcomposer.config import XComposerConfig
from composer.models.xcomposer.engine import Engine, Held, Prompt, State
from composer.models.xcomposer.tokenizer import XComposerTokenizer

DEAD = -1e9  # score of the beams that do not exist at the first step


@dataclass(frozen=True, slots=True)
class Choice:
    """How tokens are chosen. Defaults are the published model's."""

    max_new_tokens: int = 500
    num_beams: int = 5
    do_sample: bool = False
    min_length: int = 1
    repetition_penalty: float = 1.5
    length_penalty: float = 1.0
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    seed: int | None = None
    bos: int = 1
    eos: tuple[int, ...] = (2,)
    stop_words: frozenset[int] = field(default_factory=frozenset)

    @classmethod
    def from_options(cls, config: XComposerConfig, tokenizer: XComposerTokenizer | None, **options: Any) -> "Choice":
        """From the keyword arguments of `generate`. Raises TypeError for an unknown one, ValueError for a bad value."""
        eos = options.pop("eos_token_id", None)
        stops = options.pop("stop_words_ids", None)
        if stops is None:
            stops = [tokenizer.end_of_human, tokenizer.end_of_bot] if tokenizer else []
        if "max_length" in options:  # the BOS at the beginning counts
            options["max_new_tokens"] = int(options.pop("max_length")) - 1
        choice = cls(
            bos=config.bos,
            eos=(config.eos,) if eos is None else tuple(eos) if isinstance(eos, (list, tuple)) else (int(eos),),
            stop_words=frozenset(stops),
            **options,
        )
        if choice.num_beams < 1 or choice.max_new_tokens < 1:
            raise ValueError("num_beams and max_new_tokens are at least 1")
        if choice.repetition_penalty <= 0 or (choice.do_sample and choice.temperature <= 0):
            raise ValueError("repetition_penalty and temperature are greater than 0")
        return choice


class _Rules:
    """The changes to scores before the choice: penalties for all, temperature and cuts for sampling."""

    def __init__(self, choice: Choice, device: torch.device) -> None:
        from transformers.generation import logits_process as p

        self._always: list[Any] = []
        if choice.repetition_penalty != 1.0:
            self._always.append(p.RepetitionPenaltyLogitsProcessor(float(choice.repetition_penalty)))
        if choice.min_length > 1:
            self._always.append(p.MinLengthLogitsProcessor(choice.min_length, list(choice.eos), device=str(device)))
        self._sampling: list[Any] = []
        self._choice = choice
        if choice.do_sample and choice.num_beams > 1:
            kept = len(choice.eos) + 1  # beams need something besides the end
            if choice.temperature != 1.0:
                self._sampling.append(p.TemperatureLogitsWarper(choice.temperature))
            if choice.top_k:
                self._sampling.append(p.TopKLogitsWarper(choice.top_k, min_tokens_to_keep=kept))
            if choice.top_p < 1.0:
                self._sampling.append(p.TopPLogitsWarper(choice.top_p, min_tokens_to_keep=kept))
        self.generator = torch.Generator(device=device)
        if choice.seed is not None:
            self.generator.manual_seed(choice.seed)
        else:
            self.generator.seed()

    def penalized(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        for rule in self._always:
            scores = rule(ids, scores)
        return scores

    def sampled(self, scores: torch.Tensor) -> torch.Tensor:
        """One token of each row [rows], by probability among the top_k that make up top_p.

        The same distribution as by cutting the whole vocabulary, without sorting it.
        """
        count = min(self._choice.top_k or scores.shape[-1], scores.shape[-1])
        best = (scores / self._choice.temperature).topk(count, dim=-1)  # sorted, best first
        shares = best.values.softmax(-1)
        before = shares.cumsum(-1) - shares
        shares = shares.masked_fill(before >= self._choice.top_p, 0.0)
        shares[:, 0] = shares[:, 0].clamp(min=1e-9)  # the best one always stays
        return best.indices.gather(-1, torch.multinomial(shares, 1, generator=self.generator))[:, 0]

    def warped(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        for rule in self._sampling:
            scores = rule(ids, scores)
        return scores

    def draw(self, scores: torch.Tensor, count: int) -> torch.Tensor:
        """[rows, n] -> [rows, count] indices, by probability, each once."""
        # what is allowed stays possible even where a much better beam rounds its share to nothing
        shares = scores.softmax(-1).clamp(min=1e-30).masked_fill(scores == -torch.inf, 0.0)
        return torch.multinomial(shares, count, generator=self.generator)


def search(
    engine: Engine,
    prompts: Sequence[Prompt],
    choice: Choice,
    *,
    held: Held | None = None,
    stop: threading.Event | None = None,
) -> list[list[int]]:
    """New ids of each prompt, all as one batch. `stop` ends it early with what there is."""
    last: list[list[int]] = [[] for _ in prompts]
    for _, last in progress(engine, prompts, choice, held=held, stop=stop):  # noqa: B007  (the last value is the result)
        pass
    return last


# (ids that are sure so far of each prompt, None at the end; ids of the best answers, at the end)
Progress = tuple[list[list[int]] | None, list[list[int]]]


def progress(
    engine: Engine,
    prompts: Sequence[Prompt],
    choice: Choice,
    *,
    held: Held | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Progress]:
    """One value a step, and one at the end. Prompts are one batch; closing the iterator ends it."""
    state = engine.prefill(prompts, room=choice.max_new_tokens, held=held, repeats=choice.num_beams)
    run = _beams if choice.num_beams > 1 else _rows
    try:
        yield from run(engine, state, choice, stop or threading.Event())
    finally:
        engine.done(state)


@torch.inference_mode()
def _rows(engine: Engine, state: State, choice: Choice, stop: threading.Event) -> Iterator[Progress]:
    """Greedy or sampled, each row on its own."""
    rules = _Rules(choice, engine.device)
    logits = state.logits[:, -1]
    rows = logits.shape[0]
    ids = torch.full((rows, 1), choice.bos, device=engine.device)
    answers: list[list[int]] = [[] for _ in range(rows)]
    ends = set(choice.eos) | choice.stop_words
    open_rows = set(range(rows))
    for number in range(choice.max_new_tokens):
        scores = rules.penalized(ids, logits)
        tokens = rules.sampled(scores) if choice.do_sample else scores.argmax(-1)
        for row, token in enumerate(tokens.tolist()):
            if row in open_rows:
                answers[row].append(token)
                if token in ends:
                    open_rows.discard(row)
        yield answers, answers
        if not open_rows or stop.is_set() or number + 1 == choice.max_new_tokens:
            break
        ids = torch.cat((ids, tokens[:, None]), dim=1)
        logits = engine.step(state, tokens)
    yield None, answers


class _Finished:
    """The best finished hypotheses of one prompt: at most `room`."""

    def __init__(self, choice: Choice) -> None:
        self.room, self.penalty = choice.num_beams, choice.length_penalty
        self.kept: list[tuple[float, list[int]]] = []  # (score a token, new ids)
        self.done = False

    def add(self, ids: list[int], total: float, length: int) -> None:
        score = total / length**self.penalty
        if len(self.kept) < self.room or score > min(s for s, _ in self.kept):
            self.kept.append((score, ids))
            if len(self.kept) > self.room:
                self.kept.remove(min(self.kept, key=lambda kept: kept[0]))

    def settle(self, best: float, length: int) -> None:
        """No live beam can still win: its best score could only shrink from here on."""
        if len(self.kept) >= self.room and min(s for s, _ in self.kept) >= best / length**self.penalty:
            self.done = True

    def best(self) -> list[int]:
        return max(reversed(self.kept), key=lambda kept: kept[0])[1]


@torch.inference_mode()
def _beams(engine: Engine, state: State, choice: Choice, stop: threading.Event) -> Iterator[Progress]:
    """Beam search (with sampling where asked), by the rules of transformers 4.33."""
    rules = _Rules(choice, engine.device)
    beams, device = choice.num_beams, engine.device
    logits = state.logits[:, -1]
    batch, vocabulary = logits.shape[0] // beams, logits.shape[1]
    totals = torch.full((batch, beams), DEAD, device=device)
    totals[:, 0] = 0
    if choice.do_sample:
        totals.zero_()
    ids = torch.full((batch * beams, 1), choice.bos, device=device)
    live: list[list[int]] = [[] for _ in range(batch * beams)]
    finished = [_Finished(choice) for _ in range(batch)]
    begun = state.cache.length
    alike, sure = [0] * batch, [0] * batch  # ids that the live beams, and all possible answers, have in common
    offered = max(2, 1 + len(choice.eos)) * beams
    for number in range(choice.max_new_tokens):
        scores = rules.penalized(ids, logits.log_softmax(-1)) + totals.view(-1, 1)
        values, found = _offers(rules, ids, scores, batch, offered, choice.do_sample)
        # the lengths count the BOS: a live beam of this step has number + 1 new ids and it
        chosen = [
            _extend(group, finished[group], live, row_values, row_found, vocabulary, choice, number + 1)
            for group, (row_values, row_found) in enumerate(zip(values.tolist(), found.tolist(), strict=True))
        ]
        flat = [entry for group in chosen for entry in group]
        alike = [_agreement(live[g * beams : (g + 1) * beams], known) for g, known in enumerate(alike)]
        live = [[*live[origin], token] for origin, token, _ in flat]
        tokens = torch.tensor([token for _, token, _ in flat], device=device)
        origins = torch.tensor([origin for origin, _, _ in flat], device=device)
        totals = torch.tensor([total for _, _, total in flat], device=device).view(batch, beams)
        ids = torch.cat((ids[origins], tokens[:, None]), dim=1)
        last = {beam[-1] for beam in live}
        agreed = len(last) == 1 and bool(last & choice.stop_words)  # only when every beam ends in the same stop word
        if all(f.done for f in finished) or agreed or stop.is_set() or number + 1 == choice.max_new_tokens:
            break
        possible = [
            [*(ids for _, ids in ended.kept), *([] if ended.done else live[group * beams : (group + 1) * beams])]
            for group, ended in enumerate(finished)
        ]
        sure = [_agreement(answers, known) for answers, known in zip(possible, sure, strict=True)]
        yield [answers[0][:count] for answers, count in zip(possible, sure, strict=True)], []
        state.cache.reorder(origins, begun + min(alike))
        logits = engine.step(state, tokens)
    for group, kept in enumerate(finished):
        if not kept.done:
            for beam, total in zip(live[group * beams : (group + 1) * beams], totals[group].tolist(), strict=True):
                kept.add(beam, total, len(beam) + 1)
    yield None, [kept.best() for kept in finished]


def _offers(
    rules: _Rules, ids: torch.Tensor, scores: torch.Tensor, batch: int, offered: int, sample: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and flat indices (beam * vocabulary + token) of the continuations to look at, best first, [batch, n]."""
    if not sample:
        best = scores.view(batch, -1).topk(offered, dim=1)
        return best.values, best.indices
    scores = rules.warped(ids, scores).view(batch, -1)
    drawn = rules.draw(scores, offered)
    values, order = scores.gather(1, drawn).sort(descending=True, dim=1)
    return values, drawn.gather(1, order)


def _extend(
    group: int,
    finished: _Finished,
    live: list[list[int]],
    values: list[float],
    found: list[int],
    vocabulary: int,
    choice: Choice,
    length: int,
) -> list[tuple[int, int, float]]:
    """(row it continues, token, total) of the next beams of one prompt; puts what ends aside.

    length: new ids of a continuation.
    """
    beams = choice.num_beams
    if finished.done:
        return [(group * beams, choice.eos[0], 0.0)] * beams
    kept: list[tuple[int, int, float]] = []
    for rank, (value, index) in enumerate(zip(values, found, strict=True)):
        row, token = group * beams + index // vocabulary, index % vocabulary
        if token in choice.eos:
            if rank < beams:
                # counted without its end but with the BOS; the published sequence closes with the first end token
                finished.add([*live[row], choice.eos[0]], value, length)
        else:
            kept.append((row, token, value))
        if len(kept) == beams:
            break
    finished.settle(values[0], length + 1)
    return kept


def _agreement(answers: Sequence[Sequence[int]], known: int) -> int:
    """Length of the beginning that all have in common; so many ids are known to agree."""
    shortest = min(map(len, answers))
    while known < shortest and all(answer[known] == answers[0][known] for answer in answers):
        known += 1
    return known
