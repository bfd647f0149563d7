"""Section of the report on searches: the best so far by query, and the trade-off where there are several objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup

from nag.graphs import Architecture, draw_svg
from nag.workflows.history import HistoryRow, read_history
from nag.workflows.report.figures import COLOURS, finish, label
from nag.workflows.report.runs import Run
from nag.workflows.report.sections import Card, Figure, Section
from nag.workflows.report.text import format_value

__all__ = ["search_sections"]

_CARDS = 3


def search_sections(runs: Sequence[Run]) -> list[Section]:
    """One section a search."""
    return [_section(run) for run in runs if run.command == "search"]


def _section(run: Run) -> Section:
    rows = [_shown(row) for row in read_history(run.file("history.jsonl"))]
    maximise = run.metrics.get("maximise") is not False
    facts = (("queries", "queries"), ("best_report_metric", f"best {run.text('report_metric')}"), ("regret", "regret"))
    told = [f"{name} {format_value(value)}" for key, name in facts if (value := run.number(key)) is not None]
    metric = run.text("search_metric")
    known = [row for row in rows if row["search_value"] is not None]
    caption = "Each dot is a query; the line is the best so far."
    shown = [Figure.of(_curve(known, maximise, metric), caption)] if known else []
    for side in _objectives(run):
        measured = [row for row in known if side in row["side"]]
        if measured:
            caption = f"The {metric} against {side}; dots joined by the line are dominated by no other."
            shown.append(Figure.of(_front(measured, maximise, metric, side), caption))
    sign = -1 if maximise else 1
    cards = [
        _card(place, row, metric) for place, row in enumerate(sorted(known, key=lambda r: sign * r["search_value"])[:_CARDS], 1)
    ]
    lead = f"{run.text('strategy')} on {run.text('task')}, {run.text('protocol')}: {', '.join(told)}."
    return Section(f"What did the search {run.name} find?", lead, figures=shown, cards=cards)


def _shown(row: HistoryRow) -> dict[str, Any]:
    """What the section shows of a query."""
    return {
        "query": row.query,
        "arch": row.arch,
        "search_value": row.search_value,
        "side": {name: value for name, value in row.side.items() if value is not None},
        "architecture": Architecture(tuple(row.ops), tuple((edge[0], edge[1]) for edge in row.edges)),
    }


def _objectives(run: Run) -> list[str]:
    """Side metrics that the search also minimised."""
    found = run.metrics.get("minimised")
    return [str(name) for name in found] if isinstance(found, list) else []


def _curve(rows: Sequence[Mapping[str, Any]], maximise: bool, metric: str) -> go.Figure:
    figure = go.Figure()
    queries, values = [row["query"] for row in rows], np.array([row["search_value"] for row in rows])
    best = np.maximum.accumulate(values) if maximise else np.minimum.accumulate(values)
    text = [label(row["arch"]) for row in rows]
    hover = "%{text}<br>query %{x}: %{y:.5g}<extra></extra>"
    marker = {"color": COLOURS["uniform"], "size": 5, "opacity": 0.6}
    figure.add_scatter(x=queries, y=values, mode="markers", marker=marker, text=text, hovertemplate=hover, name="query")
    line = {"color": COLOURS["guided"], "width": 2.5, "shape": "hv"}
    figure.add_scatter(x=queries, y=best, mode="lines", line=line, name="best so far", hoverinfo="skip")
    figure.update_xaxes(title="query").update_yaxes(title=label(metric))
    return finish(figure, 340)


def _front(rows: Sequence[Mapping[str, Any]], maximise: bool, metric: str, side: str) -> go.Figure:
    sign = 1 if maximise else -1
    order = sorted(rows, key=lambda row: (row["side"][side], -sign * row["search_value"]))
    front, best = [], -np.inf
    for row in order:
        if sign * row["search_value"] > best:
            best = sign * row["search_value"]
            front.append(row)
    figure = go.Figure()
    hover = "%{text}<br>%{x:.5g}, %{y:.5g}<extra></extra>"
    for group, mode, colour, name in ((rows, "markers", "uniform", "query"), (front, "lines+markers", "guided", "front")):
        figure.add_scatter(
            x=[row["side"][side] for row in group], y=[row["search_value"] for row in group], mode=mode, name=name,
            text=[label(row["arch"]) for row in group], hovertemplate=hover, line={"color": COLOURS[colour], "shape": "hv"},
            marker={"color": COLOURS[colour], "size": 6},
        )  # fmt: skip
    figure.update_xaxes(title=label(side)).update_yaxes(title=label(metric))
    return finish(figure, 340)


def _card(place: int, row: Mapping[str, Any], metric: str) -> Card:
    facts = [(metric, format_value(row["search_value"])), ("query", format_value(row["query"]))]
    return Card(f"#{place} by {metric}", "", row["architecture"], row["arch"], facts, Markup(draw_svg(row["architecture"])))
