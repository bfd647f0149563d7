"""The command that generates architectures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nag.cli.console import say
from nag.cli.ending import conclude
from nag.cli.options import device_of, digests_of, objective_of, run_folder_of, task_of
from nag.cli.targets import build
from nag.core.errors import InvalidRequest

if TYPE_CHECKING:
    import torch
    from omegaconf import DictConfig

    from nag.cli.schemas import SampleOptions
    from nag.evaluation.predicted import TrainedPredictor
    from nag.tasks import Task
    from nag.workflows.run_folder.run import RunFolder
    from nag.workflows.sampling.steering import Steering

__all__ = ["sample"]


def sample(cfg: DictConfig, options: SampleOptions) -> None:
    """Generate architectures, guided by a predictor if one is given."""
    task = _checked_task(cfg, options)

    from nag.diffusion import accelerate
    from nag.diffusion.generation import load_generator
    from nag.workflows.sample import sample

    device = device_of(cfg)
    trained = load_generator(options.generator, device)
    if options.compile:
        accelerate(trained.generator)
    steering = _steering_of(cfg, options, task, device)
    run = _run_of(cfg, options, task)
    path = sample(run, trained, options.num_samples, steering, task, options.steps, options.resume)
    metrics = (
        *("best_arch", "best_predicted", "protocol"),
        *("num_requested", "num_samples", "shortfall", "validity_raw", "uniqueness", "functional_uniqueness", "novelty"),
        *("tv_ops", "tv_edges", "labels_used", "true_known", "true_mean", "true_best", "true_optimum"),
        *("true_percentile_mean", "true_percentile_best", "uniform_true_percentile_mean"),
    )
    _say_unknown(run.path)
    conclude({"architectures": path}, ["nag", "report", f"runs={run.path}"], run.path, metrics)


def _checked_task(cfg: DictConfig, options: SampleOptions) -> Task | None:
    """The task, once checkpoints, space and task are known to fit: mistakes come before heavy imports."""
    from nag.core.checkpoints import load_checkpoint
    from nag.spaces import load_space

    space = None if options.search_space is None else load_space(options.search_space)
    task = None if options.task is None else task_of(cfg)
    kinds = {options.generator: "generator", **dict.fromkeys(_predictors(options), "predictor")}
    if options.meta_predictor is not None:
        kinds[options.meta_predictor] = "meta-predictor"
    checkpoints = [load_checkpoint(path, kind) for path, kind in kinds.items()]
    for wanted in [space, None if task is None else task.table.space]:
        for checkpoint in checkpoints:
            if wanted is not None and checkpoint.metadata.get("space_fingerprint") != wanted.fingerprint:
                what = f"'{checkpoint.path}' is a {checkpoint.kind} of another space than {wanted.name}"
                raise InvalidRequest(what, "Train one for that space.")
    return task


def _predictors(options: SampleOptions) -> list[str]:
    """Paths of all predictors."""
    return [*([] if options.predictor is None else [options.predictor]), *options.predictors]


def _steering_of(cfg: DictConfig, options: SampleOptions, task: Task | None, device: torch.device) -> Steering:
    """What the samples are steered toward."""
    from nag.evaluation import LimitRisk, TableEvaluator
    from nag.evaluation.predicted import load_predictor
    from nag.evaluation.scores.labelled_reward import LabelledReward
    from nag.workflows.sampling.steering import Steering

    guidance = build(cfg.guidance)
    predictor = _transferred(options, task, device)
    if options.predictor is not None:
        predictor = load_predictor(options.predictor, device)
    others = [load_predictor(path, device) for path in options.predictors]
    metrics = [each.metric for each in (predictor, *others) if each is not None]
    objective = objective_of(cfg, {metric.name: metric.maximise for metric in metrics})
    reward = None
    if task is not None and options.budget is not None:
        reward = LabelledReward(task, TableEvaluator(task), options.budget)
    risk = LimitRisk(options.objective.risk, options.objective.boundary_fraction)
    return Steering(guidance, predictor, others, objective, reward, risk)


def _transferred(options: SampleOptions, task: Task | None, device: torch.device) -> TrainedPredictor | None:
    """The meta-predictor, adapted to the task with the user's labels; None where there is none."""
    if options.meta_predictor is None:
        return None

    from nag.evaluation.predicted import adapt, load_meta_predictor
    from nag.workflows.sources.labels import read_labels

    trained = load_meta_predictor(options.meta_predictor, device)
    metric = None if task is None else task.search_metric
    names = [str(name) for name in trained.metadata["search_metrics"]] if metric is None else [metric]
    labels = None
    if options.labels is not None:
        labels = read_labels(Path(options.labels), trained.space, names, options.label_column)
    metadata = dict(options.descriptor or (task.task_features if task is not None else {}))
    return adapt(trained, metadata, labels, "" if task is None else task.name, metric)


def _run_of(cfg: DictConfig, options: SampleOptions, task: Task | None) -> RunFolder:
    """The run folder, whose samples are of these checkpoints and this task by their content."""
    from nag.workflows.run_folder.inputs import digest_of_path, digest_of_task

    inputs = digests_of(cfg, "generator", "predictor", "meta_predictor", "labels")
    if options.predictors:
        inputs["predictors"] = " ".join(map(digest_of_path, options.predictors))
    if task is not None:
        inputs["task"] = digest_of_task(task, options.data_dir)
    return run_folder_of(cfg, "sample", inputs=inputs)


def _say_unknown(folder: Path) -> None:
    """Prints how many samples the task did not measure."""
    from nag.core.documents import read_json

    found = read_json(folder / "metrics.json")
    if found.get("true_known", found["num_samples"]) < found["num_samples"]:
        say(f"true values are those of the {found['true_known']} of {found['num_samples']} samples that the task measured")
