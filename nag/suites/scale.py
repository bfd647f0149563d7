"""The suite `scale`: time and memory as graphs grow, and generation of real computation graphs."""

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
from nag.suites.parts.layered_graphs import PROTOCOL, LayeredGraphs
from nag.suites.parts.products import metric_of, trained_generator
from nag.suites.running.cells import Cell, Measurement, measurements
from nag.suites.running.context import CellContext
from nag.suites.suite import Baseline, Column, Suite, SuiteOptions, Table
from nag.tasks import load_task, split_by_class
from nag.training import FitOptions

__all__ = ["ScaleSuite", "sample_distances"]

_DISTANCES = {
    "tv_ops": "TV operations",
    "tv_in_degree": "TV in-degree",
    "tv_out_degree": "TV out-degree",
    "w1_depth": "W1 depth",
    "w1_nodes": "W1 nodes",
    "w1_edge_count": "W1 edges",
}


@dataclass(frozen=True)
class ScaleSuite(Suite):
    """How far the generator reaches.

    Args:
        generator: (space=..., data=...) -> an untrained generator.
        training: Length and speed of the training on real graphs.
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
    title = "Large graphs"

    @property
    def tables(self) -> tuple[Table, ...]:
        """Time and memory by size, the fitted law, and real graphs."""
        growth = (
            Column("train_seconds_per_step", "s a training step of 4 graphs", ".3f"),
            Column("train_peak_mb", "peak MB, training", ".0f"),
            Column("seconds_per_sample", "s a sample", ".3f"),
            Column("sample_peak_mb", "peak MB, sampling", ".0f"),
            Column("network_share", "network's share of a sampling step", ".2f"),
            Column("attention_share", "of it, node states and attention", ".2f"),
        )
        law = (
            Column("train_exponent", "exponent of training time", ".2f"),
            Column("sample_exponent", "exponent of sampling time", ".2f"),
            Column("memory_exponent", "exponent of training memory", ".2f"),
        )
        distances = tuple(Column(name, title) for name, title in _DISTANCES.items())
        valid = tuple(Column(f"{column.metric}_valid", f"{column.title}, valid samples alone") for column in distances[-3:])
        quality = tuple(Column(name, name) for name in ("validity_raw", "uniqueness", "novelty"))
        lines = (Baseline("_reference", "training graphs"),)
        return (
            Table("time and memory by number of nodes", growth, ("nodes=*",)),
            Table("growth", law, ("fit",)),
            Table("real computation graphs", (*quality, *distances, *valid), ("held out",), lines),
        )

    @property
    def protocol(self) -> str:
        """How the numbers come about."""
        return PROTOCOL.format(steps=self.steps) + (
            " Real graphs: grouped by canonical hash, a fifth of the classes held "
            "out; uniqueness, novelty and distances to the held-out graphs are those of all samples, valid or not, beside the "
            "distances of the training graphs; which samples are valid depends on their size, so the distances of the valid "
            "ones alone stand apart. Nothing is repaired."
        )

    def cells(self, options: SuiteOptions) -> list[Cell]:
        """One cell for the sizes, one a seed for the real graphs."""
        layered = LayeredGraphs(self.generator, tuple(self.sizes), self.steps)
        cells = replace(options, seeds=1).cells(1, layered.measure, "layered")
        if not self.real_seeds:
            return cells
        load_task(self.task)
        alone = replace(self, sizes=())
        return cells + options.cells(self.real_seeds, alone.measure, self.task)

    def measure(self, context: CellContext) -> list[Measurement]:
        """Trains on four fifths of the classes of real graphs and compares samples with the others."""
        table = load_task(self.task).table
        split = split_by_class(table.canonical, fraction=0.8, seed=context.seed)
        first = table.first_rows  # one graph a class
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
    """Quality of samples beside held-out graphs, over all samples and over the valid ones alone.

    Which samples are valid depends on their size, so that distances of the valid ones alone are those of another set.

    Args:
        space: The search space.
        raw: Samples as generated.
        train: The training graphs, whose distances are the reference.
        held_out: What samples are compared with.

    Returns:
        Metric -> value; `NAME_valid` is NAME over the valid samples alone and is missing where there are none.
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
