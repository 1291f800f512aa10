"""Prompts for any instruction-tuned chat model, worded for small ones and measured on them."""

import math
import re
from collections.abc import Iterator, Sequence

from composer import inline
from composer.article import Article, Candidate, Illustration, Language, Section
from composer.models import Message, Picture, Replier, assistant, system, user
from composer.prompts.base import LETTERS, WORDS, Choice, Length

_CHARACTERS: dict[Length, int] = {"short": 250, "medium": 500, "long": 1000}  # as much in Chinese
_PLAIN_KINDS = re.compile("新闻|报道|稿|通知|公告|指南|攻略|说明|介绍|广告|报告")  # of writing that is no essay
_PARAGRAPHS: dict[Length, int] = {"short": 4, "medium": 6, "long": 10}


class GeneralPrompts:
    """See composer.prompts.Prompts."""

    def write(self, request: str, title: str, language: Language, length: Length) -> list[Message]:
        if language == "zh":
            subject = f"题目：{title}" if title else f"要求：{request}\n第一行写“# ”和题目。"
            # Told a number of paragraphs, small models write as many lines; told to write an essay, they write prose.
            # Told where to begin, they do not say everything in one paragraph: the shortest of eight articles had 258
            # characters instead of 163.
            plain = _PLAIN_KINDS.search(title or request)
            kind, way = (
                ("文章", "用连贯的段落") if plain else ("散文式文章", "从一个具体的场景写起，再用连贯的段落展开")
            )
            task = f"写一篇约{_CHARACTERS[length]}字的{kind}，像杂志上刊登的那样，{way}。不要列表，不要编号，不要总结。"
            return [system("你是一位优秀的作家，文字流畅优美。"), user(f"{task}\n{subject}")]
        subject = f"Title: {title}" if title else f"The wish: {request}\nThe first line is '# ' and a title."
        paragraphs = _PARAGRAPHS[length]
        # Asking for few subheadings keeps small models from numbered lists; asking for none does not.
        task = (
            f"Write an article of {paragraphs} paragraphs, about {WORDS[length] // paragraphs} words each. "
            "Flowing prose, no lists, no numbering. Only two subheadings (lines beginning with '## '), one before the "
            "second and one before the fourth paragraph. Write in English."
        )
        return [system("You are an excellent writer."), user(f"{task}\n{subject}")]

    def shared(self, article: Article) -> list[Message]:
        """The paragraphs, numbered. Headings are left out: they show nothing, and so the beginning stays the same when
        they are added."""
        texts = (inline.plain(section.text) for section in article if section.kind == "paragraph")
        numbered = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(texts, 1))
        return [
            system("You help to illustrate an article. You answer briefly."),
            user(f"Here is the article '{article.title}'; its paragraphs are numbered.\n\n{numbered}\n\n"),
        ]

    def continue_conversation(self, article: Article, asked: Sequence[Message], written: str) -> list[Message]:
        """In English: half the tokens for captions that are as good (docs/benchmarks.md). After Chinese a small model
        goes on in the tone of its article: "a group of people walking", three times of four."""
        return [*asked, assistant(written)] if article.language == "en" else []

    def spot_shared(self, article: Article) -> list[Message]:
        """No article: beside vivid paragraphs a small model finds the others vivid as well (paragraphs of
        benchmarks/compose_spotting right: 32 of 32 alone, 21 quoted after the article, 16 named by number after it)."""
        return [system("You help to illustrate an article. You answer briefly."), user("Here is a paragraph:\n\n")]

    def spot(
        self, ask: Replier, article: Article, paragraphs: Sequence[Section], count: int | None
    ) -> Iterator[tuple[str, float]]:
        question = (
            "Does this paragraph describe a concrete scene or object that could be shown in a photograph? "
            "Answer Yes or No."
        )
        for section in paragraphs:
            yes, no = ask.score([user(f"{inline.plain(section.text)}\n\n{question}")], ("Yes", "No"))
            yield section.id, 1 / (1 + math.exp(min(no - yes, 50)))

    def heading(self, article: Article, part: Sequence[Section]) -> list[Message]:
        first, last = _number(article, part[0]), _number(article, part[-1])
        if article.language == "zh":
            which = f"第[{first}]段" if first == last else f"第[{first}]段到第[{last}]段"
            return [user(f"请为{which}写一个小标题，四到八个字，只写小标题。")]
        which = f"paragraph [{first}]" if first == last else f"paragraphs [{first}] to [{last}]"
        return [user(f"Write a subheading of two to five words for {which}. Only the subheading.")]

    def query(self, article: Article, section: Section, taken: Sequence[str]) -> list[Message]:
        # quoted, because a small model does not find a paragraph by its number
        text = _beginning(inline.plain(section.text))
        other = f" Something other than: {'; '.join(taken)}." if taken else ""
        return [
            user(
                f'Paragraph [{_number(article, section)}]: "{text}"\n\n'
                "What should a picture beside this paragraph show? "
                f"Name one visible object, person or place of this paragraph in two to six English words.{other}"
            )
        ]

    def caption(self, article: Article, section: Section, query: str, taken: Sequence[str]) -> list[Message]:
        if article.language == "en":
            return []  # asked for a caption, a small model gives the phrase again or restates the paragraph
        asked = [*self.query(article, section, taken), assistant(query)]
        return [*asked, user(f"请把“{query}”写成一句简短的中文图注，不超过十五个字。只写图注。")]

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


def _beginning(text: str, width: int = 400) -> str:
    """The text, or as much of its beginning as says what it is about; a Chinese character counts as three."""
    wide = sum(c > "\u2e80" for c in text)
    fits = width // 3 if wide * 2 > len(text) else width
    return text if len(text) <= fits else text[:fits].rstrip() + " …"


def _number(article: Article, section: Section) -> int:
    """The paragraph's number in `GeneralPrompts.shared`, from 1."""
    paragraphs = [s.id for s in article if s.kind == "paragraph"]
    return paragraphs.index(section.id) + 1
