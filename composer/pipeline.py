"""Composer: a title becomes an illustrated article. write -> spot -> caption -> retrieve -> select, as events.

One pipeline for every model and every gallery. It knows no engine, no page and no wording of prompts. What exists is
kept whatever happens: a stop, a failing model or a failing gallery ends with the article as far as it came.
"""

import contextlib
import secrets
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from common.errors import ReadableError
from common.messages import _
from composer import blocks
from composer.article import Article, Candidate, Illustration, Language
from composer.errors import InputError, OtherLanguage
from composer.events import (
    ArticleReady,
    Event,
    Notice,
    Run,
    Step,
)
from composer.illustrating import (
    MOST_PICTURES,
    TRAINED_PLAN,
    Illustrator,
    OwnFirst,
    OwnPictures,
    TrainedIllustrator,
    load_taggers,
    plan,
)
from composer.models import KeepsBeginnings, Model, Sampling, user
from composer.prompts import Length, NamesPlaces, Prompts, RatesPictures, Style, prompts_for, style_of
from composer.writing import (
    Request,
    Writer,
    detect_language,
    is_other_language,
    read_request,
    without_controls,
)
from retrieval.base import PictureGallery

_LANGUAGES: tuple[Language, ...] = ("zh", "en")
WRITING = Sampling(max_tokens=2000, temperature=0.4, top_p=0.9, repetition_penalty=1.1)


@dataclass(frozen=True, slots=True)
class Options:
    """How an article is made."""

    pictures: int | None = None  # None: as many as suit the text; 0: none; at most 30
    language: Literal["auto", "en", "zh"] = "auto"  # auto: of the title, or as the title asks ("… in English")
    sampling: Sampling | None = None  # of the text; None: as suits the model. max_tokens is a limit beside `length`
    select: bool = True  # the model chooses among the candidates; otherwise the gallery's first is taken
    length: Length | int = "medium"  # about 160, 300 or 600 words; or so many (Chinese: characters)
    tone: str = ""  # a name in `composer.prompts.TONES`, or words; empty: as the title suggests
    readers: str = ""  # for whom, in words; empty: anybody
    candidates: int = 4  # pictures offered at each place

    def checked(self) -> "Options":
        """These options, words without blanks around them. Raises InputError for a value that cannot be used."""
        if self.pictures is not None and not 0 <= self.pictures <= MOST_PICTURES:
            raise InputError(
                _(
                    "The number of pictures is {pictures}; it can be 0 to {most}, or automatic.",
                    pictures=self.pictures,
                    most=MOST_PICTURES,
                )
            )
        if self.language not in ("auto", "en", "zh"):
            raise InputError(_("The language is '{language}'; it can be auto, en or zh.", language=self.language))
        style = self.style.checked()
        return replace(self, tone=style.tone, readers=style.readers)

    @property
    def style(self) -> Style:
        return Style(self.length, self.tone, self.readers)


class Composer:
    """Writes and illustrates one article at a time. A second person needs a second Composer over the same two."""

    def __init__(
        self,
        model: Model,
        gallery: PictureGallery | None,
        judge: Model | None = None,
        *,
        judge_problem: ReadableError | None = None,
    ) -> None:
        """gallery None: articles stay without pictures. judge: another model that says in this one's place whether a
        picture fits; for families that are asked that (`composer.prompts.RatesPictures`). judge_problem: why there is
        none, where one was wanted."""
        self.model, self.judge, self.judge_problem = model, judge, judge_problem
        self.gallery = gallery
        self.article = Article(title="")  # as far as it has come

    @property
    def prompts(self) -> Prompts:
        return prompts_for(self.model.capabilities.family)

    @property
    def plan(self) -> tuple[Step, ...]:
        """The steps of a composition, in the order of this family."""
        return TRAINED_PLAN if isinstance(self.prompts, NamesPlaces) else plan(self.model)

    @property
    def sampling(self) -> Sampling:
        """How this model writes articles best."""
        return self.model.capabilities.defaults or WRITING

    def warm_up(self) -> None:
        """Has the model compute what every request for an article begins with, and loads what tells nouns from other
        words, so that the first words come sooner.

        Raises what the model raises.
        """
        words = threading.Thread(target=load_taggers, name="taggers", daemon=True)
        words.start()  # while the model computes
        if isinstance(self.model, KeepsBeginnings) and isinstance(self.prompts, RatesPictures):
            self.model.begin_with(self.prompts.things("")[:-1])
        for language in _LANGUAGES:
            self.model.reply([self.prompts.write("…", "…", language, Style())], Sampling(max_tokens=1))
        words.join()

    def compose(
        self,
        title: str,
        options: Options | None = None,
        *,
        own: OwnPictures | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Writes and illustrates an article. Events come in the order that `composer.events` describes.

        title: a title, or an instruction of one or more lines; control characters are left out, and it is never used
        as anything but text. own: the person's pictures, each of which stands in the article once.
        stop: may be set from another thread; the composition then ends soon with ArticleReady(stopped=True).
        Raises InputError at once for a title or option that cannot be used; whatever else goes wrong later comes as a
        Notice, and the article is kept.
        """
        options = (options or Options()).checked()
        capacity = self.model.capabilities.context_tokens
        request = read_request(title, language=options.language, room=max(128, capacity // 2), count=self._count)
        return self._compose(request, options, own, stop or threading.Event())

    def illustrate(
        self,
        article: Article,
        options: Options | None = None,
        *,
        own: OwnPictures | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Plans the pictures of an article anew. Illustrations made by hand stay as they are, and count.

        own: as of `compose`. Events: as there, without the step "write".
        Raises InputError for an option that cannot be used.
        """
        options = (options or Options()).checked()
        return self._illustrate(article, options, own, stop or threading.Event())

    def write_on(
        self, article: Article, section_id: str, options: Options | None = None, *, stop: threading.Event | None = None
    ) -> Iterator[Event]:
        """Writes an article anew from this section on, as it was asked for; what stands before stays with its pictures.

        options: `pictures` is the number of the whole article. Events: as of `compose`. Where the model writes nothing,
        the article stays as it was. Raises KeyError for an unknown section, InputError.
        """
        options = (options or Options()).checked()
        article.section(section_id)
        return self._write_on(article, section_id, options, stop or threading.Event())

    def propose(
        self, article: Article, section_id: str, options: Options | None = None, *, stop: threading.Event | None = None
    ) -> Illustration:
        """An illustration for one place: the model says what it shows, the gallery searches, the model chooses.

        Raises KeyError for an unknown section, InputError where the article has no text to illustrate, and what model
        and gallery raise.
        """
        return self._illustrator(article, options or Options(), stop).propose(section_id)

    def search(
        self, article: Article, caption: str, language: Language | None = None, *, k: int = 4, section_id: str = ""
    ) -> tuple[Candidate, ...]:
        """Pictures for a caption that a person typed, best first; none that stands elsewhere in the article.

        language: of the caption; None finds out. Where the gallery reads only other languages, the model translates.
        section_id: the place whose own picture may come again. Raises InputError for an empty caption, RetrievalError.
        """
        cleaned = " ".join(without_controls(caption).split())
        if not cleaned:
            raise InputError(_("Please say in a few words what the picture should show."))
        illustrator = self._illustrator(article, Options(candidates=k), None)
        return illustrator.search(cleaned[:500], language or detect_language(cleaned), section_id)

    def _count(self, text: str) -> int:
        return self.model.count_tokens([user(text)])

    # -- steps ---------------------------------------------------------------------------------------

    def _illustrator(
        self,
        article: Article,
        options: Options,
        stop: threading.Event | None,
        own: OwnPictures | None = None,
        kept: frozenset[str] = frozenset(),
    ) -> Illustrator | TrainedIllustrator:
        """The way of this family: see `composer.prompts`."""
        if self.gallery is None:
            raise InputError(_("There is no picture gallery; open one to add pictures."))
        prompts, stop = self.prompts, stop or threading.Event()
        shared: dict[str, Any] = {
            "pictures": options.pictures,
            "select": options.select,
            "candidates": options.candidates,
            "stop": stop,
            "kept": kept,
        }
        if isinstance(prompts, NamesPlaces):
            gallery = self.gallery if own is None else OwnFirst(own, self.gallery)
            return TrainedIllustrator(self.model, gallery, prompts, article, **shared)
        assert isinstance(prompts, RatesPictures)  # every family is one of the two
        return Illustrator(self.model, self.gallery, prompts, article, own=own, judge=self.judge, **shared)

    def _compose(
        self, request: Request, options: Options, own: OwnPictures | None, stop: threading.Event
    ) -> Iterator[Event]:
        run = Run(self.model.usage)
        sampling = options.sampling or self.sampling
        if sampling.seed is not None:
            sampling = replace(sampling, repeatable=True)
        elif sampling.temperature > 0:
            sampling = replace(sampling, seed=secrets.randbelow(2**31))  # kept with the article
        self.article = Article(
            title=request.title,
            language=request.language,
            model=self.model.name,
            parameters={
                "request": request.text,
                "pictures": options.pictures,
                "length": options.length,
                "tone": options.tone,
                "readers": options.readers,
                "own_pictures": 0 if own is None else own.given,
                "select": options.select,
                "sampling": {**asdict(sampling), "stop": list(sampling.stop)},  # as JSON gives it back
                "gallery": self._gallery_name(),
                **({"judge": self.judge.name} if self.judge is not None else {}),
            },
        )
        writer = Writer(self.model, self.prompts, self.article, request, options.style, sampling, stop)
        yield from run.step("write", self._written(writer), plan=self.plan)
        if self.article.sections:
            yield from self._pictures(options, own, stop, run)
        yield ArticleReady(self.article, run.report(self.model.usage), stopped=stop.is_set())

    def _write_on(self, article: Article, section_id: str, options: Options, stop: threading.Event) -> Iterator[Event]:
        run = Run(self.model.usage)
        order = [section.id for section in article]
        kept = article.sections[: order.index(section_id)]
        asked = str(article.parameters.get("request") or article.title)
        request = Request(asked, article.language, article.title)
        self.article = article.with_sections(kept)
        sampling = options.sampling or self.sampling
        wished = style_of(article.parameters)
        first = int(article.next_section_id()[1:])  # no section has the id of one that was there
        writer = Writer(self.model, self.prompts, self.article, request, wished, sampling, stop, first=first)
        yield from run.step("write", self._written(writer), plan=self.plan)
        if len(self.article.sections) == len(kept):  # nothing was written
            self.article = article
        else:
            yield from self._pictures(options, None, stop, run, kept=frozenset(order[: len(kept)]))
        yield ArticleReady(self.article, run.report(self.model.usage), stopped=stop.is_set())

    def _illustrate(
        self, article: Article, options: Options, own: OwnPictures | None, stop: threading.Event
    ) -> Iterator[Event]:
        run = Run(self.model.usage)
        known = {"gallery": self._gallery_name(), "illustrated_by": self.model.name}
        self.article = replace(article, parameters={**article.parameters, **known})
        yield from self._pictures(options, own, stop, run)
        yield ArticleReady(self.article, run.report(self.model.usage), stopped=stop.is_set())

    def _gallery_name(self) -> str:
        """Of the gallery that is searched; empty where there is none, or where it does not answer."""
        with contextlib.suppress(ReadableError):
            return self.gallery.info().name if self.gallery is not None else ""
        return ""

    def _pictures(
        self,
        options: Options,
        own: OwnPictures | None,
        stop: threading.Event,
        run: Run,
        kept: frozenset[str] = frozenset(),
    ) -> Iterator[Event]:
        """kept: sections that stay as they are, with or without a picture."""
        if self.gallery is None or stop.is_set():
            return
        try:
            problems = [] if own is None else own.problems
        except ReadableError as error:
            problems, own = [error], None
        said: list[ReadableError] = [self.judge_problem] if self.judge_problem is not None else []
        if options.pictures != 0 and is_other_language(" ".join(blocks.words(section) for section in self.article)):
            language = _("Chinese") if self.article.language == "zh" else _("English")
            said.append(OtherLanguage(language=language))
        for problem in (*problems, *said):
            yield Notice(problem)
        illustrator = self._illustrator(self.article, options, stop, own, kept)
        for step, total, events in illustrator.steps():
            if stop.is_set():
                break
            for event in run.step(step, events, plan=self.plan, total=total):
                self.article = illustrator.article
                yield event
        self.article = illustrator.article

    def _written(self, writer: Writer) -> Iterator[Event]:
        for event in writer.events():
            self.article = writer.article
            yield event
        self.article = writer.article
