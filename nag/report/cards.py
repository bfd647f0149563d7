"""Sections of the report that draw or list the best architectures of each run."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from nag.report.drawings import drawing_of
from nag.report.exports import export_command
from nag.report.rows import SampleRow
from nag.report.runs import Run
from nag.report.sections import Card, Samples, Section, name_of
from nag.report.text import format_value
from nag.tasks import Metric

__all__ = ["drawing_sections", "sample_card"]

_SHOWN = 6


def drawing_sections(runs: Sequence[Run], samples: Samples) -> list[Section]:
    """One section a run that generated or evaluated architectures."""
    return [_section(run, runs, samples[run.path]) for run in runs if samples.get(run.path)]


def _section(run: Run, runs: Sequence[Run], rows: Sequence[SampleRow]) -> Section:
    metric = Metric("predicted_mean", "lower is better" not in run.text("protocol"))
    looked_up = any(row.percentile is not None for row in rows)
    order = _best_first(rows, metric)
    pick = max(order, key=lambda row: _predicted(row, metric)) if any(r.predicted_mean is not None for r in order) else None
    chosen = list(enumerate(order, start=1))[:_SHOWN]
    if pick is not None and all(row is not pick for _, row in chosen):
        chosen[-1] = (order.index(pick) + 1, pick)
    heading = f"The best {name_of(run, runs)} architectures"
    if any(row.architecture is None for _, row in chosen):
        cells = [[row.arch, *(value for _, value in _facts(row))] for _, row in chosen]
        return Section(heading, columns=("architecture", *(name for name, _ in _facts(chosen[0][1]))), rows=cells)
    by = "true value" if looked_up else "prediction" if pick is not None else "order"
    kinds = f"{format_value(len(order))} different of {format_value(len(rows))}"
    how = ", best true value first: a choice with hindsight" if looked_up else ""
    cards = [_card(row, f"#{place} by {by}", row is pick and looked_up) for place, row in chosen]
    return Section(heading, f"{kinds} architectures{how}.", cards=cards)


def _best_first(rows: Sequence[SampleRow], metric: Metric) -> list[SampleRow]:
    """One row a function, by percentile where it is known, else by prediction."""

    def merit(row: SampleRow) -> tuple[float, float]:
        return (-1.0 if row.percentile is None else row.percentile, _predicted(row, metric))

    unique: dict[str, SampleRow] = {}
    for row in sorted(rows, key=merit, reverse=True):
        unique.setdefault(row.canonical_hash or row.arch, row)
    return list(unique.values())


def _predicted(row: SampleRow, metric: Metric) -> float:
    return -float("inf") if row.predicted_mean is None else metric.utility(row.predicted_mean)


def _card(row: SampleRow, heading: str, predicted_best: bool) -> Card:
    assert row.architecture is not None
    drawing = drawing_of(row.architecture)
    return Card(heading, "predicted best" if predicted_best else "", row.architecture, row.arch, _facts(row), drawing)


def sample_card(run: Run, row: SampleRow, heading: str) -> Card:
    """A card of one architecture with the command that exports it; without a drawing where the run lists no graph."""
    drawing = Markup("") if row.architecture is None else drawing_of(row.architecture)
    return Card(heading, "", row.architecture, row.arch, _facts(row), drawing, command=export_command(run, row.arch))


def _facts(row: SampleRow) -> list[tuple[str, str]]:
    properties = [("true value", row.report_value), ("true percentile", row.percentile)]
    found = [(name, format_value(value)) for name, value in properties if value is not None or row.architecture is None]
    if row.predicted_mean is not None:
        std = "" if row.predicted_std is None else f" ± {row.predicted_std:.2g}"
        found.append(("predicted", f"{format_value(row.predicted_mean)}{std}"))
    return found
