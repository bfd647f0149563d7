"""The console script: `nag <command> key=value ...`."""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nag.console import command_help, list_known, overview, say, say_comparison, say_metrics
from nag.errors import InvalidRequest, NagError, did_you_mean

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from omegaconf import DictConfig

    from nag.benchmarks import Task
    from nag.evaluation import ObjectiveSpec
    from nag.graphs import DagBatch
    from nag.spaces import SearchSpace
    from nag.tracking import RunTracker
    from nag.workflows.run import RunFolder

__all__ = ["main"]

_GIVEN = tuple(sys.argv)


# -- one function a command: configuration in, objects out --------------------------------------------------------------


def _train_generator(cfg: DictConfig) -> None:
    from nag.spaces import load_space

    space = load_space(cfg.search_space)
    fraction = _number(cfg, "train_fraction", 0, 1)

    from nag.training import ending_together, make_fabric
    from nag.workflows.train_generator import train_generator

    options, make, devices = _instantiate(cfg.training), _instantiate(cfg.generator), _integer(cfg, "devices", 1)
    options.check_processes(devices)
    graphs = None if cfg.architectures is None else _graphs(cfg, space)
    conditions = _conditions(cfg, space, graphs)
    _try(make, space, conditions)
    run = _run_folder(cfg, "train-generator")
    numbers = _integer(cfg, "num_architectures", 1), _integer(cfg, "metric_samples", 1)
    resume = _flag(cfg, "resume")
    sys.argv = list(_GIVEN)  # what the further processes are started with
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = make_fabric(cfg.device, devices)
    with ending_together(fabric):
        path = train_generator(run, space, make, options, fabric, fraction, *numbers, resume, graphs, conditions)
    if not fabric.is_global_zero:
        return
    say_metrics(run.path, ("steps", "loss", "validity_raw", "uniqueness", "novelty", "tv_ops", "tv_edges"))
    say(f"generator: {path}")


def _train_predictor(cfg: DictConfig) -> None:
    num_train = _integer(cfg, "num_train", 2)
    task = _task(cfg)

    from nag.workflows.train_predictor import side_task, train_predictor

    make = _instantiate(cfg.predictor)
    if cfg.metric is not None and cfg.metric != task.search_metric:
        side_task(task, str(cfg.metric))
    run = _run_folder(cfg, "train-predictor")
    path = train_predictor(run, task, make, num_train, _fabric(cfg).device, cfg.metric)
    say(f"{task.name}: {task.protocol if cfg.metric is None else f'predicts {cfg.metric}'}")
    say_metrics(run.path, ("split", "labels_used", "kendall_tau", "spearman", "mae", "precision_at_10pct"))
    say(f"predictor: {path}")


def _sample(cfg: DictConfig) -> None:
    from nag.checkpoints import load_checkpoint
    from nag.spaces import load_space

    num_samples = _integer(cfg, "num_samples", 1)
    steps = None if cfg.steps is None else _integer(cfg, "steps", 1)
    space = None if cfg.search_space is None else load_space(cfg.search_space)
    budget = None if cfg.budget is None else _integer(cfg, "budget", 1)
    if budget is not None and cfg.task is None:
        raise InvalidRequest("a budget of labels needs a task", "Give task=TASK.")
    task = None if cfg.task is None else _task(cfg)
    checkpoints = {cfg.generator.path: load_checkpoint(cfg.generator.path, "generator")}  # mistakes come before heavy imports
    further = _paths(cfg, "predictors")
    for teacher in [*([] if cfg.predictor.path is None else [cfg.predictor.path]), *further]:
        checkpoints[teacher] = load_checkpoint(teacher, "predictor")
    for wanted in [space, None if task is None else task.table.space]:
        for path, checkpoint in checkpoints.items():
            if wanted is not None and checkpoint.description.get("space_fingerprint") != wanted.fingerprint:
                raise InvalidRequest(
                    f"'{path}' is a {checkpoint.kind} of another space than {wanted.name}", "Train one for that space."
                )

    from nag.diffusion import accelerate
    from nag.evaluation import TableEvaluator
    from nag.evaluation.labelled_reward import LabelledReward
    from nag.workflows.sample import sample
    from nag.workflows.train_generator import load_generator
    from nag.workflows.train_predictor import load_predictor

    guidance, spec = _instantiate(cfg.guidance), _objective(cfg)
    device = _fabric(cfg).device
    trained = load_generator(cfg.generator.path, device)
    if _flag(cfg, "compile"):
        accelerate(trained.generator)
    predictor = None if cfg.predictor.path is None else load_predictor(cfg.predictor.path, device)
    others = [load_predictor(path, device) for path in further]
    run = _run_folder(cfg, "sample")
    reward = None if task is None or budget is None else LabelledReward(task, TableEvaluator(task), budget)
    path = sample(run, trained, num_samples, predictor, task, guidance, steps, spec, others, reward)
    say_metrics(
        run.path,
        (
            "protocol",
            *("num_requested", "num_samples", "validity_raw", "uniqueness", "functional_uniqueness", "novelty"),
            *("tv_ops", "tv_edges", "labels_used", "true_mean", "true_best", "true_optimum"),
            *("true_percentile_mean", "true_percentile_best", "uniform_true_percentile_mean"),
        ),
    )
    say(f"architectures: {path}")


def _evaluate(cfg: DictConfig) -> None:
    if cfg.evaluator != "table":
        raise InvalidRequest(f"unknown evaluator '{cfg.evaluator}'", did_you_mean(str(cfg.evaluator), ["table"]))
    task = _task(cfg)

    from nag.evaluation import TableEvaluator
    from nag.workflows.evaluate import evaluate, read_architectures

    archs = read_architectures(Path(str(cfg.architectures)), task.table.space)
    run = _run_folder(cfg, "evaluate")
    path = evaluate(run, archs, TableEvaluator(task), task)
    say_metrics(run.path, ("protocol", "count", "missing", "mean", "best", "best_percentile", "true_optimum"))
    say(f"evaluations: {path}")


def _report(cfg: DictConfig) -> None:
    from nag.workflows.report import write_report

    runs = [Path(run) for run in _paths(cfg, "runs")]
    if not runs:
        raise InvalidRequest("there is no run to report on", "Name run folders: runs=[a,b].")
    folder = runs[0] if len(runs) == 1 else Path(".")
    path = (Path(cfg.out_dir) if cfg.out_dir else folder) / "report.html"
    say(f"report: {write_report(runs, path, str(cfg.title))}")


def _quickstart(cfg: DictConfig) -> None:
    num_train, num_samples = _integer(cfg, "num_train", 2), _integer(cfg, "num_samples", 1)
    fraction = _number(cfg, "train_fraction", 0, 1)
    task = _task(cfg)

    from nag.workflows.quickstart import quickstart

    parts = [_instantiate(cfg[name]) for name in ("generator", "training", "predictor", "guidance")]
    make_generator, options, make_predictor, guidance = parts
    _try(make_generator, task.table.space)
    make_predictor(space=task.table.space)
    folder = _folder(cfg, "quickstart")

    def make_run(name: str) -> RunFolder:
        commands = {"": "quickstart", "generator": "train-generator", "predictor": "train-predictor"}
        return _run_folder(cfg, commands.get(name, "sample"), folder / name)

    result = quickstart(
        make_run, task, make_generator, options, _fabric(cfg), make_predictor, guidance, num_train, num_samples, fraction
    )
    say_comparison(result.metrics)
    say(f"report: {result.report}")


def _show(cfg: DictConfig) -> None:
    from nag.graphs import save_drawing
    from nag.spaces import load_space
    from nag.workflows.show import facts_of

    space = load_space(cfg.search_space)
    arch = space.decode(str(cfg.architecture))
    task = None if cfg.task is None else _task(cfg)
    if task is not None and task.table.space.fingerprint != space.fingerprint:
        raise InvalidRequest(f"task {task.name} is not on {space.name}", f"Its space is {task.table.space.name}.")
    facts = facts_of(arch, space, task)
    path = Path(str(cfg.file or f"{facts['canonical_hash'][:12]}.svg"))
    save_drawing(arch, path, title=space.name, operations=space.vocabulary)
    for name, value in facts.items():
        say(f"{name}: {value}")
    say(f"drawing: {path}")


def _import_table(cfg: DictConfig) -> None:
    from nag.benchmarks import import_table, load_task

    path = import_table(
        str(cfg.csv),
        str(cfg.search_space),
        _folder(cfg, "import-table"),
        str(cfg.search_metric),
        cfg.report_metric,
        _flag(cfg, "maximise"),
        list(cfg.side_metrics),
        str(cfg.arch_column),
        cfg.name,
    )
    task = load_task(path)
    say(f"{task.name}: {len(task.table)} architectures of {task.table.space.name}, {task.protocol}")
    say(f"use it: task={path}")


def _finetune_generator(cfg: DictConfig) -> None:
    from nag.checkpoints import load_checkpoint

    if (cfg.predictor.path is None) == (cfg.task is None):
        raise InvalidRequest("a reward is needed, and one only", "Give predictor=PATH, or task=TASK budget=LABELS.")
    samples = _integer(cfg, "metric_samples", 1)
    budget = None if cfg.task is None else _integer(cfg, "budget", 1)
    task = None if cfg.task is None else _task(cfg)
    load_checkpoint(cfg.generator.path, "generator")  # mistakes come before heavy imports
    if cfg.predictor.path is not None:
        load_checkpoint(cfg.predictor.path, "predictor")

    from nag.evaluation import TableEvaluator
    from nag.workflows.finetune_generator import finetune_generator
    from nag.workflows.reward_sources import LabelSource, PredictorSource
    from nag.workflows.train_generator import load_generator
    from nag.workflows.train_predictor import load_predictor

    options, device = _instantiate(cfg.finetuning), _fabric(cfg).device
    trained = load_generator(cfg.generator.path, device)
    source: LabelSource | PredictorSource
    if task is not None and budget is not None:
        source = LabelSource(task, TableEvaluator(task), budget)
    else:
        source = PredictorSource(load_predictor(cfg.predictor.path, device))
    run = _run_folder(cfg, "finetune-generator")
    path = finetune_generator(run, trained, source, options, samples)
    say_metrics(
        run.path,
        (
            *("task", "protocol", "reward", "reward_before", "reward_after", "reward_best", "best_search_metric"),
            *("rounds", "labels_used", "kl_to_base", "validity_raw", "uniqueness", "functional_uniqueness", "novelty"),
        ),
    )
    say(f"generator: {path}")


def _benchmark(cfg: DictConfig) -> None:
    seeds = None if cfg.seeds is None else _integer(cfg, "seeds", 1)
    jobs, first_seed = _integer(cfg, "jobs", 1), _integer(cfg, "seed", 0)
    only = [str(cfg.only)] if isinstance(cfg.only, str | int) else [str(word) for word in cfg.only or []]

    from nag.workflows.suites import Selection, SuiteOptions, benchmark, hardware

    kept = [text for text in sys.argv[1:] if not text.startswith(("out_dir=", "data_dir=", "tracker"))]
    suite = _instantiate(cfg.suite)
    if not any(text.startswith("suite=") for text in kept):
        kept.insert(0, f"suite={suite.name}")
    device = _fabric(cfg).device
    options = SuiteOptions(str(cfg.preset), seeds, first_seed, device.type, cfg.data_dir)
    selection = Selection.of(suite, options, only)
    run = _run_folder(cfg, "benchmark")
    page = benchmark(
        run,
        suite,
        options,
        selection,
        jobs,
        hardware(device.type, 1 if jobs > 1 else cfg.threads),
        " ".join(["nag benchmark", *kept]),
        lambda text: print(f"warning: {text}.", file=sys.stderr),
    )
    say_metrics(run.path, ("suite", "preset", "cells", "cells_finished", "cells_reused", "rows_written", "rows_reused"))
    say(f"results: {page}")


@dataclass(frozen=True)
class _Command:
    run: Callable[[DictConfig], None]
    summary: str
    example: str
    positional: str | None = None
    files: tuple[str, ...] = ()  # options that take a path although a group of configurations has their name
    mappings: tuple[str, ...] = ()  # options that take names of the user's own

    @property
    def config(self) -> str:
        return self.run.__name__.lstrip("_")


_COMMANDS = {
    "quickstart": _Command(_quickstart, "run every stage once and write a report", "nag quickstart task=nas_bench_graph/arxiv"),
    "train-generator": _Command(
        _train_generator,
        "train a diffusion model on a search space",
        "nag train-generator search_space=nasbench201 train_fraction=0.5",
        mappings=("conditions",),
    ),
    "train-predictor": _Command(
        _train_predictor,
        "buy labels of a task and train a predictor",
        "nag train-predictor task=nas_bench_graph/cora num_train=200",
    ),
    "sample": _Command(
        _sample,
        "generate architectures, guided by a predictor if one is given",
        "nag sample generator=g/generator.safetensors predictor=p/predictor.safetensors task=nas_bench_graph/cora",
        files=("generator", "predictor"),
        mappings=("objective.maximise", "objective.minimise", "objective.limits", "guidance.proposal.condition"),
    ),
    "evaluate": _Command(
        _evaluate,
        "look up what architectures are worth",
        "nag evaluate architectures=s/architectures.jsonl task=nas_bench_graph/cora",
    ),
    "report": _Command(
        _report, "write one self-contained HTML page about runs", "nag report runs=[runs/quickstart/2026-01-01]"
    ),
    "show": _Command(
        _show,
        "draw an architecture and tell facts about it",
        "nag show '0,1,2,3|gcn,gat,fc,gin' search_space=nas_bench_graph",
        "architecture",
    ),
    "import-table": _Command(
        _import_table,
        "make a task of a CSV table",
        "nag import-table csv=mine.csv search_space=mine.yaml search_metric=accuracy",
    ),
    "finetune-generator": _Command(
        _finetune_generator,
        "raise the reward of a generator's samples, from a predictor or from labels",
        "nag finetune-generator generator=g/generator.safetensors task=nas_bench_graph/cora budget=500",
        files=("generator", "predictor"),
    ),
    "benchmark": _Command(
        _benchmark,
        "compute a table of comparisons, or what is missing of it in out_dir",
        "nag benchmark suite=generation preset=quick out_dir=runs/generation",
    ),
}


# -- from configuration to objects ---------------------------------------------------------------------------------------


def _task(cfg: DictConfig) -> Task:
    from nag.benchmarks import load_task

    return load_task(str(cfg.task), cfg.data_dir)


def _fabric(cfg: DictConfig) -> Fabric:
    from nag.training import make_fabric

    return make_fabric(cfg.device)


def _instantiate(part: DictConfig) -> Any:
    """The object of a group, or for a `_partial_` one a function that makes it; wrong options are told in one line."""
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    target = str(part.get("_target_", "an object"))

    def told(make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return make(*args, **kwargs)
        except NagError:
            raise
        except (InstantiationException, TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
            cause = error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error
            raise InvalidRequest(f"cannot build {target}: {_first_line(cause)}", "Check its options.") from error

    made = told(instantiate, part)
    return partial(told, made) if part.get("_partial_") else made


def _try(make_generator: Callable[..., Any], space: SearchSpace, conditions: Mapping[str, Any] | None = None) -> None:
    """Builds a generator and drops it, so that wrong options fail before any work."""
    make_generator(space=space, data=space.to_dags([]), **({"conditions": tuple(conditions)} if conditions else {}))


def _objective(cfg: DictConfig) -> ObjectiveSpec | None:
    """The objective; None where the configuration names nothing."""
    from omegaconf import OmegaConf

    from nag.evaluation import parse_objective

    plain = OmegaConf.to_container(cfg.objective, resolve=True)
    assert isinstance(plain, dict)
    named = {str(key): value for key, value in plain.items()}
    return parse_objective(named) if any(named.get(key) for key in ("maximise", "minimise", "limits", "pareto")) else None


def _conditions(cfg: DictConfig, space: SearchSpace, graphs: DagBatch | None) -> dict[str, Any] | None:
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


def _graphs(cfg: DictConfig, space: SearchSpace) -> DagBatch:
    from nag.workflows.evaluate import read_architectures

    return space.to_dags(read_architectures(Path(str(cfg.architectures)), space))


def _paths(cfg: DictConfig, key: str) -> list[str]:
    """The paths of an option that takes one or a list."""
    value = cfg[key]
    return [str(path) for path in (value if isinstance(value, Sequence) and not isinstance(value, str) else [value])]


def _folder(cfg: DictConfig, command: str) -> Path:
    stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    return Path(str(cfg.out_dir)) if cfg.out_dir else Path("runs") / command / stamp


def _run_folder(cfg: DictConfig, command: str, path: Path | None = None) -> RunFolder:
    from omegaconf import OmegaConf

    from nag.workflows.run import RunFolder

    path = path or _folder(cfg, command)
    if path.exists() and not path.is_dir():
        raise InvalidRequest(f"out_dir '{path}' is a file", "Name a folder.")
    config = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(config, dict)
    device = str(_fabric(cfg).device)
    return RunFolder(
        path, command, _integer(cfg, "seed", 0), device, {str(k): v for k, v in config.items()}, _tracker(cfg, path)
    )


def _tracker(cfg: DictConfig, path: Path) -> RunTracker:
    from nag.tracking import CompositeTracker, ConsoleTracker, JsonLinesTracker, WandbTracker

    options = cfg.tracker
    trackers: list[RunTracker] = [
        WandbTracker(str(options.project), str(options.mode), path, options.entity),
        JsonLinesTracker(path / "log.jsonl"),
    ]
    if options.console:
        trackers.append(ConsoleTracker())
    return CompositeTracker(trackers)


def _integer(cfg: DictConfig, key: str, least: int) -> int:
    value = cfg[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidRequest(f"{key} is {value}", f"It must be a whole number of at least {least}.")
    return value


def _number(cfg: DictConfig, key: str, above: float, up_to: float) -> float:
    value = cfg[key]
    if not isinstance(value, int | float) or isinstance(value, bool) or not above < value <= up_to:
        raise InvalidRequest(f"{key} is {value}", f"It must be a number above {above} and up to {up_to}.")
    return float(value)


def _flag(cfg: DictConfig, key: str) -> bool:
    if not isinstance(cfg[key], bool):
        raise InvalidRequest(f"{key} is {cfg[key]}", "It must be true or false.")
    return bool(cfg[key])


# -- entry ---------------------------------------------------------------------------------------------------------------


def main() -> None:
    """Runs the command line; a user's mistake ends with one line and exit code 2."""
    try:
        _dispatch(sys.argv[1:])
    except NagError as error:
        _fail(str(error))
    except BrokenPipeError:  # the reader of the output has gone, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a full disk, a folder that cannot be written to
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        _fail(f"cannot use '{error.filename or 'the disk'}' ({error.strerror}). Check the path, the rights and the free space.")
    except KeyboardInterrupt:
        print(
            "error: interrupted. Long runs continue with the same command, the same out_dir and resume=true.", file=sys.stderr
        )
        sys.exit(130)


def _fail(message: str) -> None:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


def _dispatch(arguments: list[str]) -> None:
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        say(overview({name: command.summary for name, command in _COMMANDS.items()}))
        return
    name, rest = arguments[0], arguments[1:]
    if name == "--version":
        from nag import __version__

        say(__version__)
        return
    wants_help = bool({"-h", "--help"} & set(rest))
    if name == "list" and not wants_help:
        list_known(rest)
        return
    if name == "list":
        say("usage: nag list spaces|tasks|generators|predictors|guidances|suites")
        return
    if name not in _COMMANDS:
        raise InvalidRequest(f"unknown command '{name}'", did_you_mean(name, [*_COMMANDS, "list"]))
    if wants_help:
        command = _COMMANDS[name]
        say(command_help(name, command.config, command.summary, command.example, command.positional))
        return
    command = _COMMANDS[name]
    if (
        command.positional
        and rest
        and not rest[0].startswith(f"{command.positional}=")
        and rest[0].split("=")[0] != "search_space"
    ):
        rest = [f"{command.positional}={_quoted(rest[0])}", *rest[1:]]
    _compose_and_run(name, command, [_as_added(_as_path(text, command.files), command.mappings) for text in rest])


def _as_path(override: str, files: Sequence[str]) -> str:
    """`generator=PATH` as `generator.path='PATH'`, for options that take a path."""
    key, equals, value = override.partition("=")
    if key not in files or not equals:
        return override
    return f"{key}.path={value if value == 'null' or value[:1] in {chr(34), chr(39)} else _quoted(value)}"


def _as_added(override: str, mappings: Sequence[str]) -> str:
    """`conditions={NAME: 1}` as `++conditions={NAME: 1}`: the configuration cannot know the names."""
    return f"++{override}" if any(override.startswith((f"{key}=", f"{key}.")) for key in mappings) else override


def _quoted(text: str) -> str:
    """A string as Hydra's grammar writes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _compose_and_run(name: str, command: _Command, overrides: list[str]) -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let exceptions through; they are told in one line below
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    warnings.filterwarnings("ignore", module=r"(hydra|torch_geometric|lightning_fabric|wandb|pydantic)(\..*)?")
    stray = next((text for text in overrides if "=" not in text and not text.startswith(("+", "~", "-"))), None)
    if stray is not None:
        spaced = any(text.count("{") > text.count("}") or text.count("[") > text.count("]") for text in overrides)
        hint = "Put an option that has spaces in quotes: 'key={a: 1}'." if spaced else "Options are written key=value."
        raise InvalidRequest(f"'{stray}' is no option", hint)

    composed: list[DictConfig] = []
    sys.argv = [f"nag {name}", *overrides]
    try:
        hydra.main(version_base="1.3", config_path="pkg://nag.conf", config_name=command.config)(composed.append)()
        for cfg in composed:  # out of hydra's hands, which would print a second line about an error
            _prepare(cfg)
            command.run(cfg)
    except MissingMandatoryValue as error:
        key = str(getattr(error, "full_key", "") or "an option")
        raise InvalidRequest(f"{key} is missing", f"Give it as {key}=VALUE; see `nag {name} --help`.") from error
    except (HydraException, OmegaConfBaseException) as error:
        raise InvalidRequest(*_explain(name, command, error)) from error


def _prepare(cfg: DictConfig) -> None:
    """Threads and device, checked before any work."""
    import torch

    if cfg.device not in {"auto", "cpu", "cuda", "mps"}:
        raise InvalidRequest(f"unknown device '{cfg.device}'", did_you_mean(str(cfg.device), ["auto", "cpu", "cuda"]))
    if cfg.device == "cuda" and not torch.cuda.is_available():
        raise InvalidRequest("there is no CUDA device", "Use device=cpu, or install a torch with CUDA.")
    torch.set_num_threads(_integer(cfg, "threads", 1))


def _explain(name: str, command: _Command, error: Exception) -> tuple[str, str]:
    """What was wrong with the overrides, and a hint."""
    from hydra import compose, initialize_config_module
    from omegaconf import OmegaConf

    text = _first_line(error)
    known_names = getattr(error, "options", None)
    if known_names:  # an unknown name of a group
        return text, did_you_mean(str(getattr(error, "missing_cfg_file", "")).rpartition("/")[2], known_names)
    key = next((part for part in text.replace('"', "'").split("'") if part and " " not in part and part != text), "")
    if "Could not override" not in text and "not in struct" not in text:
        return text, f"See `nag {name} --help`."
    with initialize_config_module("nag.conf", version_base="1.3"):
        node = compose(command.config)
    parent, _, leaf = key.rpartition(".")
    while parent and OmegaConf.select(node, parent) is None:  # the mistake is further up
        parent, _, leaf = parent.rpartition(".")
    known = OmegaConf.select(node, parent) if parent else node
    if isinstance(known, Mapping) and leaf in known:  # only another choice of the group has it
        return f"unknown option '{key}'", f"The chosen {parent} has no '{leaf}'."
    return f"unknown option '{key}'", did_you_mean(leaf, map(str, known)) if known else f"See `nag {name} --help`."


def _first_line(error: BaseException) -> str:
    text = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return text.strip().rstrip(".")


if __name__ == "__main__":
    main()
