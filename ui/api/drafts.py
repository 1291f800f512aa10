"""What /drafts does: the drafts of one owner listed, shown, saved, restored and deleted."""

from typing import Any

from common.messages import _
from composer.article import Article
from composer.drafts import Drafts, Summary
from composer.errors import InputError
from ui.api.answers import article_answer
from ui.api.arguments import DraftsArguments
from ui.drafts import owner_of, thumbnail_address
from ui.studio import Studio
from ui.texts import text
from ui.write import taken_over


def answer_drafts(studio: Studio, login: str | None, asked: DraftsArguments) -> dict[str, Any]:
    """The answer to a call. login: of the person who calls; None: the key says whose drafts they are.

    Raises InputError, ArticleUnreadable, and what the drafts raise: DraftNotFound, DraftChanged, VersionNotFound.
    """
    drafts = _drafts_of(studio, login, asked.key)
    if asked.action == "list":
        found = drafts.list(
            search=asked.search,
            archived=None if asked.deleted else False,
            deleted=asked.deleted,
            limit=asked.limit + 1,
        )
        return {"drafts": [_row(studio, one) for one in found[: asked.limit]], "more": len(found) > asked.limit}
    if asked.action == "save":
        return _save(studio, drafts, asked)
    if not asked.id:
        raise InputError(_("Say which draft: its 'id' stands in the list."))
    if asked.action == "delete":
        return {"draft": _row(studio, drafts.delete(asked.id))}
    if asked.action == "restore":
        if asked.step is None:
            return {"draft": _row(studio, drafts.undelete(asked.id))}
        return {"draft": _row(studio, drafts.restore(asked.id, asked.step, after=asked.after).summary)}
    return _show(studio, drafts, asked)


def _drafts_of(studio: Studio, login: str | None, key: str) -> Drafts:
    if studio.drafts is None:
        raise studio.drafts_problem or InputError(_("This program keeps no drafts."))
    owner = owner_of(login, key)
    if owner is None:
        raise InputError(
            _(
                "Say whose drafts: 'key' must be 32 to 128 hexadecimal digits in small letters. Make one up and keep "
                "it: who has it has these drafts. With logins (--auth), the drafts are those of the login."
            )
        )
    return studio.drafts.of(owner)


def _show(studio: Studio, drafts: Drafts, asked: DraftsArguments) -> dict[str, Any]:
    draft = drafts.load(asked.id)
    article = draft.article if asked.step is None else drafts.article_at(asked.id, asked.step)
    steps = [
        {"step": one.step, "name": one.name, "what": one.what, "at": one.at}
        for one in drafts.versions(asked.id, steps=True)
    ]
    return {
        "draft": _row(studio, draft.summary),
        "article": article_answer(studio, article),
        "steps": steps,
    }


def _save(studio: Studio, drafts: Drafts, asked: DraftsArguments) -> dict[str, Any]:
    if asked.article is None:
        raise InputError(_("Send what is to be saved as 'article': as /compose, /illustrate or /drafts returned it."))
    before: Article | None = None
    if asked.id:
        if asked.after is None:
            raise InputError(
                _("Send as 'after' the step that the article was made from: 'step' in the answer that had the draft.")
            )
        before = drafts.load(asked.id).article  # pictures that the gallery has no more are found there
    article, lost = taken_over(studio, {"article": asked.article}, draft=before)
    if not article.sections:
        raise InputError(_("The article has no paragraph; it is not saved."))
    if before is None:
        draft = drafts.create(article, what="write")
    else:
        assert asked.after is not None
        draft = drafts.save(asked.id, article, after=asked.after, what="edit")
    return {"draft": _row(studio, draft.summary), "notes": [text("say.lost_here", "en", count=lost)] if lost else []}


def _row(studio: Studio, summary: Summary) -> dict[str, Any]:
    """A draft for a program; times are seconds since 1970."""
    return {
        "id": summary.id,
        "title": summary.title,
        "step": summary.step,
        "created": summary.created,
        "changed": summary.changed,
        "words": summary.words,
        "pictures": summary.pictures,
        "archived": summary.archived,
        "deleted": summary.deleted,
        "thumb": thumbnail_address(studio, summary),
    }
