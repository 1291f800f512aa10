"""What the list of conversations asks of Python, and the answers: plain data in, plain data out; no Gradio here.

A request is {"act", "language", "proof", "key", ...}; each action has a model of its further fields. An answer with
"problem" holds a sentence for the person instead.
"""

import io
import zipfile
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from common.decoding import without_halves
from common.errors import ReadableError
from common.messages import SOURCE_LANGUAGE, preferred_language
from composer.article import Article
from composer.conversations import (
    LARGEST_DOCUMENT,
    Conversations,
    KeptConversation,
    Summary,
    read_document,
    to_document,
    to_markdown,
)
from composer.exporting import download_name
from ui.drafts import owner_of, proven
from ui.studio import Studio
from ui.texts import error_sentence, text

MOST = 1000  # conversations of one answer
Answer = dict[str, Any]


class ListingRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    proof: Annotated[str, Field(max_length=1000)] = ""  # of ui/drafts/owners.py
    key: Annotated[str, Field(max_length=128)] = ""  # of the browser, where the program was restarted meanwhile
    language: Annotated[str, AfterValidator(preferred_language)] = SOURCE_LANGUAGE


class SearchRequest(ListingRequest):
    search: Annotated[str, Field(max_length=300)] = ""
    count: Annotated[int, Field(ge=1, le=MOST)] = 100


class OneRequest(ListingRequest):
    id: Annotated[str, Field(min_length=1, max_length=64)]


class NameRequest(OneRequest):
    name: Annotated[str, Field(max_length=1000)]


class ExportRequest(OneRequest):
    format: Literal["markdown", "json"]


class ImportRequest(ListingRequest):
    document: Annotated[str, Field(max_length=LARGEST_DOCUMENT)]


class ConversationsList:
    """Answers a visitor's view."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._actions: dict[str, tuple[type[ListingRequest], Callable[[Conversations, Any], Answer]]] = {
            "list": (SearchRequest, self._list),
            "rename": (NameRequest, lambda kept, asked: _one(kept.rename(asked.id, asked.name))),
            "duplicate": (OneRequest, _duplicate),
            "delete": (OneRequest, lambda kept, asked: _one(kept.delete(asked.id))),
            "undelete": (OneRequest, lambda kept, asked: _one(kept.undelete(asked.id))),
            "export": (ExportRequest, self._export),
            "import": (ImportRequest, lambda kept, asked: _one(read_document(kept, asked.document).summary)),
        }

    def answer(self, sent: Any) -> Answer:
        """The answer to a request; whatever was sent, it is a dictionary."""
        value = without_halves(sent) if isinstance(sent, dict) else {}
        form, act = self._actions.get(str(value.pop("act", "")), (ListingRequest, None))
        language = SOURCE_LANGUAGE
        try:
            asked = form.model_validate(value)
            language = asked.language
            owner = proven(self.studio.secret, asked.proof) or owner_of(None, asked.key)
            if act is None:
                return {"problem": text("chats.failed", language)}
            if self.studio.conversations is None or owner is None:
                problem = self.studio.conversations_problem
                return {"problem": problem.text(language) if problem else text("chats.no_key", language)}
            return act(self.studio.conversations.of(owner), asked)
        except ValidationError:
            return {"problem": text("chats.failed", language)}
        except ReadableError as error:
            return {"problem": error_sentence(error, language)}

    def _list(self, kept: Conversations, asked: SearchRequest) -> Answer:
        found = kept.list(search=asked.search, limit=asked.count + 1)
        return {"items": [_shown(one) for one in found[: asked.count]], "more": len(found) > asked.count}

    def _export(self, kept: Conversations, asked: ExportRequest) -> Answer:
        conversation = kept.load(asked.id)
        named = Article(conversation.summary.title or text("chats.untitled", asked.language))
        if asked.format == "json":
            return self._offered(to_document(conversation).encode(), download_name(named, ".json"), "application/json")
        pictures = [picture for exchange in conversation.tree.path for picture in exchange.pictures]
        if not pictures:
            return self._offered(to_markdown(conversation).encode(), download_name(named, ".md"), "text/markdown")
        return self._offered(_zipped(conversation), download_name(named, ".zip"), "application/zip")

    def _offered(self, content: bytes, name: str, media_type: str) -> Answer:
        return {"url": self.studio.pictures.offer_download(content, name, media_type), "name": name}


def _zipped(conversation: KeptConversation) -> bytes:
    """Markdown with its pictures."""
    pictures = [picture for exchange in conversation.tree.path for picture in exchange.pictures]
    names = {number: f"images/{number}{picture.suffix}" for number, picture in enumerate(pictures, 1)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversation.md", to_markdown(conversation, names.__getitem__))
        for number, picture in enumerate(pictures, 1):
            if picture.is_file():
                archive.write(picture, names[number])
    return packed.getvalue()


def _duplicate(kept: Conversations, asked: OneRequest) -> Answer:
    title = kept.summary(asked.id).title or text("chats.untitled", asked.language)
    return _one(kept.duplicate(asked.id, text("drafts.copy_of", asked.language, title=title)).summary)


def _one(summary: Summary) -> Answer:
    return {"item": _shown(summary)}


def _shown(summary: Summary) -> Answer:
    return {
        "id": summary.id,
        "title": summary.title,
        "changed": round(1000 * summary.changed),
        "count": summary.exchanges,
    }
