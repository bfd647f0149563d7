"""What run folders list line by line, checked and made values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field

from nag.core.documents import Document, check, read_json_lines, shortened
from nag.core.errors import DamagedFile, NagError
from nag.core.numbers import Finite, NonNegative, Size
from nag.graphs import Architecture
from nag.report.runs import Run

__all__ = ["Curve", "HeldOut", "SampleRow", "read_curve", "read_held_out", "read_samples", "read_uniform"]


_Words = Annotated[str, Field(max_length=200_000)]
_Edge = Annotated[list[Size], Field(min_length=2, max_length=2)]
_Percent = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=100)]
_Row = TypeVar("_Row", bound="_Line")


class _Line(Document):
    """A line of a file, as far as a report depends on it."""

    model_config = ConfigDict(extra="allow")


class _Loss(_Line):
    loss: Finite | None = Field(default=None, alias="train/loss")


class _Event(_Line):
    event: Annotated[str, Field(max_length=100)]


class _Logged(_Line):
    step: Size
    metrics: _Loss


class _Generated(_Line):
    arch: _Words
    ops: Annotated[list[_Words], Field(max_length=100_000)]
    edges: Annotated[list[_Edge], Field(max_length=1_000_000)]
    canonical_hash: _Words | None = None
    predicted_mean: Finite | None = None
    predicted_std: NonNegative | None = None


class _Measured(_Line):
    arch: _Words
    canonical_hash: _Words | None = None
    search_value: Finite | None = None
    report_value: Finite | None = None
    percentile: _Percent | None = None


class _Predicted(_Line):
    arch: _Words | None = None
    predicted: Finite
    std: NonNegative | None = None
    true: Finite


def _lines(path: Path, schema: type[_Row]) -> list[_Row]:
    where = f"'{shortened(str(path))}'"
    return [check(schema, row, f"line {i} of {where}") for i, row in enumerate(read_json_lines(path), start=1)]


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
    """The loss in `log.jsonl`, the later line of a step counting; None if the run logged none.

    The file is continued by each command in the folder; what counts is the last run that has ended, from where its
    configuration was first started with.
    """
    path = run.file("log.jsonl")
    where = f"'{shortened(str(path))}'"
    config: Any = None
    losses: dict[int, float] = {}
    ended: dict[int, float] = {}
    for number, row in enumerate(read_json_lines(path) if path.is_file() else [], start=1):
        line = f"line {number} of {where}"
        event = check(_Event, row, line).event
        if event == "start" and config != (config := _lasting(row.get("config"))):
            losses = {}
        elif event == "log" and isinstance(row.get("metrics"), dict) and "train/loss" in row["metrics"]:
            logged = check(_Logged, row, line)
            if logged.metrics.loss is not None:
                losses[logged.step] = logged.metrics.loss
        elif event == "summary":
            ended = dict(losses)
    losses = ended or losses
    return Curve(run.name, sorted(losses), [losses[step] for step in sorted(losses)]) if losses else None


def _lasting(config: Any) -> Any:
    """A configuration without what a resumed run may give another value."""
    training = {"max_steps", "max_seconds"}
    if not isinstance(config, dict):
        return config
    kept = {key: value for key, value in config.items() if key not in {"resume", "overwrite", "tracker", "threads", "devices"}}
    if isinstance(kept.get("training"), dict):
        kept["training"] = {key: value for key, value in kept["training"].items() if key not in training}
    return kept


def read_held_out(run: Run) -> HeldOut:
    """The rows of `predictions.jsonl`."""
    lines = _lines(run.file("predictions.jsonl"), _Predicted)
    return HeldOut(
        name=run.name,
        archs=[line.arch or "" for line in lines],
        predicted=[line.predicted for line in lines],
        std=[line.std or 0.0 for line in lines],
        true=[line.true for line in lines],
    )


def read_samples(run: Run) -> list[SampleRow]:
    """The rows of `architectures.jsonl` (of `evaluate`: `evaluations.jsonl`), with what was measured if there is a task."""
    path = run.file("evaluations.jsonl")
    if run.command == "evaluate":
        return [_measured(SampleRow(""), line) for line in _lines(path, _Measured)]
    listed = run.file("architectures.jsonl")
    samples = [_generated(line, number, listed) for number, line in enumerate(_lines(listed, _Generated), start=1)]
    if not run.text("task") and not path.is_file():
        return samples
    lines = _lines(path, _Measured)
    if [line.arch for line in lines] != [sample.arch for sample in samples]:
        raise DamagedFile(f"'{path}' does not list the architectures of 'architectures.jsonl'", "Run the stage again.")
    return [_measured(sample, line) for sample, line in zip(samples, lines, strict=True)]


def read_uniform(run: Run) -> list[SampleRow]:
    """The uniform draws in `uniform.jsonl`; none if the run has no task."""
    path = run.file("uniform.jsonl")
    if not run.text("task") and not path.is_file():
        return []
    return [_measured(SampleRow(""), line) for line in _lines(path, _Measured)]


def _generated(line: _Generated, number: int, path: Path) -> SampleRow:
    try:
        architecture = Architecture(tuple(line.ops), tuple((edge[0], edge[1]) for edge in line.edges))
    except NagError as error:
        raise DamagedFile(f"line {number} of '{shortened(str(path))}' holds no architecture", str(error)) from error
    return SampleRow(line.arch, architecture, line.canonical_hash, line.predicted_mean, line.predicted_std)


def _measured(sample: SampleRow, line: _Measured) -> SampleRow:
    return replace(
        sample,
        arch=line.arch,
        canonical_hash=line.canonical_hash or sample.canonical_hash,
        search_value=line.search_value,
        report_value=line.report_value,
        percentile=line.percentile,
    )
