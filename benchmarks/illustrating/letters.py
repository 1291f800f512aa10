"""How pictures were chosen before, to compare with: place by yes or no, one phrase, four candidates, a letter; the
phrase is the caption, in Chinese written anew."""

import math
from dataclasses import dataclass

from composer.models import Message, Model, Sampling, assistant, system, user
from composer.writing import clean_caption, clean_query, from_text
from retrieval.base import Hit, PictureGallery

WORTH_SHOWING = 0.4  # yes, that the paragraph could be shown in a photograph
_PHRASE = Sampling(max_tokens=24, stop=("\n",))
_LINE = Sampling(max_tokens=64, stop=("\n",))
_ALONE = system("You help to illustrate an article. You answer briefly.")


@dataclass(frozen=True, slots=True)
class Lettered:
    """The picture for a paragraph; none where no picture was placed or found."""

    picture: Hit | None
    place: float  # probability that the paragraph can be shown
    caption: str = ""


def choose_by_letter(model: Model, gallery: PictureGallery, text: str, language: str) -> Lettered:
    """As the program chose before fit was rated."""
    place = _can_be_shown(model, text)
    if place < WORTH_SHOWING:
        return Lettered(None, place)
    paragraph = f'Paragraph [1]: "{text[: 400 if language == "en" else 133]}"\n\n'
    asked: list[Message] = [
        _ALONE,
        user(
            f"{paragraph}What should a picture beside this paragraph show? Name one visible object, person or place of "
            "this paragraph in two to six English words."
        ),
    ]
    query = clean_query(model.reply([asked], _PHRASE)[0]) or from_text(text, "zh" if language == "zh" else "en")
    hits = gallery.search([query], k=4)
    if not hits:
        return Lettered(None, place)
    lines = "".join(f"{letter}. {hit.caption or 'unknown'}\n" for letter, hit in zip("ABCD", hits, strict=False))
    question = f"Beside paragraph [1] a picture should show: {query}. Which of these pictures fits best?\n{lines}"
    scores = model.score([_ALONE, user(f"{paragraph}{question}Answer with the letter.")], "ABCD"[: len(hits)])
    best = hits[max(range(len(hits)), key=lambda i: scores[i])]
    return Lettered(best, place, _caption(model, asked, query, language))


def _can_be_shown(model: Model, text: str) -> float:
    question = (
        "Does this paragraph describe a concrete scene or object that could be shown in a photograph? Answer Yes or No."
    )
    asked = user(f"Here is a paragraph:\n\n{text}\n\n{question}")
    yes, no = model.score([_ALONE, asked], ("Yes", "No"))
    return 1 / (1 + math.exp(min(no - yes, 50.0)))


def _caption(model: Model, asked: list[Message], query: str, language: str) -> str:
    if language == "en":
        return query
    more = user(f"请把“{query}”写成一句简短的中文图注，不超过十五个字。只写图注。")
    return clean_caption(model.reply([[*asked, assistant(query), more]], _LINE)[0], "zh") or query
