"""Section of the report on networks that were trained: accuracy by epoch, and what the trainings cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import plotly.graph_objects as go
from pydantic import ConfigDict, Field

from nag.core.documents import Document, check, read_json_lines, shortened
from nag.core.numbers import Finite, NonNegative
from nag.report.figures import COLOURS, finish, label
from nag.report.runs import Run
from nag.report.sections import Figure, Section, name_of
from nag.report.text import format_value

__all__ = ["training_sections"]

_SHOWN = 40


@dataclass(frozen=True)
class _Training:
    """Validation accuracy of one network by epoch, and its test accuracy."""

    arch: str
    epochs: list[float]
    accuracies: list[float]
    final: float


def training_sections(runs: Sequence[Run]) -> list[Section]:
    """One section a run that trained networks."""
    found = [(run, _read(run.file("evaluations.jsonl"))) for run in runs if run.command == "evaluate"]
    return [_section(run, runs, trainings) for run, trainings in found if trainings]


class _Point(Document):
    """One epoch."""

    model_config = ConfigDict(extra="allow")

    epoch: NonNegative
    validation_accuracy: Finite


class _Row(Document):
    """A network that was trained."""

    model_config = ConfigDict(extra="allow")

    arch: str
    report_value: Finite
    curve: Annotated[list[_Point], Field(max_length=100_000)]


def _read(path: Path) -> list[_Training]:
    """The trainings that a file lists, the best last."""
    found = []
    for number, row in enumerate(read_json_lines(path) if path.is_file() else [], start=1):
        if not row.get("curve") or row.get("report_value") is None:
            continue
        read = check(_Row, row, f"line {number} of '{shortened(str(path))}'")
        accuracies = [point.validation_accuracy for point in read.curve]
        found.append(_Training(read.arch, [point.epoch for point in read.curve], accuracies, read.report_value))
    return sorted(found, key=lambda training: training.final)


def _section(run: Run, runs: Sequence[Run], trainings: Sequence[_Training]) -> Section:
    seconds, epochs = run.number("evaluation_cpu_seconds"), run.number("epochs")
    cost = f" {format_value(epochs)} epochs in {format_value(seconds)} CPU-seconds." if seconds and epochs else ""
    shown = trainings[-_SHOWN:]
    rest = f" The best {len(shown)} of {len(trainings)}." if len(shown) < len(trainings) else ""
    caption = f"Validation accuracy by epoch; the best on the test set is bold.{rest}"
    return Section(
        heading=f"How did the {name_of(run, runs)} networks learn?",
        lead=f"{len(trainings)} networks were trained on {run.text('task')}.{cost}",
        figures=[Figure.of(_figure(shown), caption)],
    )


def _figure(trainings: Sequence[_Training]) -> go.Figure:
    figure = go.Figure()
    for training in trainings:
        best = training is trainings[-1]
        line = {"color": COLOURS["guided" if best else "uniform"], "width": 3 if best else 1}
        hover = f"{label(training.arch)}<br>epoch %{{x}}: %{{y:.2f}} %<br>test {training.final:.2f} %<extra></extra>"
        name = "best on the test set" if best else "others"
        figure.add_scatter(
            x=training.epochs, y=training.accuracies, mode="lines", line=line, opacity=1.0 if best else 0.5,
            hovertemplate=hover, name=name, showlegend=best,
        )  # fmt: skip
    figure.update_xaxes(title="epoch").update_yaxes(title="validation accuracy, percent")
    return finish(figure, 360, legend=True)
