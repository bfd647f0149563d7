"""Fitting a predictor to labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from nag.core.errors import InvalidRequest
from nag.core.stopwatch import Stopwatch
from nag.evaluation.predicted.trained import TrainedPredictor
from nag.evaluation.scores.margins import HeldOut, Margin, cross_validate
from nag.predictors import Predictor
from nag.spaces import SearchSpace
from nag.tasks import Metric, Observations
from nag.tracking import RunTracker, terminal_progress
from nag.training import device_named

__all__ = ["default_predictor", "fit_observations", "fit_predictor"]


def default_predictor(space: SearchSpace, seed: int = 0) -> Predictor:
    """Message passing, a Gaussian process and boosted trees, weighted by how well each predicts labels that it left out.

    Args:
        space: The search space.
        seed: Seed of all randomness.

    Example:
        >>> from nag.evaluation.predicted import default_predictor
        >>> from nag.spaces import load_space
        >>> type(default_predictor(load_space("nas_bench_graph"))).__name__
        'StackedPredictor'
    """
    from nag.predictors import GNNPredictor, GPPredictor, StackedPredictor, TreesPredictor  # takes seconds to import

    return StackedPredictor(space, parts={"gnn": GNNPredictor, "gp": GPPredictor, "trees": TreesPredictor}, seed=seed)


def fit_predictor(
    labels: Observations,
    *,
    predictor: Callable[..., Predictor] = default_predictor,
    metric: str | None = None,
    calibrate: bool | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
) -> TrainedPredictor:
    """Fits a predictor to measured architectures.

    Args:
        labels: Measured architectures; those without a value of the metric are left out.
        predictor: (space=..., seed=...) -> the untrained predictor, such as a class of `nag.predictors` or one's own.
        metric: Which of the metrics to predict; the first one if None.
        calibrate: Whether to measure its error by cross-validation, so that limits can be put on the metric; if None, for all
            metrics but the first.
        seed: Seed of all randomness.
        device: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".
        progress: Whether to show a bar on a terminal.

    Raises:
        InvalidRequest: There is no such metric, or there are fewer than two labels, or too few for a margin.

    Example:
        >>> import nag
        >>> space = nag.load_space("nas_bench_graph")
        >>> archs = space.sample(30, seed=0)
        >>> labels = nag.Observations(space, archs, {"edges": [len(arch.edges) for arch in archs]}, (nag.Metric("edges"),))
        >>> predictor = nag.fit_predictor(labels, predictor=nag.predictors.GPPredictor, device="cpu")
        >>> predictor.predict(space.sample(3, seed=1)).mean.shape
        torch.Size([3])
    """
    known = {each.name: each for each in labels.metrics}
    labels.values(metric)  # raises where there is no such metric
    chosen = labels.metrics[0] if metric is None else known[metric]
    calibrate = chosen != labels.metrics[0] if calibrate is None else calibrate
    return fit_observations(labels, chosen, predictor, seed, device_named(device), terminal_progress(progress), calibrate)


def fit_observations(
    labels: Observations,
    metric: Metric,
    make_predictor: Callable[..., Predictor],
    seed: int,
    device: torch.device | str,
    tracker: RunTracker,
    calibrate: bool,
) -> TrainedPredictor:
    """Fits a predictor to one metric of observations; arguments as of `fit_predictor`.

    Example:
        >>> import nag
        >>> from nag.evaluation.predicted import fit_observations
        >>> from nag.predictors import GPPredictor
        >>> from nag.tracking import NullTracker
        >>> space = nag.load_space("nas_bench_graph")
        >>> labels = nag.evaluate(lambda arch: len(arch.edges), space.sample(12, seed=0), space, progress=False)
        >>> fit_observations(labels, labels.metrics[0], GPPredictor, 0, "cpu", NullTracker(), calibrate=False)
        TrainedPredictor(GPPredictor of nas_bench_graph, 12 labels of value)
    """
    values = labels.values(metric.name)
    labels, values = labels[np.isfinite(values)], values[np.isfinite(values)]
    if len(labels) < 2:
        raise InvalidRequest(f"there are {len(labels)} labels of {metric.name}", "Measure at least 2 architectures.")
    if calibrate:  # too few labels for a margin are reported before any work
        Margin.calibrate(HeldOut(values, values))

    def make() -> Predictor:
        return make_predictor(space=labels.space, seed=seed).to(device)

    predictor, watch = make(), Stopwatch()
    dags, targets = labels.dags.to(device), torch.from_numpy(values)
    with tracker.progress(100, f"training on {len(labels)} labels", "percent") as progress:
        predictor.fit(dags, targets, lambda share: progress.update(round(100 * share)))
    held_out = None
    if calibrate:
        with tracker.progress(None, "calibrating the margin of limits", "folds"):
            held_out = cross_validate(make, dags, targets, torch.Generator().manual_seed(seed))
    metadata = {
        "label_spread": float(np.std(values)),
        "search_metric": metric.name,
        "maximise": metric.maximise,
        "labels_used": len(labels),
        "train_cpu_seconds": round(watch.cpu, 3),
        "seed": seed,
    }
    return TrainedPredictor.of(predictor, held_out, metadata)
