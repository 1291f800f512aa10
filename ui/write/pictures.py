"""What a person does to one picture: its words and width, another picture, one of their own, none.

Whoever chooses a picture has seen the text beside it: the mark that the text has changed goes.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.messages import _
from composer import blocks
from composer.article import WIDTHS, Candidate, Illustration, Section
from composer.errors import InputError
from composer.illustrating import plain_caption
from composer.models import Picture
from ui import view
from ui.session import Session
from ui.studio import Studio
from ui.write.restoring import uploaded_file
from ui.write.running import whole_article
from ui.write.sections import one_line

RATIOS = {"1:1": 1.0, "4:3": 4 / 3, "3:2": 3 / 2, "16:9": 16 / 9, "3:4": 3 / 4}  # width : height of a cropped picture
LONGEST_LINE = 500  # characters of a caption or an alternative text


def caption(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    written = one_line(value.get("caption"))[:LONGEST_LINE]
    return _changed(studio, session, value, lambda old: replace(old, caption=written, by_hand=True))


def alt(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """The alternative text; without one the caption is read out."""
    written = one_line(value.get("alt"))[:LONGEST_LINE]
    return _changed(
        studio,
        session,
        value,
        lambda old: replace(old, alt="" if written == old.caption else written, by_hand=True),
    )


def width(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    wanted = next((known for known in WIDTHS if known == value.get("width")), None)
    if wanted is None:
        raise InputError(
            _("The width is '{width}'; it can be {known}.", width=value.get("width"), known=", ".join(WIDTHS))
        )
    return _changed(studio, session, value, lambda old: replace(old, width=wanted, by_hand=True))


def choose(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """One of the candidates."""
    section = session.article.section(str(value.get("id")))

    def chosen(old: Illustration) -> Illustration:
        found = {candidate.id: candidate for candidate in old.candidates}[str(value.get("picture"))]
        return replace(
            old, alt=_alt_beside(session, section, old, found), chosen=found, by_hand=True, text_changed=False
        )

    return _changed(studio, session, value, chosen)


def still_fits(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """The picture stays, although the text has changed."""
    return _changed(studio, session, value, lambda old: replace(old, by_hand=True, text_changed=False))


def crop(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """The largest part of that ratio around the point that must stay in sight; the whole stays a candidate."""
    section = session.article.section(str(value.get("id")))
    old, ratio = section.illustration, RATIOS.get(str(value.get("ratio")))
    if ratio is None:
        raise InputError(
            _("The ratio is '{ratio}'; it can be {known}.", ratio=value.get("ratio"), known=", ".join(RATIOS))
        )
    if old is None or old.chosen is None:
        raise KeyError(section.id)
    image = Picture.open(Path(old.chosen.path)).image
    width = min(image.width, image.height * ratio)
    size = (round(width), round(width / ratio))
    at = [_offset(value.get(axis), whole, part) for axis, whole, part in zip("xy", image.size, size, strict=True)]
    part = image.crop((at[0], at[1], at[0] + size[0], at[1] + size[1]))
    stored = studio.pictures.store(Picture.open(part), old.chosen.caption or section.id)
    credit = old.chosen.credit
    cropped = replace(
        old.chosen,
        id=stored.id,
        path=stored.path,
        credit=_("{credit}, cropped", credit=credit).text(session.article.language) if credit else "",
        drawing=False,
    )
    others = tuple(one for one in old.candidates if one.id != cropped.id)
    picture = replace(old, chosen=cropped, candidates=(cropped, *others), by_hand=True)
    session.article = session.article.with_illustration(section.id, picture)
    return [whole_article(studio, session)]


def _offset(focus: object, whole: int, part: int) -> int:
    """Where a part of so many pixels begins so that `focus`, 0 to 1 of the whole, is in its middle, or near it."""
    share = float(focus) if isinstance(focus, int | float) and 0 <= focus <= 1 else 0.5
    return min(max(round(share * whole - part / 2), 0), whole - part)


def relocate(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """The picture goes to another section; what stands there changes places with it. What was judged beside the text of
    before is not said of it any more."""
    here, there = (session.article.section(str(value.get(name))) for name in ("id", "to"))
    if here.illustration is None or not there.illustratable:
        raise KeyError(there.id)
    moved = [(there, here.illustration), (here, there.illustration)]
    for place, illustration in moved:
        session.article = session.article.with_illustration(place.id, illustration and _beside_other_text(illustration))
    opened: list[view.Operation] = [{"op": "open", "id": there.id}] if value.get("panel") else []
    return [whole_article(studio, session), *opened]


def _beside_other_text(old: Illustration) -> Illustration:
    def unjudged(picture: Candidate) -> Candidate:
        return replace(picture, fit=None, share=None, evidence=None)

    return replace(
        old,
        chosen=old.chosen and unjudged(old.chosen),
        candidates=tuple(map(unjudged, old.candidates)),
        by_hand=True,
        text_changed=False,
    )


def remove(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    session.article = session.article.with_illustration(str(value.get("id")), None)
    return [whole_article(studio, session)]


def upload(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """A file of their own, which is one of the candidates then."""
    section = session.article.section(str(value.get("id")))
    candidate = studio.pictures.store_upload(str(uploaded_file(value.get("path"))))
    old = section.illustration or Illustration(caption="")
    others = tuple(one for one in old.candidates if one.id != candidate.id)
    picture = replace(
        old,
        caption=one_line(value.get("caption"))[:LONGEST_LINE] or old.caption,
        alt=_alt_beside(session, section, old, candidate),
        chosen=candidate,
        candidates=(candidate, *others),
        by_hand=True,
        text_changed=False,
    )
    session.article = session.article.with_illustration(section.id, picture)
    return [whole_article(studio, session), {"op": "open", "id": section.id}]


def _alt_beside(session: Session, section: Section, old: Illustration, picture: Candidate) -> str:
    """The alternative text when `picture` takes the place of the old one: what a person wrote stays, and what only said
    what the old picture is called says what this one is."""
    language, text = session.article.language, blocks.words(section)
    if not old.alt or old.chosen is None or old.alt != plain_caption(old.chosen, language, text):
        return old.alt
    return plain_caption(picture, language, text) if picture.caption else ""


def _changed(
    studio: Studio, session: Session, value: dict[str, Any], change: Callable[[Illustration], Illustration]
) -> list[view.Operation]:
    section = session.article.section(str(value.get("id")))
    if section.illustration is None:
        raise KeyError(section.id)
    session.article = session.article.with_illustration(section.id, change(section.illustration))
    return [whole_article(studio, session)]
