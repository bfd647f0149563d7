"""The command that generates architectures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nag.cli.console import say, say_metrics
from nag.cli.options import build, fabric_of, flag, integer, objective_of, paths_of, run_folder_of, task_of
from nag.errors import InvalidRequest

if TYPE_CHECKING:
    import torch
    from omegaconf import DictConfig

    from nag.benchmarks import Task
    from nag.workflows.train_predictor import TrainedPredictor

__all__ = ["sample"]


def _transferred(cfg: DictConfig, task: Task | None, device: torch.device) -> TrainedPredictor | None:
    """The meta-predictor, adapted to the task with the user's labels; None where there is none."""
    if cfg.meta_predictor is None:
        if cfg.labels is not None or cfg.descriptor:
            raise InvalidRequest("labels and a descriptor are for a meta-predictor", "Give meta_predictor=PATH too.")
        return None
    if cfg.predictor.path is not None:
        raise InvalidRequest("a predictor and a meta-predictor are given", "Choose one.")

    if cfg.descriptor is not None and not isinstance(cfg.descriptor, Mapping):
        raise InvalidRequest(f"descriptor is {cfg.descriptor}", "Write 'descriptor={nodes: 3000, classes: 7}'.")

    from nag.workflows.labels import read_labels
    from nag.workflows.train_meta_predictor import adapt, load_meta_predictor

    trained = load_meta_predictor(cfg.meta_predictor, device)
    metric = None if task is None else task.search_metric
    labels = None if cfg.labels is None else read_labels(Path(str(cfg.labels)), trained.space, metric)
    facts = dict(cfg.descriptor or (task.descriptor if task is not None else {}))
    return adapt(trained, facts, labels, "" if task is None else task.name, metric)


def sample(cfg: DictConfig) -> None:
    """Generate architectures, guided by a predictor if one is given."""
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
