"""How far fine-tuning reaches beyond what a generator was trained on: pretrain on a slice of a table, then fine-tune."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.randomness import seeded
from nag.diffusion.discrete import DiscreteGenerator
from nag.diffusion.finetuning.finetuning import FineTuning, finetune
from nag.diffusion.finetuning.policy_gradient import kl_to
from nag.evaluation import Ledger, Stopwatch, TableEvaluator
from nag.evaluation.scores.labelled_reward import LabelledReward
from nag.tasks import Task
from nag.tracking import RunTracker
from nag.training import FitOptions, fit

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Extrapolation", "SampleWorth", "extrapolate", "inverted", "pretrain", "slice_of", "worth_of_samples"]

Slice = Literal["worst", "random", "best"]

_SAMPLES = 1000
_KL_SAMPLES = 256


@dataclass(frozen=True)
class SampleWorth:
    """Report metric of fresh samples, in the task's direction.

    Args:
        mean: Mean over the valid samples in the table.
        best: The best of them.
        percentile: Mean percentile in the table, 100 being best.
        validity: Share of valid samples.
        distinct: Number of distinct functions among the valid ones.
        beyond: Share of the valid samples that are better than every pretraining architecture.
    """

    mean: float
    best: float
    percentile: float
    validity: float
    distinct: int
    beyond: float


@dataclass(frozen=True)
class Extrapolation:
    """Result of one extrapolation run; all values are of the report metric.

    Args:
        train_size: Pretraining architectures.
        ceiling: The best of them.
        train_mean: Their mean.
        before: Fresh samples of the pretrained generator.
        after: Fresh samples of the fine-tuned one.
        best_found: Report metric of the labelled architecture with the best search metric.
        beyond_ceiling: How much better it is than the ceiling (positive is better, whichever the direction).
        optimum: Best of the table.
        kl: Divergence of the fine-tuned generator from the pretrained one, in nats a graph.
        labels_to_beat: Labels queried until one was better than the ceiling by the search metric; None if never.
        ledger: What the fine-tuning took: every label, the sampler's network evaluations, CPU seconds. The pretraining
            sees no label; its seconds are the caller's to add.
    """

    train_size: int
    ceiling: float
    train_mean: float
    before: SampleWorth
    after: SampleWorth
    best_found: float
    beyond_ceiling: float
    optimum: float
    kl: float
    labels_to_beat: int | None
    ledger: Ledger

    def as_metrics(self) -> dict[str, Any]:
        """Flat names and numbers, as a results table has them."""
        flat: dict[str, Any] = {}
        for name, value in asdict(self).items():
            if isinstance(value, dict):
                prefix = "" if name == "ledger" else f"{name}_"
                flat |= {f"{prefix}{key}": entry for key, entry in value.items()}
            else:
                flat[name] = value
        return flat


def slice_of(task: Task, which: Slice, share: float = 0.07, seed: int = 0) -> np.ndarray:
    """Rows of a task's table to pretrain on: those with the worst or best search metric, or random ones.

    Whole functions are taken: no functional twin of a row stands outside of the slice, and its size is met up to the
    twins of its last row. Labels that choose a slice are not counted: it stands for the architectures that
    somebody has.

    Args:
        task: The task.
        which: "worst", "best" or "random".
        share: Share of the table, above 0 and below 1.
        seed: Of the random slice.

    Returns:
        Row numbers, ascending, int64.

    Raises:
        InvalidRequest: An unknown slice or an impossible share.
    """
    if which not in {"worst", "random", "best"} or not 0 < share < 1:
        raise InvalidRequest(f"no slice '{which}' of {share}", "Known: worst, random, best, of a share between 0 and 1.")
    rows = task.rows
    classes = np.unique(task.table.canonical[rows], return_inverse=True)[1].reshape(-1)
    keys = task.utility(task.search_values[rows])
    if which != "worst":
        keys = -keys
    if which == "random":
        keys = np.random.default_rng(seed).random(classes.max() + 1)[classes]
    # a class stands where its last member does, so that no twin of a chosen row is better than the slice's ceiling
    last = np.full(classes.max() + 1, -np.inf)
    np.maximum.at(last, classes, keys)
    order = np.lexsort((classes, last[classes]))
    ends = np.append(np.flatnonzero(np.diff(classes[order])) + 1, len(order))  # where a class is complete
    stop = int(ends[np.abs(ends - share * len(rows)).argmin()])
    return np.sort(rows[order[:stop]])


def pretrain(
    task: Task,
    rows: np.ndarray,
    make_generator: Callable[..., DiscreteGenerator],
    options: FitOptions,
    fabric: Fabric,
    tracker: RunTracker,
    seed: int,
) -> DiscreteGenerator:
    """Trains a generator on rows of a task's table; it sees no value.

    Short training matters: what is to be fine-tuned must still give unseen combinations some probability.

    Args:
        task: The task.
        rows: Rows to train on.
        make_generator: (space=..., data=...) -> the untrained generator.
        options: Length and speed.
        fabric: Device, precision and processes.
        tracker: Gets losses and progress.
        seed: Of the training.
    """
    data = task.table.dags[torch.from_numpy(rows)]
    with seeded(seed):
        generator = make_generator(space=task.table.space, data=data)
    data = data.to(fabric.device)

    def loss(module: Any, rng: torch.Generator) -> dict[str, Tensor]:
        drawn = torch.randint(len(data), (options.batch_size,), generator=rng, device=data.device)
        return {"loss": module.loss(data[drawn], rng).total}

    trained = fit(generator, loss, options, fabric, tracker, seed).model
    assert isinstance(trained, DiscreteGenerator)
    return trained


def worth_of_samples(
    task: Task, generator: DiscreteGenerator, ceiling: float, rng: torch.Generator, count: int = _SAMPLES
) -> SampleWorth:
    """Looks fresh samples up in the task's table.

    Args:
        task: The task.
        generator: Draws them.
        ceiling: Report metric to be beaten.
        rng: Source of randomness, on the generator's device.
        count: Number of samples.
    """
    dags = generator.sample(count, rng).to("cpu")
    valid = task.table.space.is_valid(dags)
    kept = dags[valid]
    values = task.table.values(task.report_metric, kept)
    values = values[np.isfinite(values)]
    found = len(values) > 0
    return SampleWorth(
        mean=float(values.mean()) if found else float("nan"),
        best=task.metrics[0].best(values) if found else float("nan"),
        percentile=float(task.percentile(values).mean()) if found else float("nan"),
        validity=float(valid.double().mean()),
        distinct=len(task.table.space.function_codes(kept).unique()),
        beyond=float((task.utility(values) > task.utility(ceiling)).sum() / max(int(valid.sum()), 1)),
    )


def extrapolate(
    task: Task,
    generator: DiscreteGenerator,
    rows: np.ndarray,
    options: FineTuning,
    budget: int,
    seed: int,
    on_round: Callable[..., object] = lambda state: None,
    samples: int = _SAMPLES,
) -> Extrapolation:
    """Fine-tunes a pretrained generator on the table's search metric, every label counted, and tells how far it came.

    Args:
        task: The task; for the inverse run one that minimises (see `inverted`).
        generator: Pretrained on `rows`.
        rows: Rows of the table that it was pretrained on.
        options: Of the fine-tuning, which also ends where the budget is spent.
        budget: Labels.
        seed: Of sampling and fine-tuning.
        on_round: Called after each round; a true answer ends the fine-tuning.
        samples: Fresh samples before and after.
    """
    device = generator.sizes.device
    known = task.report_values[rows]
    ceiling = task.metrics[0].best(known)
    watch = Stopwatch()
    reward = LabelledReward(task, TableEvaluator(task), budget)
    rng = torch.Generator(device=device).manual_seed(seed)
    result = finetune(generator, reward, options, rng, lambda state: on_round(state) or reward.spent)
    evaluations = generator.cost(options.batch_size).network_evaluations * len(result.history)
    ledger = reward.as_ledger() + Ledger(network_evaluations=evaluations, train_cpu_seconds=round(watch.cpu, 3))

    searched = np.array(reward.labelled()[1])
    fresh = torch.Generator(device=device).manual_seed(seed + 1)
    best = _report_of_best(task, reward)
    return Extrapolation(
        train_size=len(rows),
        ceiling=ceiling,
        train_mean=float(known.mean()),
        before=worth_of_samples(task, generator, ceiling, fresh, samples),
        after=worth_of_samples(task, result.generator, ceiling, fresh, samples),
        best_found=best,
        beyond_ceiling=task.utility(best - ceiling),
        optimum=task.best,
        kl=kl_to(generator, result.generator, _KL_SAMPLES, fresh),
        labels_to_beat=_labels_to_beat(task.utility(searched), float(task.utility(task.search_values[rows]).max())),
        ledger=ledger,
    )


def inverted(task: Task) -> Task:
    """The same task the other way round: what was best is worst."""
    return replace(task, name=f"{task.name} inverted", maximise=not task.maximise)


def _report_of_best(task: Task, reward: LabelledReward) -> float:
    """What the table reports of the labelled architecture that the search saw as best; nan if there is none."""
    found = reward.best()
    if found is None:
        return float("nan")
    return float(task.table.values(task.report_metric, task.table.space.to_dags([found[0]]))[0])


def _labels_to_beat(searched: np.ndarray, ceiling: float) -> int | None:
    """Labels until the first one above the ceiling, in the direction where more is better."""
    above = np.flatnonzero(searched > ceiling)
    return int(above[0]) + 1 if len(above) else None
