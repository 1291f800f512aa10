"""Comparing answers through what a server has. Each way gives log-probabilities of the options; they differ in truth.

FirstTokens      logprobs of the first token of a reply: the model's own, as `composer.models.base.Replier` means them
TypedDecisions   POST /v1/systemone: probabilities by a decision model, or by a chat model asked in the server's words
GuidedChoice     a reply that can only be one of the options: which, but not how surely
PlainAnswer      a reply in words, searched for an option: the last resort
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from common.messages import Text, _
from composer.models.base import Message, Sampling, assistant, merge_turns
from composer.models.endpoint.chat import Chat
from composer.models.endpoint.failing import CallFailed, odd_field
from composer.models.endpoint.wire import clean, text_of, usage_of
from composer.models.thinking import answer_in

SURE_CHOICE = 0.8  # taken as the probability of a choice whose probability is not told
PLAIN_ROOM = 12  # tokens of a plain answer
THINKING_ROOM = 1500  # of one with a thought before it
_LEAST = -30.0  # logarithm of a probability that is as good as none
_IMPOSSIBLE = -9999.0  # what some servers tell in place of minus infinity; the least that is taken over
_ROUNDED = 1e-3  # a log-probability may be so much above 0
_NO_YES = ({"no", "yes"}, {"false", "true"})  # options of a yes-or-no question
_YES = {"yes", "true"}


@dataclass(frozen=True, slots=True)
class Scores:
    """Log-probabilities, one an option, and the share of all probability that fell on the options where it is told."""

    values: list[float]
    share: float | None = None


class Way(Protocol):
    """A way of comparing answers. `limit`: what it cannot do, a sentence for people; None where nothing is amiss."""

    limit: Text | None

    def score(self, chat: Chat, messages: Sequence[Message], options: Sequence[str]) -> Scores:
        """Raises CallFailed."""
        ...


class FirstTokens:
    """By the probabilities of the first token of a reply; where options share it, by those of the next."""

    limit: Text | None = None

    def score(self, chat: Chat, messages: Sequence[Message], options: Sequence[str]) -> Scores:
        found: dict[str, float] = {}
        self._follow(chat, messages, {option: option.encode() for option in options}, "", 0.0, found)
        return Scores([found[option] for option in options], min(1.0, sum(map(math.exp, found.values()))))

    def _follow(
        self,
        chat: Chat,
        messages: Sequence[Message],
        rest: dict[str, bytes],
        begun: str,
        before: float,
        found: dict[str, float],
    ) -> None:
        """Puts the options' scores into `found`. rest: option -> what of it is still to come after `begun`."""
        asked = [*messages, assistant(begun)] if begun else messages
        tokens = self.next_tokens(chat, asked, [left.decode() for left in rest.values()])
        if not tokens:  # the reply ends here: none of the options is said
            found.update(dict.fromkeys(rest, before + _LEAST))
            return
        floor = min(tokens.values(), default=0.0)  # what is not listed is less likely than all that is
        groups: dict[bytes, dict[str, bytes]] = {}
        for option, left in rest.items():
            token = max((token for token in tokens if token and left.startswith(token)), key=len, default=b"")
            if token:
                groups.setdefault(token, {})[option] = left[len(token) :]
            else:
                found[option] = before + floor
        for token, group in groups.items():
            score, text = before + tokens[token], token.decode("utf-8", "ignore")
            goes_on = chat.dialect.continues is not None and text.encode() == token and all(group.values())
            if len(group) > 1 and goes_on:
                self._follow(chat, messages, group, begun + text, score, found)
            else:  # an option of its own, or options that cannot be told apart here
                found.update(dict.fromkeys(group, score - math.log(len(group))))

    def next_tokens(self, chat: Chat, messages: Sequence[Message], options: Sequence[str]) -> dict[bytes, float]:
        """The likeliest next tokens, as bytes, with their log-probabilities; none where the reply ends.

        A grammar has llama.cpp draw one of the options: of a token that is half a character it tells nothing.
        """
        body = chat.body(messages, Sampling(max_tokens=1))
        if chat.dialect.grammar:
            body["grammar"] = "root ::= " + " | ".join(json.dumps(option, ensure_ascii=False) for option in options)
        return first_tokens(chat.complete({**body, **chat.dialect.logprob_fields})) or {}


def first_tokens(answer: dict[str, Any]) -> dict[bytes, float] | None:
    """The log-probabilities of the first token of a reply, by the token's bytes; None where the server tells none.

    What is no log-probability is left out. Raises CallFailed where nothing is left then.
    """
    logprobs = (answer.get("choices") or [{}])[0].get("logprobs") or {}
    content = logprobs.get("content") or []
    if not content or not content[0].get("top_logprobs"):
        return None
    tokens: dict[bytes, float] = {}
    entries = (*content[0]["top_logprobs"], content[0])
    for entry in entries:
        value = entry.get("logprob")
        if isinstance(value, int | float) and value <= _ROUNDED:  # not so for what is not a number
            tokens.setdefault(_bytes_of(entry), min(0.0, float(max(_IMPOSSIBLE, value))))
    if not tokens:
        raise odd_field("logprob", entries[0].get("logprob"))
    return tokens


def _bytes_of(entry: dict[str, Any]) -> bytes:
    """A token's bytes: as the server tells them, else those of its text."""
    try:
        if raw := bytes(entry.get("bytes") or ()):
            return raw
    except (TypeError, ValueError):
        pass
    return str(entry.get("token", "")).encode("utf-8", "replace")


class TypedDecisions:
    """By POST /v1/systemone. The conversation is the state, its last question the instructions."""

    def __init__(self, *, own_words: bool) -> None:
        """own_words: the server asks a chat model in words of its own, instead of a model made for decisions."""
        self.limit: Text | None = (
            _("Answers are compared through /v1/systemone, for which the server asks the model in words of its own.")
            if own_words
            else None
        )
        self._labels = True  # yes and no are answers of their own there, not options like others
        self._takes_assets = False  # pictures as `assets`, which `transformers serve` wants, or as `images`

    def score(self, chat: Chat, messages: Sequence[Message], options: Sequence[str]) -> Scores:
        yes_or_no = {option.lower() for option in options} in _NO_YES and len(options) == 2
        state, instructions, urls = _state_of(chat, messages)
        as_noul = {"state": state, "questions": {"q": {"type": "noul", "instructions": instructions}}}
        criteria = dict.fromkeys(options)
        as_choice = {
            "state": state,
            "questions": {"q": {"type": "choice", "instructions": instructions, "criteria": criteria}},
        }
        answer: dict[str, Any] | None = None
        if yes_or_no and self._labels:
            try:
                answer = self._asked(chat, as_noul, urls)
            except CallFailed as error:  # of some tokenizers "Yes" is several tokens
                if error.status not in (400, 422):
                    raise
        if answer is None:
            answer = self._asked(chat, as_choice, urls)
            self._labels = self._labels and not yes_or_no
        found = (answer.get("answers") or {}).get("q")
        if not isinstance(found, dict):
            raise CallFailed(_("its answer of /v1/systemone holds no decision"))
        if "noul" in found:
            yes = _share(found["noul"], "noul")
            shares = [yes if option.lower() in _YES else 1.0 - yes for option in options]
        else:
            probabilities = found.get("probabilities") or {}
            shares = [_share(probabilities.get(option, 0.0), "probabilities") for option in options]
        mass = ((answer.get("diagnostics") or {}).get("q") or {}).get("label_mass")
        return Scores([_log(share) for share in shares], None if mass is None else _share(mass, "label_mass"))

    def _asked(self, chat: Chat, body: dict[str, Any], urls: Sequence[str]) -> dict[str, Any]:
        answer: dict[str, Any] | None = None
        if urls and not self._takes_assets:
            try:
                answer = chat.client.post(f"{chat.api}/systemone", chat.named({**body, "images": list(urls)}))
            except CallFailed as error:
                if error.status not in (400, 422):
                    raise
                self._takes_assets = True
        if answer is None:
            assets = {_placeholder(n): {"data_base64": url.partition(",")[2]} for n, url in enumerate(urls, 1)}
            answer = chat.client.post(
                f"{chat.api}/systemone", chat.named({**body, **({"assets": assets} if assets else {})})
            )
        chat.count(usage_of(answer))
        return answer


def _placeholder(number: int) -> str:
    return f"<img-{number}>"


def _state_of(chat: Chat, messages: Sequence[Message]) -> tuple[Any, str, list[str]]:
    """State, instructions and data URLs of the pictures. A picture is a placeholder where it stands."""
    urls: list[str] = []

    def words(message: Message) -> str:
        parts = []
        for part in message.content:
            if isinstance(part, str):
                parts.append(clean(part))
            else:
                urls.append(chat.pictures.url(part))
                parts.append(_placeholder(len(urls)))
        return " ".join(parts)

    *before, last = merge_turns(messages)
    turns = [{"role": turn.role, "content": words(turn)} for turn in before]
    return turns or "", words(last), urls


class GuidedChoice:
    """By a reply that the server keeps to the options. It says which, not how surely."""

    limit: Text | None = _(
        "It says which answer it chooses, but not how surely: pictures are weighed more by their words."
    )

    def __init__(self, form: str) -> None:
        """form: "choice" (vLLM's structured outputs) or "schema" (a JSON schema as the form of the reply)."""
        self._form = form

    def score(self, chat: Chat, messages: Sequence[Message], options: Sequence[str]) -> Scores:
        longest = max(len(option.encode()) for option in options)
        body = chat.body(messages, Sampling(max_tokens=longest + 8))  # a token has a byte at least
        reply = text_of(chat.complete({**body, **guided(self._form, options)})).strip()
        return _chosen(reply, options)


def guided(form: str, options: Sequence[str]) -> dict[str, Any]:
    """The fields that keep a reply to the options."""
    if form == "choice":
        return {"structured_outputs": {"choice": list(options)}}
    schema = {"name": "answer", "strict": True, "schema": {"type": "string", "enum": list(options)}}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


class PlainAnswer:
    """By a reply in words."""

    limit: Text | None = _(
        "The server tells no probabilities: answers are read from what the model writes, which is less sure."
    )

    def __init__(self, room: int = PLAIN_ROOM) -> None:
        """room: tokens of an answer."""
        self._room = room

    def score(self, chat: Chat, messages: Sequence[Message], options: Sequence[str]) -> Scores:
        reply = "".join(chat.stream(messages, Sampling(max_tokens=self._room)))
        return _chosen(answer_in(reply), options)


def _chosen(reply: str, options: Sequence[str]) -> Scores:
    """The option that a reply is, or that stands in it first; where none does, all alike."""
    text = reply.strip()
    try:
        decoded = json.loads(text)
        text = decoded if isinstance(decoded, str) else text
    except ValueError:
        pass
    best = text if text in options else _word_in(text, options)
    if best is None:
        return Scores([-math.log(len(options))] * len(options))
    other = (1.0 - SURE_CHOICE) / max(1, len(options) - 1)
    return Scores([math.log(SURE_CHOICE if option == best else other) for option in options])


def _word_in(text: str, options: Sequence[str]) -> str | None:
    """The option that stands first in a text as a word of its own, written as it is or else in other letters."""
    for flags in (re.NOFLAG, re.IGNORECASE):
        found = {o: re.search(rf"(?<!\w){re.escape(o)}(?!\w)", text, flags) for o in options}
        places = {option: match.start() for option, match in found.items() if match}
        if places:
            return min(places, key=lambda option: (places[option], -len(option)))
    return None


def _share(value: Any, field: str) -> float:
    """A probability. Raises CallFailed for what is none."""
    if not isinstance(value, int | float) or not -_ROUNDED <= value <= 1 + _ROUNDED:  # nor what is not a number
        raise odd_field(field, value)
    return min(1.0, max(0.0, float(value)))


def _log(share: float) -> float:
    return max(_LEAST, math.log(share)) if share > 0 else _LEAST
