"""Figures of intervals, learning curves, training-free scores and the store."""

from __future__ import annotations

from matplotlib.figure import Figure

from nag_docs.plotting import axes_of, bars, figure_of, measured_lines
from nag_docs.values import Values


def calibration() -> Figure:
    """Coverage of the intervals beside what they state."""
    found = Values("calibration")
    tasks = [t for (t,) in found.keys("task", where=lambda row: row["metric"] == "coverage")]
    axes = axes_of(len(tasks), height=3.0)
    for axis, task in zip(axes, tasks, strict=True):
        stated = [float(s.partition("=")[2]) for (s,) in found.keys("setting") if s.startswith("coverage=")]
        where = {s: {"task": task, "setting": f"coverage={s:g}"} for s in stated}
        measured_lines(axis, found, "coverage", [m for (m,) in found.keys("method")], where)
        axis.plot(stated, stated, "--", color="#010203", alpha=0.7, linewidth=1)
        axis.set(xlabel="nominal coverage", title=task, xticks=stated)
    axes[0].set(ylabel="coverage")
    axes[0].legend(frameon=False, fontsize=7)
    return figure_of(axes)


def curves() -> Figure:
    """Error of the final value by the share of the curve that was seen."""
    found = Values("curves")
    spaces = [space for (space,) in found.keys("space")]
    axes = axes_of(len(spaces))
    for axis, space in zip(axes, spaces, strict=True):
        settings = found.keys(
            "setting", where=lambda row, s=space: row["space"] == s and str(row["setting"]).startswith("epochs=")
        )
        where = {_share(s): {"space": space, "setting": s} for (s,) in settings}
        methods = ("last value", "last value, shifted", "no architecture", "architecture alone", "default")
        measured_lines(axis, found, "mae", methods, dict(sorted(where.items())))
        axis.set(title=space, xlabel="epochs seen over epochs of a run", ylabel="mean absolute error")
    axes[-1].legend(frameon=False, fontsize=8)
    return figure_of(axes)


def _share(setting: str) -> float:
    seen, _, whole = setting.removeprefix("epochs=").partition(" of ")
    return sum(map(float, seen.split("+"))) / float(whole)


def proxies() -> Figure:
    """Rank correlation of training-free scores with accuracy."""
    found = Values("proxies")
    values = {method: found.mean("spearman", method=method) for (method,) in found.keys("method")}
    (axis,) = axes_of(height=3.4)
    bars(axis, dict(sorted(values.items(), key=lambda item: -item[1])))
    axis.set(xlabel="Spearman correlation with the accuracy of trained networks", xlim=(0, 1))
    return figure_of([axis])


def store() -> Figure:
    """Seconds of the operations of a store of a million rows."""
    found = Values("store")
    names = {
        "look_up_seconds": "10,000 look-ups",
        "decoded_seconds": "the same with curves",
        "state_seconds": "10,000 states alone",
        "claim_seconds": "claim and complete one",
    }
    (axis,) = axes_of(height=2.0)
    bars(axis, {title: found.mean(name) for name, title in names.items()})
    axis.set(xlabel="seconds (SQLite, a million rows)", xscale="log")
    return figure_of([axis])
