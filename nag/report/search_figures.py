"""Figures of searches: the best by query and by cost, the rank in the table, fronts, and the importance of choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import plotly.graph_objects as go

from nag.report.figures import COLOURS, DASHES, INK, SERIES, finish, label
from nag.report.histories import Search, SearchQuery
from nag.report.importance import Choice
from nag.tasks import Metric

__all__ = ["choices_figure", "front_figure", "progress_figure", "rank_figure"]

_MOST_POINTS = 250  # dots of one kind in a figure
_LONGEST = 60  # characters of an architecture in a label
_INFEASIBLE = "#b35900"


def progress_figure(searches: Sequence[Search], by_cost: bool = False) -> go.Figure:
    """The best feasible value so far of each search; dots are queries, crosses those that break a limit."""
    figure = go.Figure()
    place: Callable[[SearchQuery], float] = (lambda query: query.cost) if by_cost else (lambda query: query.row.query)
    for index, search in enumerate(searches):
        colour = SERIES[index % len(SERIES)]
        for feasible in (True, False):
            group = _thinned([query for query in search.measured if query.feasible is feasible], len(searches))
            _add_queries(
                figure, group, place, colour if len(searches) > 1 else COLOURS["uniform"], feasible, len(searches) == 1
            )
        steps = search.improvements
        if steps:
            x = [*map(place, steps), place(search.queries[-1])]
            y = [_short(query.value) for query in (*steps, steps[-1])]
            name = label(search.name) if len(searches) > 1 else "best so far"
            line = {"color": colour, "width": 3, "shape": "hv", "dash": DASHES[index // len(SERIES) % len(DASHES)]}
            figure.add_scatter(x=x, y=y, mode="lines", line=line, name=name, hovertemplate=f"{name}: %{{y:.6g}}<extra></extra>")
    figure.update_xaxes(title="seconds of measuring" if by_cost else "query", rangemode="tozero")
    figure.update_yaxes(title=label(searches[0].metric), range=_window(searches))
    return finish(figure, 420)


def _add_queries(
    figure: go.Figure,
    group: Sequence[SearchQuery],
    place: Callable[[SearchQuery], float],
    colour: str,
    feasible: bool,
    in_legend: bool,
) -> None:
    if not group:
        return
    marker = {"color": colour if feasible else _INFEASIBLE, "size": 6, "opacity": 0.45, "symbol": "circle" if feasible else "x"}
    figure.add_scatter(
        x=[_short(place(query)) for query in group], y=[_short(query.value) for query in group], mode="markers", marker=marker,
        text=[label(query.row.arch[:_LONGEST]) for query in group], showlegend=in_legend,
        name="query" if feasible else "breaks a limit", hovertemplate="%{text}<br>%{x}: %{y:.6g}<extra></extra>",
    )  # fmt: skip


def _window(searches: Sequence[Search]) -> list[float] | None:
    """The axis from the worst tenth of the queries to the best: a few failures do not flatten the rest. None for all."""
    values = np.array([search.utility(query.value) for search in searches for query in search.measured])
    if len(values) < 10:
        return None
    low, high = float(np.quantile(values, 0.1)), float(values.max())
    if high <= low or float(values.min()) > low - (high - low):
        return None
    ends = [low - 0.1 * (high - low), high + 0.06 * (high - low)]
    return sorted(searches[0].utility(end) for end in ends)


def rank_figure(searches: Sequence[Search]) -> go.Figure | None:
    """Share of the task's table that is better than the best found so far; None where no table is known.

    The reference is the expectation of the best of as many uniform draws, 100 / (n + 1) percent.
    """
    figure = go.Figure()
    for index, search in enumerate(searches):
        known = [query for query in search.improvements if query.row.percentile is not None]
        if not known:
            continue
        x = [*(query.row.query for query in known), search.queries[-1].row.query]
        better = [max(100 - float(query.row.percentile or 0.0), 0.001) for query in (*known, known[-1])]
        line = {"color": SERIES[index % len(SERIES)], "width": 3, "shape": "hv"}
        hover = "query %{x}: %{y:.3g} % of the table are better<extra></extra>"
        figure.add_scatter(x=x, y=better, mode="lines", line=line, name=label(search.name), hovertemplate=hover)
    if not figure.data:
        return None
    most = max(search.queries[-1].row.query for search in searches if search.queries)
    draws = np.unique(np.geomspace(1, most, 60).round())
    line = {"color": INK, "width": 1.5, "dash": "dash"}
    figure.add_scatter(x=draws, y=100 / (draws + 1), mode="lines", line=line, name="uniform draws, expected", hoverinfo="skip")
    figure.update_xaxes(title="query", rangemode="tozero")
    figure.update_yaxes(title="better in the table, %", type="log", tickvals=[100, 50, 20, 10, 5, 2, 1, 0.5, 0.1, 0.01])
    return finish(figure, 360)


def front_figure(search: Search, side: Metric | str, searches: int = 1) -> go.Figure:
    """The search metric against another one; with an objective, the queries that no other dominates are joined."""
    name = side if isinstance(side, str) else side.name
    known = [query for query in search.measured if name in query.side]
    figure = go.Figure()
    for feasible in (True, False):
        group = _thinned([query for query in known if query.feasible is feasible], searches)
        _add_side(figure, group, name, feasible)
    if not isinstance(side, str):
        front = _undominated(search, [query for query in known if query.feasible], side)
        x, y = [query.side[name] for query in front], [query.value for query in front]
        line = {"color": COLOURS["guided"], "shape": "vh" if side.maximise else "hv", "width": 2.5}
        figure.add_scatter(x=x, y=y, mode="lines+markers", line=line, marker={"size": 7}, name="front", hoverinfo="skip")
    figure.update_xaxes(title=label(name)).update_yaxes(title=label(search.metric))
    return finish(figure, 360)


def _add_side(figure: go.Figure, group: Sequence[SearchQuery], name: str, feasible: bool) -> None:
    if not group:
        return
    colour = COLOURS["uniform"] if feasible else _INFEASIBLE
    figure.add_scatter(
        x=[_short(query.side[name]) for query in group], y=[_short(query.value) for query in group], mode="markers",
        marker={"color": colour, "size": 6, "opacity": 0.55, "symbol": "circle" if feasible else "x"},
        name="query" if feasible else "breaks a limit", text=[label(query.row.arch[:_LONGEST]) for query in group],
        hovertemplate="%{text}<br>%{x:.6g}, %{y:.6g}<extra></extra>",
    )  # fmt: skip


def _undominated(search: Search, queries: Sequence[SearchQuery], side: Metric) -> list[SearchQuery]:
    front: list[SearchQuery] = []
    for query in sorted(queries, key=lambda q: (-side.utility(q.side[side.name]), -search.utility(q.value))):
        if not front or search.utility(query.value - front[-1].value) > 0:
            front.append(query)
    return front


def choices_figure(choices: Sequence[Choice], metric: str) -> go.Figure:
    """Mean of the search metric by operation and position, against the mean of all queries."""
    figure = go.Figure()
    most = max(abs(choice.effect) for choice in choices) or 1.0
    sizes = [8 + 16 * min(1.0, (choice.count / max(c.count for c in choices)) ** 0.5) for choice in choices]
    marker = {
        "symbol": "square", "size": sizes, "color": [_short(choice.effect) for choice in choices], "cmin": -most, "cmax": most,
        "colorscale": [[0.0, "#d55e00"], [0.5, "#b0b5bb"], [1.0, "#0072b2"]], "showscale": True,
        "colorbar": {"title": {"text": "effect"}, "thickness": 12, "len": 0.9},
    }  # fmt: skip
    hover = "%{y} at %{x}<br>%{marker.color:+.4g} against the mean<br>%{text} queries<extra></extra>"
    figure.add_scatter(
        x=[f"node {choice.position}" for choice in choices], y=[label(choice.operation[:40]) for choice in choices],
        mode="markers", marker=marker, text=[str(choice.count) for choice in choices], hovertemplate=hover, name=label(metric),
    )  # fmt: skip
    figure.update_xaxes(type="category", title="position").update_yaxes(type="category")
    return finish(figure, 150 + 34 * len({choice.operation for choice in choices}), legend=False)


def _thinned(queries: Sequence[SearchQuery], searches: int = 1) -> list[SearchQuery]:
    """Evenly spaced queries, so that a page of any number of searches stays small."""
    step = -(-len(queries) * searches // _MOST_POINTS) or 1
    return list(queries[::step])


def _short(value: float) -> float:
    """A number with seven digits, which no eye can tell from all of them."""
    return float(f"{value:.7g}")
