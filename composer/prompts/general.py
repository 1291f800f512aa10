"""Prompts for any instruction-tuned chat model, worded for small ones and measured on them."""

import re
from collections.abc import Sequence

from composer import blocks
from composer.article import Article, Language, Section
from composer.models import Message, Picture, assistant, system, user
from composer.prompts.base import Choice
from composer.prompts.style import Style

_PLAIN_KINDS = re.compile("新闻|报道|稿|通知|公告|指南|攻略|说明|介绍|广告|报告")  # of writing that is no essay


_FITS = "Does a picture of {} fit beside this paragraph?"
_EXAMPLES = (
    system(
        "You name the things that a picture beside a paragraph could show: visible objects, animals, plants, food, "
        "tools, vehicles, buildings, people at work. At most four, one or two English words each, the most important "
        "first, separated by commas. A paragraph about ideas only has: none."
    ),
    user("The baker gets up at three. By dawn his bread is in the oven, and the first customers wait in the snow."),
    assistant("bread, baker, oven, snow"),
    user(_FITS.format("bread")),
    assistant("Yes"),
    user(_FITS.format("birthday cake")),
    assistant("No"),
    user("理解别人需要时间，也需要勇气。没有谁一开始就会。"),
    assistant("none"),
    user(_FITS.format("handshake")),
    assistant("No"),
    user("渔民收起渔网，把螃蟹倒进桶里，海鸥在船上空盘旋。"),
    assistant("crab, fishing boat, seagull, fishing net"),
    user(_FITS.format("crab")),
    assistant("Yes"),
    user(_FITS.format("bus")),
    assistant("No"),
    user("Success depends on many factors, and it is important to keep an open mind."),
    assistant("none"),
)


def _caption_question(name: str, sentence: str, language: Language) -> str:
    return f"图片：{name}\n句子：{sentence}" if language == "zh" else f"Picture: {name}\nSentence: {sentence}"


_CAPTIONS = (
    system(
        "You write the line under a picture: at most eight words, what the picture shows and no more, in the language "
        "of the sentence."
    ),
    user(_caption_question("bread", "By dawn his bread is in the oven, and customers wait in the snow.", "en")),
    assistant("Bread, baked before dawn"),
    user(_caption_question("螃蟹", "渔民收起渔网，把螃蟹倒进桶里，海鸥在船上空盘旋。", "zh")),
    assistant("渔民捕到的螃蟹"),
    user(_caption_question("bicycle", "In rush hour I pass the queue of cars and arrive with a clear head.", "en")),
    assistant("A bicycle, the fastest way through rush hour"),
)


class GeneralPrompts:
    """See composer.prompts.RatesPictures."""

    def write(self, request: str, title: str, language: Language, style: Style) -> list[Message]:
        if language == "zh":
            subject = f"题目：{title}" if title else f"要求：{request}\n第一行写“# ”和题目。"
            # Told a number of paragraphs, small models write as many lines; told to write an essay, they write prose.
            # Told where to begin, they do not say everything in one paragraph: the shortest of eight articles had 258
            # characters instead of 163.
            plain = _PLAIN_KINDS.search(title or request)
            kind, way = (
                ("文章", "用连贯的段落") if plain else ("散文式文章", "从一个具体的场景写起，再用连贯的段落展开")
            )
            wishes = f"语气像{style.tone_in('zh')}。" if style.tone else ""
            wishes += f"写给{style.readers}看。" if style.readers else ""
            task = (
                f"写一篇约{style.words('zh')}字的{kind}，像杂志上刊登的那样，{way}。{wishes}"
                "不要列表，不要编号，不要总结。"
            )
            return [system("你是一位优秀的作家，文字流畅优美。"), user(f"{task}\n{subject}")]
        subject = f"Title: {title}" if title else f"The wish: {request}\nThe first line is '# ' and a title."
        words = style.words("en")
        paragraphs = max(1, round(words / (35 + words / 24)))  # 4 of 40 words, 6 of 50, 10 of 60
        wishes = f"Tone: {style.tone_in('en')}. " if style.tone else ""
        wishes += f"It is written for {style.readers}. " if style.readers else ""
        # Asking for few subheadings keeps small models from numbered lists; asking for none does not.
        headings = (
            "Only two subheadings (lines beginning with '## '), one before the second and one before the fourth "
            "paragraph. "
        )
        task = (
            f"Write an article of {paragraphs} paragraphs, about {words // paragraphs} words each. {wishes}"
            f"Flowing prose, no lists, no numbering. {headings if paragraphs >= 4 else ''}Write in English."
        )
        return [system("You are an excellent writer."), user(f"{task}\n{subject}")]

    def shared(self, article: Article) -> list[Message]:
        """The paragraphs, numbered. Headings are left out: they show nothing, and so the beginning stays the same when
        they are added."""
        texts = (blocks.words(section) for section in article if section.illustratable)
        numbered = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(texts, 1))
        return [
            system("You help to illustrate an article. You answer briefly."),
            user(f"Here is the article '{article.title}'; its paragraphs are numbered.\n\n{numbered}\n\n"),
        ]

    def things(self, text: str) -> list[Message]:
        """Shown by examples, which a small model follows better than a description: asked in words for four things, it
        copies the paragraph or says "none" (docs/benchmarks.md). The examples are the same for every paragraph, so that
        they are computed once."""
        return [*_EXAMPLES, user(_beginning(text, 900))]

    def fits(self, name: str, picture: Picture | None) -> Choice:
        asked = _FITS.format(name) if picture is None else _FITS.format("this")
        content: list[str | Picture] = [asked] if picture is None else [picture, asked]
        return Choice((user(*content),), ("Yes", "No"))

    def caption_of(self, name: str, picture: Picture, sentence: str, language: Language) -> list[Message]:
        return [*_CAPTIONS, user(picture, _caption_question(name, sentence, language))]

    def heading(self, article: Article, part: Sequence[Section]) -> list[Message]:
        first, last = _number(article, part[0]), _number(article, part[-1])
        if article.language == "zh":
            which = f"第[{first}]段" if first == last else f"第[{first}]段到第[{last}]段"
            return [user(f"请为{which}写一个小标题，四到八个字，只写小标题。")]
        which = f"paragraph [{first}]" if first == last else f"paragraphs [{first}] to [{last}]"
        return [user(f"Write a subheading of two to five words for {which}. Only the subheading.")]

    def translate(self, caption: str) -> list[Message]:
        return [user(f"Translate into English, as a short phrase, nothing else: {caption}")]


def _beginning(text: str, width: int = 400) -> str:
    """The text, or as much of its beginning as says what it is about; a Chinese character counts as three."""
    wide = sum(c > "\u2e80" for c in text)
    fits = width // 3 if wide * 2 > len(text) else width
    return text if len(text) <= fits else text[:fits].rstrip() + " …"


def _number(article: Article, section: Section) -> int:
    """The paragraph's number in `GeneralPrompts.shared`, from 1."""
    paragraphs = [s.id for s in article if s.illustratable]
    return paragraphs.index(section.id) + 1
