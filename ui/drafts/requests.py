"""How a list in the browser asks for what is a person's own, drafts or conversations: plain data in, plain data out.

A request is {"act", "language", "proof", "key", ...}; each action has a model of its further fields. An answer with
"problem" holds a sentence for the person instead. No Gradio here.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from common.decoding import without_halves
from common.errors import ReadableError
from common.messages import SOURCE_LANGUAGE, preferred_language
from ui.drafts.owners import owner_of, proven
from ui.texts import error_sentence, text

MOST = 1000  # entries of one answer
Answer = dict[str, Any]
Id = Annotated[str, Field(min_length=1, max_length=64)]


class OwnRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    proof: Annotated[str, Field(max_length=1000)] = ""  # of owners.py
    key: Annotated[str, Field(max_length=128)] = ""  # of the browser, where the program was restarted meanwhile
    language: Annotated[str, AfterValidator(preferred_language)] = SOURCE_LANGUAGE


class SearchRequest(OwnRequest):
    search: Annotated[str, Field(max_length=300)] = ""
    count: Annotated[int, Field(ge=1, le=MOST)] = 100


class OneRequest(OwnRequest):
    id: Id


class NameRequest(OneRequest):
    name: Annotated[str, Field(max_length=1000)]


class Store(Protocol):
    """Of drafts or of conversations."""

    def of(self, owner: str | None) -> Any: ...


Actions = Mapping[str, tuple[type[OwnRequest], Callable[[Any, Any], Answer]]]


def answer(
    sent: Any, actions: Actions, store: Store | None, problem: ReadableError | None, *, secret: bytes, texts: str
) -> Answer:
    """The answer to a request; whatever was sent, it is a dictionary.

    actions: name -> form of the request, and what answers it for one owner. problem: why there is no store. texts:
    beginning of the keys of the sentences, such as "drafts".
    """
    value = without_halves(sent) if isinstance(sent, dict) else {}
    form, act = actions.get(str(value.pop("act", "")), (OwnRequest, None))
    language = SOURCE_LANGUAGE
    try:
        asked = form.model_validate(value)
        language = asked.language
        owner = proven(secret, asked.proof) or owner_of(None, asked.key)
        if act is None:
            return {"problem": text(f"{texts}.failed", language)}
        if store is None or owner is None:
            return {"problem": problem.text(language) if problem else text(f"{texts}.no_key", language)}
        return act(store.of(owner), asked)
    except ValidationError:
        return {"problem": text(f"{texts}.failed", language)}
    except ReadableError as error:
        return {"problem": error_sentence(error, language)}
