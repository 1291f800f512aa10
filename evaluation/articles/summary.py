"""Numbers of all articles of a run together, and two runs against each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.messages import _
from evaluation.articles.records import ArticleRun, Cost
from evaluation.errors import RunUnusable
from evaluation.scoring import FEWEST, Interval, bootstrap

# What a number says and which way is better: 1 more, -1 less, 0 neither.
MEANINGS: dict[str, tuple[str, int]] = {
    "words": ("words, or Chinese characters", 0),
    "length_share": ("length by the length asked for", 0),
    "length_kept": ("articles of 0.6 to 1.6 times the length asked for", 1),
    "language_kept": ("paragraphs in the article's language", 1),
    "distinct_2": ("different pairs of words among all", 1),
    "distinct_3": ("different triples of words among all", 1),
    "longest_repeat": ("words of the longest span that stands twice", -1),
    "repeated_paragraphs": ("paragraphs that stand twice", -1),
    "paragraphs": ("paragraphs", 0),
    "headings": ("headings", 0),
    "empty_headings": ("headings without a paragraph behind them", -1),
    "unfinished": ("paragraphs without an end of a sentence", -1),
    "stray_marks": ("sections with marks of lists, headings or tags", -1),
    "pictures": ("pictures", 0),
    "spread": ("how evenly the pictures part the text", 1),
    "after_headings": ("pictures right after a heading; must be 0", -1),
    "pictures_twice": ("pictures that stand twice; must be 0", -1),
    "junk_captions": ("captions that are none; must be 0", -1),
    "own_fit": ("how well the studio itself thinks its pictures fit", 0),
    "labelled_fit": ("pictures that people found fitting, where labelled", 1),
    "caption_paragraph": ("cosine of caption and paragraph", 1),
    "picture_caption": ("cosine of picture and caption", 1),
    "picture_paragraph": ("cosine of picture and paragraph", 1),
    "seconds": ("seconds", -1),
    "tokens_computed": ("tokens of prompts that were computed", -1),
    "tokens_generated": ("tokens generated", 0),
    "reuse_share": ("tokens of prompts taken from the cache, of all", 1),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One number of two runs over the same titles."""

    name: str
    first: float
    second: float
    difference: Interval  # second - first, by title

    @property
    def verdict(self) -> str:
        """Better, worse or different beyond chance; else nothing."""
        if not self.difference.differs:
            return ""
        direction = _meaning(self.name)[1] * (1 if self.difference.mean > 0 else -1)
        return {1: "better", -1: "worse", 0: "different"}[direction]


def cost_measures(cost: Cost) -> dict[str, float | None]:
    """Seconds and tokens of an article, in all and by step."""
    tokens = {name: sum(step[name] for step in cost.tokens.values()) for name in ("prefilled", "reused", "generated")}
    read = tokens["prefilled"] + tokens["reused"]
    found: dict[str, float | None] = {
        "seconds": cost.seconds.get("total"),
        "tokens_computed": float(tokens["prefilled"]),
        "tokens_generated": float(tokens["generated"]),
        "reuse_share": tokens["reused"] / read if read else None,
    }
    for step, spent in cost.tokens.items():
        found[f"seconds_{step}"] = cost.seconds.get(step)
        found[f"tokens_{step}"] = float(spent["prefilled"] + spent["generated"])
    return found


def summarize(
    measures: Mapping[str, Mapping[str, float | None]], languages: Mapping[str, str]
) -> dict[str, dict[str, Interval]]:
    """Group ("all", "en", "zh") -> name -> mean with its interval, of the articles that have the number."""
    groups = {"all": list(measures)}
    for language in sorted(set(languages.values())):
        groups[language] = [id_ for id_ in measures if languages[id_] == language]
    found = {}
    for group, ids in groups.items():
        names = dict.fromkeys(name for id_ in ids for name in measures[id_])
        values = {name: [v for id_ in ids if (v := measures[id_].get(name)) is not None] for name in names}
        found[group] = {name: bootstrap(each) for name, each in values.items() if each}
    return found


def compare_runs(first: ArticleRun, second: ArticleRun) -> list[Change]:
    """The numbers that both runs have, over the titles that both have. Raises RunUnusable where there is none."""
    common = [id_ for id_ in first.measures if id_ in second.measures and _same_title(first, second, id_)]
    if not common:
        raise RunUnusable(place=second.folder, reason=_("it has no title in common with the other run."))
    changes = []
    for name in dict.fromkeys(name for id_ in common for name in first.measures[id_]):
        pairs = [
            (before, after)
            for id_ in common
            if (before := first.measures[id_].get(name)) is not None
            and (after := second.measures[id_].get(name)) is not None
        ]
        if pairs:
            old, new = [sum(side) / len(pairs) for side in zip(*pairs, strict=True)]
            changes.append(Change(name, old, new, bootstrap([after - before for before, after in pairs])))
    return changes


def summary_markdown(summary: Mapping[str, Mapping[str, Interval]], notes: Sequence[str]) -> str:
    """The table of a run: a row a number, a column a group with how many articles it has."""
    sizes = {group: max((found.count for found in numbers.values()), default=0) for group, numbers in summary.items()}
    heads = [f"{group} ({size})" for group, size in sizes.items()]
    lines = ["| number | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for name in dict.fromkeys(name for group in summary for name in summary[group]):
        meaning = _meaning(name)[0]
        cells = [_shown(summary[group].get(name)) for group in summary]
        lines.append(f"| {name if meaning == name else f'{name}: {meaning}'} | " + " | ".join(cells) + " |")
    few = min(sizes.values(), default=0) < FEWEST
    notes = [*notes, *([f"Of fewer than {FEWEST} articles the intervals are too narrow."] if few else [])]
    return "\n".join([*lines, "", *(f"{note}  " for note in notes), ""])


def changes_markdown(changes: Sequence[Change]) -> str:
    """The table of two runs."""
    lines = ["| number | A | B | B − A (95 %) | titles | |", "|---|---|---|---|---|---|"]
    for change in changes:
        d = change.difference
        between = f"{d.mean:+.3g} ({d.low:+.3g} to {d.high:+.3g})"
        lines.append(
            f"| {change.name} | {change.first:.4g} | {change.second:.4g} | {between} | {d.count} | {change.verdict} |"
        )
    if all(change.difference.count < FEWEST for change in changes):
        lines += ["", f"Fewer than {FEWEST} titles: no difference can be told from chance."]
    return "\n".join([*lines, ""])


def as_data(summary: Mapping[str, Mapping[str, Interval]]) -> dict[str, Any]:
    return {
        group: {
            name: {"mean": found.mean, "low": found.low, "high": found.high, "articles": found.count}
            for name, found in numbers.items()
        }
        for group, numbers in summary.items()
    }


def _same_title(first: ArticleRun, second: ArticleRun, id_: str) -> bool:
    return bool(first.facts["titles"].get(id_) == second.facts["titles"].get(id_))


def _meaning(name: str) -> tuple[str, int]:
    """Of a number by step, that of the number in all; of a judge's aspect, that more is better."""
    if name in MEANINGS:
        return MEANINGS[name]
    kind, _mark, step = name.partition("_")
    if kind in ("seconds", "tokens"):
        return f"{kind} of the step {step}", -1
    return (name.removeprefix("judge_").replace("_", " ") + ", by the judge, 0 to 5", 1)


def _shown(found: Interval | None) -> str:
    return f"{found.mean:.4g} ({found.low:.4g} to {found.high:.4g})" if found else ""
