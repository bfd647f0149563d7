"""Metrics of a set of generated architectures, each beside its reference."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from nag.diffusion.generation.reference import SpaceReference, edge_histogram, hash_codes, op_histogram
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, can_sample_uniform, sample_uniform

__all__ = ["SampleMetrics", "sample_metrics"]

_FIRST = 1000


@dataclass(frozen=True)
class SampleMetrics:
    """What `sample_metrics` found.

    Args:
        values: Name -> number, among them each metric's `<name>_reference`.

    Example:
        >>> import torch
        >>> from nag.diffusion.generation import TrainingSet
        >>> from nag.evaluation import sample_metrics
        >>> from nag.spaces import load_space
        >>> training = TrainingSet.of(load_space("nas_bench_graph"), fraction=0.01)
        >>> found = sample_metrics(training.space, training.graphs[:20], training.reference)
        >>> found.values["validity_raw"], found.values["novelty"]
        (1.0, 0.0)
    """

    values: dict[str, float]


def sample_metrics(space: SearchSpace, raw: DagBatch, reference: SpaceReference, seed: int = 0) -> SampleMetrics:
    """Validity of raw samples; uniqueness, novelty and distances of the valid ones.

    `uniqueness` and `functional_uniqueness` are shares of distinct architectures and of distinct functions, `novelty`
    the share that was not trained on; `tv_ops` and `tv_edges` are total-variation distances of the shares of
    operations, and of edges between levels, to the whole space; `tv_ops_raw` and `tv_edges_raw` are those of all
    samples, valid or not. References are what uniform draws give: expectations
    where they are exact, else one simulated set of the same size (distances; none for spaces that cannot be sampled).

    Args:
        space: The search space.
        raw: Samples as generated.
        reference: Facts of the space and the training set.
        seed: Of the simulated reference sample.

    Example:
        >>> from nag.diffusion.generation import TrainingSet
        >>> from nag.evaluation import sample_metrics
        >>> from nag.spaces import load_space, sample_uniform
        >>> training = TrainingSet.of(load_space("nas_bench_graph"), fraction=0.5)
        >>> found = sample_metrics(training.space, sample_uniform(training.space, 20, seed=1), training.reference)
        >>> found.values["validity_raw"], found.values["uniqueness"]
        (1.0, 1.0)
    """
    valid = space.is_valid(raw)
    dags = raw[valid]
    values = {"num_raw": float(len(raw)), "validity_raw": float(valid.double().mean()), "validity_raw_reference": 1.0}
    values.update(_distinct(space, dags, reference, ""))
    if len(dags) > _FIRST:
        values.update(_distinct(space, dags[:_FIRST], reference, f"_first_{_FIRST}"))
    compared = {"": dags, "_raw": raw}
    if can_sample_uniform(space):
        compared["_reference"] = sample_uniform(space, max(len(dags), 1), seed)
    for suffix, graphs in compared.items():
        values["tv_ops" + suffix] = _distance(op_histogram(graphs, len(space.vocabulary)), reference.ops)
        values["tv_edges" + suffix] = _distance(edge_histogram(graphs), reference.edges)
    return SampleMetrics(values)


def _distinct(space: SearchSpace, dags: DagBatch, reference: SpaceReference, suffix: str) -> dict[str, float]:
    count = max(len(dags), 1)
    codes = hash_codes(space.hashes(dags))
    functions = hash_codes(space.canonical_hashes(dags))
    novel = ~torch.isin(codes, reference.train_codes)
    return {
        f"uniqueness{suffix}": len(codes.unique()) / count,
        f"uniqueness{suffix}_reference": reference.uniqueness(count),
        f"functional_uniqueness{suffix}": len(functions.unique()) / count,
        f"functional_uniqueness{suffix}_reference": reference.functional_uniqueness(count),
        f"novelty{suffix}": float(novel.sum()) / count,
        f"novelty{suffix}_reference": reference.novelty(),
    }


def _distance(p: torch.Tensor, q: torch.Tensor) -> float:
    return float((p - q).abs().sum() / 2)
