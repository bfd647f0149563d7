"""The suite `proxies`: training-free scores against published ones and against what training finds, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from scipy.stats import kendalltau, spearmanr

from nag.core.documents import read_json
from nag.core.errors import InvalidRequest
from nag.core.files import write_json
from nag.core.numbers import Count
from nag.core.signatures import checked
from nag.evaluation import load_data_set
from nag.evaluation.proxy_trial import LIMIT, ProxyTrial
from nag.networks import Builder
from nag.predictors import combined_scores
from nag.proxies import proxy_named
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import Cell, Measurement, cell_key
from nag.suites.suite import Column, Suite, SuiteOptions, Table, chosen
from nag.tasks import Task, load_task
from nag.workflows.run import RunFolder

__all__ = ["ProxiesJob", "ProxiesPreset", "ProxiesSuite", "ProxyRun", "measure_combination", "measure_proxy"]

_TOP = 10  # percent


@checked
@dataclass(frozen=True)
class ProxyRun:
    """Part of a preset: proxies that score networks of one size.

    Args:
        setting: How the networks are called in the tables.
        proxies: Names of the proxies.
        builder: Makes the networks.
        batch_size: Images that they see.
        initialisations: Initial weights that a score is averaged over.
        normal: Whether weights have the normal law of published synflow and naswot, rather than PyTorch's own.

    Raises:
        InvalidRequest: No such proxy, or a number is too small.
    """

    setting: str
    proxies: Sequence[str]
    builder: Builder
    batch_size: Annotated[int, Field(ge=2)] = 64
    initialisations: Count = 3
    normal: bool = True

    def __post_init__(self) -> None:
        for name in self.proxies:
            proxy_named(name)


@checked
@dataclass(frozen=True)
class ProxiesPreset:
    """How much the suite computes.

    Args:
        runs: Its parts.
        combinations: Name -> proxies whose mean normal score is measured too; each must be in one run.
        task: A table with the search metric to predict.
        data_set: Images that networks see.
        released: Proxy -> column of the table with values that others computed.
        count: Number of random architectures.
        seeds: Number of draws.
        part: Architectures that are scored at a time, and lost by a kill.

    Raises:
        InvalidRequest: A number is too small, a proxy is in no run or in two.
    """

    runs: Sequence[ProxyRun]
    combinations: Mapping[str, Sequence[str]] = field(default_factory=dict)
    task: str = "nasbench201/cifar10"
    data_set: str = "cifar10_sample"
    released: Mapping[str, str] = field(default_factory=dict)
    count: Annotated[int, Field(ge=3)] = 1000
    seeds: Count = 1
    part: Count = 50

    def __post_init__(self) -> None:
        names = [name for run in self.runs for name in run.proxies]
        for name in (*names, *(name for combined in self.combinations.values() for name in combined)):
            if names.count(name) != 1:
                raise InvalidRequest(f"proxy '{name}' is in {names.count(name)} runs", "Let each be in one.")


@dataclass(frozen=True)
class ProxiesJob:
    """One proxy, or one combination, on one draw of architectures.

    Args:
        name: Of the proxy or the combination.
        preset: How much to compute.
        seed: Seed of the draw and of initial weights.
        device: Kind of accelerator.
    """

    name: str
    preset: ProxiesPreset
    seed: int
    device: str


@dataclass(frozen=True)
class _Scores:
    """Scores (n,) of a draw, how many networks were measured for them, and their CPU seconds."""

    values: np.ndarray
    networks: int
    cpu_seconds: float


class ProxiesSuite(Suite):
    """Scores untrained networks of random architectures, and compares the scores with a table.

    Args:
        presets: Name -> how much is computed.
    """

    def __init__(self, presets: Mapping[str, ProxiesPreset]) -> None:
        self.presets = presets

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "proxies"

    @property
    def title(self) -> str:
        """Heading of its page."""
        return "Training-free proxies"

    @property
    def tables(self) -> tuple[Table, ...]:
        """One table."""
        columns = (
            Column("spearman_released", "Spearman with released values", ".4f"),
            Column("spearman", "Spearman with accuracy"),
            Column("kendall_tau", "tau with accuracy"),
            Column("spearman_top", f"Spearman, best {_TOP} %"),
            Column("networks_per_cpu_second", "architectures a CPU-s", ".3g"),
            Column("networks", "networks measured", ".0f"),
        )
        return (Table("scores of untrained networks", columns),)

    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about."""
        preset = chosen(self.presets, options)
        runs = "; ".join(
            f"*{run.setting}*: {run.batch_size} images, scores averaged over {run.initialisations} draws of "
            + ("normal weights of variance 2 / fan-out" if run.normal else "PyTorch's own initial weights")
            for run in preset.runs
        )
        return (
            f"{preset.count} random architectures of the task's table; untrained networks see one random batch of "
            f"{preset.data_set} ({runs}). Parameters and multiply-accumulates need one network. Functional "
            "twins in the draw share one network, but for proxies that also see what carries no signal (params, flops, "
            "naswot, zen). *Released values*: the same proxy as others published it, in the table. *Accuracy*: the task's "
            f"search metric; *best {_TOP} %*: among the architectures of the draw that are truly best. Combinations are mean "
            "normal scores of ranks. *Architectures a CPU-second*: building and initialising the networks included, one "
            "thread; where other work shared the machine they are too low."
        )

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each proxy and combination, and each seed.

        Raises:
            InvalidRequest: An unknown preset, or fewer architectures in the table than are to be drawn.
            MissingData: The table or the images are not there.
        """
        preset = chosen(self.presets, options)
        task = load_task(preset.task)
        load_data_set(preset.data_set, 0)
        for column in preset.released.values():
            task.table.metric(column)
        if preset.count > len(task.rows):
            raise InvalidRequest(f"{task.name} has no {preset.count} architectures", f"Draw at most {len(task.rows)}.")
        cells = []
        for seed in options.seeds_from(preset.seeds):
            for name in (name for run in preset.runs for name in run.proxies):
                job = ProxiesJob(name, preset, seed, options.device)
                cells.append(Cell(cell_key(preset.task, name, f"seed{seed}"), seed, partial(measure_proxy, job)))
            for name in preset.combinations:
                job = ProxiesJob(name, preset, seed, options.device)
                cells.append(Cell(cell_key(preset.task, name, f"seed{seed}"), seed, partial(measure_combination, job)))
        return cells


def measure_proxy(job: ProxiesJob, workshop: ArtifactCache) -> list[Measurement]:
    """Scores the draw by one proxy."""
    task, run = load_task(job.preset.task), _run_of(job.preset, job.name)
    rows, scores = _draw(task, job), _scores(job, job.name, workshop)
    measured = _against(task, rows, scores.values)
    if job.name in job.preset.released:
        released = _finite(task.table.measured[job.preset.released[job.name]][rows])  # of these very graphs
        measured["spearman_released"] = float(spearmanr(scores.values, released).statistic)
    measured["networks_per_cpu_second"] = scores.networks / max(scores.cpu_seconds, 1e-9)
    measured["networks"] = float(scores.networks)
    return [Measurement(task.space.name, task.name, job.name, run.setting, name, value) for name, value in measured.items()]


def measure_combination(job: ProxiesJob, workshop: ArtifactCache) -> list[Measurement]:
    """Scores the draw by the mean normal score of several proxies."""
    task = load_task(job.preset.task)
    found = [_scores(job, name, workshop) for name in job.preset.combinations[job.name]]
    values = combined_scores(torch.from_numpy(np.stack([scores.values for scores in found], 1)))
    measured = _against(task, _draw(task, job), values.numpy())
    # an architecture needs one network for each of the proxies
    measured["networks_per_cpu_second"] = 1 / sum(max(scores.cpu_seconds, 1e-9) / scores.networks for scores in found)
    setting = " + ".join(job.preset.combinations[job.name])
    return [Measurement(task.space.name, task.name, job.name, setting, name, value) for name, value in measured.items()]


def _against(task: Task, rows: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Rank correlations of scores, (n,), with the search metric of the rows, (n,)."""
    accuracy = task.utility(task.search_values[rows])
    top = np.argsort(-accuracy, kind="stable")[: max(3, len(rows) * _TOP // 100)]
    return {
        "spearman": float(spearmanr(values, accuracy).statistic),
        "kendall_tau": float(kendalltau(values, accuracy).statistic),
        "spearman_top": float(spearmanr(values[top], accuracy[top]).statistic),
    }


def _finite(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values, nan=math.nan, posinf=-LIMIT, neginf=-LIMIT)


def _run_of(preset: ProxiesPreset, name: str) -> ProxyRun:
    return next(run for run in preset.runs if name in run.proxies)


def _draw(task: Task, job: ProxiesJob) -> np.ndarray:
    """Rows of the drawn architectures, (n,)."""
    return np.random.default_rng(job.seed).permutation(task.rows)[: job.preset.count]


def _scores(job: ProxiesJob, name: str, workshop: ArtifactCache) -> _Scores:
    """Scores of the draw by one proxy; those of earlier, killed runs are taken over."""
    task, run = load_task(job.preset.task), _run_of(job.preset, name)
    rows = _draw(task, job)
    twins = task.table.canonical[rows] if proxy_named(name).functional else rows
    first, where = np.unique(twins, return_index=True, return_inverse=True)[1:]
    device = "cuda" if job.device == "cuda" else "cpu"
    trial = ProxyTrial(
        task.space,
        job.preset.data_set,
        name,
        run.builder,
        run.batch_size,
        run.initialisations,
        device=device,
    )
    values: list[float] = []
    seconds = 0.0
    for start in range(0, len(first), job.preset.part):
        part = rows[first[start : start + job.preset.part]].tolist()
        content = _part(job, trial, part, start // job.preset.part, workshop)
        values += content["scores"]
        seconds += content["cpu_seconds"]
    return _Scores(np.array(values)[where], len(first), seconds)


def _part(job: ProxiesJob, trial: ProxyTrial, rows: Sequence[int], number: int, workshop: ArtifactCache) -> dict[str, Any]:
    """`scores` of some rows of the table, and the `cpu_seconds` that they cost."""
    task = load_task(job.preset.task)

    def build(folder: RunFolder) -> None:
        folder.start()
        found = [trial.run(task.table.architecture(row), job.seed) for row in rows]
        content = {"scores": [m.search_value for m in found], "cpu_seconds": sum(m.cpu_seconds for m in found)}
        write_json(folder.path / "scores.json", content)
        folder.finish({})

    config = {"trial": trial.fingerprint, "task": task.name, "rows": list(rows)}
    name = cell_key(trial.used_proxy.name, f"seed{job.seed}", f"part{number}")
    path = workshop.product(name, "proxies", job.seed, job.device, config, build) / "scores.json"
    content: dict[str, Any] = read_json(path)
    return content
