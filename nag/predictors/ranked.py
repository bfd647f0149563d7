"""What the predictors of accuracy share: they see what an architecture computes, and learn normal scores."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import ConfigDict, Field
from torch import Tensor
from typing_extensions import Self

from nag.core.checkpoints import load_tensors, require_elements
from nag.core.documents import Document, check
from nag.core.errors import DamagedFile, InvalidRequest
from nag.core.numbers import Count, DerivedSeed, SmallCount, Width
from nag.core.signatures import checked
from nag.graphs import DagBatch, reduce
from nag.predictors.base import Prediction, Predictor, check_labels
from nag.predictors.normal_scores import NormalScores
from nag.predictors.proxies import ProxyColumns
from nag.spaces import SearchSpace

__all__ = ["NetworkSizes", "RankedPredictor"]


class _Described(Document):
    """What the descriptions of all families hold."""

    model_config = ConfigDict(extra="ignore")

    proxies: Annotated[int, Field(ge=0, le=1000)]


class NetworkSizes(Document):
    """What the descriptions of networks hold."""

    model_config = ConfigDict(extra="ignore")

    width: Width
    layers: Annotated[int, Field(ge=0, le=1000)]
    members: SmallCount
    heads: SmallCount = 1
    directed: bool = True

    @property
    def least_elements(self) -> int:
        """Numbers that an ensemble of these sizes has at least."""
        return self.members * self.layers * self.width**2


@checked
class RankedPredictor(Predictor):
    """Predicts from the normal form of an architecture, so that functional twins get one prediction.

    It learns the normal scores of the targets (`NormalScores`), on which failed trainings weigh no more than their rank; an
    increasing map leads back to target units. A sub-class learns scores of normal forms and predicts them.

    Args:
        space: Search space; only its semantics and greatest number of nodes matter.
        proxies: Training-free scores that join the features; None for none.
        chunk_size: Architectures scored at a time.
        seed: Seed of all that is random in the fit.

    Raises:
        InvalidRequest: A number is out of range.
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
    def learn(self, dags: DagBatch, scores: Tensor, rng: torch.Generator, on_progress: Callable[[float], None]) -> Prediction:
        """Learns scores of normal forms, forgetting what was learned before.

        Args:
            dags: B normal forms in random order.
            scores: (B,) float64.
            rng: Source of randomness, on the CPU.
            on_progress: Called now and then with the share that is done.

        Returns:
            What is believed of each label by parts that were not fitted to it.
        """

    @abstractmethod
    def believe(self, dags: DagBatch) -> Prediction:
        """Predicts the scores of B normal forms; float64."""

    def description(self) -> dict[str, Any]:
        """What the state depends on; sub-classes add to it."""
        return {"proxies": 0 if self.proxies is None else self.proxies.columns}

    @staticmethod
    def _proxies_of(space: SearchSpace, description: Mapping[str, Any]) -> ProxyColumns | None:
        columns = check(_Described, dict(description), "the description of the predictor").proxies
        return ProxyColumns(space, columns) if columns else None

    @classmethod
    @abstractmethod
    def _from_description(cls, space: SearchSpace, description: Mapping[str, Any]) -> Self:
        """An untrained predictor of that description; may raise KeyError, TypeError or ValueError."""

    @classmethod
    def _least_elements(cls, description: Mapping[str, Any]) -> int:
        """Numbers that a predictor of that description has at least; may raise KeyError, TypeError or ValueError."""
        return 0

    def _check_features(self) -> None:
        """Raises `ValueError` if a loaded state reads other features than the space has."""

    def fit(self, dags: DagBatch, targets: Tensor, on_progress: Callable[[float], None] = lambda share: None) -> None:
        """Learns from labels, forgetting what was learned before; the same seed and labels give the same predictor.

        Afterwards `held_out` tells of each label, in the order given, what normal score is believed by parts that were not
        fitted to it.
        """
        check_labels(dags, targets)
        device = self.fitted.device
        rng = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(dags), generator=rng)
        dags, targets = self.normal_form(dags[order.to(dags.device)].to(device)), targets[order.to(targets.device)].to(device)
        with torch.enable_grad():
            found = self.learn(dags, self.normal_scores.fit(targets), rng, on_progress)
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
            found.append(self.believe(self.normal_form(chunk)).to(dags.device))
        empty = torch.zeros(0, dtype=torch.float64, device=dags.device)
        return Prediction.cat(found) if found else Prediction(empty, empty)

    @classmethod
    def restore(cls, space: SearchSpace, description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """Rebuilds a fitted predictor.

        Raises:
            DamagedFile: The description or the tensors do not fit.
        """
        try:
            require_elements(tensors, cls._least_elements(description))
            predictor = cls._from_description(space, description)
            load_tensors(predictor, tensors)
            predictor._check_features()
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
            raise DamagedFile("the predictor's weights do not fit its description", "Train it again.") from error
        return predictor.eval()

    def normal_form(self, dags: DagBatch) -> DagBatch:
        """What B architectures compute, padded to the greatest number of nodes of the space.

        Raises:
            InvalidRequest: They have more nodes than the space allows.
        """
        if dags.max_nodes > self.space.max_nodes:
            raise InvalidRequest(f"an architecture has room for {dags.max_nodes} nodes", f"At most {self.space.max_nodes} fit.")
        return reduce(dags.pad(self.space.max_nodes), self.space.semantics)
