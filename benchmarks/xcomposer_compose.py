"""Places, captions and choices for five pictures on a 1,000-token article: with the article read once, and without.

Without, every question is a prompt of its own, with the whole article in front, one by one; once with the same steps of
decoding, and once with plain ones, which is the reference's way.

    python -m benchmarks.xcomposer_compose [--size 7b]
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from benchmarks.xcomposer_common import arguments, machine, random_model, synchronize
from composer.article import Article, Candidate, Illustration, Section
from composer.models import Message, Picture, Replier, Sampling, Usage
from composer.models.xcomposer import XComposerModel
from composer.prompts import XComposerPrompts

PICTURES, CANDIDATES, LINES = 5, 4, 12
CAPTION = Sampling(max_tokens=24, stop=("\n",))

PROMPTS = XComposerPrompts()


def article(model: XComposerModel, tokens: int) -> Article:
    """Lines of words, about so many tokens together."""
    words = ["museum", "garden", "the", "opens", "day", "cat", "water", "food", "is", "city", "quiet", "lamp"]
    random = np.random.default_rng(1)
    lines: list[str] = []
    while len(lines) < LINES:
        line = ""
        while len(model.tokenizer.encode(line)) < tokens // LINES:
            line += " " + words[int(random.integers(len(words)))]
        lines.append(line.strip())
    return Article("A title", tuple(Section(f"s{i}", line) for i, line in enumerate(lines)))


def pictures(seed: int) -> list[Picture]:
    random = np.random.default_rng(seed)
    return [Picture(Image.fromarray(random.integers(0, 255, (224, 224, 3), dtype=np.uint8))) for _ in range(CANDIDATES)]


def together(model: XComposerModel, text: Article, seed: int) -> Usage:
    """The application's way: one beginning, captions as one batch, pictures encoded once."""
    before = model.usage
    with model.prefix(PROMPTS.shared(text)) as ask:
        places = _places(PROMPTS.spot(ask, text, text.sections, PICTURES))
        sections = [text.section(place) for place in places]
        captions = ask.reply([PROMPTS.query(text, section, ()) for section in sections], CAPTION)
        _choose(ask, text, sections, captions, seed)
    return model.usage - before


class OneByOne:
    """Every question with everything in front, alone, nothing kept."""

    def __init__(self, model: XComposerModel, shared: Sequence[Message]) -> None:
        self.model, self.shared = model, list(shared)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        self.model._picture_cache.clear()
        return [self.model.score([*self.shared, *messages], (option,))[0] for option in options]

    def reply(self, prompts: Sequence[Sequence[Message]], sampling: Sampling) -> list[str]:
        return [self.model.reply([[*self.shared, *prompt]], sampling)[0] for prompt in prompts]


def apart(model: XComposerModel, text: Article, seed: int) -> Usage:
    before = model.usage
    ask = OneByOne(model, PROMPTS.shared(text))
    # the reference asks for the list as free text, and reads letters from one pass
    model.reply([[*ask.shared, *PROMPTS.query(text, text.sections[0], ())]], replace(CAPTION, max_tokens=40))
    sections = list(text.sections[:PICTURES])
    captions = ask.reply([PROMPTS.query(text, section, ()) for section in sections], CAPTION)
    for number, (section, caption) in enumerate(zip(sections, captions, strict=True)):
        model._picture_cache.clear()
        choice = PROMPTS.choose(text, section, Illustration(caption), _offered(seed + number), ())
        model.score([*ask.shared, *choice.messages], choice.options)
    return model.usage - before


def _places(found: Iterator[tuple[str, float]]) -> list[str]:
    return [place for place, _ in sorted(found, key=lambda pair: -pair[1])[:PICTURES]]


def _offered(seed: int) -> list[tuple[Candidate, Picture | None]]:
    return [(Candidate(f"c{i}", "", f"picture {i}"), picture) for i, picture in enumerate(pictures(seed))]


def _choose(ask: Replier, text: Article, sections: list[Section], captions: list[str], seed: int) -> None:
    for number, (section, caption) in enumerate(zip(sections, captions, strict=True)):
        choice = PROMPTS.choose(text, section, Illustration(caption), _offered(seed + number), ())
        ask.score(choice.messages, choice.options)


def measure(model: XComposerModel, tokens: int) -> dict[str, float]:
    """Seconds of each way, by its name; prints them. tokens: of the article."""
    text = article(model, tokens)
    took: dict[str, float] = {}
    fast = model.engine.fast
    try:
        for name, way, steps in (("together", together, fast), ("apart", apart, fast), ("apart, plain", apart, None)):
            model.engine.fast = steps
            way(model, text, 1000)  # not counted: captures, workspaces
            synchronize()
            started = time.perf_counter()
            usage = way(model, text, 2000)
            synchronize()
            took[name] = time.perf_counter() - started
            print(f"{name}: {took[name]:.2f} s; tokens read {usage.prefilled:,}, taken from memory {usage.reused:,}")
    finally:
        model.engine.fast = fast
    return took


def main() -> None:
    options = arguments(__doc__ or "", tokens={"type": int, "default": 1000, "help": "tokens of the article"})
    took = measure(random_model(options), options.tokens)
    print(machine())
    for name in ("apart", "apart, plain"):
        print(f"together is {took[name] / took['together']:.2f} times as fast as {name}")


if __name__ == "__main__":
    main()
