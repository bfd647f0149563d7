"""From a composed configuration to checked values and objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nag.errors import InvalidRequest, NagError

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from omegaconf import DictConfig

    from nag.benchmarks import Task
    from nag.builders import Builder
    from nag.evaluation import Evaluator, ObjectiveSpec
    from nag.evaluation.tasks import AnyTask
    from nag.graphs import DagBatch
    from nag.spaces import SearchSpace
    from nag.tracking import RunTracker
    from nag.workflows.run import RunFolder

__all__ = [
    "any_task_of",
    "build",
    "builder_maker_of",
    "conditions_of",
    "digests_of",
    "evaluator_of",
    "fabric_of",
    "first_line",
    "flag",
    "folder_of",
    "graphs_of",
    "integer",
    "number",
    "objective_of",
    "paths_of",
    "run_folder_of",
    "task_of",
    "tracker_of",
    "try_generator",
]


MAY_DIFFER = (
    *("out_dir", "resume", "overwrite", "retry_failed", "tracker", "threads", "device", "devices", "data_dir"),
    *("store", "executor", "export", "budget"),
    *("training.max_steps", "training.max_seconds", "training.save_every_seconds"),
)
"""Options that a run may be resumed with other values of: where and how fast it runs, and how long."""


def task_of(cfg: DictConfig) -> Task:
    """The task that the configuration names."""
    from nag.benchmarks import load_task

    return load_task(str(cfg.task), cfg.data_dir)


def any_task_of(cfg: DictConfig) -> AnyTask:
    """The task that the configuration names, of any kind."""
    from nag.evaluation.tasks import load_any_task

    return load_any_task(str(cfg.task), cfg.data_dir)


def builder_maker_of(cfg: DictConfig) -> Callable[..., Builder]:
    """(space=...) -> the builder that the configuration names."""
    made = build(cfg.builder)
    return made if cfg.builder.get("_partial_") else lambda space: made


def evaluator_of(cfg: DictConfig, task: AnyTask, folder: Path, probe: bool = False) -> Evaluator:
    """The evaluator of a task, which keeps what it finds in the store, or in a run's folder."""
    from nag.workflows.evaluators import Bench

    store = folder / "evaluations.sqlite" if cfg.store is None else str(cfg.store)
    bench = Bench(
        store,
        build(cfg.executor),
        integer(cfg, "seed", 0),
        builder_maker_of(cfg),
        folder / "weights",
        cfg.data_dir,
        probe,
        flag(cfg, "retry_failed"),
    )
    made: Evaluator = build(cfg.evaluator)(task=task, bench=bench)
    return made


def fabric_of(cfg: DictConfig) -> Fabric:
    """The device that the configuration names."""
    from nag.training import make_fabric

    return make_fabric(cfg.device)


def build(part: DictConfig) -> Any:
    """The object of a group, or for a `_partial_` one a function that makes it; wrong options are told in one line."""
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    for key in sorted(OmegaConf.missing_keys(part)):  # Hydra would leave it out of a partial call
        name = part._get_full_key(key)
        raise InvalidRequest(f"{name} is missing", f"Give it as {name}=VALUE.")
    target = str(part.get("_target_", "an object"))

    def told(make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return make(*args, **kwargs)
        except NagError:
            raise
        except (InstantiationException, TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
            cause = error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error
            if isinstance(cause, NagError):
                raise cause from error
            raise InvalidRequest(f"cannot build {target}: {first_line(cause)}", "Check its options.") from error

    made = told(instantiate, part)
    return partial(told, made) if part.get("_partial_") else made


def try_generator(make_generator: Callable[..., Any], space: SearchSpace, conditions: Mapping[str, Any] | None = None) -> None:
    """Builds a generator and drops it, so that wrong options fail before any work."""
    make_generator(space=space, data=space.to_dags([]), **({"conditions": tuple(conditions)} if conditions else {}))


def objective_of(cfg: DictConfig) -> ObjectiveSpec | None:
    """The objective; None where the configuration names nothing."""
    from omegaconf import OmegaConf

    from nag.evaluation import parse_objective

    plain = OmegaConf.to_container(cfg.objective, resolve=True)
    assert isinstance(plain, dict)
    named = {str(key): value for key, value in plain.items()}
    return parse_objective(named) if any(named.get(key) for key in ("maximise", "minimise", "limits", "pareto")) else None


def conditions_of(cfg: DictConfig, space: SearchSpace, graphs: DagBatch | None) -> dict[str, Any] | None:
    """Name -> what the generator is to be told of each architecture: a predictor's score or a computed cost."""
    if not cfg.conditions:
        return None
    if not isinstance(cfg.conditions, Mapping):
        raise InvalidRequest(
            f"conditions is {cfg.conditions}", "Write 'conditions={NAME: predictor.safetensors, depth: null}'."
        )
    from nag.workflows.objectives import condition_score
    from nag.workflows.train_predictor import load_predictor

    found = {}
    for name, path in cfg.conditions.items():
        found[str(name)] = condition_score(space, str(name), None if path is None else load_predictor(str(path)), graphs)
    return found


def graphs_of(cfg: DictConfig, space: SearchSpace) -> DagBatch:
    """The architectures that a file lists."""
    from nag.workflows.evaluate import read_architectures

    return space.to_dags(read_architectures(Path(str(cfg.architectures)), space))


def paths_of(cfg: DictConfig, key: str) -> list[str]:
    """The paths of an option that takes one or a list."""
    value = cfg[key]
    return [str(path) for path in (value if isinstance(value, Sequence) and not isinstance(value, str) else [value])]


def folder_of(cfg: DictConfig, command: str) -> Path:
    """The run folder: `out_dir`, or a new one."""
    stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    return Path(str(cfg.out_dir)) if cfg.out_dir not in (None, "") else Path("runs") / command / stamp


def digests_of(cfg: DictConfig, *keys: str) -> dict[str, str]:
    """Option -> digest of the content of the file or folder that it names, for the options that name one."""
    from omegaconf import OmegaConf

    from nag.workflows.inputs import digest_of_path

    named = {key: OmegaConf.select(cfg, key) for key in keys}
    return {key: digest_of_path(path) for key, path in named.items() if isinstance(path, str) and Path(path).exists()}


def run_folder_of(
    cfg: DictConfig, command: str, path: Path | None = None, inputs: Mapping[str, str] | None = None
) -> RunFolder:
    """The run of a command, with its trackers.

    Args:
        cfg: Configuration.
        command: Name of the command.
        path: The folder; that of the configuration if None.
        inputs: Option -> digest of the content that it names: the content may not differ when the run is resumed, but its
            place may.
    """
    from omegaconf import OmegaConf

    from nag.workflows.run import RunFolder

    path = path or folder_of(cfg, command)
    if path.exists() and not path.is_dir():
        raise InvalidRequest(f"out_dir '{path}' is a file", "Name a folder.")
    config = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(config, dict)
    device = str(fabric_of(cfg).device)
    return RunFolder(
        path,
        command,
        integer(cfg, "seed", 0),
        device,
        {str(key): value for key, value in config.items()},
        tracker_of(cfg, path),
        (*MAY_DIFFER, *(inputs or ())),
        dict(inputs or {}),
    )


def tracker_of(cfg: DictConfig, path: Path) -> RunTracker:
    """Weights & Biases, JSON lines and, if wanted, the terminal."""
    from nag.tracking import CompositeTracker, ConsoleTracker, JsonLinesTracker, WandbTracker

    options = cfg.tracker
    trackers: list[RunTracker] = [
        WandbTracker(str(options.project), str(options.mode), path, options.entity),
        JsonLinesTracker(path / "log.jsonl"),
    ]
    if options.console:
        trackers.append(ConsoleTracker())
    return CompositeTracker(trackers)


def integer(cfg: DictConfig, key: str, least: int) -> int:
    """A whole number of at least so much."""
    value = cfg[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidRequest(f"{key} is {value}", f"It must be a whole number of at least {least}.")
    return value


def number(cfg: DictConfig, key: str, above: float, up_to: float) -> float:
    """A number above one bound and up to another."""
    value = cfg[key]
    if not isinstance(value, int | float) or isinstance(value, bool) or not above < value <= up_to:
        raise InvalidRequest(f"{key} is {value}", f"It must be a number above {above} and up to {up_to}.")
    return float(value)


def flag(cfg: DictConfig, key: str) -> bool:
    """True or false."""
    if not isinstance(cfg[key], bool):
        raise InvalidRequest(f"{key} is {cfg[key]}", "It must be true or false.")
    return bool(cfg[key])


def first_line(error: BaseException) -> str:
    """The first line of a message, without its full stop."""
    text = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return text.strip().rstrip(".")
