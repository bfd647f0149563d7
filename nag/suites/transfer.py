"""The suite `transfer`: a task that was never seen, from its descriptor and a few labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata

from nag.core.errors import InvalidRequest
from nag.evaluation.predicted import load_meta_predictor
from nag.predictors import Episodes, GPPredictor, MetaPredictor, TransferPredictor
from nag.suites.adapter_transfer import AdapterJob, AdapterTransfer, measure_adapters
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import Cell, Measurement, cell_key
from nag.suites.guided_transfer import GuidedTransfer, measure_guided
from nag.suites.ranking import measure_ranking
from nag.suites.suite import Column, Suite, SuiteOptions, Table, chosen
from nag.tasks import Task, load_task
from nag.training import make_fabric
from nag.workflows.run import RunFolder
from nag.workflows.train_meta_predictor import train_meta_predictor

__all__ = ["TransferJob", "TransferPreset", "TransferRun", "TransferSuite", "measure_transfer"]


@dataclass(frozen=True)
class TransferRun:
    """Some tasks, each of which is the target in turn.

    Args:
        targets: Names of the targets.
        sources: Names of the source tasks, of which the target itself is left out.
    """

    targets: Sequence[str]
    sources: Sequence[str]


@dataclass(frozen=True)
class TransferPreset:
    """How much the suite computes.

    Args:
        runs: Targets and sources.
        labels: Numbers of target labels.
        seeds: Number of seeds.
        proposed: Architectures that are proposed.
        num_train: Architectures whose labels are bought in every source task; all if None.
        episodes: How the prior is learned.
        guided: How samples are drawn for the targets of the first run; None for none.
    """

    runs: Sequence[TransferRun]
    labels: Sequence[int] = (0, 5, 10, 20, 50)
    seeds: int = 5
    proposed: int = 20
    num_train: int | None = None
    episodes: Episodes = field(default_factory=Episodes)
    guided: GuidedTransfer | None = None


@dataclass(frozen=True)
class TransferJob:
    """One target and seed.

    Args:
        target: Name of the target task.
        sources: Names of the source tasks.
        make_source: (space=..., seed=...) -> an untrained predictor of a source task.
        preset: How much to compute.
        seed: Seed of the target's labels; that of the meta-predictor is 0.
        device: Kind of accelerator.
    """

    target: str
    sources: tuple[str, ...]
    make_source: Callable[..., Any]
    preset: TransferPreset
    seed: int
    device: str


class TransferSuite(Suite):
    """Leaves each task out, and predicts it from the others.

    Args:
        source: (space=..., seed=...) -> an untrained predictor of a source task.
        presets: Name -> how much is computed.
        adapters: How adapters learn the source tasks, where there are several; None for none.
    """

    def __init__(
        self, source: Callable[..., Any], presets: Mapping[str, TransferPreset], adapters: AdapterTransfer | None = None
    ) -> None:
        self.source, self.presets, self.adapters = source, presets, adapters

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "transfer"

    @property
    def title(self) -> str:
        """Heading of its page."""
        return "Transfer to unseen tasks"

    @property
    def tables(self) -> tuple[Table, ...]:
        """Rank correlation and what the first proposals are worth."""
        columns = (
            Column("kendall_tau", "tau"),
            Column("spearman", "Spearman"),
            Column("proposed_percentile", "mean percentile of the proposed", ".1f"),
            Column("best_percentile", "percentile of the best proposed", ".2f"),
            Column("regret", "regret of the best proposed", ".3g"),
        )
        guided = (
            Column("guided_percentile", "mean percentile", ".1f"),
            Column("guided_search_percentile", "mean percentile of the search metric", ".1f"),
            Column("guided_best_percentile", "best", ".2f"),
            Column("sampling_cpu_seconds", "sampling CPU s", ".1f"),
        )
        return (
            Table("ranking the architectures of an unseen task", columns, ("k=*",)),
            Table("guided samples for an unseen task", guided, ("*guided samples*",)),
        )

    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about."""
        preset = chosen(self.presets, options)
        bought = "all labels" if preset.num_train is None else f"{preset.num_train} labels"
        return (
            f"The target task is left out; a meta-predictor learns from {bought} of the other tasks' search metrics and from "
            "descriptors of their data, then sees the target's descriptor and k random labels of its search metric. "
            "Everything is measured by that metric on all architectures that were not labelled; percentiles are those of "
            f"the table (50 is chance), of the {preset.proposed} architectures that are predicted best. *Mean rank* ranks "
            "by the mean rank in the other tasks' tables, *nearest task* by the table of the task with the most similar "
            "descriptor; both read whole tables and no target label. *GP from scratch* sees the k labels alone. "
            f"{self._adapters_in_words(preset)}Guided "
            "samples are drawn by one generator of the space, trained without labels, with the default guidance, toward "
            "what each predictor makes of the labels; their percentiles are those of the report metric."
        )

    def _adapters_in_words(self, preset: TransferPreset) -> str:
        if self.adapters is None:
            return ""
        return (
            f"*Adapters (AIO-P)* learn {self._bought(self.adapters, preset).num_train} labels of each source task, the first "
            "as a frozen network and each other as a small one that reads it; they see no descriptor. "
        )

    @staticmethod
    def _bought(adapters: AdapterTransfer, preset: TransferPreset) -> AdapterTransfer:
        """No more labels of a source task than the meta-predictor buys."""
        return adapters if preset.num_train is None else replace(adapters, num_train=min(adapters.num_train, preset.num_train))

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each target and seed.

        Raises:
            InvalidRequest: An unknown preset, or a target without sources.
            MissingData: A task's table is not there.
        """
        preset = chosen(self.presets, options)
        plain = replace(preset, guided=None)  # what these cells do not depend on
        cells = []
        for run in preset.runs:
            for target in run.targets:
                sources = tuple(name for name in run.sources if name != target)
                if not sources:
                    raise InvalidRequest(f"{target} has no source tasks", "Name some in the suite's preset.")
                load_task(target)
                for seed in options.seeds_from(preset.seeds):
                    job = TransferJob(target, sources, self.source, plain, seed, options.device)
                    key = cell_key(target, f"from{len(sources)}", f"seed{seed}")
                    cells.append(Cell(key, seed, partial(measure_transfer, job)))
        if preset.guided is not None:
            for target in preset.runs[0].targets:
                sources = tuple(name for name in preset.runs[0].sources if name != target)
                for seed in options.seeds_from(preset.guided.seeds):
                    job = TransferJob(target, sources, self.source, preset, seed, options.device)
                    cells.append(Cell(cell_key(target, "guided", f"seed{seed}"), seed, partial(measure_guided_transfer, job)))
        return cells + self._adapter_cells(preset, options)

    def _adapter_cells(self, preset: TransferPreset, options: SuiteOptions) -> list[Cell]:
        """One cell for each target with several sources, and seed."""
        cells: list[Cell] = []
        if self.adapters is None:
            return cells
        how, labels = self._bought(self.adapters, preset), tuple(preset.labels)
        for run in preset.runs:
            for target in run.targets:
                sources = tuple(name for name in run.sources if name != target)
                for seed in options.seeds_from(preset.seeds) if len(sources) > 1 else ():
                    job = AdapterJob(target, sources, how, labels, preset.proposed, seed, options.device)
                    cells.append(Cell(cell_key(target, "adapters", f"seed{seed}"), seed, partial(measure_adapters, job)))
        return cells


def measure_transfer(job: TransferJob, workshop: ArtifactCache) -> list[Measurement]:
    """Ranks the target's table by every method with every number of labels."""
    task = load_task(job.target)
    sources = [load_task(name) for name in job.sources]
    trained = load_meta_predictor(_meta(job, sources, workshop) / "meta_predictor.safetensors", make_fabric(job.device).device)
    table, rows = task.table, task.rows
    order = np.random.default_rng(job.seed).permutation(rows)
    looked_up = np.stack([task.utility(source.table.values(source.search_metric, table.dags)) for source in sources], 1)
    meta = trained.meta
    assert isinstance(meta, MetaPredictor)
    nearest = meta.tasks.index(_nearest(meta, task))
    ranks = {"mean rank": _mean_rank(looked_up), "nearest task": looked_up[:, nearest]}
    found, features = [], meta.features(table.dags)
    others = int(trained.facts["labels_used"])
    for labels in job.preset.labels:
        seen = order[:labels]
        bought = (table.dags[torch.from_numpy(seen)], torch.from_numpy(task.search_values[seen])) if labels else None
        predicted = dict(ranks)
        predictor = TransferPredictor(meta, task.task_features)
        if bought is not None:
            predictor.fit_features(features[torch.from_numpy(seen)], bought[1])
        predicted["meta-predictor"] = task.utility(predictor.predict_features(features).mean.cpu().numpy())
        if bought is not None:
            scratch = GPPredictor(table.space, seed=job.seed)
            scratch.fit(*bought)
            predicted["GP from scratch"] = task.utility(scratch.predict_scores(table.dags).mean.cpu().numpy())
        for method, prediction in predicted.items():
            measured = measure_ranking(task, prediction, np.setdiff1d(rows, seen), job.preset.proposed)
            used = {"labels_of_other_tasks": float(0 if method == "GP from scratch" else others)}
            found += [
                Measurement(table.space.name, task.name, method, f"k={labels}", name, value, labels)
                for name, value in {**measured, **used}.items()
            ]
    return found


def measure_guided_transfer(job: TransferJob, workshop: ArtifactCache) -> list[Measurement]:
    """Generates for the target with the meta-predictor and without."""
    assert job.preset.guided is not None
    task, sources = load_task(job.target), [load_task(name) for name in job.sources]
    trained = load_meta_predictor(_meta(job, sources, workshop) / "meta_predictor.safetensors", make_fabric(job.device).device)
    return measure_guided(job.preset.guided, task, trained, job.seed, job.device, workshop)


def _meta(job: TransferJob, sources: Sequence[Task], workshop: ArtifactCache) -> Any:
    def build(run: RunFolder) -> None:
        device = make_fabric(job.device).device
        train_meta_predictor(run, sources, job.make_source, job.preset.num_train, job.preset.episodes, device)

    config = {
        "sources": job.sources,
        "make_source": job.make_source,
        "num_train": job.preset.num_train,
        "episodes": job.preset.episodes,
    }
    name = cell_key("meta", "without", job.target)
    return workshop.product(name, "train-meta-predictor", 0, job.device, config, build)


def _mean_rank(values: np.ndarray) -> np.ndarray:
    """Mean rank of (R, T) values over the tasks that measured them: (R,)."""
    ranks = np.stack([rankdata(column, nan_policy="omit") for column in values.T], 1)
    return np.nanmean(ranks, 1)


def _nearest(meta: MetaPredictor, task: Task) -> str:
    """The source task whose descriptor is the most similar."""
    distance = (meta.descriptors - meta.scaled(task.task_features)).square().sum(1)
    return meta.tasks[int(distance.argmin())]
