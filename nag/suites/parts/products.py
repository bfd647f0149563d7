"""Trained models that several cells of a suite share; each is trained once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nag.core.documents import read_json
from nag.evaluation.predicted import TrainedMetaPredictor, TrainedPredictor, load_meta_predictor, load_predictor
from nag.graphs import DagBatch
from nag.predictors import Episodes, Predictor, RankedPredictor
from nag.spaces import SearchSpace
from nag.suites import CellContext, cell_key
from nag.tasks import Task, load_task
from nag.training import FitOptions, make_fabric
from nag.workflows.run_folder.run import RunFolder
from nag.workflows.train_generator import TrainingData, train_generator
from nag.workflows.train_meta_predictor import train_meta_predictor
from nag.workflows.train_predictor import train_predictor

__all__ = ["metric_of", "trained_generator", "trained_meta_predictor", "trained_predictor"]

_HELD_OUT = 2000


def trained_generator(
    context: CellContext,
    space: SearchSpace,
    make: Callable[..., Any],
    training: FitOptions,
    family: str = "default",
    fraction: float | None = None,
    graphs: DagBatch | None = None,
) -> Path:
    """Trains a generator without labels.

    Args:
        context: Stores the run folder.
        space: The space.
        make: (space=..., data=...) -> the untrained generator.
        training: Options of the training.
        family: Name of the generator.
        fraction: Share of the space to train on, split by canonical hash with the cell's seed; None for uniform draws of the
            whole space with seed 0, shared by all cells.
        graphs: Architectures to train on instead; they must be determined by the family and the cell's seed.

    Returns:
        Path of `generator.safetensors`.
    """
    shared = fraction is None and graphs is None

    def build(run: RunFolder) -> None:
        data = TrainingData(fraction or 1.0, graphs=graphs)
        train_generator(run, space, make, training, make_fabric(context.accelerator), data, metric_samples=0)

    config = {"space": space.fingerprint, "make": make, "training": training, "fraction": fraction}
    name = cell_key("generator", space.name, family, *([] if shared else [f"seed{context.seed}"]))
    folder = context.product(name, "train-generator", config, build, 0 if shared else None)
    return folder / "generator.safetensors"


def trained_predictor(
    context: CellContext, task: Task, make: Callable[..., Predictor], labels: int, metric: str | None = None
) -> TrainedPredictor:
    """Trains a predictor on random labels of a task, drawn with the cell's seed.

    Args:
        context: Stores the run folder.
        task: The task.
        make: (space=..., seed=...) -> the untrained predictor.
        labels: Number of labels.
        metric: A secondary metric to predict (to be minimised); the search metric if None.
    """

    def build(run: RunFolder) -> None:
        train_predictor(run, task, make, labels, context.device, metric, held_out=_HELD_OUT)

    name = cell_key("predictor", task.name, metric or task.search_metric, f"seed{context.seed}")
    config = {"task": task.name, "metric": metric, "make": make, "labels": labels}
    folder = context.product(name, "train-predictor", config, build)
    return load_predictor(folder / "predictor.safetensors", context.device)


def trained_meta_predictor(
    context: CellContext,
    name: str,
    sources: Sequence[str],
    make: Callable[..., RankedPredictor],
    labels: int | None,
    episodes: Episodes,
    seed: int = 0,
) -> tuple[TrainedMetaPredictor, Path]:
    """Trains a meta-predictor on other tasks.

    Args:
        context: Stores the run folder.
        name: Name of the meta-predictor.
        sources: Names of the source tasks.
        make: (space=..., seed=...) -> an untrained predictor of a source task.
        labels: Number of labels of each source task; all if None.
        episodes: Options of fitting the prior.
        seed: Seed of labels and training.

    Returns:
        The meta-predictor, and the path of its checkpoint.
    """

    def build(run: RunFolder) -> None:
        train_meta_predictor(run, [load_task(source) for source in sources], make, labels, episodes, context.device)

    config = {"sources": sources, "make": make, "labels": labels, "episodes": episodes}
    folder = context.product(cell_key("meta", name), "train-meta-predictor", config, build, seed)
    path = folder / "meta_predictor.safetensors"
    return load_meta_predictor(path, context.device), path


def metric_of(product: Path, name: str) -> float:
    """An entry of the `metrics.json` beside a checkpoint, such as `cpu_seconds`."""
    return float(read_json(product.with_name("metrics.json"))[name])
