"""The article saved or copied from the page: any format with its progress, and the clipboard."""

from collections.abc import Iterator
from typing import Any

from composer.errors import ExportStopped
from ui import view
from ui.exporting import export_steps
from ui.session import Session
from ui.studio import Studio
from ui.texts import text
from ui.write.running import Message, logged_sentence


def export_messages(studio: Studio, session: Session, value: dict[str, Any]) -> Iterator[Message]:
    """The messages of one export: how far it is, then the file. One that was still going ends."""
    from composer.exporting import download_name, find_format, without_missing

    language = session.language
    with session.in_order():  # after the edits that came before it
        article = session.article
    run = session.begin("export")
    try:
        chosen = find_format(str(value.get("format")))
        if not article.sections:
            yield session.message(view.export_ended(), view.notice(text("say.no_article", language)))
            return
        label = chosen.label.text(language)
        missing: tuple[str, ...] = ()
        if chosen.name != "json":  # which holds no pictures
            article, missing = without_missing(article)
        for step in export_steps(article, chosen.name, run.stop, made_by=bool(value.get("made_by"))):
            if isinstance(step, float):
                yield session.message(view.exporting(label, step))
                continue
            name = download_name(article, chosen.suffix)
            url = studio.pictures.offer_download(step, name, chosen.media_type)
            saved = view.notice(text("say.saved", language, name=name), tone="good")
            if missing:
                saved = view.notice(text("say.saved_without", language, name=name, names=list(missing)))
            yield session.message(view.export_ended(), {"op": "download", "url": url, "name": name}, saved)
    except ExportStopped as error:
        if session.is_current("export", run):  # another one may have taken its place
            yield session.message(view.export_ended(), view.notice(error.text(language), tone="plain"))
    except Exception as error:  # noqa: BLE001 - whatever it was, the person reads it and keeps the article
        yield session.message(view.export_ended(), view.notice(logged_sentence(error, language), tone="bad"))
    finally:
        run.stop.set()
        run.ended.set()


def copy(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """The article for the clipboard: addresses of what it is as HTML and as plain text."""
    from composer.exporting import to_rich_html, to_text, to_wechat_html, without_missing

    article, language = session.article, session.language
    if not article.sections:
        return [view.notice(text("say.no_article", language))]
    article, missing = without_missing(article)
    made_by = bool(value.get("made_by"))
    make = to_wechat_html if value.get("kind") == "wechat" else to_rich_html
    offer = studio.pictures.offer_download
    html = offer(make(article, made_by=made_by).encode(), "article.html", "text/html")
    plain = offer(to_text(article, made_by=made_by).encode(), "article.txt", "text/plain")
    said = [view.notice(text("say.copied_without", language, names=list(missing)))] if missing else []
    return [{"op": "copy", "html": html, "text": plain}, *said]


def stop_export(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """Ends the export that is going; it says so itself."""
    session.stop("export")
    return []
