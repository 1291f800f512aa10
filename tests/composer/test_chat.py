"""Conversations with a fake model."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from PIL import Image

from composer.chat import Conversation, Turn
from composer.errors import InputError
from composer.models.base import Capabilities, Message, Picture, Sampling
from tests.fakes import FakeModel

SEES = Capabilities(sees_pictures=True, max_pictures=2, context_tokens=4096)


def picture() -> Picture:
    return Picture(Image.new("RGB", (8, 8), "red"), "red.png")


def echo(messages: Sequence[Message]) -> str:
    return f"You said: {messages[-1].text.splitlines()[-1]}"


@dataclass
class Described:
    text: str

    def as_text(self, language: str) -> str:
        return f"{self.text} ({language})"


class Describer:
    def describe(self, picture: Picture) -> Described:
        return Described(f"labels of {picture.name}")


def test_an_answer_streams_and_the_turns_are_remembered() -> None:
    model = FakeModel(answer=echo)
    conversation = Conversation(model)
    pieces = list(conversation.ask("Hello"))
    assert len(pieces) > 1
    assert conversation.turns == (Turn("Hello", answer="You said: Hello", finished=True),)
    list(conversation.ask("And now?"))
    assert [(m.role, m.text) for m in model.prompts[-1][1:]] == [
        ("user", "Hello"),
        ("assistant", "You said: Hello"),
        ("user", "And now?"),
    ]


@pytest.mark.parametrize("thought", ["<think>Hm.</think>\n\n", "Hm.\n</think>\n\n"])
def test_a_thought_is_no_part_of_an_answer(thought: str) -> None:
    conversation = Conversation(FakeModel(answer=lambda _: f"{thought}Tea."))
    pieces = "".join(conversation.ask("What do you drink?"))
    assert conversation.turns[-1].answer == "Tea."
    assert conversation.turns[-1].finished
    assert pieces.endswith("Tea.")


def test_turns_are_frozen_values_of_this_conversation_alone() -> None:
    model = FakeModel(answer=echo)
    first, second = Conversation(model), Conversation(model)
    list(first.ask("a"))
    kept = first.turns
    list(first.ask("b"))
    assert [turn.question for turn in kept] == ["a"]
    assert second.turns == ()


def test_stopping_and_closing_keep_what_was_answered() -> None:
    conversation = Conversation(FakeModel(answer=lambda _: "one two three four five"))
    stop = threading.Event()
    for _ in conversation.ask("x", stop=stop):
        stop.set()
    assert conversation.turns[-1].answer == "one two"
    assert not conversation.turns[-1].finished
    pieces = conversation.ask("y")
    next(pieces)
    pieces.close()
    assert conversation.turns[-1].answer == "one two"


def test_regenerating_replaces_the_last_answer_only() -> None:
    answers = iter(["first", "second", "third"])
    conversation = Conversation(FakeModel(answer=lambda _: next(answers)))
    list(conversation.ask("a"))
    list(conversation.ask("b"))
    list(conversation.regenerate())
    assert [turn.answer for turn in conversation.turns] == ["first", "third"]
    conversation.clear()
    assert conversation.turns == ()
    with pytest.raises(InputError):
        conversation.regenerate()


def test_an_answer_that_broke_off_goes_on_behind_what_came() -> None:
    model = FakeModel(answer=lambda _: "and blue.")
    conversation = Conversation(model, turns=(Turn("Hello", answer="Hi", finished=True),))
    pieces = list(conversation.ask("Which colours?", sampling=Sampling(max_tokens=100), begun="Red, green "))
    assert "".join(pieces) == "and blue."
    assert conversation.turns[-1] == Turn("Which colours?", answer="Red, green and blue.", finished=True)
    assert [message.text for message in model.prompts[-1]][1:] == ["Hello", "Hi", "Which colours?", "Red, green "]
    assert model.prompts[-1][-1].role == "assistant"
    assert 25 <= model.samplings[-1].max_tokens < 100, "what came counts"


def test_an_answer_does_not_come_back_after_clearing() -> None:
    conversation = Conversation(FakeModel(answer=lambda _: "one two three four five"))
    pieces = conversation.ask("x")
    next(pieces)
    conversation.clear()
    list(pieces)
    assert conversation.turns == ()


def test_the_oldest_turns_give_way_and_the_person_still_sees_them() -> None:
    model = FakeModel(answer=lambda _: "short", capabilities=Capabilities(context_tokens=400))
    conversation = Conversation(model)
    sampling = Sampling(max_tokens=80)
    for number in range(20):
        list(conversation.ask(f"Question {number} " + "word " * 20, sampling=sampling))
    assert len(conversation.turns) == 20
    shown = [message.text for message in model.prompts[-1]]
    assert "Question 19" in shown[-1]
    # 320 tokens are free beside the answer, 302 beside the instruction; a turn has 46 or 47 and its answer 3
    assert not any("Question 13 " in text for text in shown)
    assert any("Question 14 " in text for text in shown)
    assert model.count_tokens(model.prompts[-1]) <= 400 - sampling.max_tokens
    assert len(shown) % 2 == 0, "the instruction, whole turns, and the question"
    notes = [conversation.note(number) for number in range(20)]
    (said,) = [number for number, note in enumerate(notes) if note is not None]
    assert said == 6, "where turns were left out for the first time"
    assert "400 tokens" in notes[said].text("en")
    assert "从这里起" in notes[said].text("zh")


def test_a_long_question_gives_way_to_the_next_one() -> None:
    model = FakeModel(answer=lambda _: "short", capabilities=Capabilities(context_tokens=400))
    conversation = Conversation(model)
    with pytest.raises(InputError):
        conversation.ask("1.5," * 300, sampling=Sampling(max_tokens=100))
    assert list(conversation.ask("hello", sampling=Sampling(max_tokens=100))) == ["short"]
    list(conversation.ask("1.5," * 160, sampling=Sampling(max_tokens=100)))
    assert list(conversation.ask("hello " * 20, sampling=Sampling(max_tokens=100))) == ["short"]
    assert [len(message.text) for message in model.prompts[-1][1:]] == [119], "without the table of numbers"
    assert [turn.left_out for turn in conversation.turns] == [0, 0, 2]


@pytest.mark.parametrize("text", ["", "  ", "\x00"])
def test_nothing_is_no_question(text: str) -> None:
    conversation = Conversation(FakeModel())
    with pytest.raises(InputError):
        conversation.ask(text)
    assert conversation.turns == ()


def test_a_question_longer_than_the_context_is_refused() -> None:
    conversation = Conversation(FakeModel(capabilities=Capabilities(context_tokens=512)))
    with pytest.raises(InputError) as error:
        conversation.ask("word " * 2000)
    assert "9,999 characters" in error.value.text("en")
    assert conversation.turns == ()


def test_a_model_that_sees_gets_the_picture() -> None:
    model = FakeModel(answer=echo, capabilities=SEES)
    red = picture()
    list(Conversation(model).ask("What colour?", [red]))
    assert model.prompts[-1][-1].pictures == (red,)


def test_a_model_that_does_not_see_gets_words_said_to_be_guesses() -> None:
    model = FakeModel(answer=echo)
    conversation = Conversation(model, Describer())
    list(conversation.ask("What colour?", [picture()]))
    asked = model.prompts[-1][-1]
    assert asked.pictures == ()
    assert "labels of red.png (en)" in asked.text
    assert "You cannot see them" in asked.text
    list(conversation.ask("图里有什么？", [picture()]))
    assert "labels of red.png (zh)" in model.prompts[-1][-1].text
    assert conversation.turns[0].question == "What colour?"


def test_more_pictures_than_the_model_takes_are_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"3 pictures are too many; this model takes 2\. Give fewer at a time"):
        Conversation(FakeModel(capabilities=SEES)).ask("What?", [picture()] * 3)


def test_pictures_without_eyes_or_words_are_refused() -> None:
    with pytest.raises(InputError) as error:
        Conversation(FakeModel()).ask("What?", [picture()])
    assert "cannot see" in error.value.text("en")
    with pytest.raises(InputError):
        Conversation(FakeModel(capabilities=SEES)).ask("What?", [picture()] * 3)


def test_a_picture_alone_is_a_question() -> None:
    model = FakeModel(answer=echo, capabilities=SEES)
    list(Conversation(model).ask("", [picture()]))
    assert model.prompts[-1][-1].text == "What is in the picture?"


def test_a_picture_alone_is_asked_about_in_the_language_of_the_conversation() -> None:
    model = FakeModel(answer=echo)
    conversation = Conversation(model, Describer(), language="zh")
    list(conversation.ask("", [picture()]))
    assert "labels of red.png (zh)" in model.prompts[-1][-1].text
    assert model.prompts[-1][-1].text.endswith("图片里有什么？")
    list(conversation.ask("And in English?"))
    list(conversation.ask("", [picture()]))
    assert model.prompts[-1][-1].text.endswith("What is in the picture?")


def test_instructions_and_material_come_first_as_far_as_they_fit() -> None:
    model = FakeModel(answer=echo)
    text = ("Herons wade. " * 2000).strip()
    conversation = Conversation(model, instructions="Be a pirate.", material=text)
    assert conversation.material_used is None
    list(conversation.ask("Who?"))
    opening = model.prompts[-1][0].text
    used = conversation.material_used
    assert used is not None
    assert opening == f"Be a pirate.\n\nThe user's questions are about this text:\n\n{text[:used]}"
    assert (
        model.count_tokens([model.prompts[-1][0]])
        <= (4096 - 512) // 2
        < model.count_tokens([Message("user", (text[: used + 5],))]) + 40
    )
    with pytest.raises(InputError, match="The system prompt has 9,000 characters"):
        Conversation(model, instructions="x" * 9000).ask("Who?")
