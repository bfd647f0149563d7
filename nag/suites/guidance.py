"""The suite `guidance`: what steering with a few labels is worth, against baselines at equal budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.core.randomness import seeded
from nag.diffusion import ClassifierFree, FineTuning, GuidanceMethod, Unguided, finetune
from nag.diffusion.generation import load_generator
from nag.diffusion.generation.graph_batches import GraphBatchSampler, quantiles
from nag.diffusion.guidance.corrector import select
from nag.evaluation import Stopwatch, cpu_seconds
from nag.evaluation.predicted import TrainedPredictor, load_predictor
from nag.evaluation.predicted.objectives import predictor_score
from nag.graphs import DagBatch
from nag.predictors import Predictor
from nag.suites.artifact_cache import ArtifactCache
from nag.suites.cells import Cell, Measurement, cell_key
from nag.suites.generators import trained_generator
from nag.suites.suite import Column, Suite, SuiteOptions, Table, chosen
from nag.tasks import Task, load_task
from nag.tracking import NullTracker
from nag.training import FitOptions, fit, make_fabric
from nag.workflows.run import RunFolder
from nag.workflows.train_predictor import buy_labels, train_predictor

__all__ = ["GuidanceJob", "GuidancePreset", "GuidanceSuite", "measure_guidance"]

_PARENTS = 10
_HELD_OUT = 2000
_PSEUDO_LABELLED = 2000
_BATCH = 128


@dataclass(frozen=True)
class GuidancePreset:
    """How much the suite computes.

    Args:
        tasks: Task -> number of seeds.
        labels: Labels of each task.
        samples: Architectures to generate.
        training: Length and speed of the generator's training.
        finetuning: Reward fine-tuning; None for none.
        methods: The methods to run; all where empty.
        only: Method -> the tasks that it runs on; all where it is not named.
        conditional_steps: Training steps that teach the generator its condition, for classifier-free guidance.
    """

    tasks: Mapping[str, int]
    training: FitOptions
    finetuning: FineTuning | None = None
    labels: int = 200
    samples: int = 100
    methods: Sequence[str] = ()
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    conditional_steps: int = 300


@dataclass(frozen=True)
class GuidanceJob:
    """One task and seed.

    Args:
        task: Name of the task.
        make_generators: Family -> (space=..., data=...) -> the untrained generator; one is called `default`.
        make_predictor: (space=..., seed=...) -> the untrained predictor.
        method: Name of the method; with `default`, the baselines are measured too.
        guidance: Family of its generator, and the guidance; None for reward fine-tuning.
        preset: How much to compute.
        seed: Seed of labels, predictor and samples; the generator's is 0.
        device: Kind of accelerator.
    """

    task: str
    make_generators: Mapping[str, Callable[..., Any]]
    make_predictor: Callable[..., Predictor]
    method: str
    guidance: tuple[str, GuidanceMethod | None]
    preset: GuidancePreset
    seed: int
    device: str


class GuidanceSuite(Suite):
    """Steers one generator a space by a predictor of few labels, in every way there is.

    Args:
        generators: Family -> (space=..., data=...) -> an untrained generator.
        predictor: (space=..., seed=...) -> an untrained predictor.
        methods: Name -> guidance; `default` is the one that the baselines get the budget of.
        presets: Name -> how much is computed.
        families: Name of a method -> family of its generator; `default` where it is not named.
        suite: Name of the suite.
    """

    def __init__(
        self,
        generators: Mapping[str, Callable[..., Any]],
        predictor: Callable[..., Predictor],
        methods: Mapping[str, GuidanceMethod],
        presets: Mapping[str, GuidancePreset],
        families: Mapping[str, str] | None = None,
        suite: str = "guidance",
    ) -> None:
        self.generators, self.predictor, self.presets, self.suite = generators, predictor, presets, suite
        self.methods = {name: ((families or {}).get(name, "default"), guidance) for name, guidance in methods.items()}

    @property
    def name(self) -> str:
        """Name of the suite."""
        return self.suite

    @property
    def title(self) -> str:
        """Heading of its page."""
        return "Guided generation"

    @property
    def tables(self) -> tuple[Table, ...]:
        """What the samples are worth, and what they cost."""
        return (
            Table(
                "true values of the samples",
                (
                    Column("percentile_mean", "mean percentile", ".1f"),
                    Column("percentile_best", "best", ".2f"),
                    Column("percentile_worst", "worst", ".1f"),
                    Column("search_percentile_mean", "mean percentile of the search metric", ".1f"),
                    Column("true_mean", "mean value", ".4g"),
                    Column("true_best", "best value", ".4g"),
                    Column("regret", "regret", ".3g"),
                    Column("functional_uniqueness", "functions", ".2f"),
                    Column("predictor_evaluations", "predictor evaluations", ".0f"),
                    Column("sampling_cpu_seconds", "sampling CPU s", ".1f"),
                ),
            ),
        )

    def protocol(self, options: SuiteOptions) -> str:
        """How the numbers come about."""
        preset = chosen(self.presets, options)
        return (
            f"{preset.labels} labels of the task's search metric train one predictor a seed; {preset.samples} "
            "architectures are returned by each method and looked up. Percentiles are those of the report metric in the "
            "whole table (50 is chance); the percentile of the search metric, which the labels are of, stands beside. "
            "Generators are trained once on uniform draws of the space, without labels (seed 0). *Best of N* keeps the "
            "best distinct functions of as many unguided samples as the default guidance makes predictor evaluations; "
            "*whole space* ranks every architecture by the predictor, which no method here may do; *mutation* draws "
            "one-edit neighbours of the ten best labelled. Functions: share of functionally distinct samples. Scores are "
            "expected percentiles under the predictor, in every row. Guidance was developed with seeds 100 to 102."
        )

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for each task and seed.

        Raises:
            InvalidRequest: An unknown preset.
            MissingData: A task's table is not there.
        """
        preset = chosen(self.presets, options)
        everything: dict[str, tuple[str, GuidanceMethod | None]] = dict(self.methods)
        if preset.finetuning is not None:
            everything["reward fine-tuning"] = ("default", None)
        methods = {name: value for name, value in everything.items() if not preset.methods or name in preset.methods}
        if "default" not in methods:
            raise InvalidRequest("the suite has no method 'default'", "The baselines get its budget.")
        cells = []
        for name, seeds in preset.tasks.items():
            load_task(name)
            for seed in options.seeds_from(seeds):
                for key, method in methods.items():
                    if name in preset.only.get(key, [name]):
                        job = GuidanceJob(
                            *(name, self.generators, self.predictor, key, method, preset, seed),
                            options.device,
                        )
                        cells.append(Cell(cell_key(name, key, f"seed{seed}"), seed, partial(measure_guidance, job)))
        return cells


def measure_guidance(job: GuidanceJob, workshop: ArtifactCache) -> list[Measurement]:
    """Runs one method on one task with one seed."""
    task = load_task(job.task)
    predictor = _predictor(job, task, workshop)
    family, guidance = job.guidance
    make, training = job.make_generators[family], job.preset.training
    path = trained_generator(workshop, task.space, make, training, job.device, family)
    generator = load_generator(path, make_fabric(job.device).device).generator
    found: dict[str, _Found] = {}
    if guidance is None:
        assert job.preset.finetuning is not None
        found[job.method] = _finetuned(job, task, generator, predictor, job.preset.finetuning)
    elif isinstance(guidance.proposal, ClassifierFree):
        found[job.method] = _told(job, task, generator, predictor, guidance, guidance.proposal)
    else:
        found[job.method] = _drawn(job, task, generator, guidance, predictor)
    if job.method == "default":
        pool = max(1, found["default"].scored // job.preset.samples)
        found["unguided"] = _drawn(job, task, generator, GuidanceMethod(0.0), predictor)
        found["best of N"] = _drawn(job, task, generator, GuidanceMethod(1e6, Unguided(), pool, None), predictor)
        found["whole space"] = _whole_space(job, task, predictor)
        found["mutation"] = _mutated(job, task)
    rows = []
    for name, result in found.items():
        for metric, value in result.measured(task).items():
            rows.append(Measurement(task.table.space.name, task.name, name, "", metric, value, labels=job.preset.labels))
    return rows


@dataclass(frozen=True)
class _Found:
    """Samples of a method, with what they cost."""

    dags: DagBatch
    raw: int
    scored: int
    cpu: float

    def measured(self, task: Task) -> dict[str, float]:
        """Metric -> value."""
        table = task.table
        values, searched = table.values(task.report_metric, self.dags), table.values(task.search_metric, self.dags)
        values, searched = values[np.isfinite(values)], searched[np.isfinite(searched)]
        percentile = task.percentile(values)
        best = task.metrics[0].best(values)
        return {
            "percentile_mean": float(percentile.mean()),
            "percentile_best": float(percentile.max()),
            "percentile_worst": float(percentile.min()),
            "search_percentile_mean": float(task.percentile(searched, task.search_metric).mean()),
            "true_mean": float(values.mean()),
            "true_best": float(best),
            "regret": abs(task.best - float(best)),
            "functional_uniqueness": len(set(table.space.canonical_hashes(self.dags))) / max(len(self.dags), 1),
            "validity": len(self.dags) / self.raw,
            "predictor_evaluations": self.scored,
            "sampling_cpu_seconds": self.cpu,
        }


def _config(job: GuidanceJob, *names: str) -> dict[str, Any]:
    return {f.name: getattr(job, f.name) for f in fields(job) if f.name in names}


def _predictor(job: GuidanceJob, task: Task, workshop: ArtifactCache) -> TrainedPredictor:
    def build(run: RunFolder) -> None:
        device = make_fabric(job.device).device
        train_predictor(run, task, job.make_predictor, job.preset.labels, device, held_out=_HELD_OUT)

    name = cell_key("predictor", job.task, f"seed{job.seed}")
    config = {**_config(job, "task", "make_predictor"), "labels": job.preset.labels}
    folder = workshop.product(name, "train-predictor", job.seed, job.device, config, build)
    return load_predictor(folder / "predictor.safetensors", make_fabric(job.device).device)


def _told(
    job: GuidanceJob, task: Task, base: Any, predictor: TrainedPredictor, guidance: GuidanceMethod, condition: ClassifierFree
) -> _Found:
    """Teaches a copy of the generator a predicted quantile of its own samples, then asks for high ones."""
    space, before = task.table.space, cpu_seconds()
    fabric = make_fabric(job.device)
    names = tuple(condition.condition)
    with seeded(job.seed):
        generator = job.make_generators["default"](space=space, data=space.to_dags([]), conditions=names)
    generator.load_state_dict(base.state_dict(), strict=False)  # what the condition needs starts at zero
    rng = torch.Generator(device=fabric.device).manual_seed(job.seed)
    pseudo = base.sample(_PSEUDO_LABELLED, rng)
    pseudo = pseudo[space.is_valid(pseudo)]
    score = predictor_score(space, predictor)
    feed = GraphBatchSampler(pseudo, _BATCH, quantiles(pseudo, dict.fromkeys(names, score)))

    def loss(module: Any, rng: torch.Generator) -> dict[str, Tensor]:
        dags, told = feed.draw(rng)
        return {"loss": feed.weight(dags) * module.loss(dags, rng, told).total}

    options = FitOptions(max_steps=job.preset.conditional_steps, batch_size=_BATCH, learning_rate=1e-3)
    trained = fit(generator, loss, options, fabric, NullTracker(), job.seed, begin=feed.begin).model
    found = _drawn(job, task, trained, guidance, predictor)
    return replace(found, scored=found.scored + len(pseudo), cpu=cpu_seconds() - before)


def _drawn(job: GuidanceJob, task: Task, generator: Any, guidance: GuidanceMethod, predictor: TrainedPredictor) -> _Found:
    space, scored = task.table.space, [0]
    plain = predictor_score(space, predictor)

    def score(dags: DagBatch) -> Tensor:
        scored[0] += len(dags)
        return plain(dags)

    watch, rng = Stopwatch(), torch.Generator(device=make_fabric(job.device).device).manual_seed(job.seed)
    dags = guidance.sample(generator, job.preset.samples, rng, score).to("cpu")
    return _Found(dags[space.is_valid(dags)], len(dags), scored[0], watch.cpu)


def _finetuned(job: GuidanceJob, task: Task, generator: Any, predictor: TrainedPredictor, options: FineTuning) -> _Found:
    scored, before = [0], cpu_seconds()
    plain = predictor_score(task.table.space, predictor)

    def reward(dags: DagBatch) -> Tensor:
        scored[0] += len(dags)
        return plain(dags)

    rng = torch.Generator(device=make_fabric(job.device).device).manual_seed(job.seed)
    result = finetune(generator, reward, options, rng)
    found = _drawn(job, task, result.generator, GuidanceMethod(0.0), predictor)
    return replace(found, scored=scored[0], cpu=cpu_seconds() - before)


def _whole_space(job: GuidanceJob, task: Task, predictor: TrainedPredictor) -> _Found:
    watch, space = Stopwatch(), task.table.space
    dags = task.table.dags
    score = predictor_score(space, predictor)
    values = torch.cat([score(dags[part]).cpu() for part in torch.arange(len(dags)).split(4096)])
    rows = select(1e6 * values, space.function_codes(dags), job.preset.samples, torch.Generator().manual_seed(job.seed))
    return _Found(dags[rows], len(rows), len(dags), watch.cpu)


def _mutated(job: GuidanceJob, task: Task) -> _Found:
    """One-edit neighbours of the best labelled architectures, distinct functions, in random order."""
    watch, space, table = Stopwatch(), task.table.space, task.table
    rows = buy_labels(task, job.preset.labels, job.seed).train
    values = task.utility(task.search_values[rows])
    parents = rows[np.argsort(-values, kind="stable")[:_PARENTS]]
    mutants = [mutant for row in parents for mutant in space.neighbours(table.architecture(int(row)))]
    dags = space.to_dags(mutants)
    rng = torch.Generator().manual_seed(job.seed)
    known = torch.isin(space.function_codes(dags), space.function_codes(table.dags[torch.from_numpy(rows)]))
    dags = dags[~known]
    count = min(job.preset.samples, len(dags))
    chosen = select(torch.zeros(len(dags)), space.function_codes(dags), count, rng)
    return _Found(dags[chosen], count, 0, watch.cpu)
