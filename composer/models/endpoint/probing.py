"""What a server can do: asked once, at the start, so that no answer later depends on luck.

It is asked which models it serves, for a short reply, how likely its first tokens were, and whether pictures reach the
model. What is missing is put into words, not guessed.
"""

import difflib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from common.messages import Text, _
from composer.errors import SettingsError
from composer.models.base import Message, Picture, Sampling, user
from composer.models.endpoint.chat import Chat
from composer.models.endpoint.client import Client
from composer.models.endpoint.dialects import TRANSFORMERS, Dialect, dialect_by_owner, dialect_by_paths
from composer.models.endpoint.failing import CallFailed, not_compatible
from composer.models.endpoint.scoring import (
    THINKING_ROOM,
    FirstTokens,
    GuidedChoice,
    PlainAnswer,
    TypedDecisions,
    Way,
    first_tokens,
    guided,
)
from composer.models.endpoint.tokens import Counter, find_counter
from composer.models.endpoint.wire import Pictures, text_of, usage_of
from composer.models.thinking import OPENING

log = logging.getLogger(__name__)

ASSUMED_CONTEXT = 4096  # tokens, where a server does not say and nobody set it
MOST_PICTURES = 16  # in one prompt; what a server takes beyond is seldom told
_MOST_NAMES = 12  # of models, in an error
_PICTURE_SIDE = 56  # pixels of the picture that is tried: some models take none under two patches of 28
_FEW = 2  # attempts of a question that is only asked to find out
_WEAK_SHARE = 0.5  # of the probability of a first token, below which options are said to be hardly answered
_QUESTION = (user("Is snow white? Answer Yes or No."),)
_OPTIONS = ("Yes", "No")
_ODD_OPTIONS = ("quartz", "basalt")  # that no model answers the question with by itself
_CONTEXT_FIELDS = ("max_model_len", "loaded_context_length", "context_length", "context_window", "max_context_length")


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out."""

    chat: Chat
    name: str  # of the model, as the server calls it; empty where it does not
    way: Way
    context_tokens: int
    counter: Counter | None  # None: tokens are estimated
    sees: bool
    slots: int | None  # replies that the server computes at once, where it says
    limits: tuple[Text, ...] = field(default_factory=tuple)


def find_out(
    client: Client, served: str | None, pictures: Pictures, context_tokens: int | None, report: Callable[[str], None]
) -> Found:
    """Asks the server. served: the model's name there; None: its only one. context_tokens: as a person knows it.

    Raises CallFailed, and SettingsError where a name must be chosen.
    """
    listed = _listed(client)
    name, entry = _choose(listed, served)
    report(name)
    chat = Chat(client, name, dialect_by_owner(entry) or dialect_by_paths(_own_paths(client)), pictures)
    if served and listed and not _has(listed, served) and chat.dialect is not TRANSFORMERS:  # which loads any
        raise _unknown(served, listed)
    limits: list[Text] = []
    facts = _facts(chat, entry)
    decides = "decisions" in _modalities(entry, "output")
    try:
        answer = None if decides else _first_answer(chat, limits, listed)
    except CallFailed as error:
        if error.status in (400, 422) and not served and not listed:  # as Ollama's before a model was pulled
            message = error.message or str(error.status)
            raise CallFailed(
                _("it lists no model ({message}). Load one there, or name it: --served_name NAME", message=message),
                status=error.status,
            ) from error
        if error.status == 404 and served and listed and not _has(listed, served):
            raise _unknown(served, listed) from error
        if error.status not in (404, 405, 501):
            raise
        if _decision_share(chat) is None:
            if listed:
                raise
            raise CallFailed(not_compatible(), status=error.status) from error
        answer, decides = None, True
    way = TypedDecisions(own_words=False) if answer is None else _find_way(chat, answer)
    if decides:
        limits.append(_("It only decides between answers and writes nothing: use it as --judge beside another model."))
    if way.limit is not None:
        limits.append(way.limit)
    elif answer is not None:
        limits.extend(_weak(answer))
    sees = _sees(chat, entry, facts, answer)
    counter = find_counter(chat) if answer is not None else None
    if counter is None and not decides:
        limits.append(_("The server does not count tokens: how much fits is estimated."))
    context = context_tokens or _context(entry, facts)
    if context is None:
        context = ASSUMED_CONTEXT
        limits.append(
            _(
                "The server does not say how long a prompt may be: {context:,} tokens are assumed. If it is more, set "
                "context_tokens.",
                context=context,
            )
        )
    if chat.dialect.continues is None:
        limits.append(_("The server cannot go on in the middle of a text: it begins a paragraph anew."))
    slots = facts.get("total_slots")
    name = chat.served or str((answer or {}).get("model") or "").removesuffix("@main")
    return Found(chat, name, way, context, counter, sees, slots if isinstance(slots, int) else None, tuple(limits))


# -- which model ------------------------------------------------------------------------------------------------------


def _listed(client: Client) -> list[dict[str, Any]]:
    """The models that the server lists; none where it cannot list them, as `transformers serve` without a cache of the
    hub. Raises CallFailed where it is no OpenAI-compatible server."""
    try:
        answer = client.get(f"{client.address.api}/models")
    except CallFailed as error:
        if error.status not in (404, 405, 500, 501):
            raise
        log.info("%s lists no models: %s", client.address.place, error)
        return []
    data = answer.get("data") if isinstance(answer, dict) else None
    if data is None and isinstance(answer, dict) and answer.get("object") == "list":
        data = []  # so Ollama's writes an empty list
    if not isinstance(data, list):
        raise CallFailed(not_compatible())
    return [entry for entry in data if isinstance(entry, dict) and entry.get("id")]


def _choose(listed: Sequence[dict[str, Any]], served: str | None) -> tuple[str, dict[str, Any]]:
    """Name and entry of the model; an empty name where the server lists none and wants none."""
    names = [str(entry["id"]) for entry in listed]
    if served:
        entry = next((e for e in listed if served in _names_of(e)), {})
        if not entry and len(listed) == 1:
            entry = {**listed[0], "id": served}  # the kind of the server is the same for all of its models
        return served, entry
    if len(listed) > 1:
        raise SettingsError(
            name="served_name",
            value="",
            reason=_(
                "the server has {count} models: {names}. Name one: --served_name {first}",
                count=len(names),
                names=", ".join(names[:_MOST_NAMES]),
                first=names[0],
            ),
        )
    return (names[0], listed[0]) if listed else ("", {})


def _names_of(entry: dict[str, Any]) -> list[str]:
    """The names that a server takes for a model: Ollama's without ":latest", too."""
    aliases = entry.get("aliases")
    names = [str(entry["id"]), *(map(str, aliases) if isinstance(aliases, list) else ())]
    return [*names, *(name.removesuffix(":latest") for name in names)]


def _has(listed: Sequence[dict[str, Any]], served: str) -> bool:
    """Whether a server has a model of that name; what follows a colon or @ may be a variant that it does not list."""
    known = {name for entry in listed for name in _names_of(entry)}
    return any(served[:end] in known for end in (len(served), served.rfind(":"), served.rfind("@")) if end > 0)


def _unknown(served: str, listed: Sequence[dict[str, Any]]) -> SettingsError:
    """The error for a name that a server does not have, with those that come nearest to it."""
    names = [str(entry["id"]) for entry in listed]
    near = difflib.get_close_matches(served, names, n=_MOST_NAMES, cutoff=0.0)
    return SettingsError(
        name="served_name",
        value=served,
        reason=_(
            "the server does not have it. It has: {names}", names=", ".join(near) + " …" * (len(names) > len(near))
        ),
    )


def _own_paths(client: Client) -> frozenset[str]:
    """The paths that a server describes, for one that does not name itself in its list of models."""
    try:
        described = client.get(f"{client.address.root}/openapi.json")
    except CallFailed:
        return frozenset()
    paths = described.get("paths") if isinstance(described, dict) else None
    return frozenset(paths) if isinstance(paths, dict) else frozenset()


def _facts(chat: Chat, entry: dict[str, Any]) -> dict[str, Any]:
    """What servers of this kind tell of the model at paths of their own."""
    engine, root, client = chat.dialect.engine, chat.root, chat.client
    try:
        if engine == "llama.cpp":
            return _object(client.get(f"{root}/props"))
        if engine == "Ollama":
            shown = client.post(f"{root}/api/show", {"model": chat.served}, attempts=_FEW)
            # how long a prompt may be is settled when a model is loaded
            client.post(f"{root}/api/generate", {"model": chat.served}, attempts=_FEW)
            running = _object(client.get(f"{root}/api/ps")).get("models") or []
            loaded: dict[str, Any] = next((m for m in running if chat.served in (m.get("name"), m.get("model"))), {})
            return {**shown, "context_length": loaded.get("context_length")}
        if engine == "LM Studio":
            return _object(client.get(f"{root}/api/v0/models/{chat.served}"))
    except CallFailed as error:
        log.info("%s tells nothing of its own about %s: %s", engine, chat.served, error)
    return {}


def _object(answer: Any) -> dict[str, Any]:
    return answer if isinstance(answer, dict) else {}


def _context(entry: dict[str, Any], facts: dict[str, Any]) -> int | None:
    """The longest prompt and reply together, in tokens; None where the server does not say."""
    settings = _object(facts.get("default_generation_settings"))
    sizes = [settings.get("n_ctx"), _object(entry.get("meta")).get("n_ctx")]
    sizes += [source.get(name) for source in (facts, entry) for name in _CONTEXT_FIELDS]
    return next((int(value) for value in sizes if isinstance(value, int) and value > 0), None)


def _modalities(entry: dict[str, Any], way: str) -> list[str]:
    modalities = _object(entry.get("architecture")).get(f"{way}_modalities")
    return [str(each) for each in modalities] if isinstance(modalities, list) else []


# -- what it answers --------------------------------------------------------------------------------------------------


def _first_answer(chat: Chat, limits: list[Text], listed: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The answer to a short question, with logprobs where the server tells them.

    What the server does not take is left out from then on. Raises CallFailed.
    """
    own, plain = chat.dialect, chat.dialect.plain()
    speakers: list[tuple[Dialect, dict[str, Any]]] = [(own, own.logprob_fields), (plain, plain.logprob_fields)]
    speakers += [(own, {}), (plain, {})]
    refused: CallFailed | None = None
    for dialect, more in speakers:
        chat.dialect = dialect
        try:
            # the penalty is a field that not every server knows
            answer = chat.complete({**chat.body(_QUESTION, Sampling(1, repetition_penalty=1.1)), **more}, attempts=_FEW)
        except CallFailed as error:
            if error.status not in (400, 422) or _is_about_name(error):
                raise _with_names(error, listed) from error
            refused = refused or error
            continue
        if not dialect.penalty:
            limits.append(_("The server takes no penalty for repetition: a weak model may repeat itself."))
        return answer
    assert refused is not None  # else the loop has returned
    raise refused


def _is_about_name(error: CallFailed) -> bool:
    return "model" in error.message.lower() and "not found" in error.message.lower()


def _with_names(error: CallFailed, listed: Sequence[dict[str, Any]]) -> CallFailed:
    """The error, with the names that the server has where the one it was asked for is not among them."""
    if not (error.status == 404 or _is_about_name(error)) or not listed:
        return error
    names = ", ".join(str(entry["id"]) for entry in listed[:_MOST_NAMES])
    return CallFailed(
        _("{reason}. Its models: {names} (--served_name NAME)", reason=error.reason, names=names), status=error.status
    )


def _find_way(chat: Chat, answer: dict[str, Any]) -> Way:
    """How answers are compared: the first way that this server has. First tokens come before typed decisions, since
    these ask a chat model in other words than ours."""
    if _thinks(answer):
        return PlainAnswer(THINKING_ROOM)
    if _tokens(answer) or (chat.dialect.grammar and FirstTokens().next_tokens(chat, _QUESTION, _OPTIONS)):
        return FirstTokens()
    if _decision_share(chat) is not None:
        return TypedDecisions(own_words=True)
    for form in ("choice", "schema"):
        try:
            body = chat.body(_QUESTION, Sampling(max_tokens=16))
            reply = text_of(chat.complete({**body, **guided(form, _ODD_OPTIONS)}, attempts=_FEW))
        except CallFailed as error:
            log.debug("No guided choice by %s: %s", form, error)
            continue
        if reply.strip().strip('"') in _ODD_OPTIONS:
            return GuidedChoice(form)
    return PlainAnswer()


def _tokens(answer: dict[str, Any]) -> dict[bytes, float]:
    """The log-probabilities of first tokens; none where what the server tells is none."""
    try:
        return first_tokens(answer) or {}
    except CallFailed as error:
        log.info("No log-probabilities: %s", error)
        return {}


def _thinks(answer: dict[str, Any]) -> bool:
    """Whether a reply begins with a thought, so that its first token is none of the answer."""
    message = _object((answer.get("choices") or [{}])[0].get("message"))
    thought = message.get("reasoning_content") or message.get("reasoning")
    return bool(thought) or bool(OPENING.match(text_of(answer).lstrip()))


def _decision_share(chat: Chat) -> float | None:
    """The probability that a typed question is answered with yes; None where the server answers none."""
    try:
        scores = TypedDecisions(own_words=False).score(chat, _QUESTION, _OPTIONS)
    except (CallFailed, TypeError, ValueError) as error:
        log.debug("No typed decisions: %s", error)
        return None
    return scores.values[0]


def _weak(answer: dict[str, Any]) -> list[Text]:
    """A remark where a model puts little on the answers that it may give."""
    tokens = _tokens(answer)
    share = sum(math.exp(tokens.get(option.encode(), -99.0)) for option in _OPTIONS)
    if share >= _WEAK_SHARE:
        return []
    return [
        _(
            "Asked one question when it was loaded, it put {share:.0%} of the probability on Yes and No (at least: "
            "other ways to write them are not counted). What it says of pictures may be weak; how much fell on the "
            "answers that were last compared stands on the tab Models.",
            share=share,
        )
    ]


def _sees(chat: Chat, entry: dict[str, Any], facts: dict[str, Any], answer: dict[str, Any] | None) -> bool:
    """Whether pictures reach the model: as the server says, else by sending one."""
    modalities = _modalities(entry, "input")
    if modalities:
        return "image" in modalities
    if isinstance(facts.get("modalities"), dict):
        return bool(facts["modalities"].get("vision"))
    if isinstance(facts.get("capabilities"), list):
        return "vision" in facts["capabilities"]
    if facts.get("type") in ("llm", "vlm"):
        return bool(facts["type"] == "vlm")
    picture = Picture(Image.new("RGB", (_PICTURE_SIDE, _PICTURE_SIDE), (200, 30, 30)), "probe")
    asked: list[Message] = [user(picture, *_QUESTION[0].content)]
    if answer is None:
        try:
            TypedDecisions(own_words=False).score(chat, asked, _OPTIONS)
        except CallFailed:
            return False
        return True
    try:
        seen = chat.complete(chat.body(asked, Sampling(max_tokens=1)), attempts=1)
    except CallFailed as error:
        log.info("No pictures: %s", error)
        return False
    # some servers leave pictures out without a word: the prompt is then no longer than without
    alone, beside = usage_of(answer), usage_of(seen)
    if alone is None or beside is None:
        return chat.dialect is not TRANSFORMERS
    return beside.prefilled + beside.reused > alone.prefilled + alone.reused
