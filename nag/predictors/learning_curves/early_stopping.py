"""Early stopping of training runs that will hardly beat the best one, and a replay that says what it saves and loses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.numbers import Count
from nag.core.signatures import conform_value
from nag.predictors.learning_curves.predictor import CurvePredictor

__all__ = ["CompleteRuns", "EarlyStopping", "StoppingReplay", "simulate_early_stopping"]


@dataclass(frozen=True)
class EarlyStopping:
    """Stops a run when P(final value is no better than the best so far) >= delta (Baker et al. 2017).

    The probability comes from the empirical distribution of the predictor's n out-of-fold residuals r_i on its scale:
    P = #{i: mean + r_i no better than the best} / (n + 1). So a run goes on while its optimistic bound, `mean` plus the
    residual of rank ceil((n + 1) delta), beats the best: the one-sided bound of conformal prediction (Vovk 2015).

    Risk. If the run is exchangeable with the training runs that gave the residuals, it is at each check stopped although
    it would have won with probability at most about 1 - delta; at m checks at most m times that. ("About": residuals come
    from a predictor for each fold that knows less than the one that predicts, so that the worst case is twice that, Barber
    et al. 2021; and hyperparameters were chosen on the same runs.) The statement is on the average over all runs, and
    predictors underrate the best, which are the runs that matter. Therefore only the residuals of the best share `good` of
    the training runs count: the risk then holds, about, for a run that belongs to that share of its population. The very
    best run is one of them, but not a typical one: replay the rule on complete runs to see how often it survives. (With the
    defaults it did in 98 % of streams of NAS-Bench-NLP and NAS-Bench-101, where 89 and 80 % of the epochs were saved.) All
    is void for runs of another kind (another space, schedule, data set).

    Args:
        predictor: Fitted predictor; runs are checked at its `points`.
        delta: Least probability at which a run is stopped, above 0; at 1 none ever is, nor where n < delta / (1 - delta).
        good: Share of the training runs, the best, whose residuals count; above 0, at most 1 (all, as in the paper).
        max_error: No run is stopped at a point where `predictor.relative_error` is above this; at 1, where
            the curve and the architecture tell no more than the mean of all runs.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> import torch
        >>> from nag.predictors.learning_curves import CurvePredictor, CurveScale, EarlyStopping, LastValue
        >>> final = torch.linspace(0.5, 0.9, 20, dtype=torch.float64)
        >>> curves = torch.stack([final * share for share in (0.5, 0.8, 0.95)], 1)
        >>> predictor = CurvePredictor(CurveScale(maximise=True), points=[1, 2], regressors=[LastValue()])
        >>> predictor.fit(curves, final)
        >>> rule = EarlyStopping(predictor, delta=0.9)
        >>> rule.stops(curves[[0, -1], :2], best=0.88)
        tensor([ True, False])
    """

    predictor: CurvePredictor
    delta: float = 0.95
    good: float = 0.5
    max_error: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.delta <= 1 or not 0 < self.good <= 1 or not self.max_error >= 0:
            raise InvalidRequest(
                f"no early stopping with delta {self.delta}, good {self.good} and max_error {self.max_error}",
                "delta and good lie above 0 and up to 1, max_error is at least 0.",
            )

    def margin(self, seen: int) -> float:
        """What is added to a prediction on the scale to make it optimistic; infinite where no run is to be stopped."""
        final, residuals = self.predictor.training_final, self.predictor.residuals(seen)
        best = final.argsort(descending=True, stable=True)[: math.ceil(self.good * len(final))]
        rank = math.ceil((len(best) + 1) * self.delta)
        if self.delta == 1 or rank > len(best) or self.predictor.relative_error(seen) > self.max_error:
            return math.inf
        return float(residuals[best].sort().values[rank - 1])

    def bounds(self, curves: Tensor, features: Tensor | None = None) -> Tensor:
        """Optimistic final values of B runs; a run that does not beat the best so far with it is to be stopped.

        Args:
            curves: (B, k) float, what was seen; k is one of the predictor's points.
            features: (B, F) float, as the predictor was fitted to.

        Returns:
            (B,) float64 on the predictor's scale.
        """
        return self.predictor.predict_scaled(curves, features) + self.margin(curves.shape[1])

    def stops(self, curves: Tensor, best: float, features: Tensor | None = None) -> Tensor:
        """Whether to stop each of B runs.

        Args:
            curves: (B, k) float, what was seen; k is one of the predictor's points.
            best: Best final value so far.
            features: (B, F) float, as the predictor was fitted to.

        Returns:
            (B,) bool.
        """
        return self.bounds(curves, features) <= _scaled(self.predictor, best)


def _scaled(predictor: CurvePredictor, best: float) -> Tensor:
    return predictor.scale.forward(torch.tensor(best, dtype=torch.float64))


@dataclass(frozen=True)
class StoppingReplay:
    """What early stopping did to a stream of runs, in each of O orders.

    Args:
        saved: (O,) float64, share of the epochs of all runs that was not spent.
        stopped: (O,) float64, share of the runs that was stopped.
        kept_best: (O,) bool, whether the best run (or one as good) was trained to its end.
        regret: (O,) float64, how much better the best run is than the best that was kept, in units of the final value.

    Example:
        >>> import torch
        >>> from nag.predictors.learning_curves import CompleteRuns, CurvePredictor, CurveScale, EarlyStopping, LastValue
        >>> from nag.predictors.learning_curves import simulate_early_stopping
        >>> final = torch.linspace(0.5, 0.9, 20, dtype=torch.float64)
        >>> curves = torch.stack([final * share for share in (0.5, 0.8, 0.95)], 1)
        >>> predictor = CurvePredictor(CurveScale(maximise=True), points=[1, 2], regressors=[LastValue()])
        >>> predictor.fit(curves, final)
        >>> budgets, rng = torch.tensor([1.0, 2.0, 3.0]), torch.Generator().manual_seed(0)
        >>> replay = simulate_early_stopping(EarlyStopping(predictor), CompleteRuns(curves, final, budgets), rng, orders=3)
        >>> replay.saved.shape, replay.kept_best.dtype
        (torch.Size([3]), torch.bool)
    """

    saved: Tensor
    stopped: Tensor
    kept_best: Tensor
    regret: Tensor


@dataclass(frozen=True)
class CompleteRuns:
    """R training runs that went to their end.

    Args:
        curves: (R, E) float, values at each budget.
        final: (R,) float, final values.
        budgets: (E,) float, epochs of each budget, ascending.
        features: (R, F) float, as a predictor was fitted to; None for none.
        separate: Whether each budget is a training of its own: then the epochs of those seen add up, and a run that is
            not stopped costs the last budget on top, so that what is saved may be less than nothing.

    Raises:
        InvalidRequest: Shapes do not fit.

    Example:
        >>> import torch
        >>> from nag.predictors.learning_curves import CompleteRuns
        >>> runs = CompleteRuns(torch.rand(20, 3), torch.rand(20), torch.tensor([1.0, 10.0, 100.0]))
        >>> runs.separate
        False
    """

    curves: Tensor
    final: Tensor
    budgets: Tensor
    features: Tensor | None = None
    separate: bool = False

    def __post_init__(self) -> None:
        if self.final.shape != (len(self.curves),) or self.budgets.shape != (self.curves.shape[1],):
            raise InvalidRequest("curves, final values and budgets do not fit", "Give one value for each run and budget.")


def simulate_early_stopping(
    rule: EarlyStopping, runs: CompleteRuns, rng: torch.Generator, orders: int = 1, best: float | None = None
) -> StoppingReplay:
    """Replays complete runs one after the other in random orders, as if each were stopped where the rule says so.

    Args:
        rule: When to stop; its predictor must not have seen these runs.
        runs: The runs.
        rng: Source of the orders, on the CPU.
        orders: O, the number of orders.
        best: Best final value known before the first run; None where none is, so that the first run is never stopped.

    Raises:
        InvalidRequest: A point of the predictor lies beyond the curves, or there is no order.

    Example:
        >>> import torch
        >>> from nag.predictors.learning_curves import CompleteRuns, CurvePredictor, CurveScale, EarlyStopping, LastValue
        >>> from nag.predictors.learning_curves import simulate_early_stopping
        >>> final = torch.linspace(0.5, 0.9, 20, dtype=torch.float64)
        >>> curves = torch.stack([final * share for share in (0.5, 0.8, 0.95)], 1)
        >>> predictor = CurvePredictor(CurveScale(maximise=True), points=[1, 2], regressors=[LastValue()])
        >>> predictor.fit(curves, final)
        >>> budgets, rng = torch.tensor([1.0, 2.0, 3.0]), torch.Generator().manual_seed(0)
        >>> replay = simulate_early_stopping(EarlyStopping(predictor, delta=0.9), CompleteRuns(curves, final, budgets), rng)
        >>> 0 <= float(replay.saved[0]) < 1
        True
    """
    points, curves, final, budgets = rule.predictor.points, runs.curves, runs.final, runs.budgets
    conform_value("the number of orders", orders, Count)
    if points[-1] > len(budgets):
        raise InvalidRequest("the points of the rule do not fit the curves", f"Give at least {points[-1]} budgets.")
    bounds = torch.stack([rule.bounds(curves[:, :k], runs.features) for k in points])
    scale = rule.predictor.scale
    true = scale.forward(final)
    costs = _costs(budgets.double(), torch.tensor(points), runs.separate)
    known = torch.tensor(-math.inf, dtype=torch.float64) if best is None else _scaled(rule.predictor, best)
    order = torch.stack([torch.randperm(len(final), generator=rng) for _ in range(orders)])
    found, spent, complete_runs = known.repeat(orders), torch.zeros(orders).double(), torch.zeros(orders).double()
    for run in order.unbind(1):
        ends = torch.cat([bounds[:, run] <= found, torch.ones(1, orders, dtype=torch.bool)]).int().argmax(0)
        complete = ends == len(points)
        spent += costs[ends]
        complete_runs += complete
        found = torch.where(complete, torch.maximum(found, true[run]), found)
    top = torch.maximum(true.max(), known)
    regret = (scale.backward(top) - scale.backward(found)).abs()
    return StoppingReplay(
        saved=1 - spent / (len(final) * float(budgets[-1])),
        stopped=1 - complete_runs / len(final),
        kept_best=found == top,
        regret=regret,
    )


def _costs(budgets: Tensor, points: Tensor, separate: bool) -> Tensor:
    """Epochs spent on a run that is stopped at each point, and on one that is not: (P + 1,)."""
    if not separate:
        return torch.cat([budgets[points - 1], budgets[-1:]])
    paid = budgets.cumsum(0)[points - 1]
    return torch.cat([paid, paid[-1:] + budgets[-1]])
