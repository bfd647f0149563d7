"""Figures of guided samples and limits."""

from __future__ import annotations

from math import isfinite
from statistics import fmean

from matplotlib.figure import Figure

from nag_docs.plotting import ABOVE, axes_of, bars, figure_of, reference
from nag_docs.values import Values


def guidance() -> Figure:
    """True percentile of guided samples by method, over the tasks."""
    found = Values("guidance")
    tasks = [task for (task,) in found.keys("task")]
    means = {
        method: [v for v in (found.mean("percentile_mean", task=task, method=method) for task in tasks) if isfinite(v)]
        for (method,) in found.keys("method")
    }
    order = sorted(means, key=lambda method: -fmean(means[method]))
    (axis,) = axes_of(height=4.2)
    bars(axis, {method: fmean(means[method]) for method in order})
    for place, method in enumerate(order):
        axis.plot(means[method], [place] * len(means[method]), "o", color="#ee6677", markersize=4, alpha=0.8)
    reference(axis, 50, "chance", upright=True)
    axis.set(xlabel="mean true percentile of 100 samples; points: one task each", xlim=(40, 100))
    axis.legend(**ABOVE)
    return figure_of([axis])


def peers() -> Figure:
    """Mean true accuracy of 128 samples from 500 labels."""
    found = Values("peers")
    methods = [method for (method,) in found.keys("method")]
    (axis,) = axes_of(height=2.6)
    bars(axis, {m: found.mean("true_mean", method=m) for m in methods}, [found.std("true_mean", method=m) for m in methods])
    reference(axis, 93.74, "DiffusionNAG's code", upright=True)
    axis.set(xlim=(85, 95), xlabel="mean CIFAR-10 accuracy of 128 samples, %")
    axis.legend(**ABOVE)
    return figure_of([axis])


def limits() -> Figure:
    """Gap to the best architecture under each latency limit, and the share of samples that keep it."""
    found = Values("limits")
    settings = [s for (s,) in found.keys("setting", where=lambda row: "<=" in str(row["setting"]))]
    axes = axes_of(2, height=4.6)
    for axis, (metric, title) in zip(
        axes, (("gap", "gap to the optimum, points"), ("kept", "share of samples kept")), strict=True
    ):
        for (method,), colour in zip(found.keys("method"), ("#4477aa", "#ee6677"), strict=False):
            axis.plot(
                [found.mean(metric, setting=s, method=method) for s in settings], settings, "o", color=colour, label=method
            )
        axis.set(xlabel=title)
        axis.invert_yaxis()
    axes[1].tick_params(labelleft=False)
    axes[1].legend(frameon=False, fontsize=8)
    return figure_of(axes)
