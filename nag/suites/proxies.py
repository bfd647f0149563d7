"""The suite `proxies`: training-free scores against published scores and trained accuracy, and their cost."""

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
from nag.evaluation.trials.proxy_trial import LIMIT, ProxyTrial
from nag.networks import Builder
from nag.predictors import combined_scores
from nag.proxies import proxy_named
from nag.suites import Cell, CellContext, Measurement, SuiteOptions, cell_key, measurements
from nag.suites.page import PagedSuite
from nag.tasks import Task, load_task
from nag.workflows.run_folder.run import RunFolder

__all__ = ["ProxiesSuite", "ProxyRun"]

_TOP = 10  # percent


@checked
@dataclass(frozen=True)
class ProxyRun:
    """A part of the comparison: proxies that score networks of one size.

    Args:
        setting: Name of the networks in the tables.
        proxies: Names of the proxies.
        builder: Builds the networks.
        batch_size: Number of images.
        initialisations: Number of initialisations that a score is averaged over.
        normal: Whether weights are normally distributed, as in published synflow and naswot, or initialised by PyTorch.

    Raises:
        InvalidRequest: A proxy is unknown, or a number is too small.
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

    def __str__(self) -> str:
        weights = "normal weights of variance 2 / fan-out" if self.normal else "PyTorch's own initial weights"
        return f"*{self.setting}*: {self.batch_size} images, scores averaged over {self.initialisations} draws of {weights}"


@dataclass(frozen=True)
class _Scores:
    """Scores (n,) of random architectures, the number of networks behind them, and their CPU seconds."""

    values: np.ndarray
    networks: int
    cpu_seconds: float


@checked
@dataclass(frozen=True)
class ProxiesSuite(PagedSuite):
    """Scores untrained networks of random architectures, and compares the scores with a table.

    Args:
        runs: Proxies, and the networks that they score.
        combinations: Name -> proxies whose mean normal score is measured too; each must be in one run.
        task: A table with the search metric to predict.
        data_set: Images of the batch.
        released: Proxy -> column of the table with published scores.
        count: Number of random architectures.
        seeds: Number of random sets, each with its own initial weights.
        part: Architectures that are scored and stored at once.

    Raises:
        InvalidRequest: A number is too small, or a proxy is in no run or in two.
    """

    runs: Sequence[ProxyRun]
    combinations: Mapping[str, Sequence[str]] = field(default_factory=dict)
    task: str = "nasbench201/cifar10"
    data_set: str = "cifar10_sample"
    released: Mapping[str, str] = field(default_factory=dict)
    count: Annotated[int, Field(ge=3)] = 1000
    seeds: Count = 1
    part: Count = 50

    name = "proxies"

    def __post_init__(self) -> None:
        names = [name for run in self.runs for name in run.proxies]
        for name in (*names, *(name for combined in self.combinations.values() for name in combined)):
            if names.count(name) != 1:
                raise InvalidRequest(f"proxy '{name}' is in {names.count(name)} runs", "Name each in exactly one.")

    def words(self) -> dict[str, Any]:
        """The settings, and the networks of each run."""
        return {**super().words(), "networks": "; ".join(map(str, self.runs))}

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each proxy and combination, and each seed."""
        task = load_task(self.task)
        load_data_set(self.data_set, 0)
        for column in self.released.values():
            task.table.metric(column)
        if self.count > len(task.rows):
            raise InvalidRequest(f"{task.name} has no {self.count} architectures", f"Draw at most {len(task.rows)}.")
        single = [(name, self.measure_proxy) for run in self.runs for name in run.proxies]
        every = [*single, *((name, self.measure_combination) for name in self.combinations)]
        cells = [options.cells(self.seeds, partial(measure, name), self.task, name) for name, measure in every]
        return [cell for of_seed in zip(*cells, strict=True) for cell in of_seed]

    def measure_proxy(self, name: str, context: CellContext) -> list[Measurement]:
        """Scores the architectures by one proxy."""
        task, rows, scores = load_task(self.task), self._draw(context), self._scores(name, context)
        values = _against(task, rows, scores.values)
        if name in self.released:
            released = _finite(task.table.measured[self.released[name]][rows])  # of these very graphs
            values["spearman_released"] = float(spearmanr(scores.values, released).statistic)
        values["networks_per_cpu_second"] = scores.networks / max(scores.cpu_seconds, 1e-9)
        values["networks"] = float(scores.networks)
        return measurements(task.space.name, task.name, name, self._run_of(name).setting, values)

    def measure_combination(self, name: str, context: CellContext) -> list[Measurement]:
        """Scores the architectures by the mean normal score of several proxies."""
        task, proxies = load_task(self.task), self.combinations[name]
        found = [self._scores(proxy, context) for proxy in proxies]
        combined = combined_scores(torch.from_numpy(np.stack([scores.values for scores in found], 1)))
        values = _against(task, self._draw(context), combined.numpy())
        # an architecture needs one network for each proxy
        values["networks_per_cpu_second"] = 1 / sum(max(scores.cpu_seconds, 1e-9) / scores.networks for scores in found)
        return measurements(task.space.name, task.name, name, " + ".join(proxies), values)

    def _run_of(self, name: str) -> ProxyRun:
        return next(run for run in self.runs if name in run.proxies)

    def _draw(self, context: CellContext) -> np.ndarray:
        """Rows of the random architectures, (n,)."""
        return np.random.default_rng(context.seed).permutation(load_task(self.task).rows)[: self.count]

    def _scores(self, name: str, context: CellContext) -> _Scores:
        """Scores of the architectures by one proxy; those of earlier, killed runs are reused."""
        task, run, rows = load_task(self.task), self._run_of(name), self._draw(context)
        twins = task.table.canonical[rows] if proxy_named(name).functional else rows
        first, where = np.unique(twins, return_index=True, return_inverse=True)[1:]
        networks = (run.builder, run.batch_size, run.initialisations)
        trial = ProxyTrial(task.space, self.data_set, name, *networks, device=context.device.type)
        values: list[float] = []
        seconds = 0.0
        for start in range(0, len(first), self.part):
            part = rows[first[start : start + self.part]].tolist()
            content = _scored(task, trial, part, f"part{start // self.part}", context)
            values += content["scores"]
            seconds += content["cpu_seconds"]
        return _Scores(np.array(values)[where], len(first), seconds)


def _scored(task: Task, trial: ProxyTrial, rows: Sequence[int], part: str, context: CellContext) -> dict[str, Any]:
    """`scores` of some rows of the table, and their `cpu_seconds`."""

    def build(folder: RunFolder) -> None:
        folder.start()
        found = [trial.run(task.table.architecture(row), context.seed) for row in rows]
        content = {"scores": [m.search_value for m in found], "cpu_seconds": sum(m.cpu_seconds for m in found)}
        write_json(folder.path / "scores.json", content)
        folder.finish({})

    config = {"trial": trial.fingerprint, "task": task.name, "rows": list(rows)}
    name = cell_key(trial.used_proxy.name, f"seed{context.seed}", part)
    content: dict[str, Any] = read_json(context.product(name, "proxies", config, build) / "scores.json")
    return content


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
