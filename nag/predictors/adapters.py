"""Transfer by adapters: a frozen network, small ones that read it for further tasks, and a Gaussian process on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Self

from nag.core.configured import arguments_in, arguments_of
from nag.core.errors import InvalidRequest
from nag.core.progress import OnProgress, ignore_progress
from nag.graphs import DagBatch
from nag.predictors.adapter_networks import SourceNetwork
from nag.predictors.base import Prediction, check_labels
from nag.predictors.gaussian_process import GaussianProcessModule
from nag.predictors.gnn import GNNPredictor
from nag.predictors.normal_scores import NormalScores
from nag.predictors.ranked import RankedPredictor
from nag.spaces import SearchSpace

__all__ = ["AdapterPredictor", "SourceFeatures"]

_SIZES = ("width", "layers", "members", "directed")
_TRUST = 0.6
"""Correlation that is expected, before any label, of the heads' mean with the target's normal scores."""


@dataclass(frozen=True)
class SourceFeatures:
    """Features of B architectures by the networks of T source tasks.

    Args:
        scores: (B, T) float64 normal scores of the source tasks, as predicted.
        embeddings: (B, F) float64, the networks' pooled states side by side.
    """

    scores: Tensor
    embeddings: Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: Tensor | slice) -> SourceFeatures:
        return SourceFeatures(self.scores[index], self.embeddings[index])


class AdapterPredictor(RankedPredictor):
    """Transfer by adapters (AIO-P; Mills et al. 2023, after the K-Adapters of Wang et al. 2021).

    A graph neural network learns the first source task and is frozen. For each further source task an adapter, a small
    network that reads the states of the frozen one, learns with a head of its own. For the target all are frozen: the mean
    of the heads' normal scores, corrected by a Gaussian process on all embeddings side by side that sees the target's
    labels. (AIO-P fine-tunes a perceptron on them, for which 5 to 50 labels are few.)

    Args:
        space: Search space; only its semantics and greatest number of nodes matter.
        base: Options of the first network, those of `GNNPredictor`.
        adapter: Options of the others.
        chunk_size: Architectures scored at a time.
        seed: Seed of the networks.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> import torch
        >>> from nag.predictors import AdapterPredictor
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 20, seed=0)
        >>> values = dags.adjacency.sum((1, 2)).double() + torch.linspace(0, 0.1, 20)
        >>> small = {"members": 1, "steps": 2, "width": 8, "layers": 1}
        >>> predictor = AdapterPredictor(space, base=small, adapter={"steps": 2})
        >>> predictor.fit_source(dags, values)
        >>> predictor.fit(dags[:5], values[:5])
        >>> predictor.predict(dags).mean.shape
        torch.Size([20])
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        base: Mapping[str, Any] | None = None,
        adapter: Mapping[str, Any] | None = None,
        chunk_size: int = 2048,
        seed: int = 0,
    ) -> None:
        super().__init__(space, chunk_size=chunk_size, seed=seed)
        self.base, self.adapter = dict(base or {}), dict(adapter or {})
        for options in (self.base, self.adapter):
            GNNPredictor(space, **options)  # mistakes are reported before any work
        self.sources, self.process = nn.ModuleList(), GaussianProcessModule()

    def config(self) -> dict[str, Any]:
        """Constructor arguments, and the sizes of the networks that it learned."""
        sources = [{name: getattr(network, name) for name in _SIZES} for network in self._networks()]
        return {**arguments_in(self, ("space",)), "sources": sources}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], given: Mapping[str, Any]) -> Self:
        """The predictor with untrained networks of those sizes."""
        options: dict[str, Any] = {name: arguments_of(GNNPredictor, config[name]) for name in ("base", "adapter")}
        others = {name: value for name, value in config.items() if name not in ("base", "adapter", "sources")}
        predictor = cls(**options, **arguments_of(cls, others, given))
        for entry in config["sources"]:
            predictor._add({name: entry[name] for name in _SIZES})
        return predictor

    @classmethod
    def least_elements(cls, config: Mapping[str, Any]) -> int:
        """Those of its networks together."""
        return sum(SourceNetwork.least_elements(entry) for entry in config["sources"])

    def _networks(self) -> list[SourceNetwork]:
        return [source for source in self.sources if isinstance(source, SourceNetwork)]

    def _add(self, options: Mapping[str, Any]) -> SourceNetwork:
        network = SourceNetwork(self.space, next(iter(self._networks()), None), seed=self.seed, **options)
        self.sources.append(network.to(self.fitted.device))
        return network

    def fit_source(self, dags: DagBatch, targets: Tensor, on_progress: OnProgress = ignore_progress) -> None:
        """Trains on one more source task and forgets the target: the base if it is the first task, else an adapter.

        Args:
            dags: B architectures.
            targets: (B,) float; whether more is better is the same in all tasks.
            on_progress: Called now and then with the share that is done.

        Raises:
            InvalidRequest: There are no labels, not one for each architecture, or some are not finite.
        """
        check_labels(dags, targets)
        self._add(self.adapter if self.sources else self.base).fit(dags, targets, on_progress)
        self._forget()

    def join(self, others: Sequence[AdapterPredictor]) -> None:
        """Adds the adapters of others that were trained apart on the same base, and forgets the target.

        Args:
            others: Predictors with source tasks; if this one has none, it takes their base too. Networks are shared.

        Raises:
            InvalidRequest: Two of them have different bases.
        """
        trained = [each for each in (self, *others) if each.sources]
        if not all(_same(trained[0].sources[0], each.sources[0]) for each in trained):
            raise InvalidRequest("adapters of different bases cannot be joined", "Train them on one base.")
        networks = self._networks() or [network for each in trained[:1] for network in each._networks()[:1]]
        networks += [network for each in others for network in each._networks()[1:]]
        for adapter in networks[1:]:
            adapter.base = (networks[0],)
        self.sources = nn.ModuleList(networks)
        self._forget()

    def _forget(self) -> None:
        device = self.fitted.device
        self.process, self.normal_scores = GaussianProcessModule().to(device), NormalScores().to(device)
        self.fitted = torch.full_like(self.fitted, bool(self.sources))  # to no labels: the heads are there

    def fit_scores(self, dags: DagBatch, scores: Tensor, rng: torch.Generator, on_progress: OnProgress) -> Prediction:
        """Conditions on the labels; what is left out is predicted in closed form."""
        found = self._condition(self._look(dags), scores)
        on_progress(1.0)
        return found

    def fit_features(self, seen: SourceFeatures, targets: Tensor) -> None:
        """As `fit`, of architectures whose features were computed before."""
        self._condition(seen, self.normal_scores.fit(targets.to(self.fitted.device)))

    def _condition(self, seen: SourceFeatures, scores: Tensor) -> Prediction:
        expected = _TRUST * seen.scores.mean(1)
        targets = scores - expected
        posterior = self.process.fit([seen.embeddings], targets)
        residual = posterior.left_out(targets[: len(posterior.points)])
        rest = self.predict_features(seen[len(residual) :])  # beyond the points of the process: left out anyway
        mean = residual.mean + expected[: len(residual)]
        return Prediction.cat([Prediction(mean, residual.std, residual.measurement_std), rest])

    def predict_normal_forms(self, dags: DagBatch) -> Prediction:
        """Posterior of the process; without labels, what the heads expect."""
        return self.predict_features(self._look(dags))

    @torch.no_grad()
    def predict_features(self, features: SourceFeatures) -> Prediction:
        """As `predict_scores`, of architectures whose features were computed before."""
        expected = _TRUST * features.scores.mean(1)
        if not len(self.process.weights):
            return Prediction(expected, (1 - _TRUST**2) ** 0.5 * torch.ones_like(expected))
        residual = self.process([features.embeddings])
        return Prediction(expected + residual.mean, residual.std, residual.measurement_std)

    @torch.no_grad()
    def features(self, dags: DagBatch) -> SourceFeatures:
        """Features of B architectures by the networks, in chunks; the costly part of a prediction."""
        starts = range(0, max(len(dags), 1), self.chunk_size)
        device = self.fitted.device
        parts = [self._look(self.normal_form(dags[start : start + self.chunk_size].to(device))) for start in starts]
        return SourceFeatures(torch.cat([part.scores for part in parts]), torch.cat([part.embeddings for part in parts]))

    def _look(self, dags: DagBatch) -> SourceFeatures:
        if not self.sources:
            raise InvalidRequest("adapters have no source task", "Give fit_source the labels of other tasks first.")
        networks = self._networks()
        seen = networks[-1].read(dags)
        scores, embeddings = zip(*(network.look(dags, seen) for network in networks), strict=True)
        return SourceFeatures(torch.stack(scores, 1), torch.cat(embeddings, 1))


def _same(a: nn.Module, b: nn.Module) -> bool:
    """Whether two modules have the same state, to the bit."""
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
