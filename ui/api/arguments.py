"""What the endpoints take, and why an argument cannot be used. Gradio passes on whatever JSON it was sent."""

import itertools
import reprlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import PydanticCustomError

from common.decoding import decode_base64, half_characters
from common.messages import _
from composer.article import Candidate
from composer.errors import InputError, PictureError, validation_problem
from composer.illustrating import OwnPictures
from composer.importing import OwnText, read_file, read_text
from composer.models import Picture

MOST_HITS = 100
MOST_PICTURES = 8
MOST_DRAFTS = 1000  # of one answer


def _whole_characters(text: str) -> str:
    if halves := half_characters(text):
        raise PydanticCustomError("half_character", "it holds half a character ({halves})", {"halves": halves})
    return text


# -1 leaves the choice to the program
Seed = Annotated[int, Field(ge=-1, lt=2**31)]
Temperature = Annotated[float, Field(ge=0, le=2)]
Penalty = Annotated[float, Field(ge=1, le=10)]
Words = Annotated[str, AfterValidator(_whole_characters)]


class OwnPicture(BaseModel):
    """A picture of the caller's own. Its name may say what it shows."""

    name: Annotated[Words, Field(min_length=1, max_length=200)]
    data: str  # base64


class ComposeArguments(BaseModel):
    """Of /compose; `Options.checked` looks at pictures, length and language again and says what is allowed."""

    title: Words
    pictures: Annotated[int, Field(ge=-1)]
    length: Words | int
    tone: Words
    readers: Words
    own_pictures: list[OwnPicture]
    language: Words
    select: bool
    temperature: Temperature | None
    top_p: Annotated[float, Field(gt=0, le=1)] | None
    repetition_penalty: Penalty | None
    seed: Seed


class IllustrateArguments(BaseModel):
    """Of /illustrate."""

    text: Words
    pictures: Annotated[int, Field(ge=-1)]
    select: bool
    own_pictures: list[OwnPicture]
    file: str
    file_name: Words


class RewriteArguments(BaseModel):
    """Of /rewrite."""

    text: Annotated[Words, Field(max_length=20_000)]
    task: Words
    instruction: Words
    tone: Annotated[Words, Field(max_length=200)]
    into: Annotated[Words, Field(max_length=80)]
    title: Annotated[Words, Field(max_length=500)]
    seed: Seed


class ChatArguments(BaseModel):
    question: Words
    pictures: list[str]
    history: list[dict[str, Words]]
    max_tokens: Annotated[int, Field(ge=1, le=4096)]
    temperature: Temperature
    repetition_penalty: Penalty
    seed: Seed


class ExportArguments(BaseModel):
    """Of /export; what is wrong inside the article says `taken_over`."""

    article: dict[str, Any]
    format: Words
    made_by: bool


class DraftsArguments(BaseModel):
    """Of /drafts."""

    action: Literal["list", "show", "save", "restore", "delete"]
    id: Annotated[Words, Field(max_length=64)]
    article: dict[str, Any] | None
    after: Annotated[int, Field(ge=0, lt=2**62)] | None
    step: Annotated[int, Field(ge=1, lt=2**62)] | None
    search: Annotated[Words, Field(max_length=300)]
    deleted: bool
    limit: Annotated[int, Field(ge=1, le=MOST_DRAFTS)]
    key: Words


class SearchArguments(BaseModel):
    query: Words
    k: Annotated[int, Field(ge=1, le=MOST_HITS)]
    exclude: list[Words]


@contextmanager
def refused_as_sentences() -> Iterator[None]:
    """Turns the refusal of an argument into an InputError that names it, its value, and what is wrong."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(
            _(
                "The argument '{name}' is {value}: {problem}",
                name=first["loc"][0],
                value=reprlib.repr(first["input"]),
                problem=validation_problem(first),
            )
        ) from error


def own_text(asked: IllustrateArguments) -> OwnText:
    """The text to illustrate, or the file, which was sent as base64 text. Raises InputError."""
    if not asked.file:
        return read_text(asked.text)
    if asked.text:
        raise InputError(_("Send either 'text' or 'file', not both."))
    coded = asked.file.split(",", 1)[1] if asked.file.startswith("data:") and "," in asked.file else asked.file
    try:
        content = decode_base64(coded)
    except ValueError as error:
        raise InputError(_("The argument 'file' is not base64 text.")) from error
    return read_file(asked.file_name, content)


@contextmanager
def given_pictures(given: Sequence[OwnPicture], store: Callable[[str], Candidate]) -> Iterator[OwnPictures | None]:
    """The pictures as an article takes them, for as long as it is made; None where none were given. Raises
    PictureError for what is no base64 text, InputError for too many."""
    if not given:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="xcomposer-sent-") as folder:
        files = []
        for number, one in enumerate(given, 1):
            file = Path(folder) / str(number) / (Path(one.name.replace("\\", "/")).name or f"picture {number}")
            file.parent.mkdir()
            try:
                file.write_bytes(
                    decode_base64(one.data.split(",", 1)[-1] if one.data.startswith("data:") else one.data)
                )
            except ValueError as error:
                raise PictureError(name=one.name, reason=_("it is not base64 text.")) from error
            files.append(file)
        with OwnPictures(files, store=store) as own:
            yield own


def decode_picture(picture: str, number: int) -> Picture:
    """A picture sent as base64 text. Raises PictureError."""
    name = f"picture {number}"
    text = picture.split(",", 1)[1] if picture.startswith("data:") and "," in picture else picture
    try:
        content = decode_base64(text)
    except ValueError as error:
        raise PictureError(name=name, reason=_("it is not base64 text.")) from error
    try:
        return Picture.open(content)
    except PictureError as error:
        raise PictureError(**{**error.values, "name": name}) from error


def turns_from_messages(history: list[dict[str, str]]) -> tuple[Any, ...]:
    """Messages as turns: each question with the answer that follows it. Raises InputError."""
    from composer.chat import Turn

    found: list[Turn] = []
    for before, message in itertools.pairwise([{}, *history]):
        role, content = message.get("role"), str(message.get("content", ""))
        if role == "user":
            found.append(Turn(content, finished=True))
        elif role == "assistant" and before.get("role") == "user":
            found[-1] = Turn(found[-1].question, answer=content, finished=True)
        else:
            raise InputError(_("The history must be user and assistant messages in turn, beginning with the user."))
    return tuple(found)


def automatic(value: int) -> int | None:
    """-1 leaves the choice to the program."""
    return None if value < 0 else value
