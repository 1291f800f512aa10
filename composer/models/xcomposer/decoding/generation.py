"""Chooses tokens as the published model does: greedy, sampling, beam search. Streams what cannot change any more.

`generate` of transformers is not used: its beam search cannot be streamed, ends single beams at a stop word, and
normalises lengths in another way than the release that the model was published with. The rules here are those of that
release, 4.33: the sequence begins with one BOS, which the network never reads, but which counts for penalties and
lengths.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from common.lazy import one_import_at_a_time
from composer.models.xcomposer.checkpoint import XComposerConfig, XComposerTokenizer
from composer.models.xcomposer.decoding.engine import Engine, Prompt, SharedPrefix, State

IMPOSSIBLE = -1e9  # score of all beams but the first one at the first step, where they would be equal


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """How tokens are chosen. The defaults are those of the published model."""

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
    def from_options(
        cls, config: XComposerConfig, tokenizer: XComposerTokenizer | None, **options: Any
    ) -> "GenerationOptions":
        """From the keyword arguments of `generate`. Raises TypeError for an unknown one, ValueError for a bad value."""
        eos = options.pop("eos_token_id", None)
        stops = options.pop("stop_words_ids", None)
        if stops is None:
            stops = [tokenizer.end_of_human, tokenizer.end_of_bot] if tokenizer else []
        if "max_length" in options:  # the BOS at the beginning counts
            options["max_new_tokens"] = int(options.pop("max_length")) - 1
        made = cls(
            bos=config.bos,
            eos=(config.eos,) if eos is None else tuple(eos) if isinstance(eos, (list, tuple)) else (int(eos),),
            stop_words=frozenset(stops),
            **options,
        )
        if made.num_beams < 1 or made.max_new_tokens < 1:
            raise ValueError("num_beams and max_new_tokens are at least 1")
        if made.repetition_penalty <= 0 or (made.do_sample and made.temperature <= 0):
            raise ValueError("repetition_penalty and temperature are greater than 0")
        return made


class _LogitsRules:
    """The changes to scores before a token is chosen: penalties always, temperature and cuts for sampling."""

    def __init__(self, options: GenerationOptions, device: torch.device) -> None:
        with one_import_at_a_time():
            from transformers.generation import logits_process as p

        self._always: list[Any] = []
        if options.repetition_penalty != 1.0:
            self._always.append(p.RepetitionPenaltyLogitsProcessor(float(options.repetition_penalty)))
        if options.min_length > 1:
            self._always.append(p.MinLengthLogitsProcessor(options.min_length, list(options.eos), device=str(device)))
        self._sampling: list[Any] = []
        self._options = options
        if options.do_sample and options.num_beams > 1:
            kept = len(options.eos) + 1  # beams need a token beside the end tokens
            if options.temperature != 1.0:
                self._sampling.append(p.TemperatureLogitsWarper(options.temperature))
            if options.top_k:
                self._sampling.append(p.TopKLogitsWarper(options.top_k, min_tokens_to_keep=kept))
            if options.top_p < 1.0:
                self._sampling.append(p.TopPLogitsWarper(options.top_p, min_tokens_to_keep=kept))
        self.generator = torch.Generator(device=device)
        if options.seed is not None:
            self.generator.manual_seed(options.seed)
        else:
            self.generator.seed()

    def penalize(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores with the penalties that always apply."""
        for rule in self._always:
            scores = rule(ids, scores)
        return scores

    def sample(self, scores: torch.Tensor) -> torch.Tensor:
        """One token for each row [rows], drawn among the top_k tokens that make up top_p.

        The distribution is the same as when the whole vocabulary is cut, which would need sorting it.
        """
        count = min(self._options.top_k or scores.shape[-1], scores.shape[-1])
        best = (scores / self._options.temperature).topk(count, dim=-1)  # sorted, best first
        shares = best.values.softmax(-1)
        before = shares.cumsum(-1) - shares
        shares = shares.masked_fill(before >= self._options.top_p, 0.0)
        shares[:, 0] = shares[:, 0].clamp(min=1e-9)  # the best one always stays
        return best.indices.gather(-1, torch.multinomial(shares, 1, generator=self.generator))[:, 0]

    def warp(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores with temperature and cuts, for sampling in a beam search."""
        for rule in self._sampling:
            scores = rule(ids, scores)
        return scores

    def draw(self, scores: torch.Tensor, count: int) -> torch.Tensor:
        """Scores [rows, n] -> indices [rows, count], drawn by probability without repetition."""
        # what is allowed stays possible, even where a much better beam makes its share underflow
        shares = scores.softmax(-1).clamp(min=1e-30).masked_fill(scores == -torch.inf, 0.0)
        return torch.multinomial(shares, count, generator=self.generator)


def generate(
    engine: Engine,
    prompts: Sequence[Prompt],
    options: GenerationOptions,
    *,
    prefix: SharedPrefix | None = None,
    stop: threading.Event | None = None,
) -> list[list[int]]:
    """The new ids of each prompt; the prompts are one batch. `stop` ends it early with the ids so far."""
    last: list[list[int]] = [[] for _ in prompts]
    for _, last in generate_steps(engine, prompts, options, prefix=prefix, stop=stop):  # noqa: B007  (the last value is the result)
        pass
    return last


# (each prompt's ids that cannot change any more, None at the end; ids of the best answers, at the end)
Step = tuple[list[list[int]] | None, list[list[int]]]


def generate_steps(
    engine: Engine,
    prompts: Sequence[Prompt],
    options: GenerationOptions,
    *,
    prefix: SharedPrefix | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Step]:
    """One value for each step, and one at the end. The prompts are one batch. Closing the iterator ends it."""
    state = engine.prefill(prompts, room=options.max_new_tokens, prefix=prefix, repeats=options.num_beams)
    run = _beam_search if options.num_beams > 1 else _decode_rows
    try:
        yield from run(engine, state, options, stop or threading.Event())
    finally:
        engine.finish(state)


@torch.inference_mode()
def _decode_rows(engine: Engine, state: State, options: GenerationOptions, stop: threading.Event) -> Iterator[Step]:
    """Greedy decoding or sampling, each row independently."""
    rules = _LogitsRules(options, engine.device)
    logits = state.logits[:, -1]
    rows = logits.shape[0]
    ids = torch.full((rows, 1), options.bos, device=engine.device)
    answers: list[list[int]] = [[] for _ in range(rows)]
    ends = set(options.eos) | options.stop_words
    open_rows = set(range(rows))
    for number in range(options.max_new_tokens):
        scores = rules.penalize(ids, logits)
        tokens = rules.sample(scores) if options.do_sample else scores.argmax(-1)
        for row, token in enumerate(tokens.tolist()):
            if row in open_rows:
                answers[row].append(token)
                if token in ends:
                    open_rows.discard(row)
        yield answers, answers
        if not open_rows or stop.is_set() or number + 1 == options.max_new_tokens:
            break
        ids = torch.cat((ids, tokens[:, None]), dim=1)
        logits = engine.step(state, tokens)
    yield None, answers


class _FinishedBeams:
    """The best finished hypotheses of one prompt, at most `room` of them."""

    def __init__(self, options: GenerationOptions) -> None:
        self.room, self.penalty = options.num_beams, options.length_penalty
        self.kept: list[tuple[float, list[int]]] = []  # (score per token, new ids)
        self.done = False

    def add(self, ids: list[int], total: float, length: int) -> None:
        """Keeps the hypothesis if it is among the best. total: its log-probability."""
        score = total / length**self.penalty
        if len(self.kept) < self.room or score > min(s for s, _ in self.kept):
            self.kept.append((score, ids))
            if len(self.kept) > self.room:
                self.kept.remove(min(self.kept, key=lambda kept: kept[0]))

    def close_if_won(self, best: float, length: int) -> None:
        """Sets `done` where no live beam can still win: the best one's score can only fall from here on."""
        if len(self.kept) >= self.room and min(s for s, _ in self.kept) >= best / length**self.penalty:
            self.done = True

    def best(self) -> list[int]:
        """The ids of the best hypothesis."""
        return max(reversed(self.kept), key=lambda kept: kept[0])[1]


@torch.inference_mode()
def _beam_search(engine: Engine, state: State, options: GenerationOptions, stop: threading.Event) -> Iterator[Step]:
    """Beam search, with sampling where that is asked for, by the rules of transformers 4.33."""
    rules = _LogitsRules(options, engine.device)
    beams, device = options.num_beams, engine.device
    logits = state.logits[:, -1]
    batch, vocabulary = logits.shape[0] // beams, logits.shape[1]
    totals = torch.full((batch, beams), IMPOSSIBLE, device=device)
    totals[:, 0] = 0
    if options.do_sample:
        totals.zero_()
    ids = torch.full((batch * beams, 1), options.bos, device=device)
    live: list[list[int]] = [[] for _ in range(batch * beams)]
    finished = [_FinishedBeams(options) for _ in range(batch)]
    prompt_length = state.cache.length
    # how many ids the live beams of each prompt share, and how many all its possible answers share
    shared, settled = [0] * batch, [0] * batch
    offered = max(2, 1 + len(options.eos)) * beams
    for number in range(options.max_new_tokens):
        scores = rules.penalize(ids, logits.log_softmax(-1)) + totals.view(-1, 1)
        values, found = _continuations(rules, ids, scores, batch, offered, options.do_sample)
        # lengths count the BOS: a live beam has `number` new ids and the BOS
        chosen = [
            _next_beams(group, finished[group], live, row_values, row_found, vocabulary, options, number + 1)
            for group, (row_values, row_found) in enumerate(zip(values.tolist(), found.tolist(), strict=True))
        ]
        flat = [entry for group in chosen for entry in group]
        shared = [_common_prefix(live[g * beams : (g + 1) * beams], known) for g, known in enumerate(shared)]
        live = [[*live[origin], token] for origin, token, _ in flat]
        tokens = torch.tensor([token for _, token, _ in flat], device=device)
        origins = torch.tensor([origin for origin, _, _ in flat], device=device)
        totals = torch.tensor([total for _, _, total in flat], device=device).view(batch, beams)
        ids = torch.cat((ids[origins], tokens[:, None]), dim=1)
        last = {beam[-1] for beam in live}
        agreed = len(last) == 1 and bool(last & options.stop_words)  # every beam ends with the same stop word
        if all(f.done for f in finished) or agreed or stop.is_set() or number + 1 == options.max_new_tokens:
            break
        possible = [
            [*(ids for _, ids in ended.kept), *([] if ended.done else live[group * beams : (group + 1) * beams])]
            for group, ended in enumerate(finished)
        ]
        settled = [_common_prefix(answers, known) for answers, known in zip(possible, settled, strict=True)]
        yield [answers[0][:count] for answers, count in zip(possible, settled, strict=True)], []
        state.cache.reorder(origins, prompt_length + min(shared))
        logits = engine.step(state, tokens)
    for group, kept in enumerate(finished):
        if not kept.done:
            for beam, total in zip(live[group * beams : (group + 1) * beams], totals[group].tolist(), strict=True):
                kept.add(beam, total, len(beam) + 1)
    yield None, [kept.best() for kept in finished]


def _continuations(
    rules: _LogitsRules, ids: torch.Tensor, scores: torch.Tensor, batch: int, offered: int, sample: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and flat indices (beam * vocabulary + token) of the continuations to consider, best first, [batch, n]."""
    if not sample:
        best = scores.view(batch, -1).topk(offered, dim=1)
        return best.values, best.indices
    scores = rules.warp(ids, scores).view(batch, -1)
    drawn = rules.draw(scores, offered)
    values, order = scores.gather(1, drawn).sort(descending=True, dim=1)
    return values, drawn.gather(1, order)


def _next_beams(
    group: int,
    finished: _FinishedBeams,
    live: list[list[int]],
    values: list[float],
    found: list[int],
    vocabulary: int,
    options: GenerationOptions,
    length: int,
) -> list[tuple[int, int, float]]:
    """(row that it continues, token, total) of the next beams of one prompt; finished ones are put into `finished`.

    length: of the live beams, with the BOS.
    """
    beams = options.num_beams
    if finished.done:
        return [(group * beams, options.eos[0], 0.0)] * beams
    kept: list[tuple[int, int, float]] = []
    for rank, (value, index) in enumerate(zip(values, found, strict=True)):
        row, token = group * beams + index // vocabulary, index % vocabulary
        if token in options.eos:
            if rank < beams:
                # the end token does not count for the length; the published sequence ends with the first of them
                finished.add([*live[row], options.eos[0]], value, length)
        else:
            kept.append((row, token, value))
        if len(kept) == beams:
            break
    finished.close_if_won(values[0], length + 1)
    return kept


def _common_prefix(answers: Sequence[Sequence[int]], known: int) -> int:
    """Length of the prefix that all answers share, of which `known` ids are known to agree."""
    shortest = min(map(len, answers))
    while known < shortest and all(answer[known] == answers[0][known] for answer in answers):
        known += 1
    return known
