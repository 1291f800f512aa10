"""The endpoints for programs: /compose, /illustrate, /rewrite, /export, /chat, /search and /drafts. Described in
docs/api.md.

Nothing but drafts is kept between calls. Addresses of pictures and files are relative to the page's.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import gradio as gr

from common.messages import _
from composer.article import Article, Section
from composer.errors import InputError
from composer.models import Sampling
from ui import view
from ui.api.answers import BEAT, composition_answers, errors_for_callers, job_of, waiting_answers, when_loaded
from ui.api.arguments import (
    MOST_PICTURES,
    ChatArguments,
    ComposeArguments,
    DraftsArguments,
    ExportArguments,
    IllustrateArguments,
    RewriteArguments,
    SearchArguments,
    automatic,
    decode_picture,
    given_pictures,
    own_text,
    turns_from_messages,
)
from ui.api.drafts import answer_drafts
from ui.exporting import export_steps
from ui.studio import Studio
from ui.texts import text
from ui.write import AT_ONCE, LONG_WORK, SHORT_WORK, taken_over, title_problem


def add_endpoints(studio: Studio) -> None:
    """Adds the endpoints to the page being built."""

    def compose(
        request: gr.Request,
        title: str,
        pictures: int = -1,
        length: str | int = "medium",
        language: str = "auto",
        select: bool = True,
        temperature: float | None = None,
        top_p: float | None = None,
        repetition_penalty: float | None = None,
        seed: int = -1,
        tone: str = "",
        readers: str = "",
        own_pictures: list[dict[str, str]] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Writes an illustrated article. While it works, values say the step; the last value holds the article.

        Args:
            title: a title or an instruction, English or Chinese.
            pictures: how many, 0 to 30; -1 leaves it to the program.
            length: short, medium, long, or a number of words (Chinese: characters).
            language: auto, en or zh.
            select: whether the model chooses among the candidates of the gallery.
            temperature: 0 always takes the likeliest word; left out, as suits the model, like the next two.
            top_p: share of the probability from which words are drawn.
            repetition_penalty: 1 means none.
            seed: -1 gives another text each time.
            tone: neutral, news, travel, advertising, science, children, personal, or words of the caller's.
            readers: for whom it is written, in a few words.
            own_pictures: up to 20 pictures of the caller's, each with name and data (base64 text); each stands in the
                article once.
        """
        from composer.pipeline import Options
        from composer.prompts import read_length

        with errors_for_callers(), ExitStack() as calls:
            asked = ComposeArguments.model_validate(
                {
                    "title": title,
                    "pictures": pictures,
                    "length": length,
                    "language": language,
                    "select": select,
                    "temperature": temperature,
                    "top_p": top_p,
                    "repetition_penalty": repetition_penalty,
                    "seed": seed,
                    "tone": tone,
                    "readers": readers,
                    "own_pictures": own_pictures or [],
                }
            )
            problem = title_problem(asked.title, "en")
            if problem:
                raise InputError(reason=problem)
            stop = threading.Event()
            job = calls.enter_context(job_of(studio, request, stop, long=True))
            composer = when_loaded(studio).composer(job)
            sampling = composer.sampling.with_choices(
                temperature=asked.temperature,
                top_p=asked.top_p,
                repetition_penalty=asked.repetition_penalty,
                seed=automatic(asked.seed),
            )
            options = Options(
                pictures=automatic(asked.pictures),
                language=asked.language,  # type: ignore[arg-type]  # checked by the composer, which says what is allowed
                length=asked.length if isinstance(asked.length, int) else read_length(asked.length),
                tone=asked.tone,
                readers=asked.readers,
                select=asked.select,
                sampling=sampling,
            )
            yield from waiting_answers(studio, job, stop)
            with given_pictures(asked.own_pictures, studio.pictures.store_upload) as own:
                events = composer.compose(asked.title, options, own=own, stop=stop)
                yield from composition_answers(studio, events, stop)

    def illustrate(
        request: gr.Request,
        text: str = "",
        pictures: int = -1,
        select: bool = True,
        file: str = "",
        file_name: str = "",
        own_pictures: list[dict[str, str]] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Illustrates a text as it is. While it works, values say the step; the last value holds the article.

        Args:
            text: Markdown or plain text, English or Chinese.
            pictures: how many, 0 to 30; -1 leaves it to the program.
            select: whether the model chooses among the candidates of the gallery.
            file: instead of text, the content of a file as base64 text.
            file_name: the file's name; its ending says what it is: .md, .txt, .docx or .html.
            own_pictures: as of /compose.
        """
        from composer.pipeline import Options

        with errors_for_callers(), ExitStack() as calls:
            asked = IllustrateArguments.model_validate(
                {
                    "text": text,
                    "pictures": pictures,
                    "select": select,
                    "file": file,
                    "file_name": file_name,
                    "own_pictures": own_pictures or [],
                }
            )
            options = Options(pictures=automatic(asked.pictures), select=asked.select).checked()
            brought = own_text(asked)
            stop = threading.Event()
            job = calls.enter_context(job_of(studio, request, stop, long=True))
            composer = when_loaded(studio).composer(job)
            yield from waiting_answers(studio, job, stop)
            with given_pictures(asked.own_pictures, studio.pictures.store_upload) as own:
                events = composer.illustrate(brought.article, options, own=own, stop=stop)
                yield from composition_answers(studio, events, stop, brought.notes)

    def rewrite(
        request: gr.Request,
        text: str,
        task: str = "rewrite",
        instruction: str = "",
        tone: str = "",
        into: str = "",
        title: str = "",
        seed: int = -1,
    ) -> Iterator[dict[str, Any]]:
        """Writes one paragraph anew. While it works, values hold the text so far; the last one also what changed.

        Args:
            text: the paragraph, English or Chinese.
            task: rewrite, expand, shorten, simplify, correct, tone, translate, continue, insert_before or insert_after.
            instruction: what should change, in words.
            tone: for the task tone: neutral, news, travel, advertising, science, children, personal, or words.
            into: for the task translate: en, zh, or the name of a language.
            title: of the article that the paragraph stands in.
            seed: -1 gives another text each time.
        """
        from composer import writing

        with errors_for_callers(), ExitStack() as calls:
            asked = RewriteArguments.model_validate(
                {
                    "text": text,
                    "task": task,
                    "instruction": instruction,
                    "tone": tone,
                    "into": into,
                    "title": title,
                    "seed": seed,
                }
            )
            paragraph = " ".join(asked.text.split())
            if not paragraph:
                raise InputError(_("Send the paragraph that is to be written anew as 'text'."))
            article = Article(asked.title, (Section("s1", paragraph),), writing.detect_language(paragraph))
            writing.check_rewriting(article, "s1", asked.task, asked.instruction)
            stop = threading.Event()
            job = calls.enter_context(job_of(studio, request, stop, long=False))
            model = when_loaded(studio).model_of(job)
            yield from waiting_answers(studio, job, stop)
            words = {"instruction": asked.instruction, "tone": asked.tone, "into": asked.into}
            sampling = replace(writing.sampling_for(model, asked.task), seed=automatic(asked.seed))
            written = ""
            try:
                for event in writing.rewrite(model, article, "s1", asked.task, **words, sampling=sampling, stop=stop):
                    if isinstance(event, writing.Proposal):
                        changes = [[change.old, change.new] for change in event.changes]
                        yield {"state": "done", "text": writing.accepted(event.changes), "changes": changes}
                    else:
                        written = written[: event.offset] + event.text
                        yield {"state": "running", "text": written}
            finally:
                stop.set()

    def export(article: dict[str, Any], format: str = "pdf", made_by: bool = False) -> Iterator[dict[str, Any]]:
        """Makes a file of an article. While it works, values say how far it is; the last value names the file.

        Args:
            article: what /compose or /illustrate returned, or the same with other texts and captions.
            format: pdf, docx, epub, html, zip, md, txt, wechat or json.
            made_by: whether model, seed and gallery stand at its end.
        """
        from composer.exporting import download_name, find_format, without_missing

        with errors_for_callers():
            asked = ExportArguments.model_validate({"article": article, "format": format, "made_by": made_by})
            chosen = find_format(asked.format)
            whole, lost = taken_over(when_loaded(studio), {"article": asked.article})
            notes = [text("say.lost_here", "en", count=lost)] if lost else []
            if chosen.name != "json":  # which holds no pictures
                whole, missing = without_missing(whole)
                notes += [text("say.left_out", "en", names=list(missing))] if missing else []
            for step in export_steps(whole, chosen.name, threading.Event(), made_by=asked.made_by):
                if isinstance(step, float):
                    yield {"state": "running", "share": round(step, 3)}
                    continue
                name = download_name(whole, chosen.suffix)
                yield {
                    "state": "done",
                    "file": studio.pictures.offer_download(step, name, chosen.media_type),
                    "name": name,
                    "media_type": chosen.media_type,
                    "bytes": len(step),
                    "notes": notes,
                }

    def chat(
        request: gr.Request,
        question: str,
        pictures: list[str] | None = None,
        history: list[dict[str, str]] | None = None,
        max_tokens: int = 512,
        temperature: float = 0.7,
        repetition_penalty: float = 1.1,
        seed: int = -1,
    ) -> Iterator[str]:
        """Answers a question about text and pictures. Each value is the answer so far; the last one is whole.

        Args:
            question: what is asked.
            pictures: picture files as base64 text, with or without a "data:image/…;base64," beginning.
            history: earlier turns, oldest first: {"role": "user" or "assistant", "content": text}.
            max_tokens: length of the answer, at most.
            temperature: 0 always takes the likeliest word.
            repetition_penalty: 1 means none.
            seed: -1 gives another answer each time.
        """
        with errors_for_callers(), ExitStack() as calls:
            asked = ChatArguments.model_validate(
                {
                    "question": question,
                    "pictures": pictures or [],
                    "history": history or [],
                    "max_tokens": max_tokens,
                    "temperature": temperature,
                    "repetition_penalty": repetition_penalty,
                    "seed": seed,
                }
            )
            if len(asked.pictures) > MOST_PICTURES:
                raise InputError(
                    _("At most {most_pictures} pictures can be sent with a question.", most_pictures=MOST_PICTURES)
                )
            shown = [decode_picture(picture, number) for number, picture in enumerate(asked.pictures, 1)]
            stop = threading.Event()
            job = calls.enter_context(job_of(studio, request, stop, long=False))
            conversation = when_loaded(studio).conversation(job)
            conversation.turns = turns_from_messages(asked.history)
            sampling = Sampling(
                max_tokens=asked.max_tokens,
                temperature=asked.temperature,
                top_p=0.9,
                repetition_penalty=asked.repetition_penalty,
                seed=automatic(asked.seed),
            )
            answer = ""
            for _place in studio.line.places(job, stop, BEAT):
                yield answer
            try:
                for piece in conversation.ask(asked.question, shown, sampling, stop=stop):
                    answer += piece
                    yield answer
            finally:
                stop.set()

    def search(query: str, k: int = 4, exclude: list[str] | None = None) -> list[dict[str, Any]]:
        """Searches the gallery by words. Returns pictures, best first: id, caption, score, credit, licence, src, thumb
        and `likely`, false for those that are hardly what was asked for.

        Args:
            query: what the picture should show.
            k: how many, 1 to 100.
            exclude: ids that must not come.
        """
        with errors_for_callers():
            asked = SearchArguments.model_validate({"query": query, "k": k, "exclude": exclude or []})
            words = " ".join(asked.query.split())[:1000]
            if not words:
                raise InputError(_("Say what the picture should show."))
            gallery = when_loaded(studio).require_gallery()
            hits = gallery.search(words, k=asked.k, exclude=set(asked.exclude))
            return view.hit_views(hits, studio.addresses)

    def drafts(
        request: gr.Request,
        action: str = "list",
        id: str = "",
        article: dict[str, Any] | None = None,
        after: int | None = None,
        step: int | None = None,
        search: str = "",
        deleted: bool = False,
        limit: int = 100,
        key: str = "",
    ) -> dict[str, Any]:
        """Lists, shows, saves, restores and deletes drafts: those of the login, without logins those of a key.

        Args:
            action: list, show, save, restore or delete.
            id: of the draft; left out at save, a new one begins.
            article: what is saved: as /compose, /illustrate or the action show returned it, or changed.
            after: at save and restore, the step that the caller knows: the draft is not changed if it is at another.
            step: at show and restore, an earlier step; without one, restore brings a deleted draft back.
            search: at list, words that all stand in title or text.
            deleted: at list, the deleted drafts.
            limit: at list, how many at most, 1 to 1000.
            key: without logins, whose drafts: 32 to 128 hexadecimal digits, which the caller makes up once.
        """
        with errors_for_callers():
            asked = DraftsArguments.model_validate(
                {
                    "action": action,
                    "id": id,
                    "article": article,
                    "after": after,
                    "step": step,
                    "search": search,
                    "deleted": deleted,
                    "limit": limit,
                    "key": key,
                }
            )
            return answer_drafts(studio, request.username, asked)

    long: dict[str, Any] = {"concurrency_id": LONG_WORK, "concurrency_limit": AT_ONCE}
    short: dict[str, Any] = {"concurrency_id": SHORT_WORK, "concurrency_limit": AT_ONCE}
    gr.api(compose, api_name="compose", **long)
    gr.api(illustrate, api_name="illustrate", **long)
    gr.api(rewrite, api_name="rewrite", **short)
    gr.api(chat, api_name="chat", **short)
    gr.api(export, api_name="export", concurrency_limit=2)
    gr.api(search, api_name="search", concurrency_limit=4)
    gr.api(drafts, api_name="drafts", concurrency_limit=4)
