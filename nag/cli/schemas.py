"""What each command takes: one schema a command, which checks and types its options before anything else happens."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from nag.core.documents import Document
from nag.core.numbers import Count, Finite, Fraction, PositiveFraction, ProperFraction, Seed, Size, Text

__all__ = [
    "BenchmarkOptions",
    "CommandOptions",
    "EvaluateOptions",
    "ExportOptions",
    "FinetuneGeneratorOptions",
    "Group",
    "ImportBenchmarkOptions",
    "ImportTableOptions",
    "QuickstartOptions",
    "ReportOptions",
    "SampleOptions",
    "SearchOptions",
    "ShowOptions",
    "TrainGeneratorOptions",
    "TrainMetaPredictorOptions",
    "TrainPredictorOptions",
]

Group = Annotated[dict[str, Any], "chosen by name"]
"""A part that a folder of the configuration has several of, such as `strategy`; checked by what its `_target_` takes."""

PathText = Annotated[str, Field(strict=True, min_length=1, max_length=4096, description="a path")]


def _no_list(path: str) -> str:
    if (path[0], path[-1]) in {("[", "]"), ("{", "}")}:
        raise ValueError(f"It must be a path; a folder of this name is written ./{path}")
    return path


def _task_name(name: str) -> str:
    from nag.evaluation import check_task_name

    check_task_name(name)
    return name


def _space_name(name: str) -> str:
    from nag.spaces import check_space_name

    check_space_name(name)
    return name


OutPath = Annotated[PathText, AfterValidator(_no_list)]
TaskName = Annotated[PathText, AfterValidator(_task_name)]
SpaceName = Annotated[PathText, AfterValidator(_space_name)]
Architectures = Annotated[int, Field(strict=True, ge=1, le=10**7)]
Threads = Annotated[int, Field(strict=True, ge=1, le=1024)]


class CommandOptions(Document):
    """Options of every command."""

    seed: Seed
    out_dir: OutPath | None
    device: Literal["auto", "cpu", "cuda"]
    threads: Threads
    data_dir: PathText | None
    plugins: list[PathText]
    tracker: Group


class QuickstartOptions(CommandOptions):
    """Options of `nag quickstart`."""

    task: TaskName
    num_train: Annotated[Architectures, Field(ge=2)]
    num_samples: Architectures
    train_fraction: PositiveFraction
    generator: Group
    training: Group
    predictor: Group
    guidance: Group


class TrainGeneratorOptions(CommandOptions):
    """Options of `nag train-generator`."""

    search_space: SpaceName
    train_fraction: PositiveFraction
    num_architectures: Architectures
    metric_samples: Architectures
    devices: Annotated[int, Field(strict=True, ge=1, le=1024)]
    architectures: PathText | None
    conditions: dict[str, PathText | None]
    resume: bool
    overwrite: bool
    generator: Group
    training: Group


class TrainPredictorOptions(CommandOptions):
    """Options of `nag train-predictor`."""

    task: TaskName
    labels: PathText | None
    num_train: Annotated[Architectures, Field(ge=2)] | None
    metric: Text | None
    maximise: bool | None
    predictor: Group


class TrainMetaPredictorOptions(CommandOptions):
    """Options of `nag train-meta-predictor`."""

    tasks: list[TaskName]
    num_train: Annotated[Architectures, Field(ge=2)] | None
    predictor: Group
    episodes: Group


class ObjectiveOptions(Document):
    """What is to be good; see `parse_objective`."""

    maximise: Any
    minimise: Any
    limits: dict[str, Any] | None
    pareto: bool


class SampledObjectiveOptions(ObjectiveOptions):
    """What samples are to be good at, and how far they may go toward limits."""

    risk: ProperFraction
    boundary_fraction: Fraction


class SampleOptions(CommandOptions):
    """Options of `nag sample`."""

    generator: PathText
    predictor: PathText | None
    meta_predictor: PathText | None
    labels: PathText | None
    label_column: Text | None
    descriptor: dict[str, Finite] | None
    predictors: list[PathText]
    task: TaskName | None
    budget: Architectures | None
    search_space: SpaceName | None
    num_samples: Architectures
    compile: bool
    steps: Annotated[int, Field(strict=True, ge=1, le=10**6)] | None
    resume: bool
    guidance: Group
    objective: SampledObjectiveOptions


class EvaluateOptions(CommandOptions):
    """Options of `nag evaluate`."""

    architectures: PathText
    task: TaskName
    store: PathText | None
    retry_failed: bool
    probe: bool
    export: bool
    evaluator: Group
    executor: Group
    builder: Group


class SearchOptions(CommandOptions):
    """Options of `nag search`."""

    task: TaskName
    budget: Architectures
    batch: Count | None
    minimise: list[Text]
    maximise: list[Text]
    limits: dict[str, Any]
    objective: ObjectiveOptions
    proxies: list[Text]
    generator: PathText | None
    meta_predictor: PathText | None
    store: PathText | None
    retry_failed: bool
    probe: bool
    resume: bool
    overwrite: bool
    strategy: Group
    evaluator: Group
    executor: Group
    builder: Group


class ReportOptions(CommandOptions):
    """Options of `nag report`."""

    runs: list[PathText]
    title: Text


class ShowOptions(CommandOptions):
    """Options of `nag show`."""

    architecture: str
    search_space: SpaceName
    task: TaskName | None
    file: OutPath | None


class ExportOptions(CommandOptions):
    """Options of `nag export`."""

    architecture: str
    search_space: SpaceName | None
    task: TaskName | None
    weights: PathText | None
    channels: Annotated[int, Field(strict=True, ge=1, le=10**6)]
    height: Annotated[Size, Field(le=10**4)]
    width: Annotated[Size, Field(le=10**4)]
    classes: Annotated[int, Field(strict=True, ge=1, le=10**6)]
    builder: Group


class ImportTableOptions(CommandOptions):
    """Options of `nag import-table`."""

    csv: PathText
    search_space: SpaceName
    search_metric: Text
    report_metric: Text | None
    maximise: bool
    side_metrics: list[Text]
    arch_column: Text
    name: Text | None
    descriptor: dict[str, Finite] | None


class ImportBenchmarkOptions(CommandOptions):
    """Options of `nag import-benchmark`."""

    file: PathText
    partial: bool


class FinetuneGeneratorOptions(CommandOptions):
    """Options of `nag finetune-generator`."""

    generator: PathText
    predictor: PathText | None
    task: TaskName | None
    budget: Architectures
    metric_samples: Architectures
    resume: bool
    finetuning: Group


class BenchmarkOptions(CommandOptions):
    """Options of `nag benchmark`."""

    preset: Text
    seeds: Annotated[int, Field(strict=True, ge=1, le=1000)] | None
    only: list[Text]
    jobs: Annotated[int, Field(strict=True, ge=1, le=1024)]
    earlier: PathText | None
    suite: Group
