"""What the sidebar of drafts asks of Python, see requests.py, and the answers."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field

from composer.drafts import Drafts, Summary, compare
from ui.drafts.requests import MOST, Answer, NameRequest, OneRequest, OwnRequest, SearchRequest, answer
from ui.studio import Studio
from ui.texts import text


class ListRequest(SearchRequest):
    archived: bool = False


class ArchiveRequest(OneRequest):
    archived: bool


class VersionsRequest(OneRequest):
    all: bool = False  # also the steps without a name


class StepRequest(OneRequest):
    step: Annotated[int, Field(ge=1, lt=2**62)]


class CompareRequest(StepRequest):
    other: Annotated[int, Field(ge=1, lt=2**62)] | None = None  # None: what is there now


class DraftsList:
    """Answers a visitor's view."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._actions: dict[str, tuple[type[OwnRequest], Callable[[Drafts, Any], Answer]]] = {
            "list": (ListRequest, self._list),
            "rename": (NameRequest, lambda drafts, asked: self._one(drafts.rename(asked.id, asked.name))),
            "duplicate": (OneRequest, self._duplicate),
            "archive": (ArchiveRequest, lambda drafts, asked: self._one(drafts.archive(asked.id, asked.archived))),
            "delete": (OneRequest, lambda drafts, asked: self._one(drafts.delete(asked.id))),
            "versions": (VersionsRequest, self._versions),
            "name": (NameRequest, lambda drafts, asked: {"step": drafts.name_version(asked.id, asked.name).step}),
            "compare": (CompareRequest, self._compare),
            "undelete": (OneRequest, lambda drafts, asked: self._one(drafts.undelete(asked.id))),
        }

    def answer(self, sent: Any) -> Answer:
        """The answer to a request; whatever was sent, it is a dictionary."""
        store, problem = self.studio.drafts, self.studio.drafts_problem
        return answer(sent, self._actions, store, problem, secret=self.studio.secret, texts="drafts")

    def _list(self, drafts: Drafts, asked: ListRequest) -> Answer:
        found = drafts.list(search=asked.search, archived=asked.archived, limit=asked.count + 1)
        return {"drafts": [self._shown(one) for one in found[: asked.count]], "more": len(found) > asked.count}

    def _duplicate(self, drafts: Drafts, asked: OneRequest) -> Answer:
        before = drafts.load(asked.id)
        name = text("drafts.copy_of", asked.language, title=before.summary.title)
        return self._one(drafts.duplicate(asked.id, name).summary)

    def _versions(self, drafts: Drafts, asked: VersionsRequest) -> Answer:
        found = drafts.versions(asked.id, steps=asked.all)[:MOST]
        present = drafts.load(asked.id).step
        shown = [{"step": one.step, "name": one.name, "what": one.what, "at": round(1000 * one.at)} for one in found]
        return {"versions": [{**one, "present": one["step"] == present} for one in shown]}

    def _compare(self, drafts: Drafts, asked: CompareRequest) -> Answer:
        """What became of that step until now, or until another step."""
        later = drafts.load(asked.id).article if asked.other is None else drafts.article_at(asked.id, asked.other)
        changes = compare(drafts.article_at(asked.id, asked.step), later)
        return {"changes": [asdict(change) for change in changes]}

    def _one(self, summary: Summary) -> Answer:
        return {"draft": self._shown(summary)}

    def _shown(self, summary: Summary) -> Answer:
        return {
            "id": summary.id,
            "title": summary.title,
            "changed": round(1000 * summary.changed),
            "words": summary.words,
            "archived": summary.archived,
            "thumb": thumbnail_address(self.studio, summary),
        }


def thumbnail_address(studio: Studio, summary: Summary) -> str:
    """Where the page has a small picture of the draft's first one, which is made when it is fetched; empty without."""
    store, picture = studio.drafts, summary.picture
    if store is None or picture is None:
        return ""
    return studio.pictures.lazy_address(f"draft\0{picture.name}", lambda: str(store.pictures.thumbnail(picture)))
