"""The suite `generation`: sample quality and sampling cost of each diffusion process on a search space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from nag.core.errors import InvalidRequest, NagError, did_you_mean
from nag.diffusion.generation import STEPS_PER_POSITION, TrainedGenerator, load_generator
from nag.evaluation import Stopwatch, sample_metrics
from nag.graphs import DagBatch
from nag.spaces import load_space
from nag.suites import Cell, CellContext, Measurement, SuiteOptions, measurements
from nag.suites.page import PagedSuite
from nag.suites.parts.distances import WholeSpace, parameter_counts
from nag.suites.parts.products import metric_of, trained_generator
from nag.training import FitOptions

__all__ = ["GenerationSuite", "OtherProcesses"]

_FIRST = 1000
_ON_CURVE = ("validity_raw", "tv_ops", "tv_edges", "tv_depth")
_ALL = ("validity_raw", "uniqueness", "functional_uniqueness", "novelty", "tv_ops", "tv_edges", "tv_depth", "tv_params")


@dataclass(frozen=True)
class OtherProcesses:
    """Training and samples of the processes other than the main one.

    Args:
        training: Options of the training.
        samples: Samples of each trained generator.
    """

    training: FitOptions
    samples: int = 2000


@dataclass(frozen=True)
class GenerationSuite(PagedSuite):
    """Trains each process on a part of each space and compares its samples with uniform draws.

    Args:
        processes: Name -> (space=..., data=...) -> an untrained generator.
        seeds: Space -> number of seeds of split, training and samples, for processes that are not in `more_seeds`.
        training: Options of the training.
        more_seeds: Process -> space -> number of seeds.
        samples: Samples of each trained generator.
        step_samples: Samples for each point of the curve over sampler steps.
        steps: Sampler steps of the curve.
        train_fraction: Share of the space to train on, split by canonical hash.
        others: Training and number of samples of processes that are not in `more_seeds`, which have no curve; None to treat
            them alike.
        parameters: Space -> (task, metric) of the required table of parameter counts; modelled costs are compared in other
            spaces.

    Raises:
        InvalidRequest: A number is out of range.
    """

    processes: Mapping[str, Callable[..., Any]]
    seeds: Mapping[str, int]
    training: FitOptions
    more_seeds: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    samples: int = 10_000
    step_samples: int = 2000
    steps: Sequence[int] = (1, 2, 4, 8, 16, 32, 64)
    train_fraction: float = 0.5
    others: OtherProcesses | None = None
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)

    name = "generation"

    def __post_init__(self) -> None:
        for name, values in (("samples", [self.samples]), ("step_samples", [self.step_samples]), ("steps", self.steps)):
            if any(not isinstance(value, int) or value < 1 for value in values):
                raise InvalidRequest(f"{name} is {getattr(self, name)}", "It must be at least 1.")
        if not 0 < self.train_fraction < 1:
            raise InvalidRequest(f"train_fraction is {self.train_fraction}", "Novelty needs a held-out part: use 0.5.")

    def words(self) -> dict[str, Any]:
        """The settings, with the share to train on in percent, and the training of all processes."""
        others, steps = self.others, self.training.max_steps or f"{STEPS_PER_POSITION} (for each free position)"
        fewer = (
            others and f" ({others.training.max_steps} and {others.samples:,} samples for processes other than the main one)"
        )
        return {**super().words(), "steps": steps, "fewer": fewer or "", "percent": 100 * self.train_fraction}

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each space, process and seed."""
        unknown = next((name for name in self.more_seeds if name not in self.processes), None)
        if unknown is not None:
            raise InvalidRequest(f"more_seeds names an unknown process '{unknown}'", did_you_mean(unknown, self.processes))
        seeds = {name: self.more_seeds.get(name, self.seeds) for name in self.processes}
        cells = list[Cell]()
        for space in dict.fromkeys(space for name in self.processes for space in seeds[name]):
            name = load_space(space).name
            parameter_counts(self.parameters.get(name, ()))
            for process in (process for process in self.processes if space in seeds[process]):
                self._check(process, space)
                cells += options.cells(seeds[process][space], partial(self._only(process, name).measure, space), name, process)
        return cells

    def _check(self, process: str, name: str) -> None:
        """Builds a generator once, so that invalid options fail before any computation."""
        space = load_space(name)
        try:
            self.processes[process](space=space, data=space.to_dags([]))
        except NagError:
            raise
        except (TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
            raise InvalidRequest(f"cannot build process {process}: {error}", "Check its options.") from error

    def _only(self, process: str, space: str) -> GenerationSuite:
        """The suite reduced to the settings of one process and space."""
        parameters = {space: self.parameters[space]} if space in self.parameters else {}
        processes = {process: self.processes[process]}
        alone = replace(self, processes=processes, seeds={}, more_seeds={}, others=None, parameters=parameters)
        if self.others is None or process in self.more_seeds:
            return alone
        return replace(alone, training=self.others.training, samples=self.others.samples, steps=())

    def measure(self, space_name: str, context: CellContext) -> list[Measurement]:
        """Trains a generator of the process (or loads the shared one) and measures its samples."""
        ((process, make),) = self.processes.items()
        space = load_space(space_name)
        path = trained_generator(context, space, make, self.training, process, fraction=self.train_fraction)
        trained = load_generator(path, context.device)
        whole = WholeSpace.of(trained.space, trained.reference, parameter_counts(self.parameters.get(space.name, ())))
        watch = Stopwatch()
        raw = trained.generator.sample(self.samples, context.rng()).to("cpu")
        values = {"default sampler": _cost(path, self.samples, watch.cpu)}
        for count in sorted({min(_FIRST, self.samples), self.samples}):
            values[f"samples={count}"] = _quality(raw[:count], trained, whole, context.seed, _ALL)
        for steps in self.steps:
            raw = trained.generator.sample(self.step_samples, context.rng(1), steps=steps).to("cpu")
            values[f"steps={steps}"] = _quality(raw, trained, whole, context.seed, _ON_CURVE)
        return [m for setting, found in values.items() for m in measurements(space.name, "", process, setting, found)]


def _cost(path: Path, samples: int, cpu: float) -> dict[str, float]:
    """Cost of training and of sampling."""
    return {
        "network_evaluations": metric_of(path, "network_evaluations"),
        "train_cpu_seconds": metric_of(path, "train_cpu_seconds"),
        "sampling_cpu_seconds": cpu,
        "samples_per_cpu_second": samples / max(cpu, 1e-9),
    }


def _quality(
    raw: DagBatch, trained: TrainedGenerator, whole: WholeSpace, seed: int, metrics: Sequence[str]
) -> dict[str, float]:
    """Metrics of raw samples with those of uniform draws and of the training set."""
    found = sample_metrics(trained.space, raw, trained.reference, seed).values
    found = {**found, **whole.distances(raw[trained.space.is_valid(raw)], seed)}
    names = [name + suffix for name in metrics for suffix in ("", "_reference", "_train")]
    return {name: found[name] for name in names if name in found}
