"""One page to read the articles of two runs side by side and to judge them without knowing which is whose.

The page holds everything: nothing is fetched. Which run stands left is drawn for each title. Verdicts are saved by the
page as JSON; `sum_verdicts` adds up those of one or several people.
"""

import base64
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from common.errors import ReadableError
from common.messages import _
from common.resources import resource_folder
from composer import blocks, inline
from composer.article import Article
from composer.models import Picture
from evaluation.articles.records import ArticleRun
from evaluation.articles.summary import Change
from evaluation.errors import DataUnusable, RunUnusable
from evaluation.scoring import mcnemar

SIDE = 480  # pixels of a picture
WINNERS = ("a", "b", "same")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Blind verdicts of one or several people, added up."""

    a: str  # names of the runs
    b: str
    counts: Mapping[str, int]  # winner -> verdicts
    by_language: Mapping[str, Mapping[str, int]]
    people: int
    agreement: float | None  # share of equal verdicts among pairs of people who judged one title

    @property
    def p(self) -> float:
        """Of the exact sign test: ties say nothing."""
        return mcnemar(self.counts.get("a", 0), self.counts.get("b", 0))

    def as_dict(self) -> dict[str, Any]:
        return {
            "runs": {"a": self.a, "b": self.b},
            "better": {winner: self.counts.get(winner, 0) for winner in WINNERS},
            "by_language": {key: dict(value) for key, value in self.by_language.items()},
            "people": self.people,
            "agreement": self.agreement,
            "p": self.p,
        }

    @property
    def text(self) -> str:
        counts = [self.counts.get(winner, 0) for winner in WINNERS]
        lines = [f"A {self.a}: {counts[0]} better; B {self.b}: {counts[1]} better; {counts[2]} the same."]
        lines += [
            f"{language}: A {found.get('a', 0)}, B {found.get('b', 0)}, the same {found.get('same', 0)}"
            for language, found in self.by_language.items()
        ]
        lines.append(f"Sign test p = {self.p:.3g}" + ("" if self.p < 0.05 else " (no difference beyond chance)"))
        if self.agreement is not None:
            lines.append(f"{self.people} people; {self.agreement:.0%} of their verdicts agree in pairs.")
        return "\n".join(lines)


def write_blind_page(first: ArticleRun, second: ArticleRun, changes: Sequence[Change], out: Path, seed: int) -> int:
    """Writes the page; returns how many titles it shows. Raises RunUnusable."""
    common = [id_ for id_ in first.measures if id_ in second.measures]
    left = sides(seed, common)
    pictures: dict[str, str] = {}
    pairs = []
    for id_ in common:
        articles = (first.article(id_), second.article(id_))
        if articles[0].title == articles[1].title:
            shown = [_article(article, pictures) for article in articles]
            pairs.append({"id": id_, "language": first.languages[id_], "left": left[id_], "articles": shown})
    numbers = [[change.name, change.first, change.second, *_range(change), change.verdict] for change in changes]
    data = {
        "page": hashlib.sha256(f"{seed} {first.folder} {second.folder} {first.facts}".encode()).hexdigest()[:12],
        "names": [first.name, second.name],
        "pairs": pairs,
        "pictures": pictures,
        "numbers": numbers,
    }
    template = (resource_folder("configs") / "evaluation" / "blind.html").read_text("utf-8")
    # "<" as an escape: no text of an article can end the script that holds it
    held = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")
    title = escape(f"{len(pairs)} titles, two runs")
    try:
        out.expanduser().write_text(template.replace("{{title}}", title).replace("{{data}}", held), "utf-8")
    except OSError as error:
        raise RunUnusable(place=out, reason=_("it cannot be written to ({error}).", error=error)) from error
    return len(pairs)


def sides(seed: int, ids: Sequence[str]) -> dict[str, str]:
    """Which run stands left for each title, "a" or "b": drawn by the seed, each of the two for half of the titles."""
    drawn = sorted(ids, key=lambda id_: hashlib.sha256(f"{seed} {id_}".encode()).digest())
    first = hashlib.sha256(f"{seed}".encode()).digest()[0]
    return {id_: "ab"[(first + number) % 2] for number, id_ in enumerate(drawn)}


def sum_verdicts(paths: Sequence[Path]) -> Verdicts:
    """Adds up files that the page saved, one a person. Verdicts given while names were shown do not count.

    Raises DataUnusable, also for files of different runs.
    """
    names: tuple[str, str] | None = None
    given: list[dict[str, tuple[str, str]]] = []
    for path in paths:
        try:
            content = json.loads(path.expanduser().read_text("utf-8-sig"))
            own = str(content["a"]), str(content["b"])
            verdicts = {
                str(v["id"]): (_winner(v["winner"]), str(v["language"])) for v in content["verdicts"] if v["blind"]
            }
        except OSError as error:
            raise DataUnusable(place=path, reason=_("it cannot be read ({error}).", error=error)) from error
        except (ValueError, KeyError, TypeError) as error:
            reason = _("it holds no verdicts as the page saves them ({error}).", error=error)
            raise DataUnusable(place=path, reason=reason) from error
        if names is not None and own != names:
            reason = _("it is about {own}; the other file is about {others}.", own=[*own], others=[*names])
            raise DataUnusable(place=path, reason=reason)
        names = own
        given.append(verdicts)
    assert names is not None
    all_given = [verdict for one in given for verdict in one.values()]
    languages = sorted({language for _won, language in all_given})
    return Verdicts(
        *names,
        Counter(winner for winner, _language in all_given),
        {each: Counter(winner for winner, language in all_given if language == each) for each in languages},
        sum(bool(one) for one in given),
        _agreement(given),
    )


def _winner(value: object) -> str:
    if value not in WINNERS:
        raise ValueError(f"winner {value!r}")
    return str(value)


def _agreement(given: Sequence[Mapping[str, tuple[str, str]]]) -> float | None:
    pairs = [
        one[id_] == other[id_]
        for number, one in enumerate(given)
        for other in given[number + 1 :]
        for id_ in one
        if id_ in other
    ]
    return sum(pairs) / len(pairs) if pairs else None


def _range(change: Change) -> tuple[float, float, float]:
    return change.difference.mean, change.difference.low, change.difference.high


def _article(article: Article, pictures: dict[str, str]) -> dict[str, Any]:
    """The article as the page shows it; each picture's bytes are kept once."""
    shown: list[dict[str, str]] = []
    for section in article:
        heading = "h3" if section.level <= 2 else "h4"
        shown.append({"kind": heading if section.kind == "heading" else "p", "text": blocks.words(section)})
        illustration = section.illustration
        if illustration is not None and illustration.chosen is not None:
            key = _picture(illustration.chosen.path, pictures)
            shown.append({"kind": "figure", "picture": key, "text": illustration.caption})
    return {"title": inline.plain(article.title), "blocks": shown, "language": article.language}


def _picture(path: str, pictures: dict[str, str]) -> str:
    try:
        image = Picture.open(Path(path)).image
    except (ReadableError, OSError):
        return ""
    image.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    image.save(file, "WEBP", quality=85)
    key = hashlib.sha256(file.getvalue()).hexdigest()[:16]
    pictures[key] = "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
    return key
