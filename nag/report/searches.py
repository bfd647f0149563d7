"""Section of the report on searches: the best so far by query, and the trade-off where there are several objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup

from nag.core.errors import DamagedFile, InvalidRequest
from nag.graphs import Architecture, draw_svg
from nag.report.figures import COLOURS, finish, label
from nag.report.runs import Run
from nag.report.sections import Card, Figure, Section
from nag.report.text import format_value
from nag.search.study.results import Query, goal_of_metrics, values_of
from nag.tasks import Goal, Objective
from nag.workflows.history import HistoryRow, read_history

__all__ = ["search_sections"]

_CARDS = 3


def search_sections(runs: Sequence[Run]) -> list[Section]:
    """One section a search."""
    return [_section(run) for run in runs if run.command == "search"]


def _section(run: Run) -> Section:
    goal = _goal(run)
    rows = [_shown(row, goal) for row in read_history(run.file("history.jsonl"))]
    metric = run.text("search_metric")
    known = [row for row in rows if row["search_value"] is not None]
    caption = "Each dot is a query; the line is the best so far" + (" that keeps the limits." if goal.limits else ".")
    shown = [Figure.of(_curve(known, goal), caption)] if known else []
    for side in goal.objectives[1:]:
        measured = [row for row in known if side.metric in row["side"]]
        if measured:
            caption = f"The {metric} against {side.metric}; dots joined by the line are dominated by no other."
            shown.append(Figure.of(_front(measured, goal, side), caption))
    cards = [_card(place, row, metric) for place, row in enumerate(_best_first(known, goal)[:_CARDS], 1)]
    lead = f"{run.text('strategy')} on {run.text('task')}, {run.text('protocol')}: {', '.join(_told(run, goal))}."
    return Section(f"What did the search {run.name} find?", lead, figures=shown, cards=cards)


def _goal(run: Run) -> Goal:
    try:
        return goal_of_metrics(run.metrics)
    except InvalidRequest as error:
        raise DamagedFile(f"'{run.path / 'metrics.json'}' is damaged: {error.what}", "Run the search again.") from error


def _told(run: Run, goal: Goal) -> list[str]:
    """Numbers of the search, in words; a number that there is not is told too."""
    report = run.text("report_metric")
    facts = (("queries", "queries"), ("best_report_metric", f"best {report}"), ("regret", "regret"))
    told = [f"{name} {format_value(value)}" for key, name in facts if (value := run.number(key)) is not None]
    if goal.limits:
        limits = ", ".join(f"{metric} {limit}" for metric, limit in goal.limits.items())
        told.append(f"{format_value(run.number('queries_feasible') or 0)} queries kept the limits ({limits})")
    if run.metrics.get("best_arch") is not None and run.number("best_report_metric") is None:
        told.append(f"{report} of the best was not measured")
    return told


def _shown(row: HistoryRow, goal: Goal) -> dict[str, Any]:
    """What the section shows of a query."""
    side = {name: value for name, value in row.side.items() if value is not None}
    query = Query({}, values_of(goal, row.search_value, side))
    return {
        "query": row.query,
        "arch": row.arch,
        "search_value": row.search_value,
        "side": side,
        "feasible": bool((goal.violation([query]) == 0).all()),
        "architecture": Architecture(tuple(row.ops), tuple((edge[0], edge[1]) for edge in row.edges)),
    }


def _best_first(rows: Sequence[Mapping[str, Any]], goal: Goal) -> list[Mapping[str, Any]]:
    """The feasible queries by the search metric."""
    sign = goal.objectives[0].sign
    return sorted((row for row in rows if row["feasible"]), key=lambda row: -sign * row["search_value"])


def _curve(rows: Sequence[Mapping[str, Any]], goal: Goal) -> go.Figure:
    figure = go.Figure()
    queries, values = [row["query"] for row in rows], [row["search_value"] for row in rows]
    text = [label(row["arch"]) for row in rows]
    hover = "%{text}<br>query %{x}: %{y:.5g}<extra></extra>"
    marker = {"color": COLOURS["uniform"], "size": 5, "opacity": 0.6}
    figure.add_scatter(x=queries, y=values, mode="markers", marker=marker, text=text, hovertemplate=hover, name="query")
    line = {"color": COLOURS["guided"], "width": 2.5, "shape": "hv"}
    feasible = [row for row in rows if row["feasible"]]
    best = (np.maximum if goal.objectives[0].maximise else np.minimum).accumulate([row["search_value"] for row in feasible])
    if feasible:
        x = [*(row["query"] for row in feasible), queries[-1]]
        figure.add_scatter(x=x, y=[*best, best[-1]], mode="lines", line=line, name="best so far", hoverinfo="skip")
    figure.update_xaxes(title="query").update_yaxes(title=label(goal.objectives[0].metric))
    return finish(figure, 340)


def _front(rows: Sequence[Mapping[str, Any]], goal: Goal, side: Objective) -> go.Figure:
    first = goal.objectives[0]
    order = sorted(
        (row for row in rows if row["feasible"]),
        key=lambda row: (-side.sign * row["side"][side.metric], -first.sign * row["search_value"]),
    )
    front, best = [], -np.inf
    for row in order:
        if first.sign * row["search_value"] > best:
            best = first.sign * row["search_value"]
            front.append(row)
    figure = go.Figure()
    hover = "%{text}<br>%{x:.5g}, %{y:.5g}<extra></extra>"
    shape = "hv" if not side.maximise else "vh"
    for group, mode, colour, name in ((rows, "markers", "uniform", "query"), (front, "lines+markers", "guided", "front")):
        figure.add_scatter(
            x=[row["side"][side.metric] for row in group], y=[row["search_value"] for row in group], mode=mode, name=name,
            text=[label(row["arch"]) for row in group], hovertemplate=hover, line={"color": COLOURS[colour], "shape": shape},
            marker={"color": COLOURS[colour], "size": 6},
        )  # fmt: skip
    figure.update_xaxes(title=label(side.metric)).update_yaxes(title=label(first.metric))
    return finish(figure, 340)


def _card(place: int, row: Mapping[str, Any], metric: str) -> Card:
    facts = [(metric, format_value(row["search_value"])), ("query", format_value(row["query"]))]
    return Card(f"#{place} by {metric}", "", row["architecture"], row["arch"], facts, Markup(draw_svg(row["architecture"])))
