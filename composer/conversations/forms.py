"""A conversation as a document: Markdown of what is shown of it, and JSON with everything, which can be read again."""

import base64
import binascii
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.decoding import without_halves
from common.messages import _
from composer.conversations.records import KeptConversation, Material, Parameters
from composer.conversations.store import Conversations
from composer.conversations.tree import Exchange, Tree
from composer.errors import ConversationUnreadable, json_problem, validation_problem
from composer.models import Picture

SCHEMA = 1  # of documents; grows when an older program could not read a newer one
LARGEST_DOCUMENT = 200_000_000  # characters
_SIDE = 2400  # pixels: longest side of an imported picture, as of one that is uploaded

Text = Annotated[str, Field(max_length=400_000)]


class ExchangeRead(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: Annotated[int, Field(ge=1, lt=2**31)]
    parent: Annotated[int, Field(ge=0)] = 0
    first: Annotated[int, Field(ge=1)]
    question: Text
    pictures: Annotated[list[str], Field(max_length=100)] = []  # base64 of their files
    descriptions: Annotated[list[Text], Field(max_length=100)] = []
    answer: Text = ""
    finished: bool = False
    left_out: Annotated[int, Field(ge=0)] = 0
    liked: bool | None = None
    model: Annotated[str, Field(max_length=500)] = ""


class DocumentRead(BaseModel):
    model_config = ConfigDict(extra="forbid")
    schema_: Annotated[int, Field(alias="schema")]
    title: Annotated[str, Field(max_length=2000)] = ""
    parameters: Parameters = Parameters()
    material: Material = Material()
    shown: dict[int, int] = {}
    exchanges: Annotated[list[ExchangeRead], Field(max_length=20_000)]


def to_document(conversation: KeptConversation) -> str:
    """The whole conversation as JSON: every version, its parameters, and those of its pictures that are there."""
    exchanges = []
    for exchange in conversation.tree.exchanges:
        files = [picture for picture in exchange.pictures if picture.is_file()]
        pictures = [base64.b64encode(file.read_bytes()).decode() for file in files]
        exchanges.append({**asdict(exchange), "pictures": pictures})
    value = {
        "schema": SCHEMA,
        "title": conversation.summary.title,
        "parameters": asdict(conversation.parameters),
        "material": asdict(conversation.material),
        "shown": dict(conversation.tree.shown),
        "exchanges": exchanges,
    }
    return json.dumps(without_halves(value), ensure_ascii=False, indent=1)


def read_document(conversations: Conversations, document: str) -> KeptConversation:
    """A new conversation from what `to_document` gave. Raises ConversationUnreadable with the field that is wrong,
    PictureError, and what `Conversations.create` raises."""
    read = _read(document)
    with tempfile.TemporaryDirectory() as folder:
        exchanges = [_exchange(one, Path(folder)) for one in read.exchanges]
        tree = Tree(tuple(sorted(exchanges, key=lambda one: one.id)), _shown(read))
        return conversations.create(read.parameters, read.material, tree=tree, name=read.title)


def to_markdown(conversation: KeptConversation, picture: Callable[[int], str] | None = None) -> str:
    """What is shown of the conversation, for people: questions as headings, answers as they were written.

    picture: from the number of a picture, from 1, its address in the text; None: pictures are only mentioned.
    """
    parts = [f"# {_line(conversation.summary.title)}"] if conversation.summary.title else []
    if conversation.material.text:
        title = f"**{_line(conversation.material.title)}**\n\n" if conversation.material.title else ""
        parts.append(_quoted(title + conversation.material.text))
    number = 0
    for exchange in conversation.tree.path:
        question = exchange.question.strip().split("\n", 1)
        parts.append(f"## {_line(question[0]) or '…'}")
        parts += [_quoted(question[1].strip())] if len(question) > 1 and question[1].strip() else []
        for _picture in exchange.pictures:
            number += 1
            parts.append(f"![{number}]({picture(number)})" if picture else f"[{number}]")
        parts += [exchange.answer.strip()] if exchange.answer.strip() else []
    return "\n\n".join(parts) + "\n"


def _read(document: str) -> DocumentRead:
    if len(document) > LARGEST_DOCUMENT:
        reason = _(
            "it has {length:,} characters; at most {limit:,} are read.", length=len(document), limit=LARGEST_DOCUMENT
        )
        raise ConversationUnreadable(reason=reason)
    try:
        value: Any = without_halves(json.loads(document))
    except (ValueError, RecursionError) as error:
        raise ConversationUnreadable(reason=json_problem(error)) from error
    schema = value.get("schema") if isinstance(value, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        reason = _("its format is version {found}; this program reads {known}.", found=schema, known=SCHEMA)
        raise ConversationUnreadable(reason=reason)
    try:
        read = DocumentRead.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "conversation"
        problem = validation_problem(first)
        raise ConversationUnreadable(reason=_("{field}: {problem}", field=place, problem=problem)) from error
    _check_order(read)
    return read


def _check_order(read: DocumentRead) -> None:
    """Each exchange follows an earlier one. Raises ConversationUnreadable."""
    parents = {one.id: one.parent for one in read.exchanges}
    if len(parents) < len(read.exchanges):
        raise ConversationUnreadable(reason=_("two questions have the same id."))
    for one in read.exchanges:
        after = one.parent == 0 or (one.parent in parents and one.parent < one.id)
        same = one.first == one.id or (one.first < one.id and parents.get(one.first) == one.parent)
        if not (after and same):
            raise ConversationUnreadable(reason=_("the question {id} stands after none that is there.", id=one.id))


def _shown(read: DocumentRead) -> dict[int, int]:
    parents = {one.id: one.parent for one in read.exchanges}
    return {parent: child for parent, child in read.shown.items() if parents.get(child) == parent}


def _exchange(read: ExchangeRead, folder: Path) -> Exchange:
    pictures = []
    for number, encoded in enumerate(read.pictures):
        try:
            content = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            place = f"exchanges.{read.id}.pictures.{number}"
            reason = _("{field}: {problem}", field=place, problem=_("it is no picture."))
            raise ConversationUnreadable(reason=reason) from error
        picture = Picture.open(content)  # decoded and written anew: whatever else is in the file stays out
        picture.image.thumbnail((_SIDE, _SIDE))
        pictures.append(folder / f"{read.id}-{number}.jpg")
        picture.image.save(pictures[-1], "JPEG", quality=90)
    return Exchange(
        question=read.question,
        id=read.id,
        parent=read.parent,
        first=read.first,
        pictures=tuple(pictures),
        descriptions=tuple(read.descriptions),
        answer=read.answer,
        finished=read.finished,
        left_out=read.left_out,
        liked=read.liked,
        model=read.model,
    )


def _line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
