"""From a composed configuration to checked values and objects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nag.cli.console import say
from nag.cli.targets import build, locate
from nag.core.errors import InvalidRequest
from nag.core.signatures import accepts

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric
    from omegaconf import DictConfig

    from nag.evaluation import Evaluator
    from nag.graphs import DagBatch
    from nag.networks import Builder
    from nag.spaces import SearchSpace
    from nag.tasks import Objective, Task
    from nag.tracking import RunTracker
    from nag.workflows.run_folder.run import RunFolder

__all__ = [
    "any_task_of",
    "builder_maker_of",
    "conditions_of",
    "device_of",
    "digests_of",
    "evaluator_of",
    "fabric_of",
    "folder_of",
    "graphs_of",
    "objective_of",
    "run_folder_of",
    "task_of",
    "tracker_of",
    "try_generator",
]


MAY_DIFFER = (
    *("out_dir", "resume", "overwrite", "retry_failed", "tracker", "threads", "device", "devices", "data_dir", "plugins"),
    *("store", "executor", "export", "budget", "num_samples"),
    *("training.max_steps", "training.max_seconds", "training.save_every_seconds", "finetuning.rounds"),
)
"""Options that a run may be resumed with other values of: where and how fast it runs, and how long."""


def task_of(cfg: DictConfig) -> Task:
    """The task that the configuration names."""
    from nag.tasks import load_task

    return load_task(str(cfg.task), cfg.data_dir)


def any_task_of(cfg: DictConfig) -> Task:
    """The task that the configuration names, of any kind."""
    from nag.evaluation import load_task

    return load_task(str(cfg.task), cfg.data_dir)


def builder_maker_of(cfg: DictConfig) -> Callable[..., Builder]:
    """(space=...) -> the builder that the configuration names."""
    made = build(cfg.builder)
    if not cfg.builder.get("_partial_"):
        return lambda space: made
    return made if accepts(locate(cfg.builder._target_), "space") else lambda space: made()


def evaluator_of(cfg: DictConfig, task: Task, folder: Path, probe: bool = False) -> Evaluator:
    """The evaluator of a task, which keeps what it finds in the store, or in a run's folder."""
    from nag.workflows.evaluators import EvaluationContext

    store = folder / "evaluations.sqlite" if cfg.store is None else str(cfg.store)
    context = EvaluationContext(
        store,
        build(cfg.executor),
        cfg.seed,
        builder_maker_of(cfg),
        folder / "weights",
        cfg.data_dir,
        probe,
        cfg.retry_failed,
    )
    made: Evaluator = build(cfg.evaluator)(task=task, context=context)
    load_data = getattr(getattr(made, "trial", None), "load_data", None)
    if load_data is not None:
        say(f"data: {load_data().summary}")
    return made


def fabric_of(cfg: DictConfig) -> Fabric:
    """Fabric on the device that the configuration names, to train on."""
    from nag.training import make_fabric

    return make_fabric(cfg.device)


def device_of(cfg: DictConfig) -> torch.device:
    """The device that the configuration names."""
    from nag.training import device_named

    return device_named(cfg.device)


def try_generator(make_generator: Callable[..., Any], space: SearchSpace, conditions: Mapping[str, Any] | None = None) -> None:
    """Builds a generator and drops it, so that wrong options fail before any work."""
    from nag.core.randomness import seeded

    with seeded(0):  # its initial weights are of no use
        make_generator(space=space, data=space.to_dags([]), **({"conditions": tuple(conditions)} if conditions else {}))


def objective_of(cfg: DictConfig, maximised: Mapping[str, bool], known: Collection[str] | None = None) -> Objective | None:
    """The objective; None where the configuration names nothing.

    Args:
        cfg: Configuration.
        maximised: Metric -> whether more is better, for limits that are written as a number.
        known: Names of the metrics at hand; anything goes if None.
    """
    from omegaconf import OmegaConf

    from nag.tasks import parse_objective

    plain = OmegaConf.to_container(cfg.objective, resolve=True)
    assert isinstance(plain, dict)
    named = {str(key): value for key, value in plain.items() if key not in ("risk", "boundary_fraction")}
    return parse_objective(named, known, maximised) if any(named.values()) else None


def conditions_of(cfg: DictConfig, space: SearchSpace, graphs: DagBatch | None) -> dict[str, Any] | None:
    """Name -> the condition of the generator for each architecture: a predictor's score or a computed cost."""
    if not cfg.conditions:
        return None
    from nag.evaluation.predicted import load_predictor
    from nag.evaluation.predicted.objectives import condition_score

    found = {}
    for name, path in cfg.conditions.items():
        found[str(name)] = condition_score(space, str(name), None if path is None else load_predictor(str(path)), graphs)
    return found


def graphs_of(cfg: DictConfig, space: SearchSpace) -> DagBatch:
    """The architectures that a file lists."""
    from nag.workflows.sources.architecture_file import read_architectures

    return space.to_dags(read_architectures(Path(str(cfg.architectures)), space))


def folder_of(cfg: DictConfig, command: str) -> Path:
    """The run folder: `out_dir`, or a new one."""
    stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    return Path(str(cfg.out_dir)) if cfg.out_dir not in (None, "") else Path("runs") / command / stamp


def digests_of(cfg: DictConfig, *keys: str) -> dict[str, str]:
    """Option -> digest of the content of the file or folder that it names, for the options that name one."""
    from omegaconf import OmegaConf

    from nag.workflows.run_folder.inputs import digest_of_path

    named = {key: OmegaConf.select(cfg, key) for key in keys}
    return {key: digest_of_path(path) for key, path in named.items() if isinstance(path, str) and Path(path).exists()}


def run_folder_of(
    cfg: DictConfig, command: str, path: Path | None = None, inputs: Mapping[str, str] | None = None, tracked: bool = True
) -> RunFolder:
    """The run of a command, with its trackers.

    Args:
        cfg: Configuration.
        command: Name of the command.
        path: The folder; that of the configuration if None.
        inputs: Option -> digest of the content that it names: the content may not differ when the run is resumed, but its
            place may.
        tracked: Whether the trackers record it.
    """
    from omegaconf import OmegaConf

    from nag.tracking import NullTracker
    from nag.workflows.run_folder.run import RunFolder

    path = path or folder_of(cfg, command)
    if path.exists() and not path.is_dir():
        raise InvalidRequest(f"out_dir '{path}' is a file", "Name a folder.")
    config = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(config, dict)
    device = str(device_of(cfg))
    return RunFolder(
        path,
        command,
        cfg.seed,
        device,
        {str(key): value for key, value in config.items()},
        tracker_of(cfg, path, command) if tracked else NullTracker(),
        (*MAY_DIFFER, *(inputs or ())),
        dict(inputs or {}),
        resume=bool(cfg.get("resume", False)),
        overwrite=bool(cfg.get("overwrite", False)),
    )


def tracker_of(cfg: DictConfig, path: Path, command: str) -> RunTracker:
    """The tracker that the configuration names, JSON lines and, if wanted, the terminal."""
    from omegaconf import OmegaConf

    from nag.tracking import CompositeTracker, ConsoleTracker, JsonLinesTracker, RunContext

    console = cfg.tracker.get("console", True)
    if not isinstance(console, bool):
        raise InvalidRequest(f"tracker.console is {console}", "It must be true or false.")
    options = {key: value for key, value in cfg.tracker.items() if key != "console"}
    make = build(OmegaConf.create({"tracker": {**options, "_partial_": True}}).tracker)
    named = make(RunContext(path, command, bool(cfg.get("resume", False))))
    shown = [ConsoleTracker()] if console else []
    return CompositeTracker([named, JsonLinesTracker(path / "log.jsonl"), *shown])
