"""Commands for a start and an end: everything once, a look at an architecture, one's own table, an architecture's network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nag.cli.console import say, say_comparison
from nag.cli.ending import conclude
from nag.cli.options import any_task_of, builder_maker_of, fabric_of, folder_of, run_folder_of, task_of, try_generator
from nag.cli.targets import build
from nag.core.errors import InvalidRequest
from nag.workflows.run_folder.folders import require_own_folder

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from nag.cli.schemas import ExportOptions, ImportBenchmarkOptions, ImportTableOptions, QuickstartOptions, ShowOptions
    from nag.networks import Exported
    from nag.spaces import SearchSpace
    from nag.workflows.run_folder.run import RunFolder

__all__ = ["export", "import_benchmark", "import_table", "quickstart", "show"]

_STAGES = {
    "": "quickstart",
    "generator": "train-generator",
    "predictor": "train-predictor",
    "guided": "sample",
    "unguided": "sample",
}
"""Folder in that of a quickstart -> the command whose run it holds."""


def quickstart(cfg: DictConfig, options: QuickstartOptions) -> None:
    """Run every stage once and write a report."""
    num_train, num_samples = options.num_train, options.num_samples
    fraction = options.train_fraction
    task = task_of(cfg)

    from nag.report import write_report
    from nag.workflows.quickstart import QuickstartPlan, quickstart

    parts = [build(cfg[name]) for name in ("generator", "training", "predictor", "guidance")]
    make_generator, fitting, make_predictor, guidance = parts
    try_generator(make_generator, task.table.space)
    make_predictor(space=task.table.space)
    folder = folder_of(cfg, "quickstart")
    if cfg.tracker.get("group", "") is None:
        cfg.tracker.group = f"quickstart-{folder.resolve().name}"  # its stages stand together

    for name, command in _STAGES.items():
        require_own_folder(folder / name, command)

    def make_run(name: str) -> RunFolder:
        run = run_folder_of(cfg, _STAGES[name], folder / name)
        run.overwrite = True  # the stages of a quickstart that was stopped begin anew
        return run

    plan = QuickstartPlan(make_generator, fitting, make_predictor, guidance, num_train, num_samples, fraction)
    result = quickstart(make_run, task, plan, fabric_of(cfg), write_report)
    say_comparison(result.metrics)
    paths = [f"{name}={folder / name / name}.safetensors" for name in ("generator", "predictor")]
    following = ["nag", "sample", *paths, f"task={options.task}"]
    conclude({"report": result.report}, following, folder, ("guided_pick", "guided_pick_true", "guided_pick_percentile"))


def show(cfg: DictConfig, options: ShowOptions) -> None:
    """Draw an architecture and list its properties."""
    from nag.spaces import load_space
    from nag.workflows.show import show

    space = load_space(options.search_space)
    arch = space.decode(options.architecture)
    task = None if options.task is None else task_of(cfg)
    if task is not None and task.table.space.fingerprint != space.fingerprint:
        raise InvalidRequest(f"task {task.name} is not on {space.name}", f"Its space is {task.table.space.name}.")
    file = Path(options.file) if options.file else None
    path, properties = show(run_folder_of(cfg, "show", tracked=False), arch, space, task, file)
    for name, value in properties.items():
        say(f"{name}: {value}")
    conclude({"drawing": path}, ["nag", "train-generator", f"search_space={options.search_space}"])


def import_table(cfg: DictConfig, options: ImportTableOptions) -> None:
    """Make a task of a CSV table."""
    from nag.tasks import TableColumns, load_task
    from nag.workflows.importing import import_table

    searched = options.search_metric, options.report_metric, options.maximise
    columns = TableColumns(*searched, options.side_metrics, options.arch_column)
    run = run_folder_of(cfg, "import-table", tracked=False)
    path = import_table(run, options.csv, options.search_space, columns, options.name, options.descriptor, say)
    task = load_task(path)
    say(f"{task.name}: {len(task.table)} architectures of {task.table.space.name}, {task.protocol}")
    conclude({"task": path}, ["nag", "search", f"task={path}", "budget=20"])


def import_benchmark(cfg: DictConfig, options: ImportBenchmarkOptions) -> None:
    """Make tables of a published benchmark file, such as nasbench_only108.tfrecord."""
    from nag.tasks import list_tasks
    from nag.workflows.importing import import_benchmark

    paths = import_benchmark(run_folder_of(cfg, "import-benchmark", tracked=False), options.file, options.partial, say)
    family = "nasbench101" if paths[0].name.startswith("nasbench101") else "nasbench201"
    folder = paths[0].resolve().parent
    tasks = [name for name, note in list_tasks(folder).items() if name.startswith(family) and note.endswith("(available)")]
    say(f"tasks: {', '.join(tasks)}")
    following = ["nag", "search", f"task={tasks[0]}", f"data_dir={folder}", "budget=20"] if tasks else ["nag", "list", "tasks"]
    conclude({"written": ", ".join(map(str, paths)), "data_dir": folder}, following)


def export(cfg: DictConfig, options: ExportOptions) -> None:
    """Write the network of an architecture as weights, PyTorch program and ONNX."""
    from nag.workflows.export import export_trained, weights_of_run

    given = options.weights
    folder = Path(options.architecture).expanduser()
    if given == "initial":
        run, exported = _export_untrained(cfg, options)
    else:
        weights = weights_of_run(folder) if options.is_run else Path(str(given)).expanduser()
        builder = None if str(cfg.builder._target_).startswith("nag.") else builder_maker_of(cfg)(space=_space_of(cfg, options))
        run = run_folder_of(cfg, "export")
        exported = export_trained(run, weights, builder)
    files = {path.suffix[1:]: path for path in (exported.weights, exported.program, exported.onnx)}
    loading = f"import torch; print(torch.export.load({str(exported.program)!r}))"
    shown = ("parameters", "trained", "difference_pt2", "difference_onnx")
    conclude(files, ["python", "-c", loading], run.path, shown)


def _export_untrained(cfg: DictConfig, options: ExportOptions) -> tuple[RunFolder, Exported]:
    from nag.evaluation import load_task_data
    from nag.networks import DataShape
    from nag.workflows.export import export_untrained

    space = _space_of(cfg, options)
    assert space is not None  # checked with the options
    task = None if options.task is None else any_task_of(cfg)
    arch = space.decode(options.architecture)
    if task is not None:
        data = load_task_data(task.networks, options.data_dir)
        say(f"data: {data.summary}")
        shape = data.shape
    else:
        kind: Literal["images", "graph"] = "images" if options.height else "graph"
        shape = DataShape(kind, options.channels, options.classes, options.height, options.width)
    builder = builder_maker_of(cfg)(space=space)
    run = run_folder_of(cfg, "export")
    return run, export_untrained(run, arch, builder, shape)


def _space_of(cfg: DictConfig, options: ExportOptions) -> SearchSpace | None:
    """The search space of an export; None where neither it nor a task is given."""
    from nag.spaces import load_space

    if options.task is not None:
        return any_task_of(cfg).space
    return None if options.search_space is None else load_space(options.search_space)
