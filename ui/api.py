"""The endpoints for programs: /compose, /chat and /search. Described in docs/api.md; used with gradio_client.

They keep nothing between calls. Addresses of pictures and files are relative to the page's.
"""

import base64
import binascii
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import gradio as gr
from pydantic import BaseModel, Field, ValidationError

from common.errors import ReadableError
from common.messages import _
from composer.article import Article
from composer.errors import InputError, PictureError
from composer.events import ArticleReady, Notice, Report, StepStarted
from composer.models import Picture, Sampling
from ui import view
from ui.studio import Studio
from ui.write import MODEL_QUEUE, title_problem

MOST_HITS = 100
MOST_PICTURES = 8

# What the endpoints take; Gradio passes on whatever JSON it was sent. -1 leaves the choice to the program.
Seed = Annotated[int, Field(ge=-1, lt=2**31)]
Temperature = Annotated[float, Field(ge=0, le=2)]
Penalty = Annotated[float, Field(ge=1, le=10)]


class ComposeArguments(BaseModel):
    """Of /compose, without those that `Options.checked` looks at."""

    title: str
    pictures: Annotated[int, Field(ge=-1)]
    temperature: Temperature | None
    top_p: Annotated[float, Field(gt=0, le=1)] | None
    repetition_penalty: Penalty | None
    seed: Seed


class ChatArguments(BaseModel):
    question: str
    pictures: list[str]
    history: list[dict[str, str]]
    max_tokens: Annotated[int, Field(ge=1, le=4096)]
    temperature: Temperature
    repetition_penalty: Penalty
    seed: Seed


class SearchArguments(BaseModel):
    query: str
    k: Annotated[int, Field(ge=1, le=MOST_HITS)]
    exclude: list[str]


def add_endpoints(studio: Studio) -> None:
    """Adds the three endpoints to the page being built."""

    def compose(
        title: str,
        pictures: int = -1,
        length: str = "medium",
        language: str = "auto",
        select: bool = True,
        temperature: float | None = None,
        top_p: float | None = None,
        repetition_penalty: float | None = None,
        seed: int = -1,
    ) -> Iterator[dict[str, Any]]:
        """Writes an illustrated article. While it works, values say the step; the last value holds the article.

        Args:
            title: a title or an instruction, English or Chinese.
            pictures: how many, 0 to 30; -1 leaves it to the program.
            length: short, medium or long.
            language: auto, en or zh.
            select: whether the model chooses among the candidates of the gallery.
            temperature: 0 always takes the likeliest word; left out, as suits the model, like the next two.
            top_p: share of the probability from which words are drawn.
            repetition_penalty: 1 means none.
            seed: -1 gives another text each time.
        """
        from composer.pipeline import Options

        with _errors_for_callers():
            asked = ComposeArguments.model_validate(
                {
                    "title": title,
                    "pictures": pictures,
                    "temperature": temperature,
                    "top_p": top_p,
                    "repetition_penalty": repetition_penalty,
                    "seed": seed,
                }
            )
            problem = title_problem(asked.title, "en")
            if problem:
                raise InputError(reason=problem)
            composer = _when_loaded(studio).composer()
            sampling = composer.sampling.with_choices(
                temperature=asked.temperature,
                top_p=asked.top_p,
                repetition_penalty=asked.repetition_penalty,
                seed=automatic(asked.seed),
            )
            options = Options(
                pictures=automatic(asked.pictures),
                language=language,  # type: ignore[arg-type]  # checked by the composer, which says what is allowed
                length=length,  # type: ignore[arg-type]
                select=bool(select),
                sampling=sampling,
            )
            stop = threading.Event()
            problems: list[ReadableError] = []
            try:
                for event in composer.compose(asked.title, options, stop=stop):
                    if isinstance(event, StepStarted):
                        yield {"state": "running", "step": event.step}
                    elif isinstance(event, Notice):
                        problems.append(event.problem)
                    elif isinstance(event, ArticleReady):
                        if problems and not event.article.sections:
                            raise problems[0]
                        notes = [problem.text("en") for problem in problems]
                        yield {"state": "done", **article_answer(studio, event.article, event.report), "notes": notes}
            finally:
                stop.set()  # the caller went away, or it is done

    def chat(
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
        with _errors_for_callers():
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
            conversation = _when_loaded(studio).conversation()
            conversation.turns = turns_from_messages(asked.history)
            sampling = Sampling(
                max_tokens=asked.max_tokens,
                temperature=asked.temperature,
                top_p=0.9,
                repetition_penalty=asked.repetition_penalty,
                seed=automatic(asked.seed),
            )
            stop = threading.Event()
            answer = ""
            try:
                for piece in conversation.ask(asked.question, shown, sampling, stop=stop):
                    answer += piece
                    yield answer
            finally:
                stop.set()

    def search(query: str, k: int = 4, exclude: list[str] | None = None) -> list[dict[str, Any]]:
        """Searches the gallery by words. Returns pictures, best first: id, caption, score, credit, licence, src, thumb.

        Args:
            query: what the picture should show.
            k: how many, 1 to 100.
            exclude: ids that must not come.
        """
        with _errors_for_callers():
            asked = SearchArguments.model_validate({"query": query, "k": k, "exclude": exclude or []})
            words = " ".join(asked.query.split())[:1000]
            if not words:
                raise InputError(_("Say what the picture should show."))
            gallery = _when_loaded(studio).require_gallery()
            hits = gallery.search(words, k=asked.k, exclude=set(asked.exclude))
            return view.hit_views(hits, studio.addresses)

    model: dict[str, Any] = {"concurrency_id": MODEL_QUEUE, "concurrency_limit": 1}
    gr.api(compose, api_name="compose", **model)
    gr.api(chat, api_name="chat", **model)
    gr.api(search, api_name="search", concurrency_limit=4)


def article_answer(studio: Studio, article: Article, report: Report) -> dict[str, Any]:
    """An article for a program: no path of this machine is in it."""
    from composer.exporting import markdown_zip

    shown = view.article_operation(article, studio.pictures.address, studio.attribution)
    archive = studio.pictures.offer_download(markdown_zip(article), "article.zip", "application/zip")
    return {
        "title": article.title,
        "language": article.language,
        "model": article.model,
        "sections": shown["sections"],
        "credits": shown["credits"],
        "parameters": article.parameters,
        "zip": archive,
        "seconds": {step: round(seconds, 3) for step, seconds in report.seconds.items()},
        "tokens": {"prefilled": report.prefilled, "reused": report.reused, "generated": report.generated},
    }


def decode_picture(picture: str, number: int) -> Picture:
    """A picture sent as base64 text. Raises PictureError."""
    name = f"picture {number}"
    text = picture.split(",", 1)[1] if picture.startswith("data:") and "," in picture else picture
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PictureError(name=name, reason=_("it is not base64 text.")) from error
    try:
        return Picture.open(content)
    except PictureError as error:
        raise PictureError(**{**error.values, "name": name}) from error


def turns_from_messages(history: list[dict[str, str]]) -> tuple[Any, ...]:
    """Messages as turns: each question with the answer that follows it. Raises InputError."""
    from composer.chat import Turn

    found: list[Turn] = []
    for before, message in itertools.pairwise([{}, *history]):
        role, content = message.get("role"), str(message.get("content", ""))
        if role == "user":
            found.append(Turn(content, finished=True))
        elif role == "assistant" and before.get("role") == "user":
            found[-1] = Turn(found[-1].question, answer=content, finished=True)
        else:
            raise InputError(_("The history must be user and assistant messages in turn, beginning with the user."))
    return tuple(found)


def automatic(value: int) -> int | None:
    """-1 leaves the choice to the program."""
    return None if value < 0 else value


def _when_loaded(studio: Studio) -> Studio:
    """Waits until model and gallery are loaded or have failed; the calls after this raise what went wrong."""
    studio.model_settled.wait()
    studio.gallery_settled.wait()
    return studio


@contextmanager
def _errors_for_callers() -> Iterator[None]:
    """Turns a readable error, and the refusal of an argument, into one that Gradio passes on to the caller."""
    try:
        yield
    except ReadableError as error:
        raise gr.Error(error.text("en"), print_exception=False) from error
    except ValidationError as error:
        first = error.errors()[0]
        name, value = first["loc"][0], repr(first["input"])[:80]
        raise gr.Error(f"The argument '{name}' is {value}: {first['msg']}.", print_exception=False) from error
