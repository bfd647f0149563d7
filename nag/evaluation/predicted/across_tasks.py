"""Fitting a predictor across tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.progress import OnProgress
from nag.core.stopwatch import Stopwatch
from nag.evaluation.predicted.trained_meta import TrainedMetaPredictor
from nag.graphs import DagBatch
from nag.predictors import AdapterPredictor, Episodes, MetaPredictor, NormalScores, RankedPredictor, TreesPredictor
from nag.spaces import SearchSpace
from nag.tasks import Task
from nag.tracking import RunTracker, terminal_progress
from nag.training import make_fabric

__all__ = ["check_sources", "fit_meta_predictor", "fit_sources", "source_predictor"]

DEFAULT_SOURCE: Callable[..., RankedPredictor] = partial(TreesPredictor, folds=2, trees=400, leaves=31, least=10, share=0.5)
"""Predictor of each source task unless another one is asked for."""


def check_sources(tasks: Sequence[Task]) -> None:
    """Raises `InvalidRequest` unless a meta-predictor can be fitted to the tasks.

    Example:
        >>> from nag.evaluation.predicted import check_sources
        >>> check_sources([])
        Traceback (most recent call last):
            ...
        nag.core.errors.InvalidRequest: there is no source task. Name some: tasks=[nas_bench_graph/cora,nas_bench_graph/cs].
    """
    if not tasks:
        raise InvalidRequest("there is no source task", "Name some: tasks=[nas_bench_graph/cora,nas_bench_graph/cs].")
    if len({task.name for task in tasks}) < len(tasks):
        raise InvalidRequest("a source task is named twice", "Name each once.")
    first = tasks[0]
    for task in tasks:
        if task.table.space.fingerprint != first.table.space.fingerprint:
            raise InvalidRequest(f"{task.name} is not on {first.table.space.name}", "Source tasks share a search space.")
        if task.maximise != first.maximise:
            what = f"{task.name} and {first.name} have different optimisation directions"
            raise InvalidRequest(what, "Source tasks share a direction.")
        if set(task.task_features) != set(first.task_features):
            hint = f"Give each the same task_features: {', '.join(sorted(first.task_features)) or 'none'}."
            raise InvalidRequest(f"the task features of {task.name} and {first.name} differ", hint)


def source_predictor(space: SearchSpace, make_source: Callable[..., RankedPredictor], seed: int) -> RankedPredictor:
    """An untrained predictor; raises `InvalidRequest` where it cannot be fitted to a source task.

    Example:
        >>> from nag.evaluation.predicted import source_predictor
        >>> from nag.predictors import GPPredictor
        >>> from nag.spaces import load_space
        >>> type(source_predictor(load_space("nas_bench_graph"), GPPredictor, seed=0)).__name__
        'GPPredictor'
    """
    made = make_source(space=space, seed=seed)
    if not isinstance(made, RankedPredictor):
        hint = "Choose one that ranks, such as trees_large or gp."
        raise InvalidRequest("this predictor cannot be fitted to a source task", hint)
    return made


def fit_meta_predictor(
    tasks: Sequence[Task],
    *,
    predictor: Callable[..., RankedPredictor] = DEFAULT_SOURCE,
    num_train: int | None = None,
    episodes: Episodes | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
) -> TrainedMetaPredictor:
    """Fits a predictor across tasks, for tasks that it never saw.

    A predictor is fitted to each source task; how tasks differ is learned by leaving each out in turn.

    Args:
        tasks: Source tasks with tables, of one search space; best three or more.
        predictor: (space=..., seed=...) -> the untrained predictor of a source task, such as a class of `nag.predictors`.
        num_train: Architectures of the first task's table whose labels are looked up in every task; all if None.
        episodes: How the prior is learned; the command line's defaults if None.
        seed: Seed of all randomness.
        device: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".
        progress: Whether to show a bar on a terminal.

    Raises:
        InvalidRequest: The tasks differ in space, direction or features, or the predictor cannot be fitted to a source task.

    Example:
        >>> import nag
        >>> sources = [nag.load_task(f"nas_bench_graph/{name}") for name in ("cora", "cs")]
        >>> meta = nag.fit_meta_predictor(sources, predictor=nag.predictors.GPPredictor, num_train=20, progress=False)
        >>> predictor = meta.adapt(nag.load_task("nas_bench_graph/citeseer"))
        >>> predictor
        TrainedPredictor(TransferPredictor of nas_bench_graph, 0 labels of valid_perf)
        >>> predictor.predict(meta.space.sample(3, seed=0)).mean.shape
        torch.Size([3])
    """
    found = make_fabric(device).device
    return fit_sources(tasks, predictor, num_train, episodes, seed, found, terminal_progress(progress))


def fit_sources(
    tasks: Sequence[Task],
    make_source: Callable[..., RankedPredictor],
    num_train: int | None,
    episodes: Episodes | None,
    seed: int,
    device: torch.device | str,
    tracker: RunTracker,
) -> TrainedMetaPredictor:
    """Fits a meta-predictor; arguments as of `fit_meta_predictor`.

    Example:
        >>> import nag
        >>> from nag.evaluation.predicted import fit_sources
        >>> from nag.predictors import GPPredictor
        >>> from nag.tracking import NullTracker
        >>> sources = [nag.load_task(f"nas_bench_graph/{name}") for name in ("cora", "cs")]
        >>> fit_sources(sources, GPPredictor, 10, None, seed=0, device="cpu", tracker=NullTracker())
        TrainedMetaPredictor(MetaPredictor of nas_bench_graph, 2 tasks)
    """
    check_sources(tasks)
    space, watch = tasks[0].space, Stopwatch()
    first = source_predictor(space, make_source, seed)
    dags, targets = _labels_of(tasks, num_train, seed)
    dags = dags.to(device)
    with tracker.progress(100, f"training on {len(tasks)} tasks", "percent") as progress:

        def show(share: float) -> None:
            progress.update(round(100 * share))

        meta: MetaPredictor | AdapterPredictor
        if isinstance(first, AdapterPredictor):
            meta = first.to(device)
            _fit_adapters(meta, dags, targets, show)
        else:
            sources = {task.name: make_source(space=space, seed=seed).to(device) for task in tasks}
            meta = _fit_weights(sources, tasks, dags, targets, seed, episodes, show).to(device)
    metadata = {
        "tasks": [task.name for task in tasks],
        "search_metrics": [task.search_metric for task in tasks],
        "maximise": tasks[0].maximise,
        "labels_used": sum(int(values.isfinite().sum()) for values in targets),
        "train_cpu_seconds": round(watch.cpu, 3),
        "seed": seed,
    }
    return TrainedMetaPredictor(meta, space, metadata)


def _labels_of(tasks: Sequence[Task], num_train: int | None, seed: int) -> tuple[DagBatch, list[Tensor]]:
    """Architectures of the first task's table, and their search metric in every task; nan where not measured."""
    rows = np.random.default_rng(seed).permutation(tasks[0].rows)[:num_train]
    dags = tasks[0].table.dags[torch.from_numpy(rows)]
    return dags, [torch.from_numpy(task.table.values(task.search_metric, dags)) for task in tasks]


def _fit_adapters(adapters: AdapterPredictor, dags: DagBatch, targets: Sequence[Tensor], on_progress: OnProgress) -> None:
    """Fits the base to the first task, an adapter to each further one."""
    for done, values in enumerate(targets, start=1):
        known = values.isfinite()
        adapters.fit_source(dags[known.to(dags.device)], values[known])
        on_progress(done / len(targets))


def _fit_weights(
    sources: dict[str, RankedPredictor],
    tasks: Sequence[Task],
    dags: DagBatch,
    targets: Sequence[Tensor],
    seed: int,
    episodes: Episodes | None,
    on_progress: OnProgress,
) -> MetaPredictor:
    """Fits a predictor to each task, then the weights of source tasks by the features and labels of another one."""
    for done, (source, values) in enumerate(zip(sources.values(), targets, strict=True), start=1):
        known = values.isfinite()
        source.fit(dags[known.to(dags.device)], values[known])
        source.eval()
        on_progress(0.8 * done / len(tasks))
    meta = MetaPredictor(tasks[0].space, sorted(tasks[0].task_features), sources).to(dags.device)
    meta.fit(
        [task.task_features for task in tasks],
        dags,
        torch.stack([_known_scores(values) for values in targets], 1).to(dags.device),
        torch.Generator().manual_seed(seed),
        episodes,
        lambda share: on_progress(0.8 + 0.2 * share),
    )
    return meta


def _known_scores(values: Tensor) -> Tensor:
    """Normal scores of what is measured; nan elsewhere."""
    found = torch.full_like(values, float("nan"))
    known = values.isfinite()
    found[known] = NormalScores().fit(values[known])
    return found
