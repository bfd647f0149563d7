"""Margins of limits on predicted metrics, from held-out labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.numbers import Fraction, ProperFraction
from nag.core.signatures import checked, conform_value
from nag.graphs import DagBatch
from nag.predictors import Predictor
from nag.tasks import Limit

__all__ = ["HeldOut", "LimitRisk", "Margin", "cross_validate"]

RISK = 0.06
"""Share of the candidates that stand exactly at a predicted limit which may break it."""

BOUNDARY = 0.03
"""Share of the samples that are drawn with predicted limits at even odds."""


@checked
@dataclass(frozen=True)
class LimitRisk:
    """How far a sampling may go toward limits on predicted metrics.

    Args:
        risk: Share of the candidates exactly at a predicted limit that may break it (see `Margin`).
        boundary_fraction: Share of the samples for which that risk is one half, 0 to 1.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> from nag.evaluation import LimitRisk
        >>> LimitRisk(risk=0.1, boundary_fraction=0.0)
        LimitRisk(risk=0.1, boundary_fraction=0.0)
    """

    risk: ProperFraction = RISK
    boundary_fraction: Fraction = BOUNDARY


USUAL_RISK = LimitRisk()
"""The risk that a sampling takes unless another is asked for."""


@dataclass(frozen=True)
class HeldOut:
    """Labels and what a predictor that had not seen them said of each.

    Args:
        predicted: (B,) float64.
        true: (B,) float64.

    Example:
        >>> import numpy as np
        >>> from nag.evaluation import HeldOut
        >>> held_out = HeldOut(predicted=np.array([0.7, 0.9]), true=np.array([0.72, 0.85]))
        >>> float(np.abs(held_out.predicted - held_out.true).max().round(3))
        0.05
    """

    predicted: np.ndarray
    true: np.ndarray


def cross_validate(
    make_predictor: Callable[[], Predictor], dags: DagBatch, targets: Tensor, rng: torch.Generator, folds: int = 5
) -> HeldOut:
    """Predicts each label by a predictor fitted to the other folds (cross-conformal prediction; Vovk 2015).

    Args:
        make_predictor: Makes an untrained predictor.
        dags: B labelled architectures.
        targets: (B,) float, their labels.
        rng: Source of the folds; on the CPU.
        folds: Number of folds; each predictor costs one fit.

    Raises:
        InvalidRequest: Fewer than two folds, or fewer labels than folds.

    Example:
        >>> from functools import partial
        >>> import torch
        >>> from nag.evaluation import cross_validate
        >>> from nag.predictors import GPPredictor
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> dags = sample_uniform(space, 8, seed=0)
        >>> make = partial(GPPredictor, space, wl_rounds=0)
        >>> held_out = cross_validate(make, dags, dags.ops.sum(1).double(), torch.Generator().manual_seed(0), folds=2)
        >>> held_out.predicted.shape
        (8,)
    """
    if not 2 <= folds <= len(dags):
        raise InvalidRequest(f"{folds} folds of {len(dags)} labels", "A margin takes 2 folds and a label in each.")
    order = torch.randperm(len(dags), generator=rng)
    predicted = torch.zeros(len(dags), dtype=torch.float64)
    for fold in range(folds):
        out = torch.zeros(len(dags), dtype=torch.bool)
        out[order[fold::folds]] = True
        predictor = make_predictor()
        predictor.fit(dags[~out], targets[~out])
        predicted[out] = predictor.predict(dags[out]).mean.double().cpu()
    return HeldOut(predicted.numpy(), targets.double().cpu().numpy())


@dataclass(frozen=True)
class Margin:
    """How far a measurement may lie beyond its prediction, one-sided, at a stated risk.

    The greatest and the least value that a measurement is taken to have are `mean * high` and `mean * low` where errors
    grow with the prediction (as those of latencies do), `mean + high` and `mean + low` where they do not. Both come from
    the residuals of held-out labels, by the conformal quantile of rank ceil((n + 1)(1 - risk)) (Vovk 2015; Lei et al. 2018
    for scaled residuals), so that each holds for about 1 - risk of exchangeable architectures: at least that if one
    predictor made all predictions, at least about 1 - 2 risk if one for each fold did (Barber et al. 2021).

    Selection is not exchangeable: it crowds candidates against the limit, where the errors that flatter are selected. A
    relative margin still holds there, as it is as wide as the errors are at that place, but of the selected ones that
    stand exactly at the limit a share of `risk` breaks it; those further inside dilute that share.

    Args:
        high: Factor or addend for an upper limit.
        low: Factor or addend for a lower limit.
        relative: Whether they are factors.

    Example:
        >>> import numpy as np
        >>> from nag.evaluation import HeldOut, Margin
        >>> from nag.tasks import Limit
        >>> true = np.linspace(1.0, 2.0, 50)
        >>> margin = Margin.calibrate(HeldOut(predicted=true + 0.1, true=true), risk=0.1)
        >>> margin.threshold(Limit(max=1.5)).max > 1.5
        True
    """

    high: float
    low: float
    relative: bool

    @classmethod
    def calibrate(cls, held_out: HeldOut, risk: float = RISK) -> Margin:
        """Fits the margin.

        Args:
            held_out: Labels and their held-out predictions.
            risk: Share of the candidates at the limit that may break it, above 0 and below 1.

        Raises:
            InvalidRequest: `risk` is out of range, or there are too few labels for it.
        """
        count = len(held_out.true)
        conform_value("the risk of a limit", risk, ProperFraction)
        rank = math.ceil((count + 1) * (1 - risk))
        if rank > count:
            least = math.ceil(1 / risk) - 1
            raise InvalidRequest(f"{count} labels are too few for a limit of risk {risk:g}", f"Buy at least {least}.")
        predicted, true = held_out.predicted, held_out.true
        relative = bool((predicted > 0).all() and (true > 0).all()) and _grows(np.abs(true - predicted), predicted)
        residual = np.sort(true / predicted if relative else true - predicted)
        return cls(float(residual[rank - 1]), float(residual[count - rank]), relative)

    def threshold(self, limit: Limit) -> Limit:
        """The bounds that a prediction must keep so that the measurement keeps `limit`."""
        if not self.relative:
            return _limit(limit, lambda bound: bound - self.high, lambda bound: bound - self.low)
        return _limit(limit, lambda bound: bound / self.high, lambda bound: bound / self.low)


def _limit(limit: Limit, upper: Callable[[float], float], lower: Callable[[float], float]) -> Limit:
    greatest = None if limit.max is None else upper(limit.max)
    least = None if limit.min is None else lower(limit.min)
    if greatest is not None and least is not None and least > greatest:
        raise InvalidRequest(
            f"predictions are too inexact for a metric between {limit.min:g} and {limit.max:g}",
            "Buy more labels, or widen the limit.",
        )
    return Limit(greatest, least)


def _grows(errors: np.ndarray, predicted: np.ndarray) -> bool:
    """Whether errors rise with the prediction, by rank correlation."""
    if np.ptp(errors) == 0 or np.ptp(predicted) == 0:
        return False
    return float(stats.spearmanr(errors, predicted).statistic) > 0
