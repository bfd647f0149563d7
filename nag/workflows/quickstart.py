"""The whole path once: train a generator, query labels, train a predictor, generate for a task, compare, report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nag.core.documents import read_json, read_json_lines
from nag.core.errors import InvalidRequest
from nag.diffusion import DiscreteGenerator, GuidanceMethod
from nag.diffusion.generation import load_generator
from nag.evaluation import TableEvaluator
from nag.evaluation.predicted import load_predictor
from nag.predictors import Predictor
from nag.tasks import Task
from nag.training import FitOptions
from nag.workflows.run_folder.run import RunFolder
from nag.workflows.sample import sample
from nag.workflows.sampling.steering import Steering
from nag.workflows.train_generator import TrainingData, train_generator
from nag.workflows.train_predictor import draw_labels, train_predictor

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["QuickstartPlan", "QuickstartResult", "quickstart"]


@dataclass(frozen=True)
class QuickstartResult:
    """What the quickstart found.

    Args:
        report: Path of the HTML report.
        metrics: Content of its `metrics.json`.
    """

    report: Path
    metrics: dict[str, Any]


@dataclass(frozen=True)
class QuickstartPlan:
    """What the stages of a quickstart are made of, and how much they may use.

    Args:
        make_generator: See `train_generator`.
        training: How the generator is trained.
        make_predictor: See `train_predictor`.
        guidance: How to steer.
        num_train: Labels to query.
        num_samples: Architectures to generate.
        train_fraction: See `train_generator`.
    """

    make_generator: Callable[..., DiscreteGenerator]
    training: FitOptions
    make_predictor: Callable[..., Predictor]
    guidance: GuidanceMethod
    num_train: int = 100
    num_samples: int = 100
    train_fraction: float = 1.0


def quickstart(
    make_run: Callable[[str], RunFolder],
    task: Task,
    plan: QuickstartPlan,
    fabric: Fabric,
    write_report: Callable[[list[Path], Path, str], Path],
) -> QuickstartResult:
    """Runs every stage on one task and compares with random search at the same label budget.

    Args:
        make_run: Name of a sub-folder ("" for the quickstart's own) -> its run folder.
        task: The task.
        plan: The parts and the budget.
        fabric: Where to train.
        write_report: Writes the report of (run folders, file, title).

    Raises:
        InvalidRequest: The folder holds a finished run, or there are fewer labels than wanted.
    """
    own = make_run("")
    draw_labels(task, plan.num_train, own.seed)
    own.lock()
    try:
        if (own.path / "metrics.json").is_file():
            raise InvalidRequest(f"'{own.path}' holds a finished run", "Choose another out_dir.")
        return _run_stages(own, make_run, task, plan, fabric, write_report)
    finally:
        own.release()


def _run_stages(
    own: RunFolder,
    make_run: Callable[[str], RunFolder],
    task: Task,
    plan: QuickstartPlan,
    fabric: Fabric,
    write_report: Callable[[list[Path], Path, str], Path],
) -> QuickstartResult:
    """See `quickstart`."""
    own.start()
    space, device = task.table.space, fabric.device
    data = TrainingData(plan.train_fraction)
    generator_path = train_generator(make_run("generator"), space, plan.make_generator, plan.training, fabric, data)
    predictor_path = train_predictor(make_run("predictor"), task, plan.make_predictor, plan.num_train, device)
    generator, predictor = load_generator(generator_path, device), load_predictor(predictor_path, device)
    guided_path = sample(make_run("guided"), generator, plan.num_samples, Steering(plan.guidance, predictor), task)
    sample(make_run("unguided"), generator, plan.num_samples, task=task)
    metrics = {
        "task": task.name,
        "search_space": space.name,
        "protocol": task.protocol,
        "labels_used": plan.num_train,
        "num_samples": plan.num_samples,
        **_headline(own.path),
        **_pick(task, guided_path),
        **_random_search(task, plan.num_train, own.seed),
    }
    report = own.path / "report.html"
    written = own.finish(metrics, also=lambda: [write_report([own.path], report, f"nag quickstart: {task.name}")])
    return QuickstartResult(report, written)


def _headline(path: Path) -> dict[str, Any]:
    stages = {name: read_json(path / name / "metrics.json") for name in ("generator", "predictor", "guided", "unguided")}
    result: dict[str, Any] = {
        "validity_raw": stages["generator"]["validity_raw"],
        "tv_ops": stages["generator"]["tv_ops"],
        "tv_edges": stages["generator"]["tv_edges"],
        "kendall_tau": stages["predictor"]["kendall_tau"],
        "true_optimum": stages["guided"]["true_optimum"],
        "guided_distinct": stages["guided"]["num_distinct"],
        "uniform_true_percentile_mean": stages["guided"]["uniform_true_percentile_mean"],
    }
    for name in ("guided", "unguided"):
        for metric in ("true_mean", "true_best", "true_percentile_mean", "true_percentile_best"):
            result[f"{name}_{metric}"] = stages[name][metric]
    return result


def _pick(task: Task, guided: Path) -> dict[str, Any]:
    """The generated architecture that the predictor likes best: the one to train if only one can be."""
    rows = read_json_lines(guided)
    if not rows:
        raise InvalidRequest("the generator makes no valid architecture", "Train it longer: training.max_steps=N.")
    chosen = max(rows, key=lambda row: task.utility(row["predicted_mean"]))
    found = TableEvaluator(task).evaluate([task.table.space.decode(chosen["arch"])])[0]
    return {
        "guided_pick": chosen["arch"],
        "guided_pick_true": found.report_value,
        "guided_pick_percentile": found.percentile,
    }


def _random_search(task: Task, budget: int, seed: int) -> dict[str, Any]:
    """Random search with the same labels: of those architectures, the one with the best search metric."""
    rows = draw_labels(task, budget, seed).train
    values = task.search_values[rows]
    chosen = rows[int(np.argmax(task.utility(values)))]
    true = float(task.report_values[chosen])
    return {
        "random_search_pick": task.table.space.encode(task.table.architecture(int(chosen))),
        "random_search_pick_true": true,
        "random_search_pick_percentile": float(task.percentile(true)),
        "random_search_true_percentile_mean": float(task.percentile(task.report_values[rows]).mean()),
    }
