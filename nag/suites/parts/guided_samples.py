"""Guided sampling methods and baselines for a predictor of few labels, with the true values of their samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nag.core.randomness import seeded
from nag.diffusion import ClassifierFree, FineTuning, GuidanceMethod, finetune
from nag.diffusion.generation.graph_batches import GraphBatchSampler, quantiles
from nag.diffusion.guidance.selection import select
from nag.evaluation import Stopwatch, cpu_seconds
from nag.evaluation.predicted import TrainedPredictor
from nag.evaluation.predicted.objectives import predictor_score
from nag.graphs import DagBatch
from nag.suites import CellContext
from nag.tasks import Task
from nag.tracking import NullTracker
from nag.training import FitOptions, fit, make_fabric
from nag.workflows.train_predictor import draw_labels

__all__ = ["Samples", "Sampling"]

_PARENTS = 10
_PSEUDO_LABELLED = 2000
_BATCH = 128


@dataclass(frozen=True)
class Samples:
    """Samples of a method and their cost.

    Args:
        dags: The valid samples.
        raw: Number of samples drawn.
        scored: Number of predictor evaluations.
        cpu: CPU seconds.
    """

    dags: DagBatch
    raw: int
    scored: int
    cpu: float

    def values(self, task: Task) -> dict[str, float]:
        """Metric -> value; metrics of valid samples are omitted if there are none."""
        cost = {
            "validity": len(self.dags) / self.raw,
            "predictor_evaluations": float(self.scored),
            "sampling_cpu_seconds": self.cpu,
        }
        return {**(self._quality(task) if len(self.dags) else {}), **cost}

    def _quality(self, task: Task) -> dict[str, float]:
        """True values of the valid samples."""
        table = task.table
        values, searched = table.values(task.report_metric, self.dags), table.values(task.search_metric, self.dags)
        values, searched = values[np.isfinite(values)], searched[np.isfinite(searched)]
        percentile = task.percentile(values)
        best = task.metrics[0].best(values)
        return {
            "percentile_mean": float(percentile.mean()),
            "percentile_best": float(percentile.max()),
            "percentile_worst": float(percentile.min()),
            "search_percentile_mean": float(task.percentile(searched, task.search_metric).mean()),
            "true_mean": float(values.mean()),
            "true_best": float(best),
            "regret": abs(task.best - float(best)),
            "functional_uniqueness": len(set(task.space.canonical_hashes(self.dags))) / len(self.dags),
        }


class _Counted:
    """Score function of a predictor that counts its evaluations."""

    def __init__(self, task: Task, predictor: TrainedPredictor) -> None:
        self.count, self._score = 0, predictor_score(task.space, predictor)

    def __call__(self, dags: DagBatch) -> Tensor:
        self.count += len(dags)
        return self._score(dags)


@dataclass(frozen=True)
class Sampling:
    """Sampling methods for a task, all with the cell's seed.

    Args:
        task: The task.
        generator: A generator of its space.
        predictor: A predictor of its search metric.
        labels: Number of labels of the predictor.
        count: Number of samples.
        context: Seed and device.
    """

    task: Task
    generator: Any
    predictor: TrainedPredictor
    labels: int
    count: int
    context: CellContext

    def guided(self, guidance: GuidanceMethod) -> Samples:
        """Samples of the generator, guided by the predictor."""
        score, watch = _Counted(self.task, self.predictor), Stopwatch()
        dags = guidance.sample(self.generator, self.count, self.context.rng(), score).to("cpu")
        return Samples(dags[self.task.space.is_valid(dags)], len(dags), score.count, watch.cpu)

    def conditioned(self, guidance: GuidanceMethod, condition: ClassifierFree, make: Callable[..., Any], steps: int) -> Samples:
        """Trains a copy of the generator on predicted quantiles of its own samples, then samples at a high quantile.

        Args:
            guidance: Guidance that conditions the copy.
            condition: The condition that the copy is trained on.
            make: (space=..., data=..., conditions=...) -> the untrained copy.
            steps: Training steps.
        """
        space, before, names = self.task.space, cpu_seconds(), tuple(condition.condition)
        with seeded(self.context.seed):
            copy = make(space=space, data=space.to_dags([]), conditions=names)
        copy.load_state_dict(self.generator.state_dict(), strict=False)  # weights of the condition start at zero
        pseudo = self.generator.sample(_PSEUDO_LABELLED, self.context.rng())
        pseudo = pseudo[space.is_valid(pseudo)]
        score = predictor_score(space, self.predictor)
        feed = GraphBatchSampler(pseudo, _BATCH, quantiles(pseudo, dict.fromkeys(names, score)))

        def loss(module: Any, rng: torch.Generator) -> dict[str, Tensor]:
            dags, conditions = feed.draw(rng)
            return {"loss": feed.weight(dags) * module.loss(dags, rng, conditions).total}

        options, fabric = (
            FitOptions(max_steps=steps, batch_size=_BATCH, learning_rate=1e-3),
            make_fabric(self.context.accelerator),
        )
        trained = fit(copy, loss, options, fabric, NullTracker(), self.context.seed, begin=feed.begin).model
        found = replace(self, generator=trained).guided(guidance)
        return replace(found, scored=found.scored + len(pseudo), cpu=cpu_seconds() - before)

    def finetuned(self, options: FineTuning) -> Samples:
        """Samples of the generator after reward fine-tuning by the predictor."""
        reward, before = _Counted(self.task, self.predictor), cpu_seconds()
        tuned = finetune(self.generator, reward, options, self.context.rng()).generator
        found = replace(self, generator=tuned).guided(GuidanceMethod(0.0))
        return replace(found, scored=reward.count, cpu=cpu_seconds() - before)

    def whole_space(self) -> Samples:
        """The best distinct functions of the whole table by the predictor."""
        watch, space, dags = Stopwatch(), self.task.space, self.task.table.dags
        score = predictor_score(space, self.predictor)
        values = torch.cat([score(dags[part]).cpu() for part in torch.arange(len(dags)).split(4096)])
        rng = torch.Generator().manual_seed(self.context.seed)
        rows = select(1e6 * values, space.function_codes(dags), self.count, rng)
        return Samples(dags[rows], len(rows), len(dags), watch.cpu)

    def mutated(self) -> Samples:
        """Distinct one-edit neighbours of the best labelled architectures, in random order."""
        task, watch = self.task, Stopwatch()
        space, table = task.space, task.table
        rows = draw_labels(task, self.labels, self.context.seed).train
        values = task.utility(task.search_values[rows])
        parents = rows[np.argsort(-values, kind="stable")[:_PARENTS]]
        mutants = [mutant for row in parents for mutant in space.neighbours(table.architecture(int(row)))]
        dags = space.to_dags(mutants)
        rng = torch.Generator().manual_seed(self.context.seed)
        known = torch.isin(space.function_codes(dags), space.function_codes(table.dags[torch.from_numpy(rows)]))
        dags = dags[~known]
        count = min(self.count, len(dags))
        chosen = select(torch.zeros(len(dags)), space.function_codes(dags), count, rng)
        return Samples(dags[chosen], count, 0, watch.cpu)
