"""The report: our runs beside the published scores, the radar chart, and runs of one benchmark against each other."""

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

from common.messages import _
from evaluation.errors import RunUnusable
from evaluation.reporting.page import Table, html_page, picture_tag
from evaluation.reporting.published import Published, published
from evaluation.reporting.radar import draw_radar
from evaluation.reporting.runs import Run, compare, load_run, why_unscored

REFERENCE = "InternLM-XComposer-VL-7B"  # whose published scores the chart shows


def write_report(folders: Sequence[Path], out: Path, note: Callable[[str], None] = lambda line: None) -> list[Path]:
    """Writes report.md, report.html and radar.png; returns them. Runs without a score are left out, and `note` says so.

    Raises RunUnusable, also where no run is left.
    """
    reasons = {folder: why_unscored(folder) for folder in folders}
    scored = [folder for folder in folders if reasons[folder] is None]
    runs = [load_run(folder) for folder in scored or folders]
    for folder, reason in reasons.items():
        if reason is not None:
            note(_("Left out: {folder}: {reason}", folder=folder, reason=reason).text())
    source, tables = published()
    names = [name for name in tables if any(run.benchmark == name for run in runs)]
    parts = [_score_table(tables[name], [run for run in runs if run.benchmark == name], source) for name in names]
    comparisons = _comparison_table(runs)
    groups = [_group_table(name, [run for run in runs if run.benchmark == name]) for name in names]
    out = out.expanduser()
    chart = out / "radar.png"
    try:
        out.mkdir(parents=True, exist_ok=True)
        draw_radar(chart, [(name, tables[name].title) for name in names], _shares(runs, names, tables))
    except OSError as error:
        raise RunUnusable(place=out, reason=_("it cannot be written to ({error}).", error=error)) from error
    every = [*parts, *([comparisons] if comparisons else []), *groups]
    figure = f"<figure>{picture_tag(chart.read_bytes(), 'png', 'Radar chart of the scores')}</figure>"
    text = "\n".join(
        ["# Benchmarks", "", "![Radar chart of the scores](radar.png)", "", *(t.to_markdown() for t in every)]
    )
    (out / "report.md").write_text(text, "utf-8")
    (out / "report.html").write_text(html_page("Benchmarks", figure, *(t.to_html() for t in every)), "utf-8")
    return [out / "report.md", out / "report.html", chart]


def _score_table(table: Published, runs: Sequence[Run], source: str) -> Table:
    rows: list[tuple[float, bool, list[str]]] = []
    for run in runs:
        share = f"{run.scores['unparsable']} of {run.scores['questions']}"
        more = ", ".join(f"{name} {value:.2f}" for name, value in run.scores["parts"].items())
        rows.append((run.value, True, [f"{run.model} ({run.folder.name})", run.shown, more, share, "measured here"]))
    for model, value in table.rows.items():
        rows.append((value, False, [model, f"{value:g}", table.parts.get(model, ""), "", "published"]))
    rows.sort(key=lambda row: -row[0])
    own = frozenset(number for number, row in enumerate(rows) if row[1])
    note = f"At most {table.maximum:g}. Published rows as in {source}; their rules may differ."
    return Table(table.title, ("model", "score", "further", "unparsable", "source"), [r[2] for r in rows], own, note)


def _group_table(name: str, runs: Sequence[Run]) -> Table:
    """The scores by group, one column a run."""
    values = [{(row["group"], row["name"]): row for row in run.scores["rows"]} for run in runs]
    keys = list(dict.fromkeys(key for found in values for key in found))
    rows = [
        [kind, group, *(f"{found[kind, group]['value']:.2f}" if (kind, group) in found else "" for found in values)]
        for kind, group in keys
    ]
    return Table(f"{name}: by group", ("group", "name", *(run.folder.name for run in runs)), rows)


def _comparison_table(runs: Sequence[Run]) -> Table | None:
    rows = []
    for first, second in combinations(runs, 2):
        if first.benchmark == second.benchmark:
            found = compare(first, second)
            change = f"{second.value - first.value:+.{first.scores['places']}f}"
            note = "" if first.scores["rule"] == second.scores["rule"] else " (under two rules)"
            rows.append([first.benchmark, f"{first.folder.name} → {second.folder.name}", change + note, found.text])
    return Table("Runs against each other", ("benchmark", "runs", "change", "questions"), rows) if rows else None


def _shares(runs: Sequence[Run], names: Sequence[str], tables: dict[str, Published]) -> dict[str, dict[str, float]]:
    """Name -> benchmark -> share of the maximum, of the published reference and of each model; its best run counts."""
    found: dict[str, dict[str, float]] = {f"{REFERENCE} (published)": {}}
    for name in names:
        if REFERENCE in tables[name].rows:
            found[f"{REFERENCE} (published)"][name] = tables[name].rows[REFERENCE] / tables[name].maximum
    for run in runs:
        shares = found.setdefault(run.model, {})
        shares[run.benchmark] = max(shares.get(run.benchmark, 0.0), max(0.0, run.value / float(run.scores["maximum"])))
    return {model: shares for model, shares in found.items() if shares}
