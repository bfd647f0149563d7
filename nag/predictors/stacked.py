"""Several predictors in one, weighted by how well each predicts the labels that it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor, nn
from typing_extensions import Self, Unpack

from nag.core.configured import arguments_of, describe, make_described
from nag.core.errors import InvalidRequest
from nag.core.progress import OnProgress
from nag.graphs import DagBatch
from nag.predictors.base import Prediction
from nag.predictors.ranked import RankedOptions, RankedPredictor
from nag.spaces import SearchSpace
from nag.spaces.models import least_elements_of

__all__ = ["StackedPredictor", "stacking_weights"]

_MOST_PARTS = 100
_PRIOR_LABELS = 50


class StackedPredictor(RankedPredictor):
    """A weighted mean of predictors (stacking; Wolpert 1992, with non-negative weights after Breiman 1996).

    The weights are those under which the held-out predictions of the labels fit best, drawn toward equal ones as if by fifty
    more labels, since a few labels say little about who is best. The variances are those of the mixture, scaled so
    that the held-out errors are as large as predicted.

    Args:
        space: Search space; only its semantics and greatest number of nodes matter.
        parts: Name -> (space=..., proxies=..., seed=...) -> an untrained predictor.
        proxies: Training-free scores that join the features of all parts.
        chunk_size: Architectures scored at a time.
        seed: Seed of the first part; the next one has the next.

    Raises:
        InvalidRequest: There is no part.

    Example:
        >>> from functools import partial
        >>> from nag.predictors import GPPredictor, StackedPredictor
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 10, seed=0)
        >>> parts = {"plain": partial(GPPredictor, wl_rounds=0), "deep": partial(GPPredictor, wl_rounds=1)}
        >>> predictor = StackedPredictor(space, parts=parts)
        >>> predictor.fit(dags, dags.adjacency.sum((1, 2)).double())
        >>> round(float(predictor.weights.sum()), 6)
        1.0
    """

    weights: Tensor
    stretch: Tensor

    def __init__(
        self, space: SearchSpace, *, parts: Mapping[str, Callable[..., RankedPredictor]], **options: Unpack[RankedOptions]
    ) -> None:
        super().__init__(space, **options)
        if not parts:
            raise InvalidRequest("a stack has no parts", "Name at least one predictor in predictor.parts.")
        seeds = enumerate(parts.items(), start=self.seed)
        self.parts = nn.ModuleDict({name: make(space=space, proxies=self.proxies, seed=seed) for seed, (name, make) in seeds})
        self.register_buffer("weights", torch.zeros(len(parts), dtype=torch.float64))
        self.register_buffer("stretch", torch.ones((), dtype=torch.float64))

    def config(self) -> dict[str, Any]:
        """Constructor arguments, with the class and config of each part."""
        parts = {name: describe(part) for name, part in self._named()}
        proxies = None if self.proxies is None else describe(self.proxies, ("space",))
        return {"parts": parts, "proxies": proxies, "chunk_size": self.chunk_size, "seed": self.seed}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], given: Mapping[str, Any]) -> Self:
        """The stack whose parts have the classes and configs that are written there."""

        def maker(entry: Any) -> Callable[..., RankedPredictor]:
            return lambda **_: make_described(entry, RankedPredictor, given)  # type: ignore[type-abstract]

        others = arguments_of(cls, {name: value for name, value in config.items() if name != "parts"}, given)
        return cls(parts={str(name): maker(entry) for name, entry in config["parts"].items()}, **others)

    @classmethod
    def least_elements(cls, config: Mapping[str, Any]) -> int:
        """Those of its parts together."""
        entries = config["parts"].values()
        if len(entries) > _MOST_PARTS:
            raise ValueError("a stack has too many parts")
        least = [least_elements_of(entry, RankedPredictor) for entry in entries]  # type: ignore[type-abstract]
        return sum(least)

    def check_state(self) -> None:
        """Raises `ValueError` if weights are negative."""
        if bool((self.weights < 0).any()) or bool(self.stretch <= 0):
            raise ValueError("a weight of the stack is negative")

    def _named(self) -> list[tuple[str, RankedPredictor]]:
        return [(name, part) for name, part in self.parts.items() if isinstance(part, RankedPredictor)]

    def fit_scores(self, dags: DagBatch, scores: Tensor, rng: torch.Generator, on_progress: OnProgress) -> Prediction:
        """Fits every part, then the weights."""
        found, parts = [], self._named()
        for done, (_, part) in enumerate(parts):

            def progress(share: float, done: int = done) -> None:
                on_progress((done + share) / len(parts))

            found.append(part.fit_scores(dags, scores, rng, progress))
        held_out = torch.stack([prediction.mean for prediction in found])
        self.weights = stacking_weights(held_out, scores)
        self.stretch = torch.ones_like(self.stretch)
        mixed = self._mix(found)
        ratio = ((mixed.mean - scores) / mixed.measurement_std).square().mean().sqrt()
        self.stretch = ratio if bool(ratio > 0) else torch.ones_like(ratio)
        return self._mix(found)

    def predict_normal_forms(self, dags: DagBatch) -> Prediction:
        """Prediction of the mixture."""
        return self._mix([part.predict_normal_forms(dags) for _, part in self._named()])

    def _mix(self, found: Sequence[Prediction]) -> Prediction:
        means, weights = torch.stack([p.mean for p in found]), self.weights[:, None]
        mean = (weights * means).sum(0)

        def spread(stds: list[Tensor]) -> Tensor:
            variance = (weights * (torch.stack(stds).square() + (means - mean).square())).sum(0)
            return self.stretch * variance.sqrt()

        return Prediction(mean, spread([p.std for p in found]), spread([p.measurement_std for p in found]))


def stacking_weights(held_out: Tensor, targets: Tensor, prior_labels: float = _PRIOR_LABELS) -> Tensor:
    """Non-negative weights of sum 1 of the predictions whose mean fits the targets best.

    Args:
        held_out: (P, B) predictions of the targets by P predictors that were not fitted to them.
        targets: (B,).
        prior_labels: Pseudo-labels that ask for equal weights.

    Returns:
        (P,) float64.
    """
    number = len(held_out)
    x, y = held_out.double().T.cpu().numpy(), targets.double().cpu().numpy()
    scale = max(float(x.std()), 1e-6)
    errors = x - y[:, None]
    # Minimise the error of a convex combination: sum w = 1 by a heavy row, the pull to equal weights by light ones.
    heavy = 1e3 * np.linalg.norm(x) / np.sqrt(number) + 1.0
    spread = float(np.sqrt(((errors - errors.mean(1, keepdims=True)) ** 2).mean())) or scale
    pull = np.sqrt(prior_labels) * spread * np.eye(number)
    rows = np.concatenate([errors, pull, np.full((1, number), heavy)])
    wanted = np.concatenate([np.zeros(len(y)), np.full(number, np.sqrt(prior_labels) * spread / number), [heavy]])
    weights = nnls(rows, wanted)[0]
    return torch.from_numpy(weights / weights.sum()).to(targets.device)
