"""The prompt format: messages -> the token ids and picture vectors that the model was trained to read.

There are two wordings, both from the published demo. A task (no system message) is one turn without an instruction. A
conversation (with a system message) begins with the model's own instruction instead of that message's text, because it
is the only one that the model was trained with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from composer.models.base import Message, Picture, merge_turns
from composer.models.xcomposer.checkpoint import END_OF_BOT, END_OF_HUMAN
from composer.models.xcomposer.decoding import Part

# every conversation begins with this instruction
META = (
    "meta instruction\n"
    "You are an AI assistant whose name is 浦语.\n"
    "- 浦语 is a conversational language model that is developed by Shanghai AI Laboratory (上海人工智能实验室). "
    "It is designed to be helpful, honest, and harmless.\n"
    "- 浦语 can understand and communicate fluently in the language chosen by the user such as English and 中文.\n"
    "conversation\n"
)

Encode = Callable[[str], list[int]]
EncodePicture = Callable[[Picture], torch.Tensor]


@dataclass(frozen=True, slots=True)
class _Wording:
    """What is written around the parts of a turn."""

    human: str
    bot: str
    end_of_human: str
    picture: tuple[str, str]  # around each picture


TASK = _Wording(" <|User|>:", " <|Bot|>:", f"\n{END_OF_HUMAN}", ("", ""))
CHAT = _Wording(" <|User|>: ", " <|Bot|>: ", END_OF_HUMAN, ("<Img>", "</Img>"))
REPLY_START = " <|Bot|>:"  # what every prompt ends with


def render(
    messages: Sequence[Message], bos: int, encode: Encode, encode_picture: EncodePicture, *, open_end: bool = False
) -> list[Part]:
    """Ids and vectors of the whole prompt. The text between two pictures is encoded as one piece.

    open_end: the last turn will be continued, so nothing is written after it (for a shared prefix).
    """
    turns = merge_turns(messages)
    wording = CHAT if any(turn.role == "system" for turn in turns) else TASK
    pieces: list[str | Picture] = [META] if wording is CHAT else []
    for number, turn in enumerate(turns):
        last = number == len(turns) - 1
        if turn.role == "user":
            pieces += [wording.human, *_content(turn, wording), *([] if last and open_end else [wording.end_of_human])]
        elif turn.role == "assistant":
            # the beginning of an answer follows the colon directly, as a whole answer would
            pieces += [REPLY_START if last else wording.bot, *_content(turn, wording), *([] if last else [END_OF_BOT])]
    if not open_end and (not turns or turns[-1].role != "assistant"):
        pieces.append(REPLY_START)
    parts: list[Part] = [[bos]]
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
        else:
            parts += [encode(text), encode_picture(piece)]
            text = ""
    return [*parts, encode(text)]


def _content(turn: Message, wording: _Wording) -> list[str | Picture]:
    before, after = wording.picture
    found: list[str | Picture] = []
    for piece in turn.content:
        found += [piece] if isinstance(piece, str) else [before, piece, after]
    return found
