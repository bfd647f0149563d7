"""A predictor by a Gaussian process with a graph kernel."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from typing_extensions import Unpack

from nag.core.numbers import Count
from nag.core.progress import OnProgress
from nag.core.signatures import checked
from nag.graphs import DagBatch
from nag.predictors.base import Prediction
from nag.predictors.gaussian_process import GaussianProcessModule
from nag.predictors.ranked import RankedOptions, RankedPredictor
from nag.predictors.structure import structure_counts
from nag.predictors.wl import wl_counts
from nag.spaces import SearchSpace

__all__ = ["GPPredictor"]

_DEFAULTS = RankedOptions(chunk_size=4096)


@checked
class GPPredictor(RankedPredictor):
    """A Gaussian process on counts of paths, of operations by depth and on walks, and of Weisfeiler-Lehman neighbourhoods.

    Each kind of counts has a length scale of its own (`GaussianProcess`), so that what does not matter fades out; after
    Ru et al. 2021 (NAS-BOWL) and White et al. 2021 (BANANAS, path encoding).

    Args:
        space: Search space; only its semantics and greatest number of nodes matter.
        wl_rounds: Rounds of Weisfeiler-Lehman refinement; 0 for none.
        max_points: Labels used at most.
        max_points_hyper: Labels used to find the hyperparameters.
        proxies: Training-free scores that join the features.
        chunk_size: Architectures scored at a time, 4,096 by default.
        seed: Seed of the choice among more labels than `max_points`.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> from nag.predictors import GPPredictor
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 12, seed=0)
        >>> predictor = GPPredictor(space, wl_rounds=0)
        >>> predictor.fit(dags[:10], dags[:10].adjacency.sum((1, 2)).double())
        >>> prediction = predictor.predict(dags)
        >>> prediction.mean.shape, bool((prediction.std > 0).all())
        (torch.Size([12]), True)
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        wl_rounds: Annotated[int, Field(ge=0, le=100)] = 1,
        max_points: Count = 2048,
        max_points_hyper: Count = 512,
        **options: Unpack[RankedOptions],
    ) -> None:
        super().__init__(space, **_DEFAULTS | options)
        self.wl_rounds, self.max_points, self.max_points_hyper = wl_rounds, max_points, max_points_hyper
        self.process = GaussianProcessModule(max_points=max_points, max_points_hyper=max_points_hyper)

    def check_state(self) -> None:
        """Raises `ValueError` if the process reads other features than the space has."""
        empty = self.normal_form(self.space.to_dags([]).to(self.fitted.device))
        self.process.check_features(sum(group.shape[1] for group in self._groups(empty)))

    def fit_scores(self, dags: DagBatch, scores: Tensor, rng: torch.Generator, on_progress: OnProgress) -> Prediction:
        """Conditions on the labels; what is left out is predicted in closed form."""
        groups = self._groups(dags)
        left_out = self.process.fit(groups, scores).left_out(scores[: self.max_points])
        on_progress(1.0)
        rest = self.process([group[len(left_out) :] for group in groups])  # not among the points: left out anyway
        return Prediction.cat([left_out, rest])

    def predict_normal_forms(self, dags: DagBatch) -> Prediction:
        """Posterior of the process."""
        return self.process(self._groups(dags))

    def _groups(self, dags: DagBatch) -> list[Tensor]:
        counts = structure_counts(dags, self.space.semantics)
        groups = [*counts.groups(), counts.walks, *wl_counts(dags, self.wl_rounds)]
        return groups if self.proxies is None else [*groups, self.proxies(dags)]
