"""One section of an article written anew by the model: streamed, and compared with what stands there.

The model writes plain text for this one section, which even a small one can; what changed is found out here, so that
nothing outside the section can change and a person may take some of the changes and leave others.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from common.decoding import without_controls
from common.errors import ReadableError
from common.messages import _
from composer.article import Article, Section
from composer.errors import InputError
from composer.events import ArticleReady, Event, Notice, Run, SectionsReady, StepProgress, TextDelta
from composer.models import Model, Sampling
from composer.prompts import INSERTING, Rewriting, introduction, rewriting
from composer.writing.changes import Change, accepted, compare
from composer.writing.editing import glue, inserted
from composer.writing.language import in_one_script
from composer.writing.reader import ArticleReader

TASKS: tuple[Rewriting, ...] = Rewriting.__args__  # type: ignore[attr-defined]
LONGEST_INSTRUCTION = 2000  # characters
# Without a penalty for repeated words a small model copies what it is to change; corrections shall copy.
ANEW = Sampling(max_tokens=2000, temperature=0.6, top_p=0.9, repetition_penalty=1.15)
CORRECTING = Sampling(max_tokens=2000)
NEXT_TOKENS = 110  # of what is new: two or three sentences, up to the last whole one
_LONGER: dict[str, float] = {"expand": 3.0, "translate": 2.5}  # room for the answer, in tokens of the old text


@dataclass(frozen=True, slots=True)
class RewriteDelta:
    """A streamed piece of the proposed text: it stands at `offset` (characters)."""

    section_id: str
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the model proposes for a section. Nothing has changed yet: `apply` does it."""

    section_id: str
    task: Rewriting
    changes: tuple[Change, ...]  # of the section's text; inserting: one, from nothing to the new paragraph
    stopped: bool = False

    @property
    def nothing(self) -> bool:
        """The model sees nothing to change."""
        return not any(change.changed for change in self.changes)

    def apply(self, article: Article, dropped: frozenset[int] = frozenset()) -> Article:
        """The article with all changes but the `dropped` ones (positions in `changes`), as one edit.

        The same article where all are dropped. Raises KeyError where the section is gone, InputError where its text
        is no longer the one that the proposal was made for.
        """
        section = article.section(self.section_id)
        text = " ".join(accepted(self.changes, dropped).split())
        if self.task in INSERTING:
            return inserted(article, text, section.id, before=self.task == "insert_before")[0] if text else article
        if section.text != "".join(change.old for change in self.changes):
            raise InputError(_("This paragraph was changed after the proposal was made. Ask for it again."))
        return article.with_text(section.id, text) if text and text != section.text else article


def sampling_for(model: Model, task: str) -> Sampling:
    """How the model does this task best."""
    return CORRECTING if task in ("correct", "translate") else model.capabilities.defaults or ANEW


def check_rewriting(article: Article, section_id: str, task: str, instruction: str = "") -> None:
    """Raises KeyError for an unknown section, InputError for a task, kind of section or instruction that cannot be."""
    section = article.section(section_id)
    if task not in TASKS:
        raise InputError(_("The task is '{task}'; it can be {tasks}.", task=task, tasks=", ".join(TASKS)))
    if not section.one_line:
        raise InputError(_("Only headings and paragraphs can be written anew; this is another kind of block."))
    if len(instruction) > LONGEST_INSTRUCTION:
        raise InputError(
            _(
                "The instruction has {length:,} characters; at most {limit:,} can be used. Shorten it.",
                length=len(instruction),
                limit=LONGEST_INSTRUCTION,
            )
        )


def rewrite(
    model: Model,
    article: Article,
    section_id: str,
    task: str,
    *,
    instruction: str = "",
    tone: str = "",
    into: str = "",
    sampling: Sampling | None = None,
    stop: threading.Event | None = None,
) -> Iterator[RewriteDelta | Proposal]:
    """The text as it is written, then the proposal; what came until a stop is proposed, too.

    task: one of `TASKS`. instruction, tone, into: see `composer.prompts.rewriting`. Raises at once what
    `check_rewriting` raises, and later what the model raises.
    """
    instruction, tone, into = (" ".join(without_controls(words).split()) for words in (instruction, tone, into))
    check_rewriting(article, section_id, task, instruction)
    known: Rewriting = task  # type: ignore[assignment]  # was checked
    stop = stop or threading.Event()
    return _rewrite(model, article, article.section(section_id), known, instruction, tone, into, sampling, stop)


def rewrite_several(
    model: Model,
    article: Article,
    section_ids: Sequence[str],
    task: str,
    *,
    stop: threading.Event | None = None,
) -> Iterator[Event]:
    """These sections written anew, one after the other; events as of a composition with the one step "write".

    Blocks that cannot be written anew stay. A stop, or a model that fails, leaves those that are finished. Raises
    InputError at once for a task that is none or that adds text, and where no section is left, KeyError.
    """
    ids = [section_id for section_id in section_ids if article.section(section_id).one_line]
    if not ids or task in INSERTING or task == "continue":
        raise InputError(_("Select headings or paragraphs, and what shall be done with each of them."))
    check_rewriting(article, ids[0], task)
    return _rewrite_several(model, article, ids, task, stop or threading.Event())


def _rewrite_several(
    model: Model, article: Article, ids: Sequence[str], task: str, stop: threading.Event
) -> Iterator[Event]:
    run, now = Run(model.usage), article

    def each() -> Iterator[Event]:
        nonlocal now
        for done, section_id in enumerate(ids, 1):
            try:
                for event in rewrite(model, now, section_id, task, stop=stop):
                    if isinstance(event, RewriteDelta):
                        yield TextDelta(section_id, event.offset, event.text)
                    elif not event.stopped:
                        now = event.apply(now)
            except ReadableError as error:
                yield Notice(error)
                stop.set()
            yield SectionsReady(now)
            if stop.is_set():
                return
            yield StepProgress("write", done, len(ids))

    yield from run.step("write", each(), plan=("write",), total=len(ids))
    yield ArticleReady(now, run.report(model.usage), stopped=stop.is_set())


def _rewrite(
    model: Model,
    article: Article,
    section: Section,
    task: Rewriting,
    instruction: str,
    tone: str,
    into: str,
    sampling: Sampling | None,
    stop: threading.Event,
) -> Iterator[RewriteDelta | Proposal]:
    messages = rewriting(article, section, task, instruction=instruction, tone=tone, into=into)
    sampling = sampling or sampling_for(model, task)
    if task != "translate":
        sampling = in_one_script(sampling, article.language, section.text, instruction, tone)
    if task in INSERTING or task == "continue":
        room, sampling = NEXT_TOKENS, replace(sampling, stop=("\n",))
    else:
        room = 120 + int(len(section.text) * _LONGER.get(task, 1.5) * (1 if article.language == "zh" else 0.4))
    before = f"{section.text.rstrip()}{glue(article)}" if task == "continue" else ""
    reader, shown = ArticleReader(), before
    if before:
        yield RewriteDelta(section.id, 0, before)
    pieces = 0
    for piece in model.stream(messages, replace(sampling, max_tokens=min(room, sampling.max_tokens)), stop=stop):
        pieces += 1
        for _event in reader.feed(piece):
            pass
        grown = before + _one_text(reader.sections, article)
        if grown.startswith(shown) and grown != shown:
            yield RewriteDelta(section.id, len(shown), grown[len(shown) :])
        elif grown != shown:
            yield RewriteDelta(section.id, 0, grown)
        shown = grown
        if reader.looping:
            break
    full = pieces >= room
    written = _one_text(reader.finish(cut=not stop.is_set() and (full or reader.looping)), article)
    if section.kind == "heading" and task not in INSERTING:
        written = written.rstrip(".。")
    if task == "shorten" and not stop.is_set() and len(before + written) >= len(section.text):
        written = ""  # no shorter text came: nothing is proposed
    if task in INSERTING:
        changes: tuple[Change, ...] = (Change("", written),)
    else:
        changes = compare(section.text, (before + written) if written else section.text)
    yield Proposal(section.id, task, changes, stopped=stop.is_set())


def _one_text(sections: tuple[Section, ...], article: Article) -> str:
    """What the model wrote, as one paragraph: it was asked for one. Without the line above the text it was shown."""
    text = glue(article).join(section.text.strip() for section in sections if section.text.strip())
    above = introduction(article)
    return "" if above.startswith(text) else text.removeprefix(above).lstrip()
