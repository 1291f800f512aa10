"""What the browser keeps of a tab and hands over when the page is loaded anew (demo_asset/first.js): checked here.

The article comes another way, see ui/write/restoring.py.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from common.decoding import without_halves
from ui.write import LONGEST_TITLE

LONGEST_QUESTION = 100_000  # characters


class KeptChat(BaseModel):
    shown: list[Any]  # read by ui/chat/shown.py
    owner: Annotated[str, Field(max_length=64)]  # id of the session that it was shown by


class Kept(BaseModel):
    """Each field None where nothing was kept."""

    tab: Literal["write", "chat", "gallery"] | None = None
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
