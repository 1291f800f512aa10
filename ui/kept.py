"""What the browser keeps of a tab and hands over when the page is loaded anew (demo_asset/first.js): checked here.

The article comes another way, see ui/write/restoring.py. What a person has set in the form outlives the tab.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from common.decoding import without_halves

LONGEST_TITLE = 8000  # characters; beyond, the page answers without troubling the model
LONGEST_QUESTION = 100_000  # characters


class KeptChat(BaseModel):
    shown: list[Any]  # read by ui/chat/shown.py
    owner: Annotated[str, Field(max_length=64)]  # id of the session that it was shown by


class FormSettings(BaseModel):
    """What a person has set in the form, in the ranges of its components; None for what they have left as it was."""

    pictures: Annotated[str, Field(pattern=r"^(auto|\d|[12]\d|30)$")] | None = None
    length: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    tone: Annotated[str, Field(max_length=200)] | None = None
    readers: Annotated[str, Field(max_length=500)] | None = None
    select: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=1.5)] | None = None
    top_p: Annotated[float, Field(ge=0.05, le=1)] | None = None
    penalty: Annotated[float, Field(ge=1, le=10)] | None = None
    beams: Annotated[int, Field(ge=1, le=6)] | None = None


class Kept(BaseModel):
    """Each field None where nothing was kept."""

    tab: Literal["write", "chat", "gallery", "models"] | None = None
    title: Annotated[str, Field(max_length=LONGEST_TITLE)] | None = None
    question: Annotated[str, Field(max_length=LONGEST_QUESTION)] | None = None
    chat: KeptChat | None = None
    talk: Annotated[str, Field(max_length=64)] | None = (
        None  # id of a conversation: of the page's address, or the tab's
    )
    key: Annotated[str, Field(max_length=128)] | None = None  # of this browser: see ui/drafts/owners.py
    draft: Annotated[str, Field(max_length=64)] | None = None  # id: of the page's address, or what this tab had
    shown: Annotated[str, Field(max_length=64)] | None = None  # id of the session that filled this tab before
    newer: bool = False  # the browser has more of that draft than it knows to be saved


def read_kept(sent: object) -> Kept:
    """What was kept; nothing where it does not have the form."""
    try:
        return Kept.model_validate(without_halves(sent))
    except ValidationError:
        return Kept()


def read_form(sent: object) -> FormSettings:
    """What was set; without what is of no such form."""
    kept = without_halves(sent) if isinstance(sent, dict) else {}
    try:
        return FormSettings.model_validate(kept)
    except ValidationError as error:
        bad = {problem["loc"][0] for problem in error.errors()}
        return FormSettings.model_validate({name: value for name, value in kept.items() if name not in bad})
