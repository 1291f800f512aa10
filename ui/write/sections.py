"""What a person does to the order of the sections: moving, splitting, joining, adding and deleting them."""

from typing import Any

from common.messages import _
from composer import writing
from composer.errors import InputError
from ui import view
from ui.session import Session
from ui.studio import Studio
from ui.write.running import whole_article

LONGEST_TEXT = 20_000  # characters of one edited paragraph


def one_line(value: object) -> str:
    """One line of what a person typed: no controls, and blanks for line breaks."""
    return " ".join(writing.without_controls(str(value or "")).split())


def move(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """In front of the section `before`; to the end without one."""
    before = value.get("before")
    session.article = writing.moved(session.article, str(value.get("id")), None if before is None else str(before))
    return [whole_article(studio, session)]


def split(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """The edited text up to the caret stays, the rest is a section of its own, which is edited next."""
    section_id = str(value.get("id"))
    first, second = (one_line(value.get(part))[:LONGEST_TEXT] for part in ("first", "second"))
    if not first or not second:
        raise InputError(_("Both parts need words: split the text where there are some before and after."))
    article = writing.split(session.article, section_id, first, second)
    fresh = article.sections[[section.id for section in article].index(section_id) + 1].id
    session.article = article
    return [whole_article(studio, session), {"op": "edit", "id": fresh}]


def join(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """Puts the section's text at the end of the one before it."""
    session.article = writing.joined(session.article, str(value.get("id")))
    return [whole_article(studio, session)]


def delete(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    session.article = session.article.without_section(str(value.get("id")))
    return [whole_article(studio, session)]
