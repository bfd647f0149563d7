"""Adapter networks for an unseen task: one for each pair of base and source task, shared by all targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from nag.evaluation.predicted import check_sources
from nag.predictors import AdapterPredictor
from nag.spaces import SearchSpace
from nag.spaces.models import load_model, save_model
from nag.suites import CellContext, Measurement, cell_key
from nag.suites.parts.ranking import measure_ranking
from nag.tasks import Task, load_task
from nag.workflows.run_folder.run import RunFolder

__all__ = ["AdapterTransfer"]

_FILE = "adapters.safetensors"


@dataclass(frozen=True)
class AdapterTransfer:
    """Training of adapters on the source tasks.

    Args:
        make: (space=..., seed=...) -> a predictor without source tasks.
        num_train: Number of labels of each source task.
    """

    make: Callable[..., AdapterPredictor]
    num_train: int = 2000

    def measure(
        self, target: str, sources: Sequence[str], labels: Sequence[int], proposed: int, context: CellContext
    ) -> list[Measurement]:
        """Ranks the target's table by adapters.

        Args:
            target: Name of the target task.
            sources: Names of the source tasks; the base is trained on the first.
            labels: Numbers of target labels.
            proposed: Number of top predictions to evaluate.
            context: Seed of the target's labels; stores the networks, whose seed is 0.
        """
        task = load_task(target)
        predictor, others = self.trained([load_task(name) for name in sources], context)
        order = np.random.default_rng(context.seed).permutation(task.rows)
        features, found = predictor.features(task.table.dags), list[Measurement]()
        for count in sorted(labels):  # zero labels first: a fit cannot be undone
            seen = order[:count]
            if count:
                predictor.fit_features(features[torch.from_numpy(seen)], torch.from_numpy(task.search_values[seen]))
            prediction = task.utility(predictor.predict_features(features).mean.cpu().numpy())
            found += measure_ranking(task, "adapters (AIO-P)", prediction, seen, proposed, float(others))
        return found

    def trained(self, sources: Sequence[Task], context: CellContext) -> tuple[AdapterPredictor, int]:
        """A predictor with the adapters of all source tasks; the base is trained on the first.

        An adapter depends only on the base and on its own task, so that all targets except its own share it.

        Args:
            sources: Source tasks of one search space.
            context: Stores the networks; their seed is 0.

        Returns:
            The predictor, and the number of labels of other tasks that it was trained on.

        Raises:
            InvalidRequest: The tasks cannot be the sources of one predictor.
        """
        check_sources(sources)
        base = self._trained(sources[:1], None, context)
        folders = [self._trained([sources[0], source], base, context) for source in sources[1:]]
        labels = sum(len(self._labelled(source)) for source in sources)
        return self._joined(sources[0].space, [base, *folders], context), labels

    def _trained(self, tasks: Sequence[Task], base: Path | None, context: CellContext) -> Path:
        """The run folder of the base, or of the adapter of a second task on the base."""
        task = tasks[-1]

        def build(run: RunFolder) -> None:
            run.start()
            predictor = self._joined(task.space, [] if base is None else [base], context)
            rows = self._labelled(task)
            predictor.fit_source(task.table.dags[torch.from_numpy(rows)], torch.from_numpy(task.search_values[rows]))
            save_model(run.path / _FILE, predictor)
            run.finish({"tasks": len(tasks), "labels_used": len(rows)})

        names = [each.name for each in tasks]
        config = {"tasks": names, "make": self.make, "num_train": self.num_train}
        return context.product(cell_key("adapters", *names), "train-adapters", config, build, seed=0)

    def _joined(self, space: SearchSpace, folders: Sequence[Path], context: CellContext) -> AdapterPredictor:
        """A predictor with all networks of the run folders."""
        predictor = self.make(space=space, seed=0)
        predictor.join([load_model(folder / _FILE, AdapterPredictor) for folder in folders])
        return predictor.to(context.device)

    def _labelled(self, task: Task) -> np.ndarray:
        """Rows of a source task's table whose labels are used."""
        return np.random.default_rng(0).permutation(task.rows)[: self.num_train]
