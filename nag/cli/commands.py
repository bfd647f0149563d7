"""The commands: one function each, configuration in, objects out."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nag.cli.console import say, say_comparison, say_metrics
from nag.cli.options import (
    build,
    conditions_of,
    fabric_of,
    flag,
    folder_of,
    graphs_of,
    integer,
    number,
    objective_of,
    paths_of,
    run_folder_of,
    task_of,
    try_generator,
)
from nag.errors import InvalidRequest, did_you_mean

if TYPE_CHECKING:
    import torch
    from omegaconf import DictConfig

    from nag.benchmarks import Task
    from nag.workflows.run import RunFolder
    from nag.workflows.train_predictor import TrainedPredictor

__all__ = ["COMMANDS", "Command"]

GIVEN = tuple(sys.argv)


def _train_generator(cfg: DictConfig) -> None:
    from nag.spaces import load_space

    space = load_space(cfg.search_space)
    fraction = number(cfg, "train_fraction", 0, 1)

    from nag.training import ending_together, make_fabric
    from nag.workflows.train_generator import train_generator

    options, make, devices = build(cfg.training), build(cfg.generator), integer(cfg, "devices", 1)
    options.check_processes(devices)
    graphs = None if cfg.architectures is None else graphs_of(cfg, space)
    conditions = conditions_of(cfg, space, graphs)
    try_generator(make, space, conditions)
    run = run_folder_of(cfg, "train-generator")
    numbers = integer(cfg, "num_architectures", 1), integer(cfg, "metric_samples", 1)
    resume = flag(cfg, "resume")
    sys.argv = list(GIVEN)  # what the further processes are started with
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = make_fabric(cfg.device, devices)
    with ending_together(fabric):
        path = train_generator(run, space, make, options, fabric, fraction, *numbers, resume, graphs, conditions)
    if not fabric.is_global_zero:
        return
    say_metrics(run.path, ("steps", "loss", "validity_raw", "uniqueness", "novelty", "tv_ops", "tv_edges"))
    say(f"generator: {path}")


def _train_predictor(cfg: DictConfig) -> None:
    num_train = integer(cfg, "num_train", 2)
    task = task_of(cfg)

    from nag.workflows.train_predictor import side_task, train_predictor

    make = build(cfg.predictor)
    if cfg.metric is not None and cfg.metric != task.search_metric:
        side_task(task, str(cfg.metric))
    run = run_folder_of(cfg, "train-predictor")
    path = train_predictor(run, task, make, num_train, fabric_of(cfg).device, cfg.metric)
    say(f"{task.name}: {task.protocol if cfg.metric is None else f'predicts {cfg.metric}'}")
    say_metrics(run.path, ("split", "labels_used", "kendall_tau", "spearman", "mae", "precision_at_10pct"))
    say(f"predictor: {path}")


def _train_meta_predictor(cfg: DictConfig) -> None:
    from nag.benchmarks import load_task

    num_train = None if cfg.num_train is None else integer(cfg, "num_train", 2)
    tasks = [load_task(name, cfg.data_dir) for name in paths_of(cfg, "tasks")]

    from nag.workflows.train_meta_predictor import check_sources, train_meta_predictor

    check_sources(tasks)
    make, episodes = build(cfg.predictor), build(cfg.episodes)
    run = run_folder_of(cfg, "train-meta-predictor")
    path = train_meta_predictor(run, tasks, make, num_train, episodes, fabric_of(cfg).device)
    say_metrics(run.path, ("tasks", "labels_used", "train_cpu_seconds"))
    say(f"meta-predictor: {path}")


def _transferred(cfg: DictConfig, task: Task | None, device: torch.device) -> TrainedPredictor | None:
    """The meta-predictor, adapted to the task with the user's labels; None where there is none."""
    if cfg.meta_predictor is None:
        if cfg.labels is not None or cfg.descriptor:
            raise InvalidRequest("labels and a descriptor are for a meta-predictor", "Give meta_predictor=PATH too.")
        return None
    if cfg.predictor.path is not None:
        raise InvalidRequest("a predictor and a meta-predictor are given", "Choose one.")

    from nag.workflows.labels import read_labels
    from nag.workflows.train_meta_predictor import adapt, load_meta_predictor

    trained = load_meta_predictor(cfg.meta_predictor, device)
    metric = None if task is None else task.search_metric
    labels = None if cfg.labels is None else read_labels(Path(str(cfg.labels)), trained.space, metric)
    facts = dict(cfg.descriptor or (task.descriptor if task is not None else {}))
    return adapt(trained, facts, labels, "" if task is None else task.name, metric)


def _sample(cfg: DictConfig) -> None:
    from nag.checkpoints import load_checkpoint
    from nag.spaces import load_space

    num_samples = integer(cfg, "num_samples", 1)
    steps = None if cfg.steps is None else integer(cfg, "steps", 1)
    space = None if cfg.search_space is None else load_space(cfg.search_space)
    budget = None if cfg.budget is None else integer(cfg, "budget", 1)
    if budget is not None and cfg.task is None:
        raise InvalidRequest("a budget of labels needs a task", "Give task=TASK.")
    task = None if cfg.task is None else task_of(cfg)
    checkpoints = {cfg.generator.path: load_checkpoint(cfg.generator.path, "generator")}  # mistakes come before heavy imports
    further = paths_of(cfg, "predictors")
    for teacher in [*([] if cfg.predictor.path is None else [cfg.predictor.path]), *further]:
        checkpoints[teacher] = load_checkpoint(teacher, "predictor")
    if cfg.meta_predictor is not None:
        checkpoints[cfg.meta_predictor] = load_checkpoint(cfg.meta_predictor, "meta-predictor")
    for wanted in [space, None if task is None else task.table.space]:
        for path, checkpoint in checkpoints.items():
            if wanted is not None and checkpoint.description.get("space_fingerprint") != wanted.fingerprint:
                raise InvalidRequest(
                    f"'{path}' is a {checkpoint.kind} of another space than {wanted.name}", "Train one for that space."
                )

    from nag.diffusion import accelerate
    from nag.evaluation import TableEvaluator
    from nag.evaluation.labelled_reward import LabelledReward
    from nag.workflows.sample import sample
    from nag.workflows.train_generator import load_generator
    from nag.workflows.train_predictor import load_predictor

    guidance, spec = build(cfg.guidance), objective_of(cfg)
    device = fabric_of(cfg).device
    trained = load_generator(cfg.generator.path, device)
    if flag(cfg, "compile"):
        accelerate(trained.generator)
    predictor = _transferred(cfg, task, device)
    if cfg.predictor.path is not None:
        predictor = load_predictor(cfg.predictor.path, device)
    others = [load_predictor(path, device) for path in further]
    run = run_folder_of(cfg, "sample")
    reward = None if task is None or budget is None else LabelledReward(task, TableEvaluator(task), budget)
    path = sample(run, trained, num_samples, predictor, task, guidance, steps, spec, others, reward)
    say_metrics(
        run.path,
        (
            "protocol",
            *("num_requested", "num_samples", "validity_raw", "uniqueness", "functional_uniqueness", "novelty"),
            *("tv_ops", "tv_edges", "labels_used", "true_mean", "true_best", "true_optimum"),
            *("true_percentile_mean", "true_percentile_best", "uniform_true_percentile_mean"),
        ),
    )
    say(f"architectures: {path}")


def _evaluate(cfg: DictConfig) -> None:
    if cfg.evaluator != "table":
        raise InvalidRequest(f"unknown evaluator '{cfg.evaluator}'", did_you_mean(str(cfg.evaluator), ["table"]))
    task = task_of(cfg)

    from nag.evaluation import TableEvaluator
    from nag.workflows.evaluate import evaluate, read_architectures

    archs = read_architectures(Path(str(cfg.architectures)), task.table.space)
    run = run_folder_of(cfg, "evaluate")
    path = evaluate(run, archs, TableEvaluator(task), task)
    say_metrics(run.path, ("protocol", "count", "missing", "mean", "best", "best_percentile", "true_optimum"))
    say(f"evaluations: {path}")


def _report(cfg: DictConfig) -> None:
    from nag.workflows.report import write_report

    runs = [Path(run) for run in paths_of(cfg, "runs")]
    if not runs:
        raise InvalidRequest("there is no run to report on", "Name run folders: runs=[a,b].")
    folder = runs[0] if len(runs) == 1 else Path(".")
    path = (Path(cfg.out_dir) if cfg.out_dir else folder) / "report.html"
    say(f"report: {write_report(runs, path, str(cfg.title))}")


def _quickstart(cfg: DictConfig) -> None:
    num_train, num_samples = integer(cfg, "num_train", 2), integer(cfg, "num_samples", 1)
    fraction = number(cfg, "train_fraction", 0, 1)
    task = task_of(cfg)

    from nag.workflows.quickstart import quickstart

    parts = [build(cfg[name]) for name in ("generator", "training", "predictor", "guidance")]
    make_generator, options, make_predictor, guidance = parts
    try_generator(make_generator, task.table.space)
    make_predictor(space=task.table.space)
    folder = folder_of(cfg, "quickstart")

    def make_run(name: str) -> RunFolder:
        commands = {"": "quickstart", "generator": "train-generator", "predictor": "train-predictor"}
        return run_folder_of(cfg, commands.get(name, "sample"), folder / name)

    result = quickstart(
        make_run, task, make_generator, options, fabric_of(cfg), make_predictor, guidance, num_train, num_samples, fraction
    )
    say_comparison(result.metrics)
    say(f"report: {result.report}")


def _show(cfg: DictConfig) -> None:
    from nag.graphs import save_drawing
    from nag.spaces import load_space
    from nag.workflows.show import facts_of

    space = load_space(cfg.search_space)
    arch = space.decode(str(cfg.architecture))
    task = None if cfg.task is None else task_of(cfg)
    if task is not None and task.table.space.fingerprint != space.fingerprint:
        raise InvalidRequest(f"task {task.name} is not on {space.name}", f"Its space is {task.table.space.name}.")
    facts = facts_of(arch, space, task)
    path = Path(str(cfg.file or f"{facts['canonical_hash'][:12]}.svg"))
    save_drawing(arch, path, title=space.name, operations=space.vocabulary)
    for name, value in facts.items():
        say(f"{name}: {value}")
    say(f"drawing: {path}")


def _import_table(cfg: DictConfig) -> None:
    from nag.benchmarks import import_table, load_task

    path = import_table(
        str(cfg.csv),
        str(cfg.search_space),
        folder_of(cfg, "import-table"),
        str(cfg.search_metric),
        cfg.report_metric,
        flag(cfg, "maximise"),
        list(cfg.side_metrics),
        str(cfg.arch_column),
        cfg.name,
    )
    task = load_task(path)
    say(f"{task.name}: {len(task.table)} architectures of {task.table.space.name}, {task.protocol}")
    say(f"use it: task={path}")


def _finetune_generator(cfg: DictConfig) -> None:
    from nag.checkpoints import load_checkpoint

    if (cfg.predictor.path is None) == (cfg.task is None):
        raise InvalidRequest("a reward is needed, and one only", "Give predictor=PATH, or task=TASK budget=LABELS.")
    samples = integer(cfg, "metric_samples", 1)
    budget = None if cfg.task is None else integer(cfg, "budget", 1)
    task = None if cfg.task is None else task_of(cfg)
    load_checkpoint(cfg.generator.path, "generator")  # mistakes come before heavy imports
    if cfg.predictor.path is not None:
        load_checkpoint(cfg.predictor.path, "predictor")

    from nag.evaluation import TableEvaluator
    from nag.workflows.finetune_generator import finetune_generator
    from nag.workflows.reward_sources import LabelSource, PredictorSource
    from nag.workflows.train_generator import load_generator
    from nag.workflows.train_predictor import load_predictor

    options, device = build(cfg.finetuning), fabric_of(cfg).device
    trained = load_generator(cfg.generator.path, device)
    source: LabelSource | PredictorSource
    if task is not None and budget is not None:
        source = LabelSource(task, TableEvaluator(task), budget)
    else:
        source = PredictorSource(load_predictor(cfg.predictor.path, device))
    run = run_folder_of(cfg, "finetune-generator")
    path = finetune_generator(run, trained, source, options, samples)
    say_metrics(
        run.path,
        (
            *("task", "protocol", "reward", "reward_before", "reward_after", "reward_best", "best_search_metric"),
            *("rounds", "labels_used", "kl_to_base", "validity_raw", "uniqueness", "functional_uniqueness", "novelty"),
        ),
    )
    say(f"generator: {path}")


def _benchmark(cfg: DictConfig) -> None:
    seeds = None if cfg.seeds is None else integer(cfg, "seeds", 1)
    jobs, first_seed = integer(cfg, "jobs", 1), integer(cfg, "seed", 0)
    only = [str(cfg.only)] if isinstance(cfg.only, str | int) else [str(word) for word in cfg.only or []]

    from nag.workflows.suites import Selection, SuiteOptions, benchmark, hardware

    kept = [text for text in sys.argv[1:] if not text.startswith(("out_dir=", "data_dir=", "tracker"))]
    suite = build(cfg.suite)
    if not any(text.startswith("suite=") for text in kept):
        kept.insert(0, f"suite={suite.name}")
    device = fabric_of(cfg).device
    options = SuiteOptions(str(cfg.preset), seeds, first_seed, device.type, cfg.data_dir)
    selection = Selection.of(suite, options, only)
    run = run_folder_of(cfg, "benchmark")
    page = benchmark(
        run,
        suite,
        options,
        selection,
        jobs,
        hardware(device.type, 1 if jobs > 1 else cfg.threads),
        " ".join(["nag benchmark", *kept]),
        lambda text: print(f"warning: {text}.", file=sys.stderr),
    )
    say_metrics(run.path, ("suite", "preset", "cells", "cells_finished", "cells_reused", "rows_written", "rows_reused"))
    say(f"results: {page}")


@dataclass(frozen=True)
class Command:
    """A command of the console script.

    Args:
        run: Carries it out.
        summary: One line.
        example: A call that works.
        positional: The option that may be given without its name.
        files: Options that take a path although a group of configurations has their name.
        mappings: Options that take names of the user's own.
    """

    run: Callable[[DictConfig], None]
    summary: str
    example: str
    positional: str | None = None
    files: tuple[str, ...] = ()
    mappings: tuple[str, ...] = ()

    @property
    def config(self) -> str:
        """Name of its root configuration."""
        return self.run.__name__.lstrip("_")


COMMANDS = {
    "quickstart": Command(_quickstart, "run every stage once and write a report", "nag quickstart task=nas_bench_graph/arxiv"),
    "train-generator": Command(
        _train_generator,
        "train a diffusion model on a search space",
        "nag train-generator search_space=nasbench201 train_fraction=0.5",
        mappings=("conditions",),
    ),
    "train-predictor": Command(
        _train_predictor,
        "buy labels of a task and train a predictor",
        "nag train-predictor task=nas_bench_graph/cora num_train=200",
    ),
    "train-meta-predictor": Command(
        _train_meta_predictor,
        "train a predictor across tasks, for tasks that it never saw",
        "nag train-meta-predictor tasks=[nas_bench_graph/citeseer,nas_bench_graph/pubmed,nas_bench_graph/cs]",
    ),
    "sample": Command(
        _sample,
        "generate architectures, guided by a predictor if one is given",
        "nag sample generator=g/generator.safetensors predictor=p/predictor.safetensors task=nas_bench_graph/cora",
        files=("generator", "predictor"),
        mappings=("objective.maximise", "objective.minimise", "objective.limits", "guidance.proposal.condition", "descriptor"),
    ),
    "evaluate": Command(
        _evaluate,
        "look up what architectures are worth",
        "nag evaluate architectures=s/architectures.jsonl task=nas_bench_graph/cora",
    ),
    "report": Command(_report, "write one self-contained HTML page about runs", "nag report runs=[runs/quickstart/2026-01-01]"),
    "show": Command(
        _show,
        "draw an architecture and tell facts about it",
        "nag show '0,1,2,3|gcn,gat,fc,gin' search_space=nas_bench_graph",
        "architecture",
    ),
    "import-table": Command(
        _import_table,
        "make a task of a CSV table",
        "nag import-table csv=mine.csv search_space=mine.yaml search_metric=accuracy",
    ),
    "finetune-generator": Command(
        _finetune_generator,
        "raise the reward of a generator's samples, from a predictor or from labels",
        "nag finetune-generator generator=g/generator.safetensors task=nas_bench_graph/cora budget=500",
        files=("generator", "predictor"),
    ),
    "benchmark": Command(
        _benchmark,
        "compute a table of comparisons, or what is missing of it in out_dir",
        "nag benchmark suite=generation preset=quick out_dir=runs/generation",
    ),
}
