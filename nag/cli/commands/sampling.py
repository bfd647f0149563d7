"""The command that generates architectures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nag.cli.console import say, say_metrics
from nag.cli.options import device_of, objective_of, run_folder_of, task_of
from nag.cli.targets import build
from nag.core.errors import InvalidRequest

if TYPE_CHECKING:
    import torch
    from omegaconf import DictConfig

    from nag.cli.schemas import SampleOptions
    from nag.evaluation.predicted import TrainedPredictor
    from nag.tasks import Task

__all__ = ["sample"]


def _transferred(options: SampleOptions, task: Task | None, device: torch.device) -> TrainedPredictor | None:
    """The meta-predictor, adapted to the task with the user's labels; None where there is none."""
    if options.label_column is not None and options.labels is None:
        raise InvalidRequest("label_column is given without labels", "Give labels=PATH too.")
    if options.meta_predictor is None:
        if options.labels is not None or options.descriptor:
            raise InvalidRequest("labels and a descriptor are for a meta-predictor", "Give meta_predictor=PATH too.")
        return None
    if options.predictor is not None:
        raise InvalidRequest("a predictor and a meta-predictor are given", "Choose one.")

    from nag.evaluation.predicted import adapt, load_meta_predictor
    from nag.workflows.labels import read_labels

    trained = load_meta_predictor(options.meta_predictor, device)
    metric = None if task is None else task.search_metric
    names = [str(name) for name in trained.facts["search_metrics"]] if metric is None else [metric]
    labels = None
    if options.labels is not None:
        labels = read_labels(Path(options.labels), trained.space, names, options.label_column)
    facts = dict(options.descriptor or (task.task_features if task is not None else {}))
    return adapt(trained, facts, labels, "" if task is None else task.name, metric)


def sample(cfg: DictConfig, options: SampleOptions) -> None:
    """Generate architectures, guided by a predictor if one is given."""
    from nag.core.checkpoints import load_checkpoint
    from nag.spaces import load_space

    num_samples = options.num_samples
    steps = options.steps
    space = None if options.search_space is None else load_space(options.search_space)
    budget = options.budget
    if budget is not None and options.task is None:
        raise InvalidRequest("a budget of labels needs a task", "Give task=TASK.")
    task = None if options.task is None else task_of(cfg)
    checkpoints = {options.generator: load_checkpoint(options.generator, "generator")}  # mistakes come before heavy imports
    further = options.predictors
    for teacher in [*([] if options.predictor is None else [options.predictor]), *further]:
        checkpoints[teacher] = load_checkpoint(teacher, "predictor")
    if options.meta_predictor is not None:
        checkpoints[options.meta_predictor] = load_checkpoint(options.meta_predictor, "meta-predictor")
    for wanted in [space, None if task is None else task.table.space]:
        for checkpoint_path, checkpoint in checkpoints.items():
            if wanted is not None and checkpoint.facts.get("space_fingerprint") != wanted.fingerprint:
                raise InvalidRequest(
                    f"'{checkpoint_path}' is a {checkpoint.kind} of another space than {wanted.name}",
                    "Train one for that space.",
                )

    from nag.core.documents import read_json
    from nag.diffusion import accelerate
    from nag.diffusion.generation import load_generator
    from nag.evaluation import LimitRisk, TableEvaluator
    from nag.evaluation.labelled_reward import LabelledReward
    from nag.evaluation.predicted import load_predictor
    from nag.workflows.sample import sample

    guidance = build(cfg.guidance)
    device = device_of(cfg)
    trained = load_generator(options.generator, device)
    if options.compile:
        accelerate(trained.generator)
    predictor = _transferred(options, task, device)
    if options.predictor is not None:
        predictor = load_predictor(options.predictor, device)
    others = [load_predictor(path, device) for path in further]
    metrics = [each.metric for each in (predictor, *others) if each is not None]
    objective = objective_of(cfg, {metric.name: metric.maximise for metric in metrics})
    risk = LimitRisk(cfg.objective.risk, cfg.objective.boundary_fraction)
    run = run_folder_of(cfg, "sample")
    reward = None if task is None or budget is None else LabelledReward(task, TableEvaluator(task), budget)
    path = sample(run, trained, num_samples, predictor, task, guidance, steps, objective, others, reward, risk)
    say_metrics(
        run.path,
        (
            "protocol",
            *("num_requested", "num_samples", "shortfall", "validity_raw", "uniqueness", "functional_uniqueness", "novelty"),
            *("tv_ops", "tv_edges", "labels_used", "true_known", "true_mean", "true_best", "true_optimum"),
            *("true_percentile_mean", "true_percentile_best", "uniform_true_percentile_mean"),
        ),
    )
    found = read_json(run.path / "metrics.json")
    if found.get("true_known", found["num_samples"]) < found["num_samples"]:
        say(f"true values are those of the {found['true_known']} of {found['num_samples']} samples that the task measured")
    say(f"architectures: {path}")
