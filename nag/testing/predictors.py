"""The laws of every predictor."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from nag.core.errors import InvalidRequest, NagError
from nag.graphs import DagBatch
from nag.predictors import Prediction, Predictor
from nag.spaces import SearchSpace
from nag.testing.laws import draws, leaves_global_randomness_alone, refused, through_a_file

__all__ = ["PredictorContract"]


class PredictorContract(ABC):
    """Contract of `nag.predictors.Predictor`.

    Example:
        >>> from nag.predictors import GPPredictor
        >>> from nag.spaces import load_space
        >>> from nag.testing import PredictorContract
        >>> class TestMine(PredictorContract):
        ...     space = load_space("nas_bench_graph")
        ...     def make(self, space):
        ...         return GPPredictor(space)
        >>> TestMine().test_misuse_is_refused()  # pytest runs all tests of the contract
    """

    space: SearchSpace
    """A space with uniform draws."""
    labels = 40
    """Labels that it is fitted to."""

    @abstractmethod
    def make(self, space: SearchSpace) -> Predictor:
        """An untrained predictor, the same each time."""

    def fitted(self) -> tuple[Predictor, DagBatch]:
        """A fitted predictor and architectures that it has not seen."""
        dags = draws(self.space, self.labels + 30, seed=5)
        predictor = self.make(self.space)
        predictor.fit(dags[: self.labels], dags.ops.double().mean(1)[: self.labels])
        return predictor, dags[self.labels :]

    def test_the_same_labels_give_the_same_bits(self) -> None:
        """Fitting is a function of the constructor's arguments and the labels."""
        first, dags = self.fitted()
        torch.rand(7)  # what else draws from the global generator must not matter
        with leaves_global_randomness_alone():
            second, _ = self.fitted()
        assert _same_bits(first.predict(dags), second.predict(dags))

    def test_predictions_are_finite_and_their_order_is_that_of_the_scores(self) -> None:
        """One mean and one deviation for each architecture; no gradient is kept."""
        predictor, dags = self.fitted()
        found, scores = predictor.predict(dags), predictor.predict_scores(dags)
        assert len(found) == len(scores) == len(dags)
        assert bool(found.mean.isfinite().all())
        assert bool((found.std >= 0).all())
        assert bool((found.measurement_std >= found.std).all())
        assert bool((found.mean[scores.mean.argsort()].diff() >= -1e-9).all())
        assert not found.mean.requires_grad
        assert len(predictor.predict(dags[:0])) == 0

    def test_fitting_again_forgets(self) -> None:
        """A second fit is as the first one of a new predictor."""
        predictor, dags = self.fitted()
        targets = torch.arange(len(dags)).double()
        fresh = self.make(self.space)
        for each in (predictor, fresh):
            each.fit(dags, targets)
        assert _same_bits(predictor.predict(dags), fresh.predict(dags))

    def test_a_loaded_predictor_predicts_the_same_bits(self) -> None:
        """Fitted values are in the state, all else in the config."""
        predictor, dags = self.fitted()
        loaded = through_a_file(predictor)
        assert isinstance(loaded, Predictor)
        assert loaded.config() == predictor.config()
        assert _same_bits(predictor.predict(dags), loaded.predict(dags))

    def test_what_does_not_fit_together_is_refused(self) -> None:
        """An unknown argument or a missing tensor."""
        predictor, _ = self.fitted()
        state = predictor.state_dict()
        with refused(NagError):
            type(predictor).restore(self.space, {**predictor.config(), "no such option": 1}, state)
        if state:
            with refused(NagError):
                type(predictor).restore(self.space, predictor.config(), {name: state[name] for name in list(state)[1:]})

    def test_few_or_equal_labels_give_finite_predictions(self) -> None:
        """One label, three equal ones, two different ones."""
        dags = draws(self.space, 20)
        for targets in ([1.0], [1.0, 1.0, 1.0], [1.0, 2.0]):
            predictor = self.make(self.space)
            predictor.fit(dags[: len(targets)], torch.tensor(targets))
            assert bool(predictor.predict(dags).mean.isfinite().all())
            assert bool(predictor.predict(dags).std.isfinite().all())

    def test_misuse_is_refused(self) -> None:
        """Predicting before a fit, labels of another number, labels that are not finite."""
        dags = draws(self.space, 3)
        predictor = self.make(self.space)
        with refused(InvalidRequest):
            predictor.predict(dags)
        with refused(InvalidRequest):
            predictor.fit(dags, torch.zeros(2))
        with refused(InvalidRequest):
            predictor.fit(dags, torch.tensor([1.0, float("nan"), 2.0]))


def _same_bits(a: Prediction, b: Prediction) -> bool:
    return torch.equal(a.mean, b.mean) and torch.equal(a.std, b.std)
