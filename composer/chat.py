"""Conversation: questions and answers about text and pictures, with any model.

A model that does not see gets each picture described in words. What no longer fits the model's context, counted with
its own tokenizer, is left out from the oldest turn on; the person still sees it, and is told. Knows no page, no engine.
"""

import threading
from bisect import bisect_left
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from common.messages import Text, _
from composer.article import Language
from composer.errors import InputError
from composer.models import (
    Message,
    Model,
    Picture,
    Sampling,
    assistant,
    end_of_opened_thought,
    system,
    user,
    without_thoughts,
)
from composer.writing import MOST_CHARACTERS_A_TOKEN, detect_language, without_controls

CHATTING = Sampling(max_tokens=512, temperature=0.7, top_p=0.9, repetition_penalty=1.1)


class Described(Protocol):
    """What is known about a picture without seeing it."""

    def as_text(self, language: str) -> str: ...


class Describer(Protocol):
    """Says in words what is in a picture; `composer.models.describer.PictureDescriber` is one."""

    def describe(self, picture: Picture) -> Described: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer, as far as it has come."""

    question: str
    pictures: tuple[Picture, ...] = ()
    descriptions: tuple[str, ...] = ()  # of the pictures, for a model that does not see; one each
    answer: str = ""
    finished: bool = False  # False: still being answered, stopped or failed
    left_out: int = 0  # so many of the turns before it were more than the model could take beside it


class Conversation:
    """Turns in order. One conversation belongs to one person; the model is shared."""

    def __init__(
        self,
        model: Model,
        describer: Describer | None = None,
        turns: Sequence[Turn] = (),
        *,
        language: Language = "en",
        instructions: str = "",
        material: str = "",
    ) -> None:
        """describer: for pictures when the model does not see; without one such a picture is refused. language: of the
        answers until a question in words shows the person's language. instructions: the system prompt in place of the
        program's own. material: a text that the questions are about; as much of it as leaves half of the model's
        context free is given (`material_used`)."""
        self.model = model
        self.describer = describer
        self.turns: tuple[Turn, ...] = tuple(turns)
        self.language = language
        self.instructions = without_controls(instructions).strip()
        self.material = without_controls(material).strip()
        self.material_used: int | None = None  # characters of it that the model gets; None: not known yet

    def ask(
        self,
        text: str,
        pictures: Sequence[Picture] = (),
        sampling: Sampling = CHATTING,
        stop: threading.Event | None = None,
        *,
        begun: str = "",
    ) -> Generator[str, None, None]:
        """Adds a turn and gives its answer in pieces. Closing the generator, or `stop`, keeps what was answered.

        begun: what was answered already before something broke; the answer goes on behind it.
        Raises InputError at once for an empty question, one longer than the model can take, instructions that are,
        too many pictures, or pictures for a model that does not see where nothing describes them; while answering,
        what the model raises.
        """
        cleaned = without_controls(text).strip()
        if not cleaned and not pictures:
            raise InputError(_("Please type a question."))
        self._fit_opening(sampling)
        turn = Turn(cleaned, tuple(pictures), self._descriptions(pictures, self._language_of(cleaned)), begun)
        self._check_room(turn, sampling)
        self.turns = (*self.turns, turn)
        return self._answer(sampling, stop)

    def regenerate(
        self, sampling: Sampling = CHATTING, stop: threading.Event | None = None
    ) -> Generator[str, None, None]:
        """Answers the last question anew. Raises InputError where there is none."""
        if not self.turns:
            raise InputError(_("There is no question to answer again."))
        self._fit_opening(sampling)
        self.turns = (*self.turns[:-1], replace(self.turns[-1], answer="", finished=False))
        return self._answer(sampling, stop)

    def clear(self) -> None:
        self.turns = ()

    # -- inside --------------------------------------------------------------------------------------

    def _answer(self, sampling: Sampling, stop: threading.Event | None) -> Generator[str, None, None]:
        first = self._first_that_fits(sampling)
        before, turn = self.turns[:-1], replace(self.turns[-1], left_out=first)
        self.turns = (*before, turn)
        answer = turn.answer
        messages = self._messages(self.turns[first:])
        if answer:  # a part of it is there
            messages = [*messages, assistant(answer)]
            left = sampling.max_tokens - self.model.count_tokens([assistant(answer)])
            sampling = replace(sampling, max_tokens=max(sampling.max_tokens // 4, left))
        stream = self.model.stream(messages, sampling, stop=stop)
        try:
            for piece in without_thoughts(stream):
                answer += piece
                if (end := end_of_opened_thought(answer)) is not None:
                    answer = answer[end:]
                # a turn of a conversation that was cleared or asked anew in between is not brought back
                if self.turns[: len(before)] == before and len(self.turns) == len(before) + 1:
                    self.turns = (*before, replace(turn, answer=answer))
                yield piece
            if self.turns and self.turns[-1].answer == answer and not (stop is not None and stop.is_set()):
                self.turns = (*self.turns[:-1], replace(self.turns[-1], finished=True))
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()

    def messages(self, sampling: Sampling) -> list[Message]:
        """What the model is given for the last turn: as many turns as fit its context beside the answer's room."""
        return self._messages(self.turns[self._first_that_fits(sampling) :])

    def note(self, number: int) -> Text | None:
        """What a person should know about the turn of this number: that from here on the model does not see all."""
        if not self.turns[number].left_out or (number and self.turns[number - 1].left_out):
            return None
        return left_out_note(self.model)

    def _messages(self, turns: Sequence[Turn]) -> list[Message]:
        language = self._language_of()
        opening = self._opening(language, self.material[: self.material_used])
        messages: list[Message] = []
        pictures_left = self.model.capabilities.max_pictures
        for turn in reversed(turns):
            asked = self._question(turn, language, pictures_left)
            pictures_left -= len(asked.pictures)
            answered = [assistant(turn.answer)] if messages and turn.answer else []
            messages[:0] = [asked, *answered]
        return [opening, *messages]

    def _opening(self, language: Language, material: str) -> Message:
        """Instructions, and the text that the conversation is about."""
        own = (
            "你是一个有帮助的助手，用中文简明地回答。"
            if language == "zh"
            else "You are a helpful assistant. Be concise."
        )
        if not material:
            return system(self.instructions or own)
        about = "用户的问题是关于下面这篇文字的：" if language == "zh" else "The user's questions are about this text:"
        return system(f"{self.instructions or own}\n\n{about}\n\n{material}")

    def _fit_opening(self, sampling: Sampling) -> None:
        """Cuts the material to half of the room. Raises InputError where the instructions alone are more than that."""
        half, language = self._room(sampling) // 2, self._language_of()
        if not self._fits([self._opening(language, "")], half):
            raise InputError(
                _(
                    "The system prompt has {count:,} characters, more than the model can take beside a question. "
                    "Shorten it.",
                    count=len(self.instructions),
                )
            )

        def is_too_much(characters: int) -> bool:
            return not self._fits([self._opening(language, self.material[:characters])], half)

        lengths = range(1, len(self.material) + 1)
        self.material_used = bisect_left(lengths, True, key=is_too_much) if self.material else 0

    def _first_that_fits(self, sampling: Sampling) -> int:
        """The number of the first turn that the model is given, of the last one at most."""
        room = self._room(sampling)

        def fits(first: int) -> bool:
            return self._fits(self._messages(self.turns[first:]), room)

        return bisect_left(range(len(self.turns) - 1), True, key=fits)  # with fewer turns it never takes more

    def _fits(self, messages: Sequence[Message], room: int) -> bool:
        characters = sum(len(message.text) for message in messages)
        return characters <= room * MOST_CHARACTERS_A_TOKEN and self.model.count_tokens(messages) <= room

    def _room(self, sampling: Sampling) -> int:
        """Tokens for the messages, beside those of the answer."""
        capacity = self.model.capabilities.context_tokens
        return capacity - min(sampling.max_tokens, capacity // 2)

    def _language_of(self, text: str = "") -> Language:
        """The language of this text or, as it may be a picture alone, of the last question in words."""
        questions = (text, *(turn.question for turn in reversed(self.turns)))
        return next((detect_language(words) for words in questions if words), self.language)

    def _question(self, turn: Turn, language: Language, pictures_left: int) -> Message:
        question = turn.question or ("图片里有什么？" if language == "zh" else "What is in the picture?")
        if not turn.pictures:
            return user(question)
        if self.model.capabilities.sees_pictures:
            shown = turn.pictures if len(turn.pictures) <= pictures_left else ()
            return user(*shown, question)
        return user(_descriptions_as_text(turn.descriptions, language) + question)

    def _descriptions(self, pictures: Sequence[Picture], language: Language) -> tuple[str, ...]:
        if not pictures:
            return ()
        capabilities = self.model.capabilities
        if capabilities.sees_pictures:
            if len(pictures) > capabilities.max_pictures:
                raise InputError(
                    _(
                        "{count} pictures are too many; this model takes {max_pictures}. Give fewer at a time.",
                        count=len(pictures),
                        max_pictures=capabilities.max_pictures,
                    )
                )
            return ()
        if self.describer is None:
            raise InputError(
                _(
                    "The model '{name}' cannot see pictures. Ask without, or load a model that can.",
                    name=self.model.name,
                )
            )
        return tuple(self.describer.describe(picture).as_text(language) for picture in pictures)

    def _check_room(self, turn: Turn, sampling: Sampling) -> None:
        room = self._room(sampling)
        if not self._fits(self._messages([turn]), room):
            raise InputError(
                _(
                    "The question has {count:,} characters, more than the model can take ({room:,} tokens). Ask "
                    "about a shorter part.",
                    count=len(turn.question),
                    room=room,
                )
            )


def left_out_note(model: Model) -> Text:
    """What a person should know where turns begin to be left out."""
    return _(
        "The conversation is longer than the {most:,} tokens that the model can take. From here on its oldest "
        "questions and answers are left out.",
        most=model.capabilities.context_tokens,
    )


def _descriptions_as_text(descriptions: Sequence[str], language: Language) -> str:
    """The pictures in words, with the remark that they are words: a model that believes it sees makes things up."""
    if language == "zh":
        lines = [f"图片{i}：{text}" for i, text in enumerate(descriptions, 1)]
        return "用户附上了图片。你看不到图片，只有程序识别出的以下信息，可能有误：\n" + "\n".join(lines) + "\n\n"
    lines = [f"Picture {i}: {text}" for i, text in enumerate(descriptions, 1)]
    return (
        "Pictures are attached. You cannot see them; a program recognised this in them, and may be wrong:\n"
        + "\n".join(lines)
        + "\n\n"
    )
