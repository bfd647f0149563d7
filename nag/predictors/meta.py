"""A predictor across tasks: those of source tasks, weighted by the similarity of their data, corrected by a few labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import softmax

from nag.core.configured import describe
from nag.core.divergence import LossWatch
from nag.core.errors import InvalidRequest
from nag.core.numbers import Fraction, Rate, Size
from nag.core.progress import OnProgress, ignore_progress
from nag.core.signatures import checked
from nag.graphs import DagBatch, reduce
from nag.predictors.base import Predictor, ResizableState
from nag.predictors.gaussian_process import Conditioned, matern, squared_distances
from nag.predictors.normal_scores import NormalScores
from nag.predictors.structure import group_scales, structure_counts
from nag.spaces import SearchSpace
from nag.spaces.models import SpaceModel, least_elements_of

__all__ = ["Episodes", "MetaFeatures", "MetaPredictor"]

_EPISODE_ROWS = 4000
_TOP_SHARPNESS = 3.0
_START = {
    "sharpness": 0.7,
    "evenness": 0.0,
    "gain": -0.6,
    "weight": -4.3,
    "residual": 0.1,
    "length": 0.4,
    "offset": 1.3,
    "noise": -0.6,
}


@checked
@dataclass(frozen=True)
class Episodes:
    """Options of fitting the prior: on each task in turn, with the others as its sources, as it will be used.

    Args:
        steps: Adam steps.
        learning_rate: Their size, in logarithms.
        labels: Numbers of labels of the task that is left out.
        queries: Architectures whose order is predicted, none of them labelled; fewer where the task has not that many.
        top: Share of the objective that the best predicted architectures make up; the rest is the correlation of all.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> from nag.predictors import Episodes
        >>> Episodes(steps=50, labels=(0, 10)).queries
        150
    """

    steps: Size = 150
    learning_rate: Rate = 0.05
    labels: Annotated[Sequence[Size], Field(min_length=1)] = (0, 5, 10, 20, 50)
    queries: Annotated[int, Field(ge=2)] = 150
    top: Fraction = 0.5


@dataclass(frozen=True)
class MetaFeatures:
    """Features of B architectures for a meta-predictor, the same for every task.

    Args:
        source_scores: (B, T) float64 normal scores that the source tasks' predictors give.
        counts: (B, F) float64 scaled structure counts.
    """

    source_scores: Tensor
    counts: Tensor

    def __len__(self) -> int:
        return len(self.source_scores)

    def __getitem__(self, index: Tensor | slice) -> MetaFeatures:
        return MetaFeatures(self.source_scores[index], self.counts[index])

    def of(self, sources: Tensor) -> MetaFeatures:
        """The features by some of the sources alone."""
        return MetaFeatures(self.source_scores[:, sources], self.counts)


class MetaPredictor(ResizableState, SpaceModel):
    """A prior over the tasks of a search space, fitted to source tasks.

    The normal score of architecture x on a task of features d is a Gaussian process: its mean is

        m(x) = g sum_t w_t f_t(x),  w = (1 - e) softmax(-h |d_t - d|^2) + e / T,

    where f_t is a predictor fitted to source task t alone, and its covariance is

        v sum_t f_t(x) f_t(x') + r Matern_5/2(|c(x) - c(x')| / l) + o,

    that is, unknown changes of the weights, a residual that depends on the structure counts c, and an offset. The scalars
    g, h, e, v, r, l, o and the noise of labels maximise the correlation of predictions with the truth, and the truth of
    what is predicted best, over episodes in which each source task stands in for the new one. Weights by similarity after
    Feurer et al. 2018 (ranking-weighted ensembles), learned across tasks as in meta-learned deep-kernel processes
    (Wistuba and Grabocka 2021).

    Args:
        space: Search space.
        feature_names: Names of the D features of a task.
        sources: Task -> a predictor that was fitted to it.

    Example:
        >>> import torch
        >>> from nag.predictors import GPPredictor, MetaPredictor, NormalScores, TransferPredictor
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 10, seed=0)
        >>> values, source = dags.adjacency.sum((1, 2)).double(), GPPredictor(space, wl_rounds=0)
        >>> source.fit(dags, values)
        >>> meta = MetaPredictor(space, ["nodes"], {"source": source})
        >>> meta.fit([{"nodes": 100}], dags, NormalScores().fit(values)[:, None], torch.Generator().manual_seed(0))
        >>> TransferPredictor(meta, {"nodes": 50}).predict(dags).mean.shape
        torch.Size([10])
    """

    kind = "meta-predictor"
    _resizable = ("feature_shift", "feature_scale", "counts_shift", "counts_scale")

    feature_shift: Tensor
    feature_scale: Tensor
    tasks_features: Tensor
    counts_shift: Tensor
    counts_scale: Tensor

    def __init__(self, space: SearchSpace, feature_names: Sequence[str], sources: Mapping[str, Predictor]) -> None:
        super().__init__(space)
        if not sources:
            raise InvalidRequest("a meta-predictor has no source tasks", "Name at least one.")
        self.feature_names = tuple(feature_names)
        self.tasks = tuple(sources)
        self.sources = nn.ModuleList(sources.values())
        for name in ("feature_shift", "feature_scale", "counts_shift", "counts_scale"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))
        self.register_buffer("tasks_features", torch.zeros(len(sources), len(self.feature_names), dtype=torch.float64))
        self.prior = nn.ParameterDict({k: nn.Parameter(torch.tensor(v, dtype=torch.float64)) for k, v in _START.items()})

    def fit(
        self,
        task_features: Sequence[Mapping[str, float]],
        dags: DagBatch,
        scores: Tensor,
        rng: torch.Generator,
        episodes: Episodes | None = None,
        on_progress: OnProgress = ignore_progress,
    ) -> None:
        """Fits the prior; with fewer than three sources it stays at its default.

        Args:
            task_features: Features of each source task, in their order.
            dags: R architectures.
            scores: (R, T) normal scores of the source tasks; nan where not measured.
            rng: Source of randomness, on the CPU.
            episodes: Options of the fit.
            on_progress: Called now and then with the share that is done.

        Raises:
            InvalidRequest: The training diverges.
        """
        episodes = episodes or Episodes()
        raw = torch.stack([self._numbers(each) for each in task_features])
        self.feature_shift = raw.mean(0)
        spread = raw.std(0, correction=0) if self.feature_names else torch.zeros_like(self.feature_shift)
        scale = torch.where(spread > 1e-9, 1 / spread.clamp(min=1e-9), 0.0)
        self.feature_scale = scale / math.sqrt(max(len(self.feature_names), 1))
        self.tasks_features = (raw - self.feature_shift) * self.feature_scale
        counts = self._raw_counts(dags)
        self.counts_shift, self.counts_scale = group_scales(counts)
        if len(self.tasks) < 3:
            return
        few = torch.randperm(len(dags), generator=rng)[:_EPISODE_ROWS].to(dags.device)
        features, scores = self.features(dags[few]), scores[few]
        optimizer = torch.optim.Adam(self.prior.parameters(), lr=episodes.learning_rate)
        watch = LossWatch("the meta-predictor", "episodes.learning_rate", episodes.learning_rate, Episodes.learning_rate)
        with torch.enable_grad():
            for step in range(episodes.steps):
                optimizer.zero_grad()
                loss = torch.stack([self._loss(t, features, scores[:, t], episodes, rng) for t in range(len(self.tasks))])
                loss.mean().backward()
                optimizer.step()
                watch.see(loss.mean())
                on_progress((step + 1) / episodes.steps)
        watch.look(self.prior.values())

    def _loss(self, t: int, features: MetaFeatures, scores: Tensor, episodes: Episodes, rng: torch.Generator) -> Tensor:
        """How badly one task is predicted from the others, mean over the numbers of labels."""
        others = torch.tensor([s for s in range(len(self.tasks)) if s != t])
        weights, features = self.weights(self.tasks_features[t], others), features.of(others)
        known = scores.isfinite().nonzero().squeeze(1)
        losses = []
        for labels in episodes.labels:
            rows = known[torch.randperm(len(known), generator=rng)[: labels + episodes.queries]]
            if len(rows) < labels + 2:  # an order of at least two is predicted
                continue
            seen, asked = features[rows[:labels]], features[rows[labels:]]
            mean = asked.source_scores @ weights
            if labels:
                residual = NormalScores().fit(scores[rows[:labels]]) - seen.source_scores @ weights
                mean = mean + self.condition(seen, residual, 1.0).mean(self.covariance(asked, seen, 1.0))
            truth = scores[rows[labels:]]
            centred, wanted = mean - mean.mean(), truth - truth.mean()
            spread = centred.square().sum().add(1e-12).sqrt()  # above 0: source_scores may be all alike
            correlation = centred @ wanted / (spread * wanted.square().sum().add(1e-12).sqrt())
            best = softmax(_TOP_SHARPNESS * centred * (len(centred) - 1) ** 0.5 / spread, 0) @ truth
            losses.append(1 - (1 - episodes.top) * correlation - episodes.top * best / 2)
        return torch.stack(losses).mean() if losses else self.prior["gain"] * 0

    def weights(self, task_features: Tensor, among: Tensor | None = None) -> Tensor:
        """Weight of each source for a task of those scaled features (D,): (T,), or those of some sources."""
        known = self.tasks_features if among is None else self.tasks_features[among]
        distance = (known - task_features).square().sum(1)
        even = self.prior["evenness"].sigmoid()
        similar = softmax(-self.prior["sharpness"].exp() * distance, 0)
        return self.prior["gain"].exp() * ((1 - even) * similar + even / len(known))

    def covariance(self, a: MetaFeatures, b: MetaFeatures, shrink: float) -> Tensor:
        """Prior covariance of architectures: (A, B)."""
        length = self.prior["length"].exp()
        residual = self.prior["residual"].exp() * matern(squared_distances(a.counts, b.counts) / length)
        linear = self.prior["weight"].exp() * a.source_scores @ b.source_scores.T
        return shrink * (linear + residual) + self.prior["offset"].exp()

    def condition(self, seen: MetaFeatures, residual: Tensor, shrink: float) -> Conditioned:
        """Conditions on (k,) scores less their prior mean."""
        noise = self.prior["noise"].exp() * torch.eye(len(residual), dtype=residual.dtype, device=residual.device)
        return Conditioned.on(self.covariance(seen, seen, shrink) + noise, residual)

    @torch.no_grad()
    def features(self, dags: DagBatch) -> MetaFeatures:
        """Features of B architectures; the costly part of a prediction."""
        return MetaFeatures(self.predict_sources(dags), self._counts(dags))

    @torch.no_grad()
    def predict_sources(self, dags: DagBatch) -> Tensor:
        """Predicted normal scores of B architectures on the source tasks: (B, T) float64."""
        found = []
        for source in self.sources:
            assert isinstance(source, Predictor)
            found.append(source.predict_scores(dags).mean)
        return torch.stack(found, 1)

    def _counts(self, dags: DagBatch) -> Tensor:
        """Scaled structure counts of B architectures, all groups together at mean squared distance 1: (B, F)."""
        groups = self._raw_counts(dags)
        return (torch.cat(groups, 1) - self.counts_shift) * self.counts_scale / math.sqrt(len(groups))

    def _raw_counts(self, dags: DagBatch) -> list[Tensor]:
        semantics = self.space.semantics
        return structure_counts(reduce(dags.pad(self.space.max_nodes), semantics), semantics).groups()

    def config(self) -> dict[str, Any]:
        """Names of the features, and the class and config of the predictor of each source task."""
        sources = {task: describe(source) for task, source in self._named()}
        return {"feature_names": list(self.feature_names), "sources": sources}

    @classmethod
    def least_elements(cls, config: Mapping[str, Any]) -> int:
        """Those of its sources together."""
        least = [least_elements_of(entry, Predictor) for entry in config["sources"].values()]  # type: ignore[type-abstract]
        return sum(least)

    def check_state(self) -> None:
        """Raises `ValueError` if the scales do not fit the features or the space."""
        if len(self.feature_shift) != len(self.feature_names) or self.feature_scale.shape != self.feature_shift.shape:
            raise ValueError("the features of a task have another number")
        features = sum(group.shape[1] for group in self._raw_counts(self.space.to_dags([])))
        if (len(self.counts_shift), len(self.counts_scale)) != (features, features):
            raise ValueError(f"the space has {features} structure counts")

    def _named(self) -> list[tuple[str, Predictor]]:
        return [(task, source) for task, source in zip(self.tasks, self.sources, strict=True) if isinstance(source, Predictor)]

    def scaled(self, task_features: Mapping[str, float]) -> Tensor:
        """Features of a task in the scale of those of the sources: (D,).

        Raises:
            InvalidRequest: A feature is missing or below 0.
        """
        return (self._numbers(task_features).to(self.feature_shift.device) - self.feature_shift) * self.feature_scale

    def _numbers(self, task_features: Mapping[str, float]) -> Tensor:
        """The features of one task as logarithms, as most span decades: (D,)."""
        for name in self.feature_names:
            feature = task_features.get(name)
            if not isinstance(feature, int | float) or not 0 <= feature < math.inf:
                fault = f"has {feature!r} as" if name in task_features else "lacks"
                hint = f"It takes numbers of at least 0: {', '.join(self.feature_names)}."
                raise InvalidRequest(f"the task {fault} '{name}' among its features", hint)
        return torch.tensor([math.log1p(task_features[name]) for name in self.feature_names], dtype=torch.float64)
