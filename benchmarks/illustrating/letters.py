"""How pictures were chosen before, to compare with: place by yes or no, one phrase, four candidates, a letter."""

import math
from collections.abc import Sequence

from composer.models import Message, Model, Sampling, system, user
from composer.writing import clean_query
from retrieval.base import PictureGallery

WORTH_SHOWING = 0.4  # yes, that the paragraph could be shown in a photograph
_PHRASE = Sampling(max_tokens=24, stop=("\n",))


def choose_by_letter(model: Model, gallery: PictureGallery, text: str) -> str | None:
    """The id of the picture for a paragraph; None where no picture was placed."""
    photographed = (
        "Does this paragraph describe a concrete scene or object that could be shown in a photograph? Answer Yes or No."
    )
    alone = [system("You help to illustrate an article. You answer briefly."), user("Here is a paragraph:\n\n")]
    yes, no = model.score([*alone, user(f"{text}\n\n{photographed}")], ("Yes", "No"))
    if 1 / (1 + math.exp(min(no - yes, 50.0))) < WORTH_SHOWING:
        return None
    asked: Sequence[Message] = [
        *alone[:1],
        user(
            f'Paragraph [1]: "{text}"\n\nWhat should a picture beside this paragraph show? Name one visible object, '
            "person or place of this paragraph in two to six English words."
        ),
    ]
    (answer,) = model.reply([asked], _PHRASE)
    query = clean_query(answer)
    hits = gallery.search([query], k=4) if query else []
    if not hits:
        return None
    lines = "".join(f"{letter}. {hit.caption}\n" for letter, hit in zip("ABCD", hits, strict=False))
    question = f"Beside paragraph [1] a picture should show: {query}. Which of these pictures fits best?\n{lines}"
    scores = model.score(
        [*asked[:1], user(f'Paragraph [1]: "{text}"\n\n{question}Answer with the letter.')], "ABCD"[: len(hits)]
    )
    return hits[max(range(len(hits)), key=lambda i: scores[i])].id
