"""Messages and answers in the form of OpenAI's chat API: turns, pictures as data URLs, pieces of a reply.

Source of the fields: platform.openai.com/docs/api-reference/chat. Knows no server and sends nothing.
"""

import base64
import io
import re
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from common.decoding import well_formed
from composer.models.base import Message, Picture, Usage, merge_turns
from composer.models.endpoint.failing import odd_field

PICTURE_BYTES = 1_000_000  # of one picture as it travels, before base64 makes it a third larger
LONGEST_SIDE = 1568  # pixels; vision-language models see no more of one picture
_LOSSLESS = 512 * 512  # pixels up to which a picture travels as it is
_QUALITY = 90  # of JPEG
_SMALLEST = 64  # pixels of the longest side that a picture is not shrunk below
_CONTROL = re.compile(r"<\|[\w :.-]{1,40}\|>")  # control tokens of most chat templates: <|im_end|>, <|eot_id|>


class Pictures:
    """Data URLs of pictures, each no larger than `budget` bytes; kept as long as the picture is."""

    def __init__(self, budget: int = PICTURE_BYTES) -> None:
        self._budget = budget
        self._known: weakref.WeakKeyDictionary[Picture, str] = weakref.WeakKeyDictionary()

    def url(self, picture: Picture) -> str:
        known = self._known.get(picture)
        if known is None:
            known = self._known[picture] = self._encoded(picture)
        return known

    def _encoded(self, picture: Picture) -> str:
        image = picture.image
        if image.width * image.height <= _LOSSLESS:
            file = io.BytesIO()
            image.save(file, "PNG", compress_level=1)
            if file.tell() <= self._budget:
                return _data_url("png", file.getvalue())
        side = min(LONGEST_SIDE, max(image.size))
        while True:
            smaller = image.copy()
            smaller.thumbnail((side, side))
            file = io.BytesIO()
            smaller.save(file, "JPEG", quality=_QUALITY)
            if file.tell() <= self._budget or side <= _SMALLEST:
                return _data_url("jpeg", file.getvalue())
            side = max(_SMALLEST, int(side * 0.7))


def _data_url(form: str, content: bytes) -> str:
    return f"data:image/{form};base64,{base64.b64encode(content).decode()}"


def turns_of(messages: Sequence[Message], pictures: Pictures) -> list[dict[str, Any]]:
    """The messages as the API takes them. A turn of text only is a string, which every server takes."""
    turns: list[dict[str, Any]] = []
    for turn in merge_turns(messages):
        if turn.pictures:
            turns.append({"role": turn.role, "content": [_part(part, pictures) for part in turn.content]})
        elif turn.text or turn.role != "assistant":  # an empty reply needs no turn
            turns.append({"role": turn.role, "content": clean(turn.text)})
    return turns


def _part(part: str | Picture, pictures: Pictures) -> dict[str, Any]:
    if isinstance(part, Picture):
        return {"type": "image_url", "image_url": {"url": pictures.url(part)}}
    return {"type": "text", "text": clean(part)}


def clean(text: str) -> str:
    """The text as UTF-8 can hold it, in which no control token of a chat template can end its turn."""
    return _CONTROL.sub(lambda match: f"< {match[0][1:]}", text.encode("utf-8", "replace").decode())


@dataclass(frozen=True, slots=True)
class Piece:
    """What one event of a streamed answer says."""

    text: str = ""
    finished: bool = False  # the reply is whole: the server says why it ended
    usage: Usage | None = None


def piece_of(event: dict[str, Any]) -> Piece:
    """Thoughts that a server keeps apart from the answer (`reasoning_content`) are left out. Raises CallFailed."""
    text, finished = "", bool(event.get("done"))
    for choice in event.get("choices") or ():
        said = "delta" if choice.get("delta") else "message"  # the whole of it, where a server does not stream
        text += _words(choice.get(said) or {}, said)
        finished = finished or bool(choice.get("finish_reason"))
    return Piece(text, finished, usage_of(event))


def usage_of(answer: dict[str, Any]) -> Usage | None:
    """The tokens that an answer says it took; None where it does not."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    reused = _count((details if isinstance(details, dict) else {}).get("cached_tokens"))
    prompt = _count(usage.get("prompt_tokens") or usage.get("input_tokens"))
    return Usage(prompt - reused, reused, _count(usage.get("completion_tokens") or usage.get("output_tokens")))


def text_of(answer: dict[str, Any]) -> str:
    """The reply of an answer that came as a whole."""
    choices = answer.get("choices") or [{}]
    return well_formed(_words(choices[0].get("message") or {}, "message"))


def _words(said: dict[str, Any], name: str) -> str:
    """The text of a message or of a piece of one: a string, or the parts of which it is made. Raises CallFailed."""
    content = said.get("content")
    text = ""
    for part in content if isinstance(content, list) else [content or ""]:
        if isinstance(part, str):
            text += part
        elif isinstance(part, dict) and isinstance(part.get("text", ""), str):  # others are thoughts and pictures
            text += part.get("text", "")
        else:
            raise odd_field(f"{name}.content", content)
    return text


def _count(value: Any) -> int:
    """A number of tokens; 0 for what is none."""
    return value if isinstance(value, int) else 0


def whole_characters(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces, in which a character beyond U+FFFF is whole: some servers cut it in two."""
    half = ""
    for piece in pieces:
        text = half + piece
        half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        if text := well_formed(text.removesuffix(half) if half else text):
            yield text


def until(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """The pieces up to the first of `stops`, which some servers leave in their replies."""
    stops = [stop for stop in stops if stop]
    if not stops:
        yield from pieces
        return
    held = ""
    for piece in pieces:
        held += piece
        found = min((at for stop in stops if (at := held.find(stop)) >= 0), default=-1)
        if found >= 0:
            if held[:found]:
                yield held[:found]
            return
        keep = max(_begun(held, stop) for stop in stops)
        if len(held) > keep:
            yield held[: len(held) - keep]
            held = held[len(held) - keep :]
    if held:
        yield held


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of `text` may be the beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
