"""Every prompt of the pipeline, by task, language and model family. Nothing else builds prompt text.

A family is a way of being asked. "general" is any instruction-tuned chat model; its prompts are here. Another family
(`Capabilities.family`) brings its own module `composer/models/<family>/prompts.py` with a `PROMPTS` that follows the
`Prompts` protocol. The chat template belongs to the model.

Every question about an article begins with the same messages, `shared(article)`: title and text, paragraphs numbered.
What is asked comes last, so that a model computes the article once (`Model.prefix`).
"""

import importlib
import importlib.util
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from composer import inline
from composer.article import Article, Candidate, Illustration, Language, Section
from composer.models.base import Message, Picture, Replier, system, user

Length = Literal["short", "medium", "long"]
LENGTHS: tuple[Length, ...] = ("short", "medium", "long")
LETTERS = "ABCDEFGHIJKLMNOP"


@dataclass(frozen=True, slots=True)
class Choice:
    """A question whose answer is one of `options`, for `Replier.score`."""

    messages: tuple[Message, ...]
    options: tuple[str, ...]


class Prompts(Protocol):
    """How a family of models is asked. All but `write` and `translate` ask after `shared(article)`."""

    def write(self, request: str, title: str, language: Language, length: Length) -> list[Message]:
        """Asks for the article. `title` is empty where the request is an instruction and the model finds a title."""
        ...

    def shared(self, article: Article) -> list[Message]:
        """The beginning of every question about this article."""
        ...

    def spot(
        self, ask: Replier, article: Article, paragraphs: Sequence[Section], count: int | None
    ) -> Iterator[tuple[str, float]]:
        """Section id and probability (0..1) that a picture belongs after it, one by one. `ask` continues
        `shared(article)`; `count` is the number of pictures wanted, None where it is open."""
        ...

    def query(self, article: Article, section: Section, taken: Sequence[str]) -> list[Message]:
        """Asks what the picture after this section should show, as a short English phrase; `taken` are shown."""
        ...

    def caption(self, article: Article, section: Section, query: str, taken: Sequence[str]) -> list[Message]:
        """Asks for the line under that picture in the article's language. Empty: the query serves as the caption."""
        ...

    def translate(self, caption: str) -> list[Message]:
        """Asks for a caption in English, for a gallery that reads only English."""
        ...

    def choose(
        self,
        article: Article,
        section: Section,
        illustration: Illustration,
        candidates: Sequence[tuple[Candidate, Picture | None]],
        chosen: Sequence[tuple[Section, Picture | None]],
    ) -> Choice:
        """Which candidate fits best. With pictures where the model sees them; `chosen` stand in the article already.
        `options[i]` stands for `candidates[i]`."""
        ...


def prompts_for(family: str) -> Prompts:
    """The prompts of a model family; the general ones for a family without prompts of its own."""
    if family != "general" and importlib.util.find_spec(f"composer.models.{family}") is not None:
        name = f"composer.models.{family}.prompts"
        if importlib.util.find_spec(name) is not None:
            return cast(Prompts, importlib.import_module(name).PROMPTS)
    return GeneralPrompts()


def max_tokens(length: Length, language: Language) -> int:
    """Room for an article of that length: its words, times what a word takes, and half again for long-winded ones."""
    words = _WORDS[length]
    return int(words * (2.6 if language == "zh" else 2.2))


# Words asked for; a Chinese text of the same content has about 1.6 characters a word.
_WORDS: dict[Length, int] = {"short": 160, "medium": 300, "long": 600}
_PARAGRAPHS: dict[Length, str] = {"short": "three or four", "medium": "six", "long": "ten"}
_PARAGRAPHS_ZH: dict[Length, str] = {"short": "三四", "medium": "六", "long": "十"}


class GeneralPrompts:
    """For any instruction-tuned chat model; worded for, and measured on, small ones."""

    def write(self, request: str, title: str, language: Language, length: Length) -> list[Message]:
        if language == "zh":
            task = (
                f"写一篇约{int(_WORDS[length] * 1.6)}字的文章，分{_PARAGRAPHS_ZH[length]}段，每段是一段通顺连贯的文字，"
                "用两三个以“## ”开头的小标题。不要列表，不要编号，不要重复。内容具体生动。"
            )
            subject = f"题目：{title}" if title else f"要求：{request}\n第一行写“# ”和题目。"
            return [system("你是一位优秀的作者。"), user(f"{task}\n{subject}")]
        task = (
            f"Write an article of about {_WORDS[length]} words in {_PARAGRAPHS[length]} paragraphs of flowing prose, "
            "with two or three subheadings that begin with '## '. No lists, no numbering, no repetition. "
            "Be concrete and vivid. Write in English."
        )
        subject = f"Title: {title}" if title else f"The wish: {request}\nThe first line is '# ' and a title."
        return [system("You are an excellent writer."), user(f"{task}\n{subject}")]

    def shared(self, article: Article) -> list[Message]:
        lines, number = [f"# {article.title}"], 0
        for section in article:
            text = inline.plain(section.text)
            if section.kind == "heading":
                lines.append(f"{'#' * max(section.level, 2)} {text}")
            else:
                number += 1
                lines.append(f"[{number}] {text}")
        return [
            system("You help to illustrate an article. You answer briefly."),
            user("Here is an article; its paragraphs are numbered.\n\n" + "\n\n".join(lines) + "\n\n"),
        ]

    def spot(
        self, ask: Replier, article: Article, paragraphs: Sequence[Section], count: int | None
    ) -> Iterator[tuple[str, float]]:
        for section in paragraphs:
            yes, no = ask.score(
                [
                    user(
                        f"Does paragraph [{_number(article, section)}] describe a concrete scene or object that "
                        "could be shown in a photograph? Answer Yes or No."
                    )
                ],
                ("Yes", "No"),
            )
            yield section.id, 1 / (1 + math.exp(min(no - yes, 50)))

    def query(self, article: Article, section: Section, taken: Sequence[str]) -> list[Message]:
        other = f" Not one of these: {'; '.join(taken)}." if taken else ""
        return [
            user(
                f"What should a picture beside paragraph [{_number(article, section)}] show? "
                f"Name the main visible object or scene in at most eight English words.{other}"
            )
        ]

    def caption(self, article: Article, section: Section, query: str, taken: Sequence[str]) -> list[Message]:
        number = _number(article, section)
        if article.language == "zh":
            return [
                user(
                    f"第[{number}]段旁边有一张图片，画的是：{query}。请用中文为这张图片写一句简短的图注，不超过二十个字。"
                )
            ]
        return [
            user(
                f"Beside paragraph [{number}] stands a picture that shows: {query}. "
                "Write the caption under it: one short line of at most fifteen words."
            )
        ]

    def translate(self, caption: str) -> list[Message]:
        return [user(f"Translate into English, as a short phrase, nothing else: {caption}")]

    def choose(
        self,
        article: Article,
        section: Section,
        illustration: Illustration,
        candidates: Sequence[tuple[Candidate, Picture | None]],
        chosen: Sequence[tuple[Section, Picture | None]],
    ) -> Choice:
        wanted = illustration.query or illustration.caption
        content: list[str | Picture] = [
            f"Beside paragraph [{_number(article, section)}] a picture should show: {wanted}. "
            "Which of these pictures fits best?\n"
        ]
        for letter, (candidate, picture) in zip(LETTERS, candidates, strict=False):
            content.append(f"{letter}. ")
            content += [picture] if picture is not None else [candidate.caption or "unknown"]
            content.append("\n")
        content.append("Answer with the letter.")
        return Choice((user(*content),), tuple(LETTERS[: len(candidates)]))


def _number(article: Article, section: Section) -> int:
    """The paragraph's number in `GeneralPrompts.shared`, from 1."""
    paragraphs = [s.id for s in article if s.kind == "paragraph"]
    return paragraphs.index(section.id) + 1
