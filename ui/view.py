"""What a composition means for the article view: events become messages. Pure functions; no Gradio here.

A message is {"session", "n", "ops": [...]}: `n` counts the messages of one visitor's session, so that the view notices
a lost one and asks for the whole article. Operations:

    article   title, language, revision, model, parameters, imported, sections, credits   the whole article
    section   section                                             this section is now so; new ones go to the end
    text      id, at, text                                        a streamed piece: stands at character `at`
    status    state, step, done, total, seconds, ahead …          where the work is
    step      step, seconds                                       a step has ended
    notice    text, id, tone                                      a sentence for the person
    proposal  id, task, changes, inserting, state                 what the model proposes for a section, if id
    proposed  id, at, text                                        a streamed piece of it
    edit      id, caret, fresh                                    the text of that section is edited now
    open      id                                                  opens the panel of that section
    exporting label, share                                        how far a file is, 0 to 1; it is no more with null
    download  url, name                                           fetches a finished file
    copy      html, text                                          addresses of what goes to the clipboard
    texts     language, texts                                     the labels of the view
    draft     id, step, title, undo, redo, revision               the article is this draft, saved as it is
    box       was, title, own                                     the form says `title` where it said `was`
    fresh     –                                                   no article: a new one can be begun
    hand      –                                                   asks for the article, which only the view has
    again     value                                               the view sends that action for the model once more

After a gap, what the lost messages did once is sent again, with the number of its message as `message`.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from composer import blocks
from composer.article import Article, Candidate, Illustration, Section
from composer.events import (
    STEPS,
    ArticleReady,
    CandidatesReady,
    CaptionReady,
    Event,
    Notice,
    PictureChosen,
    PlacesFound,
    SectionsReady,
    SectionStarted,
    StepFinished,
    StepProgress,
    StepStarted,
    TextDelta,
)
from composer.illustrating import FITS
from composer.keeping import count_words
from composer.prompts import INSERTING
from composer.writing import Proposal
from ui.scheduling import Place

Operation = dict[str, Any]
Address = Callable[[str], str]  # path of a picture file -> its address on the page


# -- the article as it is shown ---------------------------------------------------------------------


def candidate_view(candidate: Candidate, address: Address) -> dict[str, Any]:
    return {
        "id": candidate.id,
        "src": address(candidate.path),
        "caption": candidate.caption,
        "score": round(candidate.score, 4),
        "share": None if candidate.share is None else round(candidate.share, 4),
        "fit": None if candidate.fit is None else round(candidate.fit, 4),
        "fits": None if candidate.fit is None else candidate.fit >= FITS,
        "evidence": None if candidate.evidence is None else asdict(candidate.evidence),
        "credit": candidate.credit,
        "licence": candidate.licence,
        "source": candidate.source,
        "approximate": candidate.approximate,
        "drawing": candidate.drawing,
        "likely": candidate.likely,
    }


def illustration_view(illustration: Illustration, address: Address) -> dict[str, Any]:
    return {
        "caption": illustration.caption,
        "query": illustration.query,
        "alt": illustration.alt or illustration.caption,
        "by_hand": illustration.by_hand,
        "text_changed": illustration.text_changed,
        "width": illustration.width,
        "chosen": candidate_view(illustration.chosen, address) if illustration.chosen else None,
        "candidates": [candidate_view(candidate, address) for candidate in illustration.candidates],
    }


def element_view(element: blocks.Element | str) -> str | list[Any]:
    """Text, or [tag, attributes, children], of which the view makes nodes."""
    if isinstance(element, str):
        return element
    return [element.tag, element.attributes, [element_view(child) for child in element.children]]


def section_view(section: Section, address: Address, defined: str = "") -> dict[str, Any]:
    """defined: `composer.blocks.definitions` of the article."""
    return {
        "id": section.id,
        "kind": section.kind,
        "level": section.level,
        "text": section.text,
        "elements": [element_view(element) for element in blocks.shown(section, defined)],
        "picture": illustration_view(section.illustration, address) if section.illustration else None,
        "looked_for": list(section.looked_for),
        "source": section.source,
        "gap": section.gap,
    }


def article_operation(article: Article, address: Address, attribution: str = "") -> Operation:
    """The whole article. `attribution` is the gallery's line, shown where one of its pictures is."""
    credits, defined = list(article.credits), blocks.definitions(article)
    from_gallery = any(not picture.startswith("upload-") for picture in article.used_pictures)
    if attribution and from_gallery and attribution not in credits:
        credits.append(attribution)
    return {
        "op": "article",
        "title": article.title,
        "language": article.language,
        "revision": article.revision,
        "model": article.model,
        "parameters": article.parameters,
        "sections": [section_view(section, address, defined) for section in article],
        "imported": asdict(article.imported) if article.imported else None,
        "credits": credits,
        "words": word_count(article),
    }


def section_operation(article: Article, section_id: str, address: Address) -> Operation:
    return {
        "op": "section",
        "revision": article.revision,
        "section": section_view(article.section(section_id), address, blocks.definitions(article)),
    }


def word_count(article: Article) -> int:
    """Words of the text; a Chinese character counts as one, as Chinese word processors count."""
    return sum(count_words(section.text) for section in article)


# -- events -----------------------------------------------------------------------------------------


def apply_event(article: Article, event: Event) -> Article:
    """The article after an event: what a reload or a stop in the middle would show."""
    match event:
        case SectionStarted(section):
            known = [section if old.id == section.id else old for old in article.sections]
            if all(old.id != section.id for old in article.sections):
                known.append(section)
            return article.with_sections(known)
        case TextDelta(section_id, offset, text):
            section = article.section(section_id)
            grown = replace(section, text=section.text[:offset] + text)
            return article.with_sections([grown if old.id == section_id else old for old in article.sections])
        case SectionsReady(whole) | ArticleReady(whole):
            return replace(whole, revision=max(whole.revision, article.revision + 1))
        case PlacesFound(section_ids):
            for section_id in section_ids:
                if article.section(section_id).illustration is None:
                    article = article.with_illustration(section_id, Illustration(caption=""))
            return article
        case (
            CaptionReady(section_id, illustration)
            | CandidatesReady(section_id, illustration)
            | PictureChosen(section_id, illustration)
        ):
            return article.with_illustration(section_id, illustration)
        case _:
            return article


def event_operations(
    article: Article, event: Event, address: Address, language: str, attribution: str = ""
) -> list[Operation]:
    """What the view must do for an event; `article` is the article after it (`apply_event`)."""
    match event:
        case SectionStarted(section):
            return [section_operation(article, section.id, address)]
        case TextDelta(section_id, offset, text):
            before = article.section(section_id).text[:offset]
            return [
                {
                    "op": "text",
                    "id": section_id,
                    "at": _script_length(before),
                    "text": text,
                    "revision": article.revision,
                }
            ]
        case SectionsReady():
            return [article_operation(article, address, attribution)]
        case PlacesFound(section_ids):
            return [section_operation(article, section_id, address) for section_id in section_ids]
        case CaptionReady(section_id) | CandidatesReady(section_id) | PictureChosen(section_id):
            return [section_operation(article, section_id, address)]
        case StepStarted("write", _, plan):  # a new article begins: the view lets go of the one before
            bare: list[Operation] = [] if article.title or article.sections else [{"op": "fresh"}]
            return [*bare, article_operation(article, address, attribution), {**running("write"), "steps": list(plan)}]
        case StepStarted(step, total, plan):
            return [{**running(step, 0, total), "steps": list(plan)}]
        case StepProgress(step, done, total):
            return [running(step, done, total)]
        case StepFinished(step, seconds):
            return [{"op": "step", "step": step, "seconds": round(seconds, 1)}]
        case Notice(problem, section_id):
            return [notice(problem.text(language), section_id)]
        case ArticleReady(_, report, stopped):
            times = {step: round(value, 1) for step, value in report.seconds.items()}
            ended: Operation = {"op": "status", "state": "stopped" if stopped else "done", "seconds": times}
            return [article_operation(article, address, attribution), ended]


# -- one section written anew -----------------------------------------------------------------------


def proposal_begins(section_id: str, task: str) -> Operation:
    return {"op": "proposal", "id": section_id, "task": task, "state": "writing", "inserting": task in INSERTING}


def proposal_text(section_id: str, before: str, text: str) -> Operation:
    """A streamed piece, which stands behind `before`."""
    return {"op": "proposed", "id": section_id, "at": _script_length(before), "text": text}


def proposal_ready(proposal: Proposal) -> Operation:
    """changes: [old, new] each, in order; where nothing changed they are the same."""
    changes = [[change.old, change.new] for change in proposal.changes]
    return {**proposal_begins(proposal.section_id, proposal.task), "state": "ready", "changes": changes}


def no_proposal() -> Operation:
    return {"op": "proposal", "id": None}


def _script_length(text: str) -> int:
    """Its length as a script counts: two for an emoji."""
    return len(text.encode("utf-16-le")) // 2


def running(step: str, done: int = 0, total: int = 0) -> Operation:
    return {"op": "status", "state": "running", "step": step, "done": done, "total": total}


def edit(section: Section, *, behind: int = 0, fresh: bool = False) -> Operation:
    """The section's text is edited now. behind: so many of its last characters stand behind the caret; fresh: what
    stands there is to be replaced, and the block goes where it is not."""
    text = section.source or section.text
    return {"op": "edit", "id": section.id, "caret": _script_length(text[len(text) - behind :]), "fresh": fresh}


WAITING = ("waiting", "loading", "running")  # states in which somebody waits for the model, as in stepper.js


def waiting(place: Place | None) -> Operation:
    """The work waits for the model. None: it is its turn, as far as is known."""
    ahead, seconds = (place.ahead, place.seconds) if place is not None else (0, None)
    rounded = None if seconds is None else round(seconds)
    return {"op": "status", "state": "waiting", "steps": list(STEPS), "ahead": ahead, "seconds": rounded}


def loading(text: str, fraction: float | None = None) -> Operation:
    """The work waits until the model is loaded."""
    return {"op": "status", "state": "loading", "steps": list(STEPS), "text": text, "fraction": fraction}


def idle() -> Operation:
    return {"op": "status", "state": "idle"}


def notice(text: str, section_id: str | None = None, tone: str = "warning") -> Operation:
    return {"op": "notice", "text": text, "id": section_id, "tone": tone}


def exporting(label: str, share: float) -> Operation:
    return {"op": "exporting", "label": label, "share": round(share, 3)}


def export_ended() -> Operation:
    return {"op": "exporting", "label": "", "share": None}


def hit_views(hits: Sequence[Any], address: Callable[[Any], tuple[str, str]]) -> list[dict[str, Any]]:
    """Gallery hits for the gallery view; `address(hit)` gives the addresses of the thumbnail and of the picture."""
    shown = []
    for hit in hits:
        thumbnail, picture = address(hit)
        shown.append(
            {
                "id": hit.id,
                "thumb": thumbnail,
                "src": picture,
                "caption": hit.caption,
                "score": round(hit.score, 4),
                "credit": hit.credit,
                "licence": hit.licence,
                "source": hit.source,
                "approximate": hit.approximate,
                "drawing": hit.drawing,
                "likely": hit.likely,
            }
        )
    return shown
