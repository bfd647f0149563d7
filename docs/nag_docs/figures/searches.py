"""Figures of searches."""

from __future__ import annotations

from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nag_docs.plotting import COLOURS, axes_of, figure_of
from nag_docs.values import Values


def search() -> Figure:
    """Regret of the best so far by the number of queries."""
    found = Values("search")
    tasks = [t for (t,) in found.keys("task", where=lambda r: r["metric"] == "regret_150" and r["space"] != "nas_bench_graph")]
    axes = axes_of(len(tasks), columns=2)
    for axis, task in zip(axes, tasks, strict=True):
        methods = found.keys("method", where=lambda row, t=task: row["task"] == t and row["metric"] == "regret_150")
        plain = [m for (m,) in methods if "labels of" not in m and " best by " not in m]
        for method, colour in zip(plain, cycle(COLOURS), strict=False):
            points = [(q, found.mean(f"regret_{q}", task=task, method=method)) for q in (10, 20, 50, 100, 150)]
            axis.plot(*zip(*points, strict=True), marker="o", markersize=3, color=colour, label=method)
        axis.set(title=task, xlabel="queries", ylabel="regret")
        axis.set_yscale("symlog", linthresh=_threshold(axis))
        axis.set_ylim(bottom=0)
    axes[0].legend(frameon=False, fontsize=7, ncols=2)
    return figure_of(axes)


def _threshold(axis: Axes) -> float:
    """Where the axis of regrets turns linear: a hundredth of its greatest value."""
    return max(float(max(line.get_ydata())) for line in axis.get_lines()) / 100
