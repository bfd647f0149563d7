"""The suite `scale`: time and memory by number of nodes, and generation of real computation graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from nag.diffusion.generation import load_generator
from nag.evaluation import Stopwatch, graph_distances
from nag.graphs import DagBatch
from nag.spaces import SearchSpace
from nag.suites import Cell, CellContext, Measurement, SuiteOptions, measurements
from nag.suites.page import PagedSuite
from nag.suites.parts.layered_graphs import LayeredGraphs
from nag.suites.parts.products import metric_of, trained_generator
from nag.tasks import load_task, split_by_class
from nag.training import FitOptions

__all__ = ["ScaleSuite", "sample_distances"]


@dataclass(frozen=True)
class ScaleSuite(PagedSuite):
    """Measures a generator on large graphs.

    Args:
        generator: (space=..., data=...) -> an untrained generator.
        training: Options of the training on real graphs.
        sizes: Numbers of nodes.
        steps: Network evaluations of a sample at each size.
        task: The task whose table holds real graphs.
        real_seeds: Seeds of the real graphs; 0 for none.
        samples: Samples of the real graphs.
    """

    generator: Callable[..., Any]
    training: FitOptions
    sizes: Sequence[int]
    steps: int = 64
    task: str = "tpu_tiles/runtime"
    real_seeds: int = 1
    samples: int = 300

    name = "scale"

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for the sizes, and one per seed for the real graphs."""
        layered = LayeredGraphs(self.generator, tuple(self.sizes), self.steps)
        cells = replace(options, seeds=1).cells(1, layered.measure, "layered")
        if not self.real_seeds:
            return cells
        load_task(self.task)
        alone = replace(self, sizes=())
        return cells + options.cells(self.real_seeds, alone.measure, self.task)

    def measure(self, context: CellContext) -> list[Measurement]:
        """Trains on four fifths of the classes of real graphs and compares samples with the held-out fifth."""
        table = load_task(self.task).table
        split = split_by_class(table.canonical, fraction=0.8, seed=context.seed)
        first = table.first_rows  # one graph of each class
        train, held_out = (table.dags[torch.from_numpy(np.intersect1d(rows, first))] for rows in (split.train, split.test))
        path = trained_generator(context, table.space, self.generator, self.training, self.task, graphs=train)
        generator, watch = load_generator(path, context.device).generator, Stopwatch()
        raw = generator.sample(self.samples, context.rng()).to("cpu")
        cpu = watch.cpu
        values = {
            **sample_distances(table.space, raw, train, held_out),
            "samples_per_cpu_second": self.samples / cpu,
            "train_cpu_seconds": metric_of(path, "train_cpu_seconds"),
            "train_graphs": float(len(train)),
            "held_out_graphs": float(len(held_out)),
        }
        return measurements(table.space.name, "", "default", "held out", values)


def sample_distances(space: SearchSpace, raw: DagBatch, train: DagBatch, held_out: DagBatch) -> dict[str, float]:
    """Quality of samples relative to held-out graphs, over all samples and over the valid ones alone.

    Validity depends on the size, so that the valid samples alone have another distribution of sizes.

    Args:
        space: The search space.
        raw: Raw samples.
        train: The training graphs, whose distances are the reference.
        held_out: The graphs to compare with.

    Returns:
        Metric -> value; `NAME_valid` is NAME over the valid samples alone, omitted if there are none.
    """
    valid, known, num_ops = space.is_valid(raw), space.function_codes(train), len(space.vocabulary)
    found = {"validity_raw": float(valid.double().mean())}
    for suffix, dags in (("", raw), ("_valid", raw[valid])):
        if not len(dags):
            continue
        codes = space.function_codes(dags)
        values = {
            "uniqueness": len(codes.unique()) / len(codes),
            "novelty": float((~torch.isin(codes, known)).double().mean()),
            **graph_distances(dags, held_out, num_ops),
        }
        found |= {f"{name}{suffix}": value for name, value in values.items()}
    reference = {
        "novelty": float((~torch.isin(space.function_codes(held_out), known)).double().mean()),
        **graph_distances(train, held_out, num_ops),
    }
    return found | {f"{name}_reference": value for name, value in reference.items()}
