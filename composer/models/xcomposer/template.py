"""Messages -> the token ids and picture vectors that the model was trained to read.

Two wordings, both the published demo's. A task (no system message) is one turn without an instruction; a conversation
(with one) begins with the model's own instruction, which takes the place of the system message's text: it is the only
one the model was trained with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from composer.models.base import Message, Picture, merged
from composer.models.xcomposer.engine import Part
from composer.models.xcomposer.model import META
from composer.models.xcomposer.tokenizer import END_OF_BOT, END_OF_HUMAN

Encode = Callable[[str], list[int]]
See = Callable[[Picture], torch.Tensor]


@dataclass(frozen=True, slots=True)
class _Wording:
    human: str
    bot: str
    end_of_human: str
    picture: tuple[str, str]  # around each picture


TASK = _Wording(" <|User|>:", " <|Bot|>:", f"\n{END_OF_HUMAN}", ("", ""))
CHAT = _Wording(" <|User|>: ", " <|Bot|>: ", END_OF_HUMAN, ("<Img>", "</Img>"))
ASK = " <|Bot|>:"  # what every prompt ends with


def render(messages: Sequence[Message], bos: int, encode: Encode, see: See, *, open_end: bool = False) -> list[Part]:
    """Ids and vectors of the whole prompt. Text between pictures is encoded as one piece.

    open_end: the last turn goes on, so nothing is written after it (a shared beginning).
    """
    turns = merged(messages)
    wording = CHAT if any(turn.role == "system" for turn in turns) else TASK
    pieces: list[str | Picture] = [META] if wording is CHAT else []
    for number, turn in enumerate(turns):
        last = number == len(turns) - 1
        if turn.role == "user":
            pieces += [wording.human, *_content(turn, wording), *([] if last and open_end else [wording.end_of_human])]
        elif turn.role == "assistant":
            # an answer that has only begun goes on right after the colon, as after a question
            pieces += [ASK if last else wording.bot, *_content(turn, wording), *([] if last else [END_OF_BOT])]
    if not open_end and (not turns or turns[-1].role != "assistant"):
        pieces.append(ASK)
    parts: list[Part] = [[bos]]
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
        else:
            parts += [encode(text), see(piece)]
            text = ""
    return [*parts, encode(text)]


def _content(turn: Message, wording: _Wording) -> list[str | Picture]:
    before, after = wording.picture
    found: list[str | Picture] = []
    for piece in turn.content:
        found += [piece] if isinstance(piece, str) else [before, piece, after]
    return found
