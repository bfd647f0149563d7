"""What each command takes: one schema a command, which checks and types its options before anything else happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from nag.cli.inputs import Input, check_conditions, check_listed, check_metrics, check_native, check_same_space
from nag.core.checkpoint_header import read_header
from nag.core.documents import Document
from nag.core.errors import InvalidRequest
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


def _local(path: str) -> str:
    if "://" in path:
        raise ValueError("It must be a path on this machine")
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


def _store(address: str) -> str:
    from nag.execution.addresses import check_store_address

    return check_store_address(address)


def _drawing(path: str) -> str:
    from nag.graphs.drawing_paths import check_drawing_path

    check_drawing_path(path)
    return path


def _checkpoint(kind: str) -> Input:
    return Input("checkpoint", f"Make one with: nag train-{kind}", checkpoint=kind)


GeneratorFile = Annotated[PathText, _checkpoint("generator")]
PredictorFile = Annotated[PathText, _checkpoint("predictor")]
MetaPredictorFile = Annotated[PathText, _checkpoint("meta-predictor")]
LabelsFile = Annotated[PathText, Input("", "Give a CSV file, a store, or the folder of a search.", store=True)]
InputFile = Annotated[PathText, Input("file")]
DataFolder = Annotated[PathText, Input("data folder", "Name the folder of the tables, or leave data_dir out.", folder=True)]
RunPath = Annotated[PathText, Input("run folder")]
OutPath = Annotated[PathText, AfterValidator(_local)]
DrawingPath = Annotated[OutPath, AfterValidator(_drawing)]
StoreAddress = Annotated[PathText, AfterValidator(_store)]
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
    data_dir: DataFolder | None
    plugins: list[PathText]
    tracker: Group

    def check(self) -> None:
        """Raises `InvalidRequest` where options do not go together."""


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
    architectures: InputFile | None
    conditions: dict[str, PredictorFile | None]
    resume: bool
    overwrite: bool
    generator: Group
    training: Group

    def check(self) -> None:
        """The architectures and the conditions are of the space."""
        check_conditions(self.search_space, [name for name, path in self.conditions.items() if path is None])
        if self.architectures is not None:
            check_listed(self.architectures, self.search_space)


class TrainPredictorOptions(CommandOptions):
    """Options of `nag train-predictor`."""

    task: TaskName
    labels: LabelsFile | None
    num_train: Annotated[Architectures, Field(ge=2)] | None
    metric: Text | None
    maximise: bool | None
    predictor: Group

    def check(self) -> None:
        """The task has the metric."""
        check_metrics(self.task, [] if self.metric is None else [self.metric])


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

    @property
    def metrics(self) -> list[str]:
        """Names of all metrics in it."""
        parts = [[part] if isinstance(part, str) else part or () for part in (self.maximise, self.minimise, self.limits)]
        return [str(name) for part in parts if isinstance(part, Mapping | Sequence) for name in part]


class SampledObjectiveOptions(ObjectiveOptions):
    """What samples are to be good at, and how far they may go toward limits."""

    risk: ProperFraction
    boundary_fraction: Fraction


class SampleOptions(CommandOptions):
    """Options of `nag sample`."""

    generator: GeneratorFile
    predictor: PredictorFile | None
    meta_predictor: MetaPredictorFile | None
    labels: InputFile | None
    label_column: Text | None
    descriptor: dict[str, Finite] | None
    predictors: list[PredictorFile]
    task: TaskName | None
    budget: Architectures | None
    search_space: SpaceName | None
    num_samples: Architectures
    compile: bool
    steps: Annotated[int, Field(strict=True, ge=1, le=10**6)] | None
    resume: bool
    guidance: Group
    objective: SampledObjectiveOptions

    def check(self) -> None:
        """Labels go with a meta-predictor or with a task."""
        if self.budget is not None and self.task is None:
            raise InvalidRequest("a budget of labels needs a task", "Give task=TASK.")
        if self.label_column is not None and self.labels is None:
            raise InvalidRequest("label_column is given without labels", "Give labels=PATH too.")
        if self.meta_predictor is None and (self.labels is not None or self.descriptor):
            raise InvalidRequest("labels and descriptor are for a meta-predictor", "Give meta_predictor=PATH too.")
        if self.meta_predictor is not None and self.predictor is not None:
            raise InvalidRequest("a predictor and a meta-predictor are given", "Choose one.")
        if self.task is not None and self.search_space is not None:
            check_same_space(self.task, self.search_space)


class EvaluateOptions(CommandOptions):
    """Options of `nag evaluate`."""

    architectures: InputFile
    task: TaskName
    store: StoreAddress | None
    retry_failed: bool
    probe: bool
    export: bool
    evaluator: Group
    executor: Group
    builder: Group

    def check(self) -> None:
        """The architectures are of the task's space."""
        from nag.evaluation import space_of_task

        check_listed(self.architectures, space_of_task(self.task))


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
    generator: GeneratorFile | None
    meta_predictor: MetaPredictorFile | None
    store: StoreAddress | None
    retry_failed: bool
    probe: bool
    resume: bool
    overwrite: bool
    strategy: Group
    evaluator: Group
    executor: Group
    builder: Group

    def check(self) -> None:
        """The objective is given once, of metrics that the task has."""
        if (self.minimise or self.maximise or self.limits) and (self.objective.maximise or self.objective.minimise):
            hint = "Write all of it as objective.maximise, objective.minimise and objective.limits."
            raise InvalidRequest("the objective is given twice", hint)
        check_metrics(self.task, [*self.minimise, *self.maximise], secondary_only=True)
        check_metrics(self.task, [*self.limits, *self.objective.metrics])


class ReportOptions(CommandOptions):
    """Options of `nag report`."""

    runs: list[RunPath]
    title: Text

    def check(self) -> None:
        """The folders hold finished runs."""
        from nag.workflows.run_folder.folders import run_folders

        run_folders([Path(run) for run in self.runs])


class ShowOptions(CommandOptions):
    """Options of `nag show`."""

    architecture: str
    search_space: SpaceName
    task: TaskName | None
    file: DrawingPath | None

    def check(self) -> None:
        """The architecture and the task are of the space."""
        check_native(self.architecture, self.search_space)
        if self.task is not None:
            check_same_space(self.task, self.search_space)


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

    @property
    def is_run(self) -> bool:
        """Whether a run folder is named in place of an architecture."""
        return self.weights is None and Path(self.architecture).expanduser().is_dir()

    def check(self) -> None:
        """The weights are named, and there; an architecture and a task are of its space."""
        if self.task is not None and self.search_space is not None:
            check_same_space(self.task, self.search_space)
        if self.weights is None and not self.is_run:
            hint = "Give a run folder (nag export runs/d), weights=FILE of a folder weights, or weights=initial"
            raise InvalidRequest("the weights of the network are not named", f"{hint} for untrained ones.")
        if self.weights not in (None, "initial"):
            read_header(str(self.weights), "network")
        if self.weights == "initial":
            check_native(self.architecture, self._space)

    @property
    def _space(self) -> str | Path:
        """The search space of an architecture.

        Raises:
            InvalidRequest: It is not named.
        """
        from nag.evaluation import space_of_task

        if self.task is not None:
            return space_of_task(self.task)
        if self.search_space is None:
            raise InvalidRequest("an architecture needs its search space", "Give search_space=SPACE or task=DATA_SET/SPACE.")
        return self.search_space


class ImportTableOptions(CommandOptions):
    """Options of `nag import-table`."""

    csv: Annotated[PathText, Input("table")]
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

    file: Annotated[PathText, Input()]
    partial: bool


class FinetuneGeneratorOptions(CommandOptions):
    """Options of `nag finetune-generator`."""

    generator: GeneratorFile
    predictor: PredictorFile | None
    task: TaskName | None
    budget: Architectures
    metric_samples: Architectures
    resume: bool
    finetuning: Group

    def check(self) -> None:
        """There is one reward."""
        if (self.predictor is None) == (self.task is None):
            raise InvalidRequest("a reward is needed, and one only", "Give predictor=PATH, or task=TASK budget=LABELS.")


class BenchmarkOptions(CommandOptions):
    """Options of `nag benchmark`."""

    preset: Text
    seeds: Annotated[int, Field(strict=True, ge=1, le=1000)] | None
    only: list[Text]
    jobs: Annotated[int, Field(strict=True, ge=1, le=1024)]
    earlier: InputFile | None
    suite: Group
