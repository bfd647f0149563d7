"""What run folders list line by line, checked and made values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nag.core.documents import read_json_lines
from nag.errors import DamagedFile
from nag.graphs import Architecture
from nag.workflows.report.runs import Run

__all__ = ["Curve", "HeldOut", "SampleRow", "read_curve", "read_held_out", "read_samples", "read_uniform"]


@dataclass(frozen=True)
class _Line:
    """One JSON object of a file, and where it stands."""

    values: Mapping[str, Any]
    path: Path
    number: int

    def get(self, key: str) -> float | None:
        """A finite number; None if it is absent, null or not finite."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DamagedFile(f"line {self.number} of '{self.path}' is damaged", f"'{key}' is not a number.")
        return float(value) if math.isfinite(value) else None

    def need(self, key: str) -> float:
        """A finite number that must be there."""
        value = self.get(key)
        if value is None:
            raise DamagedFile(f"line {self.number} of '{self.path}' is damaged", f"It has no number '{key}'.")
        return value

    def text(self, key: str) -> str | None:
        """A value as text; None if it is absent or null."""
        value = self.values.get(key)
        return None if value is None else str(value)


def _lines(path: Path) -> list[_Line]:
    return [_Line(values, path, number) for number, values in enumerate(read_json_lines(path), start=1)]


@dataclass(frozen=True)
class Curve:
    """A training loss by step."""

    name: str
    steps: list[int]
    losses: list[float]


@dataclass(frozen=True)
class HeldOut:
    """Predictions of architectures that the predictor never saw."""

    name: str
    archs: list[str]
    predicted: list[float]
    std: list[float]
    true: list[float]


@dataclass(frozen=True)
class SampleRow:
    """One architecture of a run; what the run's files do not say is None.

    Args:
        arch: Native string.
        architecture: The graph, from `ops` and `edges`.
        canonical_hash: Of its function.
        predicted_mean: Predicted search metric.
        predicted_std: Standard deviation of the prediction.
        search_value: Measured search metric.
        report_value: Measured report metric.
        percentile: Of the report value in the table, 100 is best.
    """

    arch: str
    architecture: Architecture | None = None
    canonical_hash: str | None = None
    predicted_mean: float | None = None
    predicted_std: float | None = None
    search_value: float | None = None
    report_value: float | None = None
    percentile: float | None = None


def read_curve(run: Run) -> Curve | None:
    """The loss in `log.jsonl`, the later line of a step counting; None if the run logged none."""
    path = run.path / "log.jsonl"
    losses: dict[int, float] = {}
    for line in _lines(path) if path.is_file() else []:
        metrics = line.values.get("metrics")
        if line.values.get("event") == "log" and isinstance(metrics, dict):
            loss = _Line(metrics, path, line.number).get("train/loss")
            if loss is not None:
                losses[int(line.need("step"))] = loss
    return Curve(run.name, sorted(losses), [losses[step] for step in sorted(losses)]) if losses else None


def read_held_out(run: Run) -> HeldOut:
    """The rows of `predictions.jsonl`."""
    lines = _lines(run.path / "predictions.jsonl")
    return HeldOut(
        name=run.name,
        archs=[line.text("arch") or "" for line in lines],
        predicted=[line.need("predicted") for line in lines],
        std=[line.get("std") or 0.0 for line in lines],
        true=[line.need("true") for line in lines],
    )


def read_samples(run: Run) -> list[SampleRow]:
    """The rows of `architectures.jsonl` (of `evaluate`: `evaluations.jsonl`), with what was measured if there is a task."""
    path = run.path / "evaluations.jsonl"
    if run.command == "evaluate":
        return [_measured(SampleRow(""), line) for line in _lines(path)]
    samples = [_generated(line) for line in _lines(run.path / "architectures.jsonl")]
    if not run.text("task") and not path.is_file():
        return samples
    lines = _lines(path)
    if [line.text("arch") or "" for line in lines] != [sample.arch for sample in samples]:
        raise DamagedFile(f"'{path}' does not list the architectures of 'architectures.jsonl'", "Run the stage again.")
    return [_measured(sample, line) for sample, line in zip(samples, lines, strict=True)]


def read_uniform(run: Run) -> list[SampleRow]:
    """The uniform draws in `uniform.jsonl`; none if the run has no task."""
    path = run.path / "uniform.jsonl"
    if not run.text("task") and not path.is_file():
        return []
    return [_measured(SampleRow(""), line) for line in _lines(path)]


def _generated(line: _Line) -> SampleRow:
    try:
        ops = tuple(str(op) for op in line.values["ops"])
        architecture = Architecture(ops, tuple((int(u), int(v)) for u, v in line.values["edges"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFile(f"line {line.number} of '{line.path}' holds no architecture", str(error)) from error
    return SampleRow(
        arch=line.text("arch") or "",
        architecture=architecture,
        canonical_hash=line.text("canonical_hash"),
        predicted_mean=line.get("predicted_mean"),
        predicted_std=line.get("predicted_std"),
    )


def _measured(sample: SampleRow, line: _Line) -> SampleRow:
    return replace(
        sample,
        arch=line.text("arch") or "",
        canonical_hash=line.text("canonical_hash") or sample.canonical_hash,
        search_value=line.get("search_value"),
        report_value=line.get("report_value"),
        percentile=line.get("percentile"),
    )
