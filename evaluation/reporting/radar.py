"""The radar chart: one axis a benchmark, from 0 to its maximum."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLOURS = ("#1f6feb", "#d1495b", "#2e8b57", "#8e44ad", "#e67e22", "#0e7490")


def draw_radar(path: Path, axes: Sequence[tuple[str, str]], models: Mapping[str, Mapping[str, float]]) -> None:
    """axes: benchmark and label. models: name -> benchmark -> share of the maximum; what is missing is left open."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    plot: Any = figure.add_subplot(projection="polar")
    angles = [2 * math.pi * number / len(axes) for number in range(len(axes))]
    plot.set_theta_offset(math.pi / 2)
    plot.set_theta_direction(-1)
    plot.set_xticks(angles, [label for _name, label in axes])
    plot.tick_params(axis="x", pad=24)
    plot.set_ylim(0, 1)
    plot.set_yticks([0.25, 0.5, 0.75, 1.0], ["", "50 %", "", "100 %"], color="#777", fontsize=8)
    for number, (name, shares) in enumerate(models.items()):
        points = [(angle, shares[axis]) for angle, (axis, _label) in zip(angles, axes, strict=True) if axis in shares]
        closed = [*points, points[0]] if len(points) == len(axes) and len(axes) > 2 else points
        colour = COLOURS[number % len(COLOURS)]
        plot.plot(*zip(*closed, strict=True), marker="o", markersize=4, linewidth=1.6, label=name, color=colour)
        if closed is not points:
            plot.fill(*zip(*closed, strict=True), alpha=0.1, color=colour)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    figure.savefig(path, dpi=150)
