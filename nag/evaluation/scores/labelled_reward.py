"""A reward that is measured: every architecture measured for the first time is a label."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nag.core.errors import DamagedFile
from nag.core.numbers import Count
from nag.core.signatures import conform_value
from nag.evaluation.evaluator import Evaluator
from nag.evaluation.ledger import Ledger
from nag.graphs import Architecture, DagBatch
from nag.tasks import Task

__all__ = ["LabelledReward"]


class LabelledReward:
    """The search metric of a task, higher being better, queried through an evaluator until a budget is spent.

    An architecture costs one label when it is measured first; after that it and its functional twins (the same
    canonical hash) are free, and get the value that was measured first. What the evaluator does not know costs
    nothing and has no value. The report metric is never read.

    Args:
        task: The task; says which way is better.
        evaluator: Measures.
        budget: Greatest number of labels; None for no limit.

    Raises:
        InvalidRequest: The budget is below 1.
    """

    def __init__(self, task: Task, evaluator: Evaluator, budget: int | None = None) -> None:
        conform_value("the budget of labels", budget, Count | None)
        self.task, self.evaluator, self.budget = task, evaluator, budget
        self._values: dict[str, float] = {}
        self._queried: dict[str, Architecture] = {}

    @property
    def labels_used(self) -> int:
        """Labels queried so far."""
        return len(self._queried)

    @property
    def spent(self) -> bool:
        """Whether no label is left."""
        return self.budget is not None and self.labels_used >= self.budget

    def __call__(self, dags: DagBatch) -> Tensor:
        """Values of graphs, buying labels in order as long as the budget lasts.

        Args:
            dags: B graphs; invalid ones are not measured.

        Returns:
            (B,) float64 on the graphs' device, the higher the better whatever the task; nan where there is no value:
            beyond the budget, invalid, or unknown to the evaluator.
        """
        space = self.task.space
        own = dags.to("cpu")
        valid = space.is_valid(own).tolist()
        hashes = space.canonical_hashes(own)
        wanted = {h: i for i, h in reversed(list(enumerate(hashes))) if valid[i] and h not in self._values}
        rows = sorted(wanted.values())
        while rows and not self.spent:  # what the evaluator does not know leaves labels for the next ones
            left = len(rows) if self.budget is None else self.budget - self.labels_used
            self._buy(own[torch.tensor(rows[:left])], [hashes[i] for i in rows[:left]])
            rows = rows[left:]
        found = [self._values.get(h, math.nan) if good else math.nan for h, good in zip(hashes, valid, strict=True)]
        return self.task.utility(torch.tensor(found, dtype=torch.float64, device=dags.device))

    def _buy(self, dags: DagBatch, hashes: list[str]) -> None:
        archs = self.task.space.to_architectures(dags)
        for digest, arch, evaluation in zip(hashes, archs, self.evaluator.evaluate(archs), strict=True):
            value = evaluation.search_value
            self._values[digest] = math.nan if value is None else value
            if value is not None:
                self._queried[digest] = arch

    def labelled(self) -> tuple[list[Architecture], list[float]]:
        """The architectures that were measured, in order, and their search metric, in the task's own direction."""
        return list(self._queried.values()), [self._values[digest] for digest in self._queried]

    def best(self) -> tuple[Architecture, float] | None:
        """The best architecture measured so far with its search metric; None before the first label."""
        if not self._queried:
            return None
        digest = max(self._queried, key=lambda digest: self.task.utility(self._values[digest]))
        return self._queried[digest], self._values[digest]

    def state(self) -> dict[str, Any]:
        """The measurements: canonical hash -> value (nan if missing), and canonical hash -> native string."""
        labelled = {digest: self.task.space.encode(arch) for digest, arch in self._queried.items()}
        return {"values": dict(self._values), "bought": labelled}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from what `state` gave.

        Raises:
            DamagedFile: It is none.
            InvalidArchitecture: It names no architecture of the task's space.
        """
        values, labelled = state.get("values"), state.get("bought")
        if not isinstance(values, dict) or not isinstance(labelled, dict) or not labelled.keys() <= values.keys():
            raise DamagedFile("the state of the labels is damaged", "Fine-tune again.")
        self._values = {str(digest): float(value) for digest, value in values.items()}
        self._queried = {str(digest): self.task.space.decode(str(arch)) for digest, arch in labelled.items()}

    def as_ledger(self) -> Ledger:
        """What was queried so far."""
        return Ledger(labels_used=self.labels_used)
