"""Log-probabilities of options as the continuation of a prompt, from an engine that tells those of the next token.

Knows prompts and tokens, not messages. An option is followed token by token until no other option shares its tokens:
usually one token, and so one forward pass for all.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from composer.models.gguf.engine import Engine, EngineError
from composer.models.gguf.prompt import Prompt

SCORED_TOKENS = 256  # log-probabilities in the first request; a second one names the tokens that it lacks
_WHOLE_VOCABULARY = 1 << 20  # that many log-probabilities take seconds, and are asked for only where nothing else helps
_FORCE = 1000.0  # the step between tokens that are forced one after the other
_BIAS = 40.0  # lifts the named tokens above all others: log-probabilities of a vocabulary span less

# what was read after the common beginning, tokens -> log-probability of each of them as the next one
NextTokens = Callable[[Sequence[int], Sequence[int]], dict[int, float]]


def score_options(engine: Engine, prompt: Prompt, options: Sequence[str], slot: dict[str, int]) -> dict[str, float]:
    """The log-probability of each option.

    One that is a prefix of others gets the probability that their tokens leave. slot: where it is computed, as fields
    of a request. Raises EngineError.
    """
    tokens, next_tokens = _read(engine, prompt, list(dict.fromkeys(options)), slot)
    found: dict[str, float] = {}
    _follow([], tokens, 0.0, found, next_tokens)
    return found


def score_every_token(engine: Engine, prompt: Prompt, options: Sequence[str]) -> list[list[float]]:
    """For each option the log-probabilities of its tokens; one forward pass for all tokens that follow the same ones.

    Raises EngineError.
    """
    tokens, next_tokens = _read(engine, prompt, list(dict.fromkeys(options)), {})
    following: dict[tuple[int, ...], list[int]] = {}  # what was read -> the tokens that options go on with
    for ids in tokens.values():
        for at, token in enumerate(ids):
            following.setdefault(tuple(ids[:at]), []).append(token)
    found = {read: next_tokens(read, list(dict.fromkeys(ids))) for read, ids in following.items()}
    return [[found[tuple(ids[:at])][ids[at]] for at in range(len(ids))] for ids in (tokens[o] for o in options)]


def common_length(sequences: Sequence[Sequence[object]]) -> int:
    """The length of the prefix that all sequences share."""
    length = 0
    for column in zip(*sequences, strict=False):
        if len(set(column)) > 1:
            break
        length += 1
    return length


# -- inside ------------------------------------------------------------------------------------------------------------


def _read(
    engine: Engine, prompt: Prompt, options: Sequence[str], slot: dict[str, int]
) -> tuple[dict[str, list[int]], NextTokens]:
    """Each option's tokens after what all share, and how to ask for the next token there.

    The end of the prompt and an option may make one token together; so both are cut into tokens as one text.
    """
    begins = not prompt.pictures
    end = prompt.texts[-1]
    tokens = {option: engine.tokens(end + option, begins=begins) for option in options}
    asked = engine.tokens(end, begins=begins)
    start = common_length([*tokens.values(), asked])
    after = {option: ids[start:] for option, ids in tokens.items()}
    if begins:
        return after, lambda read, named: _next_tokens(engine, [*asked[:start], *read], named, slot)
    if start < len(asked):  # the text must end before the token that an option changes
        shorter = engine.text(asked[:start])
        if end.startswith(shorter) and engine.tokens(shorter, begins=False) == asked[:start]:
            prompt = Prompt(prompt.text[: len(prompt.text) - len(end)] + shorter, prompt.pictures, prompt.mark)
        else:  # a token ends inside of a character; the options are then added as texts of their own
            after = {option: engine.tokens(option, begins=False) for option in options}
    seen = prompt
    return after, lambda read, named: _next_tokens_seen(engine, seen, read, named, slot)


def _follow(
    read: list[int],
    tokens: dict[str, list[int]],
    logprob: float,
    found: dict[str, float],
    next_tokens: NextTokens,
) -> None:
    """Puts the options' scores into `found`. tokens: option -> its ids, equal to `read` as far as that goes."""
    depth = len(read)
    ended = [option for option, ids in tokens.items() if len(ids) == depth]
    branches: dict[int, dict[str, list[int]]] = {}
    for option, ids in tokens.items():
        if len(ids) > depth:
            branches.setdefault(ids[depth], {})[option] = ids
    logprobs = next_tokens(read, list(branches))
    for option in ended:
        rest = 1.0 - sum(math.exp(logprobs[token]) for token in branches)
        found[option] = logprob + math.log(max(rest, 1e-12))
    for token, below in branches.items():
        if len(below) == 1:
            found[next(iter(below))] = logprob + logprobs[token]
        else:
            _follow([*read, token], below, logprob + logprobs[token], found, next_tokens)


def _next_tokens(engine: Engine, prompt: list[int], tokens: Sequence[int], slot: dict[str, int]) -> dict[int, float]:
    """Log-probabilities of these tokens as the next one after a prompt of tokens, before any sampling rule.

    One forward pass, or two where a token is not among the likeliest ones.
    """
    request = {"prompt": prompt, "temperature": 0.0, "n_probs": SCORED_TOKENS, **slot}
    first = _told(_answer(engine, request, 1))
    if not first:  # the likeliest token ends inside of a character
        first = _told(_answer(engine, {**request, "logit_bias": [[_word(engine), 2 * _BIAS]]}, 1))
    values = _listed(first)
    absent = [token for token in tokens if token not in values]
    if absent:
        anchor = max(values, key=lambda token: values[token])
        named = [*absent, anchor]
        # The same bias for all keeps their differences; the anchor's true log-probability gives the level
        biased = {
            "prompt": prompt,
            "temperature": 1.0,
            "samplers": ["temperature"],
            "logit_bias": [[token, _BIAS] for token in named],
            "n_probs": len(named) + 8,
            "post_sampling_probs": True,
            **slot,
        }
        lifted = _told(_answer(engine, biased, 1))
        if not lifted:
            raise EngineError("it told no probabilities")
        shares = {entry["id"]: max(float(entry["prob"]), 1e-30) for entry in lifted[-1]["top_probs"]}
        for token in absent:
            values[token] = values[anchor] + math.log(shares.get(token, 1e-30) / shares[anchor])
    return {token: values[token] for token in tokens}


def _next_tokens_seen(
    engine: Engine, prompt: Prompt, read: Sequence[int], tokens: Sequence[int], slot: dict[str, int]
) -> dict[int, float]:
    """Log-probabilities of these tokens as the next one after a prompt with pictures and the tokens `read`.

    Such a prompt is text and cannot go on in token ids. So the engine is made to write `read` and one token more, of
    which it tells what it thought before it was made to.
    """
    request = {"prompt": prompt.field, **slot}
    word = _word(engine)
    values = _listed(_written(engine, {**request, "n_probs": SCORED_TOKENS}, [*read, word]))
    for token in tokens:
        if token not in values:
            written = _written(engine, {**request, "n_probs": 1}, [*read, token])
            if written and written[-1]["id"] == token:
                values[token] = float(written[-1]["logprob"])
            else:
                values |= _listed(_written(engine, {**request, "n_probs": _WHOLE_VOCABULARY}, [*read, word]))
    return {token: values[token] for token in tokens}


def _written(engine: Engine, request: dict[str, Any], tokens: Sequence[int]) -> list[dict[str, Any]]:
    """What the engine tells of these tokens when it is made to write them."""
    length = len(tokens)
    # each token is lifted above those that follow it, and lowered once it is written
    in_order = {
        "logit_bias": [[token, _FORCE * (length - at)] for at, token in enumerate(tokens)],
        "presence_penalty": _FORCE * (length + 1),
        "repeat_last_n": length,
        "samplers": ["penalties", "temperature"],
        "temperature": 0.0,
        "return_tokens": True,
    }
    answer = _answer(engine, {**request, **in_order}, length)
    if list(answer.get("tokens", ())) != list(tokens):  # one comes twice; a grammar knows no parts of characters
        grammar = "root ::= " + " ".join(f"<[{token}]>" for token in tokens)
        answer = _answer(engine, {**request, "temperature": 0.0, "grammar": grammar}, length)
    return _told(answer)


def _word(engine: Engine) -> int:
    """A token that ends no character which was begun: the engine tells nothing of tokens that may be in the midst of
    one, and takes the first three bytes after the beginning of one for parts of it."""
    known = (engine.tokens(text, begins=False) for text in (" the", "the", "Yes", "and", "a"))
    return next((ids[-1] for ids in known if len(ids) == 1), engine.tokens("a", begins=False)[-1])


def _listed(written: list[dict[str, Any]]) -> dict[int, float]:
    if not written:
        raise EngineError("it told no probabilities")
    return {entry["id"]: float(entry["logprob"]) for entry in written[-1]["top_logprobs"]}


def _answer(engine: Engine, request: dict[str, Any], length: int) -> dict[str, Any]:
    return engine.complete({**request, "n_predict": length, "max_tokens": length, "cache_prompt": True})


def _told(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """What the engine tells of each token of an answer; nothing of those that end inside of a character."""
    entries: list[dict[str, Any]] = (answer["choices"][0].get("logprobs") or {}).get("content") or []
    return entries
