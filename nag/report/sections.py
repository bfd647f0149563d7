"""Sections of the report: the values of the architectures, and the quality of the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import plotly.graph_objects as go
from markupsafe import Markup
from plotly.io import to_json

from nag.graphs import Architecture
from nag.report import figures
from nag.report.figures import Group, MetricSet
from nag.report.rows import SampleRow, read_curve, read_held_out, read_uniform
from nag.report.runs import Run
from nag.report.text import format_value, sentence

__all__ = ["Card", "Figure", "Samples", "Section", "model_sections", "name_of", "truth_sections"]

Samples = Mapping[Path, Sequence[SampleRow]]

_METRICS = ("validity_raw", "uniqueness", "functional_uniqueness", "novelty", "tv_ops", "tv_edges")
_COLUMNS = ("", "labels", "looked up", "distinct", "mean true", "best true", "mean percentile", "best percentile")
_ABSENT = "–"


@dataclass(frozen=True)
class Figure:
    """A figure as JSON that may stand inside a script element."""

    caption: str
    source: Markup

    @classmethod
    def of(cls, figure: go.Figure, caption: str) -> Figure:
        """Serialises a figure."""
        text = to_json(figure, validate=False).replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")
        return cls(caption, Markup(text))


@dataclass(frozen=True)
class Card:
    """One drawn architecture.

    Args:
        heading: Its place.
        badge: What is special about it; may be empty.
        architecture: The graph.
        arch: Native string.
        properties: Name and value of each.
        drawing: HTML of the drawing; empty if there is none.
        limits: Each limit, and what the architecture has.
        command: Command line that exports it; empty if there is none.
    """

    heading: str
    badge: str
    architecture: Architecture | None
    arch: str
    properties: Sequence[tuple[str, str]]
    drawing: Markup
    limits: Sequence[tuple[str, str]] = ()
    command: str = ""


@dataclass(frozen=True)
class Section:
    """A heading with any of: a lead, a table, figures, cards.

    Args:
        heading: The heading.
        lead: Text below it.
        columns: Names of the table's columns.
        rows: Cells of the table.
        figures: Figures.
        cards: Drawn architectures.
        sortable: Whether the table stands last, folded, and is sorted by a click on a column.
        note: Text above a sortable table.
    """

    heading: str
    lead: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    figures: Sequence[Figure] = ()
    cards: Sequence[Card] = ()
    sortable: bool = False
    note: str = ""


def name_of(run: Run, runs: Sequence[Run]) -> str:
    """What a run's architectures are called beside those of other runs."""
    word = {"evaluate": "evaluated", "train-generator": "generator"}.get(run.role, run.role)
    return word if sum(other.role == run.role for other in runs) == 1 else f"{word} ({run.name})"


def truth_sections(runs: Sequence[Run], samples: Samples) -> list[Section]:
    """One section a task, on all runs whose architectures were looked up in it."""
    looked_up = [run for run in runs if run.path in samples and run.text("task")]
    tasks = dict.fromkeys(run.text("task") for run in looked_up)
    return [_truth_section(task, [run for run in looked_up if run.text("task") == task], runs, samples) for task in tasks]


def _truth_section(task: str, runs: Sequence[Run], all_runs: Sequence[Run], samples: Samples) -> Section:
    groups = [Group(name_of(run, runs), run.role, samples[run.path]) for run in runs]
    rows = [_comparison(group, run.number("labels_used")) for group, run in zip(groups, runs, strict=True)]
    uniform = _uniform_groups(runs)
    lead = next((run.text("protocol") for run in runs if run.text("protocol")), "")
    return Section(
        heading=f"How good are the architectures on {task}?",
        lead=sentence(lead),
        columns=_COLUMNS,
        rows=[*rows, *(_comparison(group, 0) for group in uniform), *_picks(task, all_runs)],
        figures=_truth_figures(task, [*groups, *uniform], all_runs),
    )


def _truth_figures(task: str, groups: Sequence[Group], runs: Sequence[Run]) -> list[Figure]:
    same = [run for run in runs if run.text("task") == task]
    metric = next((run.text("report_metric") for run in same if run.text("report_metric")), "value")
    search = next((run.text("search_metric") for run in same if run.text("search_metric")), "search metric")
    optimum = next((value for run in same if (value := run.number("true_optimum")) is not None), None)
    maximise = not any("lower is better" in run.text("protocol") for run in same)
    found = []
    known = [group for group in groups if any(row.report_value is not None for row in group.rows)]
    if known:
        figure = figures.distributions(known, metric, optimum, maximise)
        caption = f"True {metric}. Each dot is an architecture; the bar holds the middle half, its line is the median."
        if figure.layout.xaxis.range is not None:
            caption += " Double-click for the worst few, which the axis leaves out."
        found.append(Figure.of(figure, caption))
    if any(row.percentile is not None for group in known for row in group.rows):
        caption = "How much of each group belongs to the best x % of the table. The further to the upper left, the better."
        found.append(Figure.of(figures.top_shares(known), caption))
    predicted = [group for group in groups if any(row.predicted_mean is not None for row in group.rows)]
    if predicted:
        caption = "The search metric, as measured and as predicted (pale)."
        if any(group.role == "guided" for group in predicted):
            caption += " Guidance also finds what the predictor overrates, so guided samples tend to be worse than predicted."
        found.append(Figure.of(figures.predicted_and_true(predicted, search), caption))
    return found


def _uniform_groups(runs: Sequence[Run]) -> list[Group]:
    """Different sets of uniform draws; runs of one seed and size share theirs."""
    distinct: dict[tuple[str, ...], tuple[str, list[SampleRow]]] = {}
    for run in runs:
        rows = read_uniform(run) if run.command == "sample" else []
        if rows:
            distinct.setdefault(tuple(row.arch for row in rows), (run.name, rows))
    many = len(distinct) > 1
    return [Group(f"uniform ({name})" if many else "uniform", "uniform", rows) for name, rows in distinct.values()]


def _comparison(group: Group, labels: float | None) -> list[str]:
    """A group's line in the table."""
    values = [row.report_value for row in group.rows if row.report_value is not None]
    ranks = [row.percentile for row in group.rows if row.percentile is not None]
    best = max(group.rows, key=lambda row: -1.0 if row.percentile is None else row.percentile, default=None)
    hashes = {row.canonical_hash for row in group.rows if row.canonical_hash}
    count, total = format_value(len(values)), format_value(len(group.rows))
    return [
        group.name,
        _ABSENT if labels is None else format_value(labels),
        count if count == total else f"{count} of {total}",
        format_value(len(hashes)) if hashes else _ABSENT,
        format_value(mean(values)) if values else _ABSENT,
        format_value(best.report_value) if ranks and best else _ABSENT,
        format_value(mean(ranks)) if ranks else _ABSENT,
        format_value(max(ranks)) if ranks else _ABSENT,
    ]


def _picks(task: str, runs: Sequence[Run]) -> list[list[str]]:
    """The single architectures that a quickstart compares."""
    names = {"guided_pick": "the one guided sample predicted best", "random_search_pick": "random search: best of the labelled"}
    rows = []
    for run in runs:
        for prefix, name in names.items():
            percentile, labels = run.number(f"{prefix}_percentile"), run.number("labels_used")
            if run.text("task") == task and percentile is not None:
                value = format_value(run.number(f"{prefix}_true"))
                rows.append([name, format_value(labels), "1", "1", _ABSENT, value, _ABSENT, format_value(percentile)])
    return rows


def model_sections(runs: Sequence[Run]) -> list[Section]:
    """Training and samples of the generator, and rank correlation of the predictor."""
    curves = [curve for run in runs if (curve := read_curve(run)) is not None]
    shown = [Figure.of(figures.learning_curves(curves), "Training loss, as logged (pale) and smoothed.")] if curves else []
    sets = [metric_set for run in runs if (metric_set := _metric_set(run, runs)).values]
    if sets:
        caption = "Sample metrics; marks are what as many uniform draws would give."
        if any(metric_set.role == "guided" for metric_set in sets):
            caption += " Guided samples are meant to leave the distribution of the space."
        shown.append(Figure.of(figures.reference_bars(sets), caption))
    ranked = [_ranking(run) for run in runs if run.command == "train-predictor"]
    sections = [Section("How well does the predictor rank?", figures=ranked)] if ranked else []
    return [Section("Does the generator know its search space?", figures=shown), *sections] if shown else sections


def _metric_set(run: Run, runs: Sequence[Run]) -> MetricSet:
    keys = (
        [key for name in _METRICS for key in (name, f"{name}_reference")]
        if run.command in {"train-generator", "sample"}
        else []
    )
    values = {key: value for key in keys if (value := run.number(key)) is not None}
    return MetricSet(name_of(run, runs), run.role, values)


def _ranking(run: Run) -> Figure:
    held_out = read_held_out(run)
    caption = (
        f"{run.name}: {format_value(len(held_out.true))} architectures of {run.text('task')} that the predictor never saw."
        f" Kendall's tau {format_value(run.number('kendall_tau'))} after {format_value(run.number('labels_used'))} labels."
    )
    return Figure.of(figures.predictor_scatter(held_out, run.text("search_metric") or "value"), caption)
