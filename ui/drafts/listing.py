"""What the sidebar of drafts asks of Python, and the answers: plain data in, plain data out; no Gradio here.

A request is {"act", "language", "proof", "key", ...}; each action has a model of its further fields. An answer with
"problem" holds a sentence for the person instead.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from common.decoding import without_halves
from common.errors import ReadableError
from common.messages import SOURCE_LANGUAGE, preferred_language
from composer.drafts import Drafts, Summary, compare
from ui.drafts.owners import owner_of, proven
from ui.studio import Studio
from ui.texts import error_sentence, text

MOST = 1000  # drafts of one answer
Answer = dict[str, Any]
Id = Annotated[str, Field(min_length=1, max_length=64)]


class DraftsRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    proof: Annotated[str, Field(max_length=1000)] = ""  # of owners.py
    key: Annotated[str, Field(max_length=128)] = ""  # of the browser, where the program was restarted meanwhile
    language: Annotated[str, AfterValidator(preferred_language)] = SOURCE_LANGUAGE


class ListRequest(DraftsRequest):
    search: Annotated[str, Field(max_length=300)] = ""
    archived: bool = False
    count: Annotated[int, Field(ge=1, le=MOST)] = 100


class DraftRequest(DraftsRequest):
    id: Id


class NameRequest(DraftRequest):
    name: Annotated[str, Field(max_length=1000)]


class ArchiveRequest(DraftRequest):
    archived: bool


class VersionsRequest(DraftRequest):
    all: bool = False  # also the steps without a name


class StepRequest(DraftRequest):
    step: Annotated[int, Field(ge=1, lt=2**62)]


class DraftsList:
    """Answers a visitor's view."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._actions: dict[str, tuple[type[DraftsRequest], Callable[[Drafts, Any], Answer]]] = {
            "list": (ListRequest, self._list),
            "rename": (NameRequest, lambda drafts, asked: self._one(drafts.rename(asked.id, asked.name))),
            "duplicate": (DraftRequest, self._duplicate),
            "archive": (ArchiveRequest, lambda drafts, asked: self._one(drafts.archive(asked.id, asked.archived))),
            "delete": (DraftRequest, lambda drafts, asked: self._one(drafts.delete(asked.id))),
            "versions": (VersionsRequest, self._versions),
            "name": (NameRequest, lambda drafts, asked: {"step": drafts.name_version(asked.id, asked.name).step}),
            "compare": (StepRequest, self._compare),
            "undelete": (DraftRequest, lambda drafts, asked: self._one(drafts.undelete(asked.id))),
        }

    def answer(self, sent: Any) -> Answer:
        """The answer to a request; whatever was sent, it is a dictionary."""
        value = without_halves(sent) if isinstance(sent, dict) else {}
        form, act = self._actions.get(str(value.pop("act", "")), (DraftsRequest, None))
        language = SOURCE_LANGUAGE
        try:
            asked = form.model_validate(value)
            language = asked.language
            owner = proven(self.studio.secret, asked.proof) or owner_of(None, asked.key)
            if act is None:
                return {"problem": text("drafts.failed", language)}
            if self.studio.drafts is None or owner is None:
                problem = self.studio.drafts_problem
                return {"problem": problem.text(language) if problem else text("drafts.no_key", language)}
            return act(self.studio.drafts.of(owner), asked)
        except ValidationError:
            return {"problem": text("drafts.failed", language)}
        except ReadableError as error:
            return {"problem": error_sentence(error, language)}

    def _list(self, drafts: Drafts, asked: ListRequest) -> Answer:
        found = drafts.list(search=asked.search, archived=asked.archived, limit=asked.count + 1)
        return {"drafts": [self._shown(one) for one in found[: asked.count]], "more": len(found) > asked.count}

    def _duplicate(self, drafts: Drafts, asked: DraftRequest) -> Answer:
        before = drafts.load(asked.id)
        name = text("drafts.copy_of", asked.language, title=before.summary.title)
        return self._one(drafts.duplicate(asked.id, name).summary)

    def _versions(self, drafts: Drafts, asked: VersionsRequest) -> Answer:
        found = drafts.versions(asked.id, steps=asked.all)[:MOST]
        present = drafts.load(asked.id).step
        shown = [{"step": one.step, "name": one.name, "what": one.what, "at": round(1000 * one.at)} for one in found]
        return {"versions": [{**one, "present": one["step"] == present} for one in shown]}

    def _compare(self, drafts: Drafts, asked: StepRequest) -> Answer:
        """What became of that step until now."""
        changes = compare(drafts.article_at(asked.id, asked.step), drafts.load(asked.id).article)
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
