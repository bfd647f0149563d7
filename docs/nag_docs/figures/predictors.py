"""Figures of predictors: ranking and transfer."""

from __future__ import annotations

from math import isfinite
from statistics import fmean

from matplotlib.figure import Figure

from nag_docs.plotting import axes_of, figure_of, lines, measured_lines
from nag_docs.tables.predictors import ABLATION
from nag_docs.values import Values

_PINAT = {
    "nasbench201/cifar10": {78: 0.549, 156: 0.631, 469: 0.706, 781: 0.761, 1563: 0.784},
    "nasbench101/cifar10": {100: 0.679, 172: 0.715, 424: 0.772, 4236: 0.846},
}


def predictor() -> Figure:
    """Kendall's tau by the number of labels."""
    found = Values("predictor")
    tasks = [t for (t,) in found.keys("task", where=lambda row: row["method"] not in ABLATION)]
    axes = axes_of(len(tasks), height=2.3, columns=4)
    for axis, task in zip(axes, tasks, strict=True):
        settings = found.keys("setting", where=lambda row, t=task: row["task"] == t and row["method"] not in ABLATION)
        labels = sorted(int(s.partition("=")[2]) for (s,) in settings)
        measured_lines(
            axis, found, "kendall_tau", ("default", "gp"), {n: {"task": task, "setting": f"labels={n}"} for n in labels}
        )
        if task in _PINAT:
            axis.plot(list(_PINAT[task]), list(_PINAT[task].values()), "s--", color="#999999", markersize=4, label="PINAT")
        axis.set(xscale="log", xticks=labels[::2], xticklabels=labels[::2])
        axis.set_title(task, fontsize=9)
        axis.minorticks_off()
    axes[0].legend(frameon=False, fontsize=8)
    axes[0].set(ylabel="Kendall's tau")
    axes[-1].set(xlabel="labels")
    return figure_of(axes)


def transfer() -> Figure:
    """Kendall's tau on a task that was left out, by the number of its labels; mean of the tasks."""
    found = Values("transfer")
    tasks = [t for (t,) in found.keys("task", where=lambda row: row["space"] == "nas_bench_graph")]
    shots = [int(s.removeprefix("k=")) for (s,) in found.keys("setting") if s.startswith("k=")]
    axes = axes_of(2)
    titles = {"kendall_tau": "Kendall's tau", "proposed_percentile": "percentile of the 20 predicted best"}
    for axis, (metric, title) in zip(axes, titles.items(), strict=True):
        curves = {}
        for method in ("meta-predictor", "adapters (AIO-P)", "mean rank", "nearest task", "GP from scratch"):
            points = [(k, fmean(found.mean(metric, task=t, method=method, setting=f"k={k}") for t in tasks)) for k in shots]
            known = [(k, value) for k, value in points if isfinite(value)]
            if known:
                curves[method] = (*zip(*known, strict=True), [0.0] * len(known))
        lines(axis, curves)
        axis.set(xlabel="labels of the new task", ylabel=title)
    axes[0].legend(frameon=False, fontsize=8)
    return figure_of(axes)
