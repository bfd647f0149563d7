"""The report's interactive figures; what a figure shows is named in HTML beside it, so figures carry no titles.

Text from files stands in figures only after `label`, since plotly takes text for a kind of HTML.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from nag.report.rows import Curve, HeldOut, SampleRow
from nag.tasks import Metric

__all__ = [
    "COLOURS",
    "DASHES",
    "INK",
    "SERIES",
    "Group",
    "MetricSet",
    "distributions",
    "finish",
    "label",
    "learning_curves",
    "predicted_and_true",
    "predictor_scatter",
    "reference_bars",
    "top_shares",
]

# Okabe and Ito (2008): distinct under the common colour-vision deficiencies.
COLOURS = {
    "guided": "#0072b2",
    "unguided": "#d55e00",
    "uniform": "#767676",
    "evaluate": "#cc79a7",
    "train-generator": "#009e73",
}
_OTHER = "#56b4e9"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours of lines that are compared."""

INK, _GRID = "#24292f", "#e6e8eb"  # the page gives both other values in dark mode
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_POINTS_SHOWN = 400
_LETTERS_SHOWN = 120  # of an architecture
_MOST_DOTS = 1000
_LEAST_SHARE = 0.01
_SHARES = {
    "validity_raw": "valid",
    "uniqueness": "distinct",
    "functional_uniqueness": "functionally distinct",
    "novelty": "novel",
}
_DISTANCES = {"tv_ops": "operations", "tv_edges": "edges"}


@dataclass(frozen=True)
class Group:
    """Architectures that a figure shows together.

    Args:
        name: In the legend.
        role: Decides the colour.
        rows: The architectures.
    """

    name: str
    role: str
    rows: Sequence[SampleRow]

    @property
    def colour(self) -> str:
        """One colour a role, in all figures."""
        return COLOURS.get(self.role, _OTHER)


@dataclass(frozen=True)
class MetricSet:
    """Sample metrics of a run, each with its `<name>_reference` where known."""

    name: str
    role: str
    values: Mapping[str, float]


def label(text: str) -> str:
    """Text as plotly shows it literally."""
    return html.escape(text, quote=False)


def learning_curves(curves: Sequence[Curve]) -> go.Figure:
    """Training loss by step, as logged and smoothed."""
    figure = go.Figure()
    for i, curve in enumerate(curves):
        colour = [COLOURS["train-generator"], *list(COLOURS.values())[:4]][i % 5]
        steps, losses, name = np.array(curve.steps), np.array(curve.losses), label(curve.name)
        raw = {"color": colour, "width": 1}
        figure.add_scatter(x=steps, y=losses, mode="lines", line=raw, opacity=0.3, showlegend=False, hoverinfo="skip")
        line = {"color": colour, "width": 2.5}
        figure.add_scatter(x=steps, y=_smooth(losses), mode="lines", line=line, name=name, legendgroup=name)
    figure.update_xaxes(title="training step").update_yaxes(title="loss")
    return finish(figure, 340, legend=len(curves) > 1)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Centred running mean over a twentieth of the curve."""
    width = max(1, len(values) // 20)
    kernel = np.ones(width)
    return np.convolve(values, kernel, "same") / np.convolve(np.ones(len(values)), kernel, "same")


def predictor_scatter(held_out: HeldOut, metric: str) -> go.Figure:
    """Predicted against true values of held-out architectures, evenly chosen if many, with the line of perfect predictions."""
    figure = go.Figure()
    shown = slice(None, None, -(-len(held_out.true) // _MOST_DOTS) or 1)
    predicted, true = np.array(held_out.predicted[shown]), np.array(held_out.true[shown])
    text = [
        f"{label(arch[:_LETTERS_SHOWN])}<br>predicted ± {std:.4g}"
        for arch, std in zip(held_out.archs[shown], held_out.std[shown], strict=True)
    ]
    marker = {"color": COLOURS["guided"], "size": 5, "opacity": 0.45}
    hover = "%{text}<br>true %{x:.4g}, predicted %{y:.4g}<extra></extra>"
    figure.add_scatter(x=true, y=predicted, mode="markers", marker=marker, text=text, hovertemplate=hover, name="architectures")
    if len(true):
        ends = [float(min(predicted.min(), true.min())), float(max(predicted.max(), true.max()))]
        line = {"color": INK, "width": 1.2, "dash": "dash"}
        figure.add_scatter(x=ends, y=ends, mode="lines", line=line, hoverinfo="skip", name="perfect prediction")
    figure.update_xaxes(title=f"true {label(metric)}").update_yaxes(title=f"predicted {label(metric)}")
    return finish(figure, 400)


def distributions(groups: Sequence[Group], metric: str, optimum: float | None = None, maximise: bool = True) -> go.Figure:
    """True values of each group as strips with quartiles, and the best value of the table as a line.

    A long tail on the bad side is left to zooming out.
    """
    figure = go.Figure()
    for group in reversed(groups):
        known = [(row.report_value, row.arch) for row in group.rows if row.report_value is not None]
        _add_strip(figure, label(group.name), [value for value, _ in known], [arch for _, arch in known], group.colour)
    if optimum is not None:
        note = {"text": "best in the table", "font": {"size": 11}}
        figure.add_vline(
            x=optimum, line={"color": INK, "dash": "dot", "width": 1.5}, annotation=note, annotation_position="top left"
        )
    values = [row.report_value for group in groups for row in group.rows if row.report_value is not None]
    if optimum is not None:
        values.append(optimum)
    figure.update_xaxes(title=f"true {label(metric)}", range=_without_tail(np.array(values), maximise))
    return finish(figure, 130 + 90 * len(groups), legend=False)


def _without_tail(values: np.ndarray, maximise: bool) -> list[float] | None:
    """An axis that ends at the worst fortieth, if what is worse would take up half of it or more; None for all."""
    if not len(values):
        return None
    metric = Metric("value", maximise)
    good = metric.utility(values)
    least, best = float(np.quantile(good, 0.025)), float(good.max())
    if best - least <= 0 or good.min() > least - (best - least):
        return None
    ends = [least - 0.04 * (best - least), best + 0.08 * (best - least)]
    return sorted(metric.utility(end) for end in ends)


def predicted_and_true(groups: Sequence[Group], metric: str) -> go.Figure:
    """The search metric of each group, as the predictor sees it and as measured."""
    figure = go.Figure()
    for group in reversed(groups):
        for kind, fade in (("search_value", 1.0), ("predicted_mean", 0.45)):
            known = [(getattr(row, kind), row.arch) for row in group.rows if getattr(row, kind) is not None]
            name = f"{label(group.name)}<br>{'predicted' if kind == 'predicted_mean' else 'true'}"
            _add_strip(figure, name, [v for v, _ in known], [arch for _, arch in known], group.colour, fade)
    figure.update_xaxes(title=f"{label(metric)}")
    return finish(figure, 110 + 150 * len(groups), legend=False)


def _add_strip(
    figure: go.Figure, name: str, values: Sequence[float], archs: Sequence[str], colour: str, fade: float = 1.0
) -> None:
    """Each value as a dot, beside a bar over the middle half with the median."""
    if not values:
        return
    row, x = len(figure.layout.yaxis.ticktext or ()), np.array(values)
    low, middle, high = np.quantile(x, [0.25, 0.5, 0.75])
    figure.update_yaxes(tickvals=list(range(row + 1)), ticktext=[*(figure.layout.yaxis.ticktext or ()), name])
    shown = np.linspace(0, len(x) - 1, min(len(x), _POINTS_SHOWN)).round().astype(int)
    spread = row - 0.28 + 0.26 * (np.arange(len(shown)) * 0.618034 % 1)
    text = [label(archs[i][:_LETTERS_SHOWN]) for i in shown]
    figure.add_scatter(
        x=x[shown], y=spread, mode="markers", marker={"color": colour, "size": 5, "opacity": 0.55 * fade}, name=name,
        text=text, hovertemplate="%{text}<br>%{x:.4g}<extra></extra>",
    )  # fmt: skip
    bar = {"color": colour, "width": 12}
    figure.add_scatter(x=[low, high], y=[row + 0.16] * 2, mode="lines", line=bar, opacity=0.75 * fade, hoverinfo="skip")
    mark = {"symbol": "line-ns", "size": 18, "line": {"color": INK, "width": 3}}
    hover = f"median of {name}: %{{x:.4g}}<extra></extra>"
    figure.add_scatter(x=[middle], y=[row + 0.16], mode="markers", marker=mark, hovertemplate=hover)


def top_shares(groups: Sequence[Group]) -> go.Figure:
    """Which share of each group belongs to the best x percent of the table, beside what uniform draws give on average."""
    figure = go.Figure()
    seen: dict[str, int] = {}
    for group in groups:
        tops = np.sort([max(100 - row.percentile, _LEAST_SHARE) for row in group.rows if row.percentile is not None])
        if not len(tops):
            continue
        x = np.concatenate([[_LEAST_SHARE], tops, [100.0]])
        y = np.concatenate([[0.0], 100 * np.arange(1, len(tops) + 1) / len(tops), [100.0]])
        dash = DASHES[seen.get(group.role, 0) % len(DASHES)]
        seen[group.role] = seen.get(group.role, 0) + 1
        line = {"color": group.colour, "width": 2.5, "shape": "hv", "dash": dash}
        hover = "%{y:.0f} % are among the best %{x:.3g} %"
        figure.add_scatter(x=x, y=y, mode="lines", line=line, name=label(group.name), hovertemplate=hover)
    x = np.geomspace(_LEAST_SHARE, 100, 60)
    line = {"color": INK, "width": 1.2, "dash": "dash"}
    figure.add_scatter(x=x, y=x, mode="lines", line=line, name="expected of uniform draws", hoverinfo="skip")
    figure.update_xaxes(title="best x % of the table", type="log", tickvals=[0.01, 0.1, 1, 10, 50, 100], ticksuffix=" %")
    figure.update_yaxes(title="share of the samples", range=[0, 103], ticksuffix=" %")
    return finish(figure, 400)


def reference_bars(sets: Sequence[MetricSet]) -> go.Figure:
    """Sample metrics as bars, each with the value that as many uniform draws would give as a mark."""
    figure = make_subplots(cols=2, column_widths=[0.64, 0.36], horizontal_spacing=0.13)
    seen: dict[str, int] = {}
    for i, metric_set in enumerate(sets):
        colour = COLOURS.get(metric_set.role, _OTHER)
        opacity = 1.0 if seen.setdefault(metric_set.role, i) == i else 0.55
        for column, names in enumerate((_SHARES, _DISTANCES), start=1):
            places = {name: row + (i + 0.5) / len(sets) * 0.8 - 0.4 for row, name in enumerate(names)}
            for suffix in ("", "_reference"):
                known = [name for name in names if metric_set.values.get(name + suffix) is not None]
                x = [metric_set.values[name + suffix] for name in known]
                y = [places[name] for name in known]
                if suffix:
                    _add_marks(figure, x, y, column, i == 0 and column == 1)
                else:
                    style = {"color": colour, "opacity": opacity}
                    figure.add_bar(
                        x=x, y=y, width=0.72 / len(sets), orientation="h", marker=style, name=label(metric_set.name),
                        legendgroup=str(i), showlegend=column == 1, hovertemplate="%{x:.4g}", row=1, col=column,
                    )  # fmt: skip
    for column, names in enumerate((_SHARES, _DISTANCES), start=1):
        ticks = {"tickvals": list(range(len(names))), "ticktext": list(names.values()), "range": [len(names) - 0.5, -0.5]}
        figure.update_yaxes(row=1, col=column, showgrid=False, **ticks)
    figure.update_xaxes(title="share of the samples", range=[0, 1.03], tickformat=".0%", row=1, col=1)
    figure.update_xaxes(title="distance to the space", rangemode="tozero", nticks=5, row=1, col=2)
    figure.update_layout(barmode="overlay")
    return finish(figure, 170 + 40 * max(3, 2 * len(sets)))


def _add_marks(figure: go.Figure, x: list[float], y: list[float], column: int, in_legend: bool) -> None:
    marker = {"symbol": "line-ns", "size": 15, "line": {"color": INK, "width": 3}}
    figure.add_scatter(
        x=x, y=y, mode="markers", marker=marker, name="uniform draws", legendgroup="reference", showlegend=in_legend,
        hovertemplate="uniform draws: %{x:.4g}<extra></extra>", row=1, col=column,
    )  # fmt: skip


def finish(figure: go.Figure, height: int, legend: bool = True) -> go.Figure:
    """The common look."""
    figure.update_xaxes(gridcolor=_GRID, zeroline=False, linecolor=_GRID, automargin=True)
    figure.update_yaxes(gridcolor=_GRID, zeroline=False, linecolor=_GRID, automargin=True)
    return figure.update_layout(
        template="none", height=height, margin={"l": 10, "r": 16, "t": 36, "b": 10}, showlegend=legend,
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}, hoverlabel={"align": "left"},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#8c959f", "activecolor": INK},
    )  # fmt: skip
