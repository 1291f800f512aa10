"""The prompts that InternLM-XComposer was trained to compose with, in Chinese whatever the article's language.

The article's lines are numbered `<Seg0>`, `<Seg1>` …; every question follows the same beginning, `shared`, so that the
article is read once. Published wordings: article, places, captions; where the published one depends on what was chosen
before, this stands behind the article instead of within it.
"""

import math
from collections.abc import Iterator, Sequence

from composer import blocks
from composer.article import Article, Candidate, Illustration, Language, Section
from composer.models import Message, Picture, Replier, assistant, user
from composer.models.xcomposer import END_OF_BOT
from composer.prompts.base import LETTERS, Choice
from composer.prompts.style import Style

SHOWN = 4  # pictures already chosen that are shown again when choosing: the nearest ones
LIKELY = 0.5  # a place that the model named is worth at least this much


class XComposerPrompts:
    """See composer.prompts.NamesPlaces."""

    def write(self, request: str, title: str, language: Language, style: Style) -> list[Message]:
        subject = title or request
        # the published demo asks for English in the title itself
        in_english = " in English" if language == "en" and "english" not in subject.lower() else ""
        # what it was not trained for stands where the demo's users put it: in the title
        wishes = [f"语气：{style.tone_in('zh')}"] if style.tone else []
        wishes += [f"读者：{style.readers}"] if style.readers else []
        wishes += [f"约{style.length}{'词' if language == 'en' else '字'}"] if isinstance(style.length, int) else []
        wished = f"（{'，'.join(wishes)}）" if wishes else ""
        return [user(f"根据给定标题写一个图文并茂，不重复的文章：{subject}{in_english}{wished}")]

    def shared(self, article: Article) -> list[Message]:
        lines = (f"<Seg{i}>{blocks.words(section)}" for i, section in enumerate(article))
        return [user(f'给定文章"{article.title}\n' + "\n".join(lines) + '" ')]

    def spot(
        self, ask: Replier, article: Article, paragraphs: Sequence[Section], count: int | None
    ) -> Iterator[tuple[str, float]]:
        """Reads the model's list line by line: each next one is chosen among the lines that are still to come.

        A named line has 0.5 or more, the others half of the largest share they had in any step.
        """
        order = [section.id for section in article]
        left = sorted((section.id for section in paragraphs), key=order.index)
        shares = dict.fromkeys(left, 0.0)
        named: dict[str, float] = {}
        question = user(f"根据上述文章，选择适合插入图像的{count or ''}行 ")
        answer = "适合插入图像的行是"
        while left and (count is None or len(named) < count):
            marks = [f"<Seg{order.index(section_id)}>" for section_id in left]
            found = _shares(ask.score([question, assistant(answer)], marks)) if len(marks) > 1 else [1.0]
            # so many must still fit behind this one; a line at the very end would leave no choice for the rest
            need = 0 if count is None else min(count - len(named), len(left)) - 1
            best = max(range(len(left) - need), key=lambda i: found[i])
            for section_id, share in zip(left, found, strict=True):
                shares[section_id] = max(shares[section_id], share)
            named[left[best]] = found[best]
            answer += marks[best]
            left = left[best + 1 :]
            if left and count is None:
                more, end = ask.score([question, assistant(answer)], (", <Seg", END_OF_BOT))
                if end > more:
                    break
            answer += ", "
        for section in paragraphs:
            if section.id in named:
                yield section.id, LIKELY + (1 - LIKELY) * named[section.id]
            else:
                yield section.id, LIKELY * shares[section.id]

    def query(self, article: Article, section: Section, taken: Sequence[str]) -> list[Message]:
        past = "已插入图像的标题是" + "，".join(f'"{caption}"' for caption in taken) + "。" if taken else ""
        return [
            user(f"{past}给出适合在<Seg{_number(article, section)}>后插入的图像对应的标题。 "),
            assistant(' 标题是"'),
        ]

    def translate(self, caption: str) -> list[Message]:
        return [user(f"把下面的标题翻译成英文：{caption}")]

    def choose(
        self,
        article: Article,
        section: Section,
        illustration: Illustration,
        candidates: Sequence[tuple[Candidate, Picture | None]],
        chosen: Sequence[tuple[Section, Picture | None]],
    ) -> Choice:
        number = _number(article, section)
        near = sorted(chosen, key=lambda pair: abs(_number(article, pair[0]) - number))[:SHOWN]
        content: list[str | Picture] = []
        for other, picture in sorted(near, key=lambda pair: _number(article, pair[0])):
            if picture is not None:
                content += [f"<Seg{_number(article, other)}>后的图像是", picture, "\n"]
        content.append(
            f'在<Seg{number}>后插入标题为"{illustration.caption or illustration.query}"的图像，候选图像包括：'
        )
        for letter, (candidate, picture) in zip(LETTERS, candidates, strict=False):
            content += [f"{letter}. ", picture if picture is not None else candidate.caption, "\n"]
        content.append("选择最合适的图。 ")
        return Choice((user(*content), assistant("最合适的图是")), tuple(LETTERS[: len(candidates)]))


def _number(article: Article, section: Section) -> int:
    """The line's number in `shared`, from 0."""
    return [other.id for other in article].index(section.id)


def _shares(scores: Sequence[float]) -> list[float]:
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    return [weight / sum(weights) for weight in weights]
