"""What the predictors of accuracy share: they read what an architecture computes, and are fitted to normal scores."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypedDict

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.numbers import Count, DerivedSeed
from nag.core.progress import OnProgress, ignore_progress
from nag.core.signatures import checked
from nag.graphs import DagBatch, reduce
from nag.predictors.base import Prediction, Predictor, check_labels
from nag.predictors.normal_scores import NormalScores
from nag.predictors.proxies import ProxyColumns
from nag.spaces import SearchSpace

__all__ = ["RankedOptions", "RankedPredictor"]


class RankedOptions(TypedDict, total=False):
    """Options of every `RankedPredictor`, for a sub-class that passes them on.

    Args:
        proxies: Training-free scores that join the features; None for none.
        chunk_size: Architectures scored at a time.
        seed: Seed of all that is random in the fit.

    Example:
        >>> from typing_extensions import Unpack
        >>> from nag.predictors import RankedOptions, RankedPredictor
        >>> class OwnPredictor(RankedPredictor):
        ...     def __init__(self, space, *, strength: float = 1.0, **options: Unpack[RankedOptions]):
        ...         super().__init__(space, **RankedOptions(chunk_size=512) | options)  # with a default of its own
        ...         self.strength = strength
    """

    proxies: ProxyColumns | None
    chunk_size: Count
    seed: DerivedSeed


@checked
class RankedPredictor(Predictor):
    """Predicts from the normal form of an architecture, so that functional twins get one prediction.

    It is fitted to the normal scores of the targets (`NormalScores`), so that failed trainings weigh no more than their rank;
    an increasing map leads back to target units. A sub-class is fitted to scores of normal forms and predicts them.

    Args:
        space: Search space; only its semantics and greatest number of nodes matter.
        proxies: Training-free scores that join the features; None for none.
        chunk_size: Architectures scored at a time.
        seed: Seed of all that is random in the fit.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> import torch
        >>> from nag.predictors import Prediction, RankedPredictor
        >>> from nag.spaces import load_space, sample_uniform
        >>> class EdgeCount(RankedPredictor):
        ...     def fit_scores(self, dags, scores, rng, on_progress):
        ...         return self.predict_normal_forms(dags)
        ...     def predict_normal_forms(self, dags):
        ...         edges = dags.adjacency.sum((1, 2)).double()
        ...         return Prediction(edges - 6, torch.ones_like(edges))
        >>> space = load_space("nas_bench_graph")
        >>> dags, predictor = sample_uniform(space, 3, seed=0), EdgeCount(space)
        >>> predictor.fit(dags, torch.tensor([1.0, 2.0, 3.0]))
        >>> predictor.predict_scores(dags).mean
        tensor([1., 1., 0.], dtype=torch.float64)
    """

    fitted: Tensor

    def __init__(
        self, space: SearchSpace, *, proxies: ProxyColumns | None = None, chunk_size: Count = 2048, seed: DerivedSeed = 0
    ) -> None:
        super().__init__(space)
        self.chunk_size, self.seed = chunk_size, seed
        self.normal_scores, self.proxies = NormalScores(), proxies
        self.register_buffer("fitted", torch.tensor(False))
        self.held_out: Prediction | None = None

    @abstractmethod
    def fit_scores(self, dags: DagBatch, scores: Tensor, rng: torch.Generator, on_progress: OnProgress) -> Prediction:
        """Fits to the scores of normal forms, discarding any earlier fit.

        Args:
            dags: B normal forms in random order.
            scores: (B,) float64.
            rng: Source of randomness, on the CPU.
            on_progress: Called now and then with the share that is done.

        Returns:
            Prediction of each label by parts that were not fitted to it.
        """

    @abstractmethod
    def predict_normal_forms(self, dags: DagBatch) -> Prediction:
        """Predicts the scores of B normal forms; float64."""

    def fit(self, dags: DagBatch, targets: Tensor, on_progress: OnProgress = ignore_progress) -> None:
        """Fits to labels, discarding any earlier fit; the same seed and labels give the same predictor.

        Afterwards `held_out` predicts the normal score of each label, in the order given, by parts that were not fitted to it.
        """
        check_labels(dags, targets)
        device = self.fitted.device
        rng = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(dags), generator=rng)
        dags, targets = self.normal_form(dags[order.to(dags.device)].to(device)), targets[order.to(targets.device)].to(device)
        with torch.enable_grad():
            found = self.fit_scores(dags, self.normal_scores.fit(targets), rng, on_progress)
        back = order.argsort().to(device)
        self.held_out = found[back]
        self.fitted = torch.ones_like(self.fitted)

    @torch.no_grad()
    def predict(self, dags: DagBatch) -> Prediction:
        """Predicts the targets of B architectures, in chunks.

        Returns:
            In target units, float64 on the device of `dags`. The mean increases strictly with the predicted score.
        """
        return self.normal_scores.prediction_to_targets(self.predict_scores(dags).to(self.fitted.device)).to(dags.device)

    @torch.no_grad()
    def predict_scores(self, dags: DagBatch) -> Prediction:
        """Predicts normal scores: the same order as `predict`, but on a standard normal scale whatever the task."""
        if not bool(self.fitted):
            raise InvalidRequest("the predictor has not been fitted", "Fit it to labels, or load a trained one.")
        device = self.fitted.device
        found = []
        for start in range(0, len(dags), self.chunk_size):
            chunk = dags[start : start + self.chunk_size].to(device)
            found.append(self.predict_normal_forms(self.normal_form(chunk)).to(dags.device))
        empty = torch.zeros(0, dtype=torch.float64, device=dags.device)
        return Prediction.cat(found) if found else Prediction(empty, empty)

    def normal_form(self, dags: DagBatch) -> DagBatch:
        """What B architectures compute, padded to the greatest number of nodes of the space.

        Raises:
            InvalidRequest: They have more nodes than the space allows.
        """
        if dags.max_nodes > self.space.max_nodes:
            raise InvalidRequest(f"an architecture has room for {dags.max_nodes} nodes", f"At most {self.space.max_nodes} fit.")
        return reduce(dags.pad(self.space.max_nodes), self.space.semantics)
