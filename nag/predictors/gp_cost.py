"""A predictor for costs: a Gaussian process on counts of the graph as it stands, dead and identity operations included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.progress import OnProgress, ignore_progress
from nag.graphs import DagBatch, reduce
from nag.predictors.base import Prediction, Predictor, check_labels
from nag.predictors.gaussian_process import GaussianProcessModule
from nag.predictors.normal_scores import NormalScores
from nag.predictors.structure import structure_counts
from nag.spaces import SearchSpace

__all__ = ["GPCostPredictor", "scores_of"]

_VIEWS = ("operations", "raw", "raw_and_reduced")
_PLAIN, _RANKED = 0, 1


class GPCostPredictor(Predictor):
    """Predicts latency and the like, which what a network computes does not settle: a dead operation may cost time too.

    A Gaussian process (`GaussianProcess`) on structure counts. On which counts, and of which targets, is chosen by the
    absolute error of its leave-one-out predictions (in closed form; Rasmussen and Williams 2006, eq. 5.12): standardised
    targets suit costs that add up, normal scores long tails; few labels can ask for few counts. The other predictors look
    at the normal form alone, where dead operations are gone.

    Args:
        space: Search space.
        views: The counts that are tried: `operations` (nodes of each operation), `raw` (all structure counts of the graph),
            `raw_and_reduced` (those of its normal form too).
        max_points: Labels used at most.
        chunk_size: Architectures scored at a time.
        seed: Seed of the choice among more labels than `max_points`.

    Raises:
        InvalidRequest: There is no view, an unknown one, or a number is less than 1.

    Example:
        >>> from nag.predictors import GPCostPredictor
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 10, seed=0)
        >>> predictor = GPCostPredictor(space)
        >>> predictor.fit(dags, dags.ops.sum(1).double())
        >>> predictor.predict(dags).mean.shape
        torch.Size([10])
    """

    fitted: Tensor
    choice: Tensor
    centre: Tensor
    spread: Tensor

    def __init__(
        self,
        space: SearchSpace,
        *,
        views: Sequence[str] = _VIEWS,
        max_points: int = 2048,
        chunk_size: int = 4096,
        seed: int = 0,
    ) -> None:
        super().__init__(space)
        for view in views:
            if view not in _VIEWS:
                raise InvalidRequest(f"unknown view '{view}' of a graph", did_you_mean(str(view), _VIEWS))
        if not views or min(max_points, chunk_size) < 1:
            raise InvalidRequest("the predictor has no view, or a size less than 1", "Name a view; sizes count from 1.")
        self.views, self.max_points, self.chunk_size, self.seed = tuple(views), max_points, chunk_size, seed
        self.process = GaussianProcessModule(max_points=max_points)
        self.normal_scores = NormalScores()
        self.register_buffer("choice", torch.zeros(2, dtype=torch.int64))  # view, targets
        self.register_buffer("centre", torch.zeros((), dtype=torch.float64))
        self.register_buffer("spread", torch.ones((), dtype=torch.float64))
        self.register_buffer("fitted", torch.tensor(False))

    def check_state(self) -> None:
        """Raises `ValueError` if the choice does not exist or reads other features than the space has."""
        if not 0 <= int(self.choice[0]) < len(self.views) or self._targets() not in (_PLAIN, _RANKED):
            raise ValueError("the choice of a view does not exist")
        if bool(self.spread <= 0):
            raise ValueError("a spread is not above 0")
        empty = self._features(self.space.to_dags([]), self._view())
        self.process.check_features(sum(group.shape[1] for group in empty))

    @property
    def chosen(self) -> tuple[str, str]:
        """The view of the graph and the targets (`plain` or `normal_scores`) that were chosen."""
        return self._view(), ("plain", "normal_scores")[self._targets()]

    def _view(self) -> str:
        return self.views[int(self.choice[0])]

    def _targets(self) -> int:
        return int(self.choice[1])

    def fit(self, dags: DagBatch, targets: Tensor, on_progress: OnProgress = ignore_progress) -> None:
        """Fits to labels, forgetting earlier ones; the same labels give the same predictor."""
        check_labels(dags, targets)
        device = self.fitted.device
        order = torch.randperm(len(dags), generator=torch.Generator().manual_seed(self.seed))[: self.max_points]
        dags, targets = dags[order.to(dags.device)].to(device), targets[order.to(targets.device)].to(device).double()
        self._fit_units(targets)
        best, trials = float("inf"), list(product(range(len(self.views)), (_PLAIN, _RANKED)))
        for done, (view, kind) in enumerate(trials):
            process = GaussianProcessModule(max_points=self.max_points).to(device)
            wanted = self._to_process(targets, kind)
            left_out = process.fit(self._features(dags, self.views[view]), wanted).left_out(wanted)
            error = float((self._to_targets(left_out.mean, kind) - targets).abs().mean())
            if error < best:
                best, self.process = error, process
                self.choice = torch.tensor([view, kind], device=device)
            on_progress((done + 1) / len(trials))
        self.fitted = torch.ones_like(self.fitted)

    def _fit_units(self, targets: Tensor) -> None:
        self.normal_scores.fit(targets)
        spread = targets.std(correction=0)
        self.centre, self.spread = targets.mean(), torch.where(spread > 0, spread, torch.ones_like(spread))

    @torch.no_grad()
    def predict(self, dags: DagBatch) -> Prediction:
        """Predicts the targets of B architectures, in chunks.

        Returns:
            In target units, float64 on the device of `dags`.
        """
        kind = self._targets()
        return _mapped(self._predict(dags), lambda values: self._to_targets(values, kind)).to(dags.device)

    @torch.no_grad()
    def predict_scores(self, dags: DagBatch) -> Prediction:
        """Predicts normal scores: the same order as `predict`, but on a standard normal scale whatever the task."""
        prediction = self._predict(dags)
        if self._targets() == _RANKED:
            return prediction.to(dags.device)
        found = _mapped(prediction, lambda values: scores_of(self.normal_scores, self._to_targets(values, _PLAIN)))
        return found.to(dags.device)

    def _predict(self, dags: DagBatch) -> Prediction:
        """Prediction in the units of the process, on its device."""
        if not bool(self.fitted):
            raise InvalidRequest("the predictor has not been fitted", "Fit it to labels, or load a trained one.")
        found = [Prediction(self.centre.new_zeros(0), self.centre.new_zeros(0))]
        for start in range(0, len(dags), self.chunk_size):
            chunk = dags[start : start + self.chunk_size].to(self.fitted.device)
            found.append(self.process(self._features(chunk, self._view())))
        return Prediction.cat(found)

    def _features(self, dags: DagBatch, view: str) -> list[Tensor]:
        """Groups of counts, each (B, F_g)."""
        if dags.max_nodes > self.space.max_nodes:
            raise InvalidRequest(f"an architecture has room for {dags.max_nodes} nodes", f"At most {self.space.max_nodes} fit.")
        dags, semantics = dags.pad(self.space.max_nodes), self.space.semantics
        raw = structure_counts(dags, semantics)
        if view == "operations":
            return [raw.ops]
        if view == "raw":
            return raw.groups()
        return raw.groups() + structure_counts(reduce(dags, semantics), semantics).groups()

    def _to_process(self, targets: Tensor, kind: int) -> Tensor:
        if kind == _PLAIN:
            return (targets - self.centre) / self.spread
        return scores_of(self.normal_scores, targets)

    def _to_targets(self, values: Tensor, kind: int) -> Tensor:
        return self.centre + self.spread * values if kind == _PLAIN else self.normal_scores.to_targets(values)


def _mapped(prediction: Prediction, scale: Callable[[Tensor], Tensor]) -> Prediction:
    """A prediction on another scale; a spread becomes half the distance between its two ends."""
    spreads = (
        (scale(prediction.mean + std) - scale(prediction.mean - std)) / 2
        for std in (prediction.std, prediction.measurement_std)
    )
    return Prediction(scale(prediction.mean), *spreads)


def scores_of(normal_scores: NormalScores, targets: Tensor) -> Tensor:
    """Inverse of `NormalScores.to_targets`: same shape, float64."""
    knots, values = normal_scores.scores, normal_scores.targets
    if len(knots) == 1:
        return knots + (targets - values)
    right = torch.searchsorted(values, targets.contiguous()).clamp(1, len(knots) - 1)
    left = right - 1
    share = ((targets - values[left]) / (values[right] - values[left])).clamp(0, 1)
    ends = normal_scores.to_targets(torch.stack([knots[0] - 1, knots[-1] + 1]))
    above = (targets - values[-1]).clamp(min=0) / (ends[1] - values[-1])
    below = (values[0] - targets).clamp(min=0) / (values[0] - ends[0])
    return torch.lerp(knots[left], knots[right], share) + above - below
