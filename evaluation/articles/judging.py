"""A model as judge of illustrated articles: the five aspects of InterleavedEval, 0 to 5 each.

Aspects after Liu et al. 2024 (arXiv:2406.14643); the wording is ours. A score is the mean of 0 to 5 weighted by the
model's probabilities of the digits (G-Eval, arXiv:2303.16634), so that no answer has to be parsed. A judge that does
not see reads captions in the place of pictures.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from composer import blocks
from composer.article import Article
from composer.models import Message, Model, Picture, assistant, user

ASPECTS = {
    "text_quality": "Text quality: is the text clear, coherent, correct and free of repetition?",
    "perceptual_quality": "Perceptual quality: are the pictures clear, whole and free of flaws?",
    "image_coherence": "Image coherence: do the pictures agree with each other in style and subject?",
    "text_image_coherence": "Text-image coherence: does each picture show what the paragraph before it speaks of?",
    "helpfulness": "Helpfulness: does the whole article give a reader of this title what was asked for?",
}
OF_PICTURES = ("perceptual_quality", "image_coherence", "text_image_coherence")
OPTIONS = ("0", "1", "2", "3", "4", "5")
_TASK = "You judge an illustrated article, text and pictures. Title: {title}\n\n"
_QUESTION = "\n\n{aspect}\nAnswer with one digit from 0 (very poor) to 5 (excellent)."


def judge_prompt(article: Article, aspect: str, *, sees: bool) -> list[Message]:
    """What a judge is asked about one aspect."""
    parts: list[str | Picture] = [_TASK.format(title=article.title)]
    for section in article:
        parts.append(("## " if section.kind == "heading" else "") + blocks.words(section) + "\n\n")
        illustration = section.illustration
        if illustration is not None and illustration.chosen is not None:
            if sees:
                parts.append(Picture.open(Path(illustration.chosen.path)))
            parts.append(f"[Picture: {illustration.caption}]\n\n")
    parts.append(_QUESTION.format(aspect=ASPECTS[aspect]))
    return [user(*parts), assistant("Score: ")]


def judge(model: Model, article: Article) -> dict[str, float | None]:
    """ "judge_" + aspect -> 0 to 5; None for an aspect of pictures in an article without one.

    Raises what the model raises.
    """
    pictures = sum(s.illustration is not None and s.illustration.chosen is not None for s in article)
    sees = model.capabilities.sees_pictures and model.capabilities.max_pictures >= pictures
    found: dict[str, float | None] = {}
    for aspect in ASPECTS:
        asked = pictures > 0 or aspect not in OF_PICTURES
        found[f"judge_{aspect}"] = (
            expected_score(model.score(judge_prompt(article, aspect, sees=sees), OPTIONS)) if asked else None
        )
    return found


def expected_score(log_probabilities: Sequence[float]) -> float:
    """The mean of 0, 1 … weighted by the probabilities, which need not sum to one."""
    best = max(log_probabilities)
    weights = [math.exp(value - best) for value in log_probabilities]
    return math.fsum(score * weight for score, weight in enumerate(weights)) / math.fsum(weights)


def prompt_shown(article: Article) -> str:
    """The whole prompt of the first aspect, pictures as their captions, for a report."""
    turns = judge_prompt(article, "text_quality", sees=False)
    others = "".join(f"\n{text}" for name, text in ASPECTS.items() if name != "text_quality")
    return "\n".join(f"{turn.role}: {turn.text}" for turn in turns) + f"\n\nThe other aspects:{others}"
