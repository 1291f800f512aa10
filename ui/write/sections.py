"""What a person does to sections: writing, moving, splitting, joining, adding and deleting them."""

import contextlib
from typing import Any

from common.decoding import well_formed
from common.errors import ReadableError
from common.messages import _
from composer import blocks, writing
from composer.article import Article, Section
from composer.errors import InputError
from composer.exporting import section_markdown
from composer.importing import with_source
from ui import view
from ui.drafts import edit_draft, is_written_elsewhere
from ui.session import Session
from ui.studio import Studio
from ui.write import drafting
from ui.write.running import whole_article

LONGEST_TEXT = 20_000  # characters of one edited paragraph
NEW = "…"  # stands in a new block until a person writes something


def one_line(value: object) -> str:
    """One line of what a person typed: no controls, and blanks for line breaks."""
    return " ".join(writing.without_controls(str(value or "")).split())


# -- words ---------------------------------------------------------------------------------------------


def title(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    words = one_line(value.get("text"))
    if words:
        session.article = _with_words(session.article, "", words)
    return [whole_article(studio, session)]


def written(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    over = value.get("over")  # given once more, these words may have arrived before: then another text stands there
    if isinstance(over, str) and not _stands(session.article.section(str(value.get("id"))), over):
        return [whole_article(studio, session)]
    if value.get("markdown"):
        return _markdown(studio, session, value)
    words = one_line(value.get("text"))
    if words:
        session.article = _with_words(session.article, str(value.get("id")), words)
    return [whole_article(studio, session)]


def typing(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """What has been typed into a section, or into the title, whose editor is still open: the view shows it already."""
    words = one_line(value.get("text"))
    if words and not session.busy and not is_written_elsewhere(studio, session):
        with contextlib.suppress(KeyError):  # the section went
            session.article = _with_words(session.article, str(value.get("id")), words)
    return []


def untype(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """Nobody wants what was typed: the section is as it was before."""
    if is_typed(session, value) and session.draft is not None and session.draft.can_undo:
        return drafting.undo(studio, session, value)
    words = one_line(value.get("text"))
    if words:
        session.article = _with_words(session.article, str(value.get("id")), words)
    return [whole_article(studio, session)]


def _with_words(article: Article, section_id: str, words: str) -> Article:
    """With another text of a section; of the one without an id, which is the title."""
    return article.with_text(section_id, words[:LONGEST_TEXT]) if section_id else article.with_title(words[:500])


def _markdown(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """A block is edited as the Markdown that it is; several blocks may come of it."""
    section_id = str(value.get("id"))
    before = {section.id for section in session.article} - {section_id}
    session.article = with_source(session.article, section_id, well_formed(str(value.get("text") or "")))
    behind = value.get("edit")  # of pasted text: so many characters stand behind the caret, in the last block
    if not isinstance(behind, int):
        return [whole_article(studio, session)]
    last = [section for section in session.article if section.id not in before][-1]
    return [whole_article(studio, session), view.edit(last, behind=max(0, behind))]


def _stands(section: Section, text: str) -> bool:
    """Whether the section has that text, as a person edits it."""
    return text.strip() in (section.text.strip(), section.source.strip())


def late(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """Words that were typed into another draft of this person's and did not arrive: they are its next step, where the
    text is still the one that they were typed over."""
    typed, before = well_formed(str(value.get("text") or "")), str(value.get("before") or "").strip()

    def edited(article: Article) -> Article:
        section_id = str(value.get("id"))
        stands = _stands(article.section(section_id), before) if section_id else article.title.strip() == before
        if not stands:
            return article
        if value.get("markdown"):
            return with_source(article, section_id, typed)
        return _with_words(article, section_id, one_line(typed))

    with contextlib.suppress(KeyError, ReadableError):  # the draft or its section went, or somebody is writing it
        edit_draft(studio, session, str(value.get("of")), edited)
    return []


def is_typed(session: Session, value: dict[str, Any]) -> bool:
    """Whether the last step of the draft is what was typed into that section until now."""
    return session.draft is not None and session.typed == (session.draft.id, str(value.get("id")))


# -- order ---------------------------------------------------------------------------------------------


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
