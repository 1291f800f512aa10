"""What the list of conversations asks of Python, see ui/drafts/requests.py, and the answers."""

import io
import zipfile
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

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
from ui.drafts import Answer, NameRequest, OneRequest, OwnRequest, SearchRequest, answer
from ui.studio import Studio
from ui.texts import text


class ExportRequest(OneRequest):
    format: Literal["markdown", "json"]


class ImportRequest(OwnRequest):
    document: Annotated[str, Field(max_length=LARGEST_DOCUMENT)]


class ConversationsList:
    """Answers a visitor's view."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._actions: dict[str, tuple[type[OwnRequest], Callable[[Conversations, Any], Answer]]] = {
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
        store, problem = self.studio.conversations, self.studio.conversations_problem
        return answer(sent, self._actions, store, problem, secret=self.studio.secret, texts="chats")

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
