"""Messages in the form that a model was trained on: its chat template, or plain text where it has none.

Knows processors and tokenizers of transformers, and what is wrong with a template; no models.
"""

import re
from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from common.messages import Text, _
from composer.models.base import Message, Picture, merge_turns
from composer.models.thinking import may_think, with_thought_closed

_NAMES = {"user": "User", "assistant": "Assistant"}
PLAIN_STOPS = ("\nUser:", "\nAssistant:")


class ChatFormat:
    """The text of a prompt, with a placeholder for each picture."""

    def __init__(self, processor: Any, tokenizer: Any, placeholders: Sequence[str]) -> None:
        """processor: what has the chat template, or the tokenizer itself. placeholders: texts that may stand for a
        picture; none for a model that sees none."""
        self._processor, self.placeholder = processor, placeholders[0] if placeholders else ""
        self.limits: list[Text] = []  # what the template cannot do, for people
        self._marks = _marks_pattern([*_control_tokens(tokenizer), *placeholders])
        template = getattr(processor, "chat_template", None) or getattr(tokenizer, "chat_template", None)
        if template and not getattr(processor, "chat_template", None):
            self._processor = tokenizer
        self.thinks = isinstance(template, str) and may_think(template)
        answers_at_once = isinstance(template, str) and "enable_thinking" in template
        self._options = {"enable_thinking": False} if answers_at_once else {}
        self.thought = ""  # what stands before a reply of a model that begins each with a thought
        self._parts_as_list = self._has_system = False
        self.sees = True  # until it is known better
        self.is_plain = not self._choose_form(template)
        if self.is_plain:
            self.thinks = False
            self.limits.append(
                _(
                    "The model has no usable chat template; it gets plain text and may go on instead of answering. Its "
                    "version for chats has one (often named …-Instruct, -Chat or -it)."
                )
            )
        self.sees = bool(placeholders) and (self.is_plain or self._shows_pictures(placeholders))
        if placeholders and not self.sees:
            self.limits.append(_("The chat template has no place for pictures, so the model is asked without them."))

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end a reply, besides the model's own end mark."""
        return PLAIN_STOPS if self.is_plain else ()

    def text(self, messages: Sequence[Message]) -> str:
        """The prompt, ready for the reply. Marks of the template that stand in a text are broken up there."""
        turns = [self._clean(turn) for turn in merge_turns(messages)]
        turns = [turn for turn in turns if turn.content or turn.role != "assistant"]  # an empty reply needs no turn
        begun = turns.pop().text if turns and turns[-1].role == "assistant" else ""
        if self.is_plain:
            return self._plain_text(turns) + (" " + begun.lstrip() if begun else "")
        prompt = self._render(turns)
        if self.thinks:
            closed = with_thought_closed(prompt)
            prompt = closed if closed != prompt else prompt + self.thought
        return prompt + begun

    # -- inside -------------------------------------------------------------------------------------------------------

    def _clean(self, turn: Message) -> Message:
        content: list[str | Picture] = []
        for part in turn.content:
            if isinstance(part, Picture) and not self.sees:
                continue
            if isinstance(part, str) and content and isinstance(content[-1], str):
                content[-1] += part
            else:
                content.append(part)
        cleaned = (
            self._marks.sub(lambda mark: f"{mark[0][0]} {mark[0][1:]}", part.encode("utf-8", "replace").decode())
            if isinstance(part, str)
            else part
            for part in content
        )
        return Message(turn.role, tuple(part for part in cleaned if part != ""))

    def _render(self, turns: Sequence[Message]) -> str:
        if not self._has_system and turns and turns[0].role == "system":
            first = Message("user", (turns[0].text + "\n\n",))
            turns = merge_turns([first, *turns[1:]])
        conversation = [{"role": turn.role, "content": self._content(turn)} for turn in turns]
        return str(
            self._processor.apply_chat_template(
                conversation, add_generation_prompt=True, tokenize=False, **self._options
            )
        )

    def _content(self, turn: Message) -> Any:
        if not self._parts_as_list:
            return "".join(part if isinstance(part, str) else self.placeholder for part in turn.content)
        return [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in turn.content]

    def _plain_text(self, turns: Sequence[Message]) -> str:
        lines = []
        for turn in turns:
            text = "".join(part if isinstance(part, str) else self.placeholder + "\n" for part in turn.content)
            lines.append(text if turn.role == "system" else f"{_NAMES[turn.role]}: {text}")
        return "\n\n".join([*lines, "Assistant:"])

    def _choose_form(self, template: object) -> bool:
        """Finds out whether messages are lists of parts and whether there is a system turn; False for no template."""
        if not template:
            return False
        asked = Message("user", ("Hello!",))
        for parts_as_list in (True, False) if self.placeholder else (False, True):
            self._parts_as_list = parts_as_list
            rendered = self._try([asked])
            if rendered is not None and "Hello!" in rendered and "'text'" not in rendered:
                self._has_system = True
                with_system = self._try([Message("system", ("Be brief.",)), asked])
                self._has_system = with_system is not None and "Be brief." in with_system
                return True
        return False

    def _shows_pictures(self, placeholders: Sequence[str]) -> bool:
        """Finds out what the template writes for a picture; False where it writes nothing."""
        first = self._parts_as_list
        for self._parts_as_list in (first, not first):
            for self.placeholder in placeholders:
                shown = self._try([Message("user", (_NO_PICTURE, "Hello!", _NO_PICTURE))])
                if shown is not None and shown.count(self.placeholder) == 2 and "Hello!" in shown:
                    return True
        self._parts_as_list = first
        return False

    def _try(self, turns: Sequence[Message]) -> str | None:
        try:
            return self._render(turns)
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
            return None  # templates are programs of others; which errors they raise is theirs


class _NoPicture(Picture):
    """Stands for a picture where only its place matters."""

    def __init__(self) -> None:
        super().__init__(None, "")  # type: ignore[arg-type]


_NO_PICTURE = _NoPicture()


def _control_tokens(tokenizer: Any) -> list[str]:
    """The marks of the template and of the model that no text may contain."""
    added = getattr(tokenizer, "added_tokens_decoder", {})
    return [*tokenizer.all_special_tokens, *(str(token) for token in added.values() if token.special)]


def _marks_pattern(marks: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted({re.escape(mark) for mark in marks if len(mark) > 1}, key=len, reverse=True)
    return re.compile("|".join(longest_first) or r"(?!)")
