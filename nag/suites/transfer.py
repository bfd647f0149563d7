"""The suite `transfer`: prediction for an unseen task from its task features and few labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata

from nag.core.errors import InvalidRequest
from nag.evaluation.predicted import TrainedMetaPredictor
from nag.predictors import Episodes, GPPredictor, MetaPredictor, TransferPredictor
from nag.suites import Cell, CellContext, Measurement, SuiteOptions, cell_key
from nag.suites.adapter_transfer import AdapterTransfer
from nag.suites.guided_transfer import GuidedTransfer
from nag.suites.page import PagedSuite
from nag.suites.parts.products import trained_meta_predictor
from nag.suites.parts.ranking import measure_ranking
from nag.tasks import Task, load_task

__all__ = ["TransferRun", "TransferSuite"]


@dataclass(frozen=True)
class TransferRun:
    """Target tasks with their source tasks.

    Args:
        targets: Names of the targets.
        sources: Names of the source tasks; a target is never its own source.
    """

    targets: Sequence[str]
    sources: Sequence[str]

    def pairs(self) -> list[tuple[str, tuple[str, ...]]]:
        """Each target with its source tasks.

        Raises:
            InvalidRequest: A target has no sources.
        """
        found = [(target, tuple(name for name in self.sources if name != target)) for target in self.targets]
        for target, sources in found:
            if not sources:
                raise InvalidRequest(f"{target} has no source tasks", "Name some in the suite's preset.")
        return found


@dataclass(frozen=True)
class TransferSuite(PagedSuite):
    """Leaves each task out and predicts it from the others.

    Args:
        source: (space=..., seed=...) -> an untrained predictor of a source task; that of the meta-predictor has seed 0.
        runs: Targets and sources.
        adapters: Training of adapters, for targets with several sources; None for none.
        labels: Numbers of target labels.
        seeds: Number of seeds of the target's labels.
        proposed: Number of top predictions to evaluate.
        num_train: Number of labels of each source task; all if None.
        episodes: Options of fitting the prior.
        guided: Guided sampling for the targets of the first run; None for none.
    """

    source: Callable[..., Any]
    runs: Sequence[TransferRun]
    adapters: AdapterTransfer | None = None
    labels: Sequence[int] = (0, 5, 10, 20, 50)
    seeds: int = 5
    proposed: int = 20
    num_train: int | None = None
    episodes: Episodes = field(default_factory=Episodes)
    guided: GuidedTransfer | None = None

    name = "transfer"

    def words(self) -> dict[str, Any]:
        """The settings, and what meta-predictor and adapters are trained on."""
        labels = "all labels" if self.num_train is None else f"{self.num_train} labels"
        adapters = self._adapters()
        about_adapters = adapters and (
            f"*Adapters (AIO-P)* are trained on {adapters.num_train} labels of each source task: a network on the first "
            "task, which is then frozen, and a small network on its states for each other; they use no task features. "
        )
        return {**super().words(), "source_labels": labels, "about_adapters": about_adapters or ""}

    def _adapters(self) -> AdapterTransfer | None:
        """The adapters, with at most as many labels of a source task as the meta-predictor."""
        if self.adapters is None or self.num_train is None:
            return self.adapters
        return replace(self.adapters, num_train=min(self.adapters.num_train, self.num_train))

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each target and seed; guided samples and adapters are separate cells."""
        alone = replace(self, runs=(), adapters=None)
        ranking = replace(alone, guided=None)
        pairs = [pair for run in self.runs for pair in run.pairs()]
        cells = list[Cell]()
        for target, sources in pairs:
            load_task(target)
            measure = partial(ranking.measure, target, sources)
            cells += options.cells(self.seeds, measure, target, f"from{len(sources)}")
        if self.guided is not None:
            for target, sources in self.runs[0].pairs():
                cells += options.cells(self.guided.seeds, partial(alone.measure_guided, target, sources), target, "guided")
        adapters = self._adapters()
        for target, sources in pairs:
            if adapters is not None and len(sources) > 1:
                measure = partial(adapters.measure, target, sources, tuple(self.labels), self.proposed)
                cells += options.cells(self.seeds, measure, target, "adapters")
        return cells

    def measure(self, target: str, sources: Sequence[str], context: CellContext) -> list[Measurement]:
        """Ranks the target's table by every method with every number of labels."""
        task, trained = load_task(target), self._trained(target, sources, context)
        meta, table = trained.meta, task.table
        assert isinstance(meta, MetaPredictor)
        order = np.random.default_rng(context.seed).permutation(task.rows)
        others, plain = float(trained.metadata["labels_used"]), _from_tables(task, sources, meta)
        found, features = list[Measurement](), meta.features(table.dags)
        for labels in self.labels:
            seen = order[:labels]
            rows, values = torch.from_numpy(seen), torch.from_numpy(task.search_values[seen])
            predictor = TransferPredictor(meta, task.task_features)
            if labels:
                predictor.fit_features(features[rows], values)
            predicted = {**plain, "meta-predictor": task.utility(predictor.predict_features(features).mean.cpu().numpy())}
            if labels:
                scratch = GPPredictor(table.space, seed=context.seed)
                scratch.fit(table.dags[rows], values)
                predicted["GP from scratch"] = task.utility(scratch.predict_scores(table.dags).mean.cpu().numpy())
            for method, prediction in predicted.items():
                used = 0.0 if method == "GP from scratch" else others
                found += measure_ranking(task, method, prediction, seen, self.proposed, used)
        return found

    def measure_guided(self, target: str, sources: Sequence[str], context: CellContext) -> list[Measurement]:
        """Generates for the target with and without the meta-predictor."""
        assert self.guided is not None
        return self.guided.measure(load_task(target), self._trained(target, sources, context), context)

    def _trained(self, target: str, sources: Sequence[str], context: CellContext) -> TrainedMetaPredictor:
        name = cell_key("without", target)
        return trained_meta_predictor(context, name, sources, self.source, self.num_train, self.episodes)[0]


def _from_tables(task: Task, sources: Sequence[str], meta: MetaPredictor) -> dict[str, np.ndarray]:
    """Predictions (R,) from the tables of the source tasks."""
    tasks = [load_task(name) for name in sources]
    looked_up = np.stack([task.utility(source.table.values(source.search_metric, task.table.dags)) for source in tasks], 1)
    return {"mean rank": _mean_rank(looked_up), "nearest task": looked_up[:, meta.tasks.index(_nearest(meta, task))]}


def _mean_rank(values: np.ndarray) -> np.ndarray:
    """Mean rank of (R, T) values over the tasks that measured them: (R,)."""
    ranks = np.stack([rankdata(column, nan_policy="omit") for column in values.T], 1)
    return np.nanmean(ranks, 1)


def _nearest(meta: MetaPredictor, task: Task) -> str:
    """The source task with the most similar task features."""
    distance = (meta.tasks_features - meta.scaled(task.task_features)).square().sum(1)
    return meta.tasks[int(distance.argmin())]
