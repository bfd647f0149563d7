"""Commands that train something."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nag.cli.console import say
from nag.cli.ending import conclude, search_space_option
from nag.cli.options import any_task_of, conditions_of, device_of, digests_of, graphs_of, run_folder_of, task_of, try_generator
from nag.cli.targets import build

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from nag.cli.schemas import (
        FinetuneGeneratorOptions,
        TrainGeneratorOptions,
        TrainMetaPredictorOptions,
        TrainPredictorOptions,
    )
    from nag.spaces import SearchSpace
    from nag.workflows.train_generator import TrainingData

_LABELS = 200
"""Labels that are queried of a table unless another number is asked for."""

__all__ = ["finetune_generator", "train_generator", "train_meta_predictor", "train_predictor"]


def train_generator(cfg: DictConfig, options: TrainGeneratorOptions) -> None:
    """Train a diffusion model on a search space."""
    from nag.spaces import load_space

    space = load_space(options.search_space)

    from nag.training import ending_together, make_fabric
    from nag.workflows.train_generator import TrainingData, train_generator

    fitting, make, devices = build(cfg.training), build(cfg.generator), options.devices
    fitting.check_processes(devices)
    graphs = None if options.architectures is None else graphs_of(cfg, space)
    conditions = conditions_of(cfg, space, graphs)
    try_generator(make, space, conditions)
    data = TrainingData(options.train_fraction, options.num_architectures, graphs, conditions)
    run = run_folder_of(cfg, "train-generator", inputs=_inputs_of(cfg, space, data))
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = make_fabric(options.device, devices)
    with ending_together(fabric):
        path = train_generator(run, space, make, fitting, fabric, data, options.metric_samples)
    if not fabric.is_global_zero:
        return
    metrics = ("steps", "loss", "validity_raw", "uniqueness", "novelty", "tv_ops", "tv_edges")
    conclude({"generator": path}, ["nag", "sample", f"generator={path}"], run.path, metrics)


def _inputs_of(cfg: DictConfig, space: SearchSpace, data: TrainingData) -> dict[str, str]:
    """Digests of all that a generator is trained on."""
    from nag.workflows.run_folder.inputs import digest_of_graphs

    digests = digests_of(cfg, *(f"conditions.{name}" for name in data.conditions or ()))
    listed = {} if data.graphs is None else {"architectures": digest_of_graphs(data.graphs)}
    return {**digests, "search_space": space.fingerprint, **listed}


def train_predictor(cfg: DictConfig, options: TrainPredictorOptions) -> None:
    """Query labels of a task and train a predictor."""
    task = any_task_of(cfg)

    from nag.workflows.sources.own_labels import task_of_labels
    from nag.workflows.train_predictor import task_of_metric, train_predictor

    if options.labels is not None:
        task = task_of_labels(task, options.labels)
    usual = len(task.rows) if options.labels is not None else _LABELS
    num_train = usual if options.num_train is None else options.num_train

    make = build(cfg.predictor)
    task_of_metric(task, options.metric, options.maximise)
    run = run_folder_of(cfg, "train-predictor", inputs=digests_of(cfg, "labels"))
    path = train_predictor(run, task, make, num_train, device_of(cfg), options.metric, None, options.maximise)
    say(f"{task.name}: {task.protocol if options.metric is None else f'predicts {options.metric}'}")
    named = search_space_option(task.space, options.task)
    following = ["nag", "report", f"runs={run.path}"] if named is None else ["nag", "train-generator", named]
    metrics = ("split", "labels_used", "kendall_tau", "spearman", "mae", "precision_at_10pct")
    conclude({"predictor": path}, following, run.path, metrics)


def train_meta_predictor(cfg: DictConfig, options: TrainMetaPredictorOptions) -> None:
    """Train a predictor across tasks, for tasks that it never saw."""
    from nag.tasks import load_task

    num_train = options.num_train
    tasks = [load_task(name, options.data_dir) for name in options.tasks]

    from nag.evaluation.predicted import check_sources
    from nag.workflows.train_meta_predictor import train_meta_predictor

    check_sources(tasks)
    make, episodes = build(cfg.predictor), build(cfg.episodes)
    run = run_folder_of(cfg, "train-meta-predictor")
    path = train_meta_predictor(run, tasks, make, num_train, episodes, device_of(cfg))
    named = search_space_option(tasks[0].space, options.tasks[0])
    following = ["nag", "train-generator", named] if named is not None else ["nag", "list", "tasks"]
    conclude({"meta-predictor": path}, following, run.path, ("tasks", "labels_used", "train_cpu_seconds"))


def finetune_generator(cfg: DictConfig, options: FinetuneGeneratorOptions) -> None:
    """Raise the reward of a generator's samples, from a predictor or from labels."""
    from nag.core.checkpoints import load_checkpoint

    samples = options.metric_samples
    budget = options.budget
    task = None if options.task is None else task_of(cfg)
    load_checkpoint(options.generator, "generator")  # mistakes come before heavy imports
    if options.predictor is not None:
        load_checkpoint(options.predictor, "predictor")

    from nag.diffusion.generation import load_generator
    from nag.evaluation import TableEvaluator
    from nag.evaluation.predicted import load_predictor
    from nag.evaluation.predicted.rewards import LabelSource, PredictorSource
    from nag.workflows.finetune_generator import finetune_generator
    from nag.workflows.run_folder.inputs import digest_of_task

    finetuning, device = build(cfg.finetuning), device_of(cfg)
    trained = load_generator(options.generator, device)
    source: LabelSource | PredictorSource
    if task is not None:
        source = LabelSource(task, TableEvaluator(task), budget)
    else:
        assert options.predictor is not None  # one of the two is given
        source = PredictorSource(load_predictor(options.predictor, device))
    inputs = digests_of(cfg, "generator", "predictor")
    if task is not None:
        inputs["task"] = digest_of_task(task, options.data_dir)
    run = run_folder_of(cfg, "finetune-generator", inputs=inputs)
    path = finetune_generator(run, trained, source, finetuning, samples)
    metrics = (
        *("best_architecture", "task", "protocol", "reward", "reward_before", "reward_after", "reward_best"),
        *("best_search_metric", "rounds", "labels_used", "kl_to_base", "validity_raw", "uniqueness"),
        *("functional_uniqueness", "novelty"),
    )
    conclude({"generator": path}, ["nag", "sample", f"generator={path}"], run.path, metrics)
