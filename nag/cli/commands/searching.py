"""The command that searches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nag.cli.console import say, warn
from nag.cli.ending import conclude
from nag.cli.options import any_task_of, device_of, digests_of, evaluator_of, objective_of, run_folder_of
from nag.cli.targets import build
from nag.core.errors import InvalidRequest

if TYPE_CHECKING:
    import torch
    from omegaconf import DictConfig

    from nag.cli.schemas import SearchOptions
    from nag.predictors import Predictor, ProxyColumns
    from nag.search import Strategy
    from nag.tasks import Objective, Task

__all__ = ["search"]


def search(cfg: DictConfig, options: SearchOptions) -> None:
    """Search for the best architecture with few labels."""
    from nag.workflows.run_folder.inputs import digest_of_path, digest_of_task
    from nag.workflows.search import SearchPlan, search

    budget, probe = options.budget, options.probe
    task = any_task_of(cfg)

    from nag.search import Problem
    from nag.search.study.measurable import measurable

    objective, device = _objective_of(cfg, options, task), device_of(cfg)
    workers = getattr(build(cfg.executor), "workers", None)
    plan = SearchPlan(budget, options.batch if options.batch is not None else _side_by_side(cfg, workers))
    consumed: dict[str, float] = {"labels_of_other_tasks": 0}
    generator = None
    if options.generator is not None:
        from nag.diffusion.generation import load_generator

        trained = load_generator(options.generator, device)
        if trained.space.fingerprint != task.space.fingerprint:
            raise InvalidRequest(f"'{options.generator}' is a generator of another space", f"Train one for {task.space.name}.")
        generator = trained.generator
        consumed["generator_train_cpu_seconds"] = float(trained.metadata.get("train_cpu_seconds", 0))
    prior = None if options.meta_predictor is None else _prior_of(options.meta_predictor, task, consumed, device)
    looked_up = str(cfg.evaluator.get("_target_", "")).endswith("by_table")
    known = measurable(task) if looked_up else None
    if known is not None and len(known.functions) < options.budget:
        warn(f"the table of {task.name} holds {len(known.functions)} functions: the search ends after these")
    problem = Problem(task.space, objective, _proxies_of(options, task), prior, generator, known)
    strategy = build(cfg.strategy)(problem=problem, seed=options.seed)
    _check_used(strategy)
    inputs = digests_of(cfg, "generator", "meta_predictor", "evaluator.data_set")
    inputs["task"] = digest_of_task(task, options.data_dir)
    place, _, name = str(cfg.evaluator.get("function", "")).rpartition(":")
    is_file = place.endswith(".py") and Path(place).expanduser().is_file()
    if is_file:  # known by its name; a mistake in it may be corrected
        inputs["evaluator.function"] = f"{Path(place).name}:{name}"
    run = run_folder_of(cfg, "search", inputs=inputs)
    run.watched = {"evaluator.function": digest_of_path(place)} if is_file else {}
    evaluator = evaluator_of(cfg, task, run.path, probe)
    path = search(run, task, evaluator, strategy, plan, consumed, warn)
    _conclude(run.path, path)


def _conclude(folder: Path, history: Path) -> None:
    """Prints the end of a search, also that the report metric of the best is unknown."""
    from nag.core.documents import read_json

    metrics = read_json(folder / "metrics.json")
    if metrics["best_arch"] is not None and metrics["best_report_metric"] is None:
        say(f"{'best_report_metric':>30}  {metrics['report_metric']} was not measured")
    shown = (
        *("best_arch", "best_search_metric", "best_report_metric", "protocol", "queries", "queries_feasible", "failed"),
        *("true_optimum", "regret", "queries_to_optimum", "labels_used", "labels_of_other_tasks", "train_seconds"),
    )
    following = ["nag", "report", f"runs={folder}"] if metrics["best_network"] is None else ["nag", "export", str(folder)]
    conclude({"history": history}, following, folder, shown)


def _check_used(strategy: Strategy) -> None:
    """Raises `InvalidRequest` where the strategy would not look at what was given to it."""
    options = {"generator": ("generator", "default_scalable"), "prior": ("meta_predictor", "default")}
    for part, (option, other) in {**options, "proxies": ("proxies", "default")}.items():
        if getattr(strategy.problem, part) is not None and part not in strategy.uses:
            where = f"{type(strategy).__name__} does not use {option} in the space {strategy.problem.space.name}"
            raise InvalidRequest(where, f"Leave {option} out, or use strategy={other}.")


def _side_by_side(cfg: DictConfig, workers: int | None) -> int:
    """Queries at a time: one where they cost nothing, else one for each worker."""
    if str(cfg.evaluator.get("_target_", "")).endswith("by_table"):
        return 1
    import os

    return workers or len(os.sched_getaffinity(0))


def _objective_of(cfg: DictConfig, options: SearchOptions, task: Task) -> Objective:
    """The weighted sum or the front of `objective`; else the search metric with further ones as a front, and limits."""
    from nag.evaluation.metric_names import require_secondary
    from nag.tasks import Metric, Objective, parse_limits

    directions = {each.name: each.maximise for each in task.secondary} | {task.search_metric: task.maximise}
    named = objective_of(cfg, directions, directions)
    if named is not None:
        return _led_by_search_metric(named, task)

    further = [(name, False) for name in options.minimise] + [(name, True) for name in options.maximise]
    for name, _ in further:
        require_secondary(task.name, name, task.secondary_metrics)
    metrics = (Metric(task.search_metric, task.maximise), *(Metric(name, up) for name, up in further))
    limits = parse_limits(options.limits, {each.name: each.maximise for each in metrics})
    for name in limits:
        require_secondary(task.name, name, (task.search_metric, *task.secondary_metrics))
    return Objective(metrics, limits, pareto=bool(further))


def _led_by_search_metric(objective: Objective, task: Task) -> Objective:
    """The objective with the task's search metric first, by which the best of a front is chosen.

    Raises:
        InvalidRequest: It lacks the search metric, or turns its direction.
    """
    first = [each for each in objective.metrics if each.name == task.search_metric]
    if not first or first[0].maximise != task.maximise:
        key = "maximise" if task.maximise else "minimise"
        what = f"task {task.name} is searched on {task.search_metric}, which the objective does not {key}"
        raise InvalidRequest(what, f"Add objective.{key}.{task.search_metric}=1.")
    return replace(objective, metrics=(*first, *(each for each in objective.metrics if each.name != task.search_metric)))


def _proxies_of(options: SearchOptions, task: Task) -> ProxyColumns | None:
    """Training-free columns of the task's table."""
    if not options.proxies:
        return None

    from nag.workflows.sources.proxies import proxies_of

    if not task.has_table:
        raise InvalidRequest(f"task {task.name} has no table of proxies", "Use proxies=[].")
    return proxies_of(task, options.proxies)


def _prior_of(path: str, task: Task, consumed: dict[str, float], device: torch.device) -> Predictor:
    """The predictor of the task from a meta-predictor, before any label."""
    from nag.evaluation.predicted import adapt, load_meta_predictor

    trained = load_meta_predictor(path, device)
    if trained.space.fingerprint != task.space.fingerprint:
        raise InvalidRequest(f"'{path}' is of another space than {task.space.name}", "Train one for that space.")
    consumed["labels_of_other_tasks"] = int(trained.metadata["labels_used"])
    return adapt(trained, dict(task.task_features), None, task.name, task.search_metric).predictor
