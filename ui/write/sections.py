"""What a person does to the order of the sections: moving, splitting, joining, adding and deleting them."""

from typing import Any

from common.messages import _
from composer import blocks, writing
from composer.article import Section
from composer.errors import InputError
from composer.exporting import section_markdown
from composer.importing import with_source
from ui import view
from ui.session import Session
from ui.studio import Studio
from ui.write.running import whole_article

LONGEST_TEXT = 20_000  # characters of one edited paragraph
NEW = "…"  # stands in a new block until a person writes something


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
    edited = article.section(fresh)
    return [whole_article(studio, session), view.edit(edited, behind=len(edited.text))]


def join(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """Puts the section's text at the end of the one before it. With `text`, what a person has made of it, which may be
    nothing: then the one before is edited next, where the two meet."""
    article, section_id = session.article, str(value.get("id"))
    typed = value.get("text")
    if typed is None:
        session.article = writing.joined(article, section_id)
        return [whole_article(studio, session)]
    order = [section.id for section in article]
    words, at = one_line(typed)[:LONGEST_TEXT], order.index(section_id) if section_id in order else -1
    if at < 1:
        raise KeyError(section_id)
    session.article = article.with_text(section_id, words) if words else article.without_section(section_id)
    if words:
        try:
            session.article = writing.joined(session.article, section_id)
        except InputError as error:  # the words stay, where they are
            said = view.notice(error.text(session.language))
            back = view.edit(session.article.section(section_id), behind=len(words))
            return [whole_article(studio, session), back, said]
    before = session.article.section(order[at - 1])
    return [whole_article(studio, session), view.edit(before, behind=len(words))]


def block(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """The text becomes a block of another kind; or, with `below`, stays and gets one below it, which is edited next."""
    section_id, kind = str(value.get("id")), str(value.get("kind"))
    text = one_line(value.get("text"))[:LONGEST_TEXT]
    article = session.article
    below = bool(value.get("below")) or kind == "rule"
    if below:
        if text:
            article = article.with_text(section_id, text)
        article, section_id = writing.inserted(article, NEW, section_id)
        text = NEW
    if kind in writing.LEVELS:
        article = writing.as_one_line(article, section_id, kind, text)
    else:
        written = text if kind == "code" else _exactly(text)
        article = with_source(article, section_id, writing.block_markdown(kind, written))
    if session.article.section(str(value.get("id"))).text == NEW and below:  # it was only there to be replaced
        article = article.without_section(str(value.get("id")))
    session.article = article
    edited = article.section(section_id)
    edits: list[view.Operation] = [] if kind == "rule" else [view.edit(edited, fresh=text in (NEW, ""))]
    return [whole_article(studio, session), *edits]


def _exactly(text: str) -> str:
    """One line as Markdown, with marks escaped where some of it would be read as more than bold, italic and links."""
    return text if blocks.one_line(text) == text else section_markdown(Section("", text))


def delete_several(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """All of them in one step."""
    article = session.article
    for section_id in selected(session, value):
        article = article.without_section(section_id)
    session.article = article
    return [whole_article(studio, session)]


def selected(session: Session, value: dict[str, Any]) -> list[str]:
    """The sections of a selection that are still there, in their order."""
    sent = value.get("ids")
    wanted = {str(one) for one in sent} if isinstance(sent, list) else set()
    return [section.id for section in session.article if section.id in wanted]


def delete(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    session.article = session.article.without_section(str(value.get("id")))
    return [whole_article(studio, session)]
