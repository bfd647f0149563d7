"""Headline numbers of a report, each with what to compare it with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from nag.report.runs import Run
from nag.report.text import format_value

__all__ = ["Tile", "tiles"]


@dataclass(frozen=True)
class Tile:
    """A headline number.

    Args:
        name: What it is.
        value: The number.
        note: What to compare it with.
    """

    name: str
    value: str
    note: str


_UNIFORM = "uniform draws: {uniform_true_percentile_mean}"
_RANDOM = ("random search: {random_search_pick_percentile}", "random search: {random_search_best_percentile}")
# Role of the run, metric, name, and what to compare it with: the first text whose metric (in braces) is there.
_HEADLINES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("guided", "true_percentile_mean", "mean true percentile of guided samples", (_UNIFORM,)),
    ("unguided", "true_percentile_mean", "mean true percentile of unguided samples", (_UNIFORM,)),
    ("quickstart", "guided_pick_percentile", "percentile of the guided sample predicted best", _RANDOM),
    ("guided", "true_best", "true value of the best guided sample", ("best of the table: {true_optimum}",)),
    ("train-predictor", "kendall_tau", "Kendall's tau of the predictor", ("1 is perfect, 0 is chance",)),
    ("train-predictor", "labels_used", "labels queried", ()),
    ("train-generator", "validity_raw", "share of raw samples that are valid", ("uniform draws: {validity_raw_reference}",)),
    ("train-generator", "tv_ops", "distance of operation shares to the space", ("uniform draws: {tv_ops_reference}",)),
    ("evaluate", "best", "best evaluated architecture", ("mean: {mean}",)),
)


def tiles(runs: Sequence[Run]) -> list[Tile]:
    """Headline numbers: one for each kind of run and task; several runs of a kind stand as mean and spread."""
    found = []
    for role, metric, name, notes in _HEADLINES:
        subjects = dict.fromkeys(_subject(run) for run in runs if run.role == role and run.number(metric) is not None)
        for subject in subjects:
            same = [run for run in runs if run.role == role and _subject(run) == subject and run.number(metric) is not None]
            title = name if len(subjects) == 1 else f"{name}, {subject}"
            found.append(_tile(title, metric, same, notes))
    seconds = [value for run in runs if run.role != "quickstart" or len(runs) == 1 if (value := run.number("cpu_seconds"))]
    return [*found, Tile("CPU seconds", format_value(float(round(sum(seconds)))), "all runs together")] if seconds else found


def _subject(run: Run) -> str:
    return run.text("task") or run.text("search_space")


def _tile(name: str, metric: str, runs: Sequence[Run], notes: Sequence[str]) -> Tile:
    values = [value for run in runs if (value := run.number(metric)) is not None]
    if len(values) > 1:
        return Tile(
            name, format_value(mean(values)), f"mean of {len(values)} runs, standard deviation {format_value(stdev(values))}"
        )
    for note in notes:
        key = note.partition("{")[2].rstrip("}")
        if not key:
            return Tile(name, format_value(values[0]), note)
        if runs[0].number(key) is not None:
            return Tile(name, format_value(values[0]), note.replace(f"{{{key}}}", format_value(runs[0].number(key))))
    return Tile(name, format_value(values[0]), "")
