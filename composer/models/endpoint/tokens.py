"""How many tokens a prompt takes: as the server counts, where it does; else an estimate, which is said to be one."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from common.language import HAN
from composer.models.base import Message, merge_turns, user
from composer.models.endpoint.chat import Chat
from composer.models.endpoint.failing import CallFailed
from composer.models.endpoint.wire import turns_of

log = logging.getLogger(__name__)

Counter = Callable[[Sequence[Message]], int]

# For texts, each a little more than the tokenizers of 2023 to 2026 need, so that a prompt is not too long after all
_CHARACTERS_A_TOKEN = 3.2  # of English; other alphabets come near
_TOKENS_A_HAN = 1.1
_TOKENS_A_TURN = 8
TOKENS_A_PICTURE = 1200


def find_counter(chat: Chat) -> Counter | None:
    """The server's own way of counting, or None."""
    for count in (_prompt_counter(chat), _chat_tokenizer(chat), _template_and_tokenizer(chat)):
        try:
            if count([user("Hello!")]) > 0:
                return count
        except (CallFailed, ArithmeticError, LookupError, TypeError, ValueError) as error:
            log.debug("Tokens are not counted in this way: %s", error)
    return None


def estimate(messages: Sequence[Message]) -> int:
    """About how many tokens the messages take, rather more than fewer."""
    tokens = float(_TOKENS_A_TURN)  # the beginning of the reply
    for turn in merge_turns(messages):
        han = len(HAN.findall(turn.text))
        tokens += _TOKENS_A_TURN + han * _TOKENS_A_HAN + (len(turn.text) - han) / _CHARACTERS_A_TOKEN
        tokens += TOKENS_A_PICTURE * len(turn.pictures)
    return round(tokens)


def _prompt_counter(chat: Chat) -> Counter:
    """llama.cpp since 2026: POST /v1/chat/completions/input_tokens."""

    def count(messages: Sequence[Message]) -> int:
        body = chat.named({"messages": turns_of(messages, chat.pictures), **chat.dialect.extras})
        return int(_answer(chat, f"{chat.api}/chat/completions/input_tokens", body)["input_tokens"])

    return count


def _chat_tokenizer(chat: Chat) -> Counter:
    """vLLM: POST /tokenize with messages."""

    def count(messages: Sequence[Message]) -> int:
        body = chat.named({"messages": turns_of(messages, chat.pictures)})
        return int(_answer(chat, f"{chat.root}/tokenize", body)["count"])

    return count


def _template_and_tokenizer(chat: Chat) -> Counter:
    """llama.cpp before: POST /apply-template, then /tokenize. Pictures are estimated."""

    def count(messages: Sequence[Message]) -> int:
        texts = [Message(turn.role, (turn.text,)) for turn in messages]
        prompt = _answer(chat, f"{chat.root}/apply-template", {"messages": turns_of(texts, chat.pictures)})["prompt"]
        body = {"content": prompt, "add_special": True, "parse_special": True}
        tokens = len(_answer(chat, f"{chat.root}/tokenize", body)["tokens"])
        return tokens + TOKENS_A_PICTURE * sum(len(turn.pictures) for turn in messages)

    return count


def _answer(chat: Chat, url: str, body: dict[str, Any]) -> dict[str, Any]:
    return chat.client.post(url, body, attempts=2, quick=True)
