"""Laws of particle steering: the samples follow the tilted law, whatever the batches that the network is evaluated in."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

import nag.diffusion.generator as generators
from nag.diffusion import AbsorbingKernel, GuidanceMethod, LinearSchedule, Particles, UniformGenerator, UnmaskingChain, steer
from nag.diffusion.guidance.particles import systematic
from nag.graphs import DagBatch
from nag.spaces import space_from_mapping

SIZES = (3, 4, 5, 6)
SCALE = -1.5


@pytest.fixture(scope="module")
def uniform() -> UniformGenerator:
    """Draws uniform operations and edges, and each of four sizes equally often: its tilted laws are known exactly."""
    space = space_from_mapping(
        {"name": "sized", "operations": {"a": "parametric", "b": "parametric"}, "nodes": [3, 6], "edges": "free"}
    )
    mask = torch.arange(6) < torch.tensor(SIZES)[:, None]
    data = DagBatch(torch.zeros(4, 6, dtype=torch.int64), torch.zeros(4, 6, 6, dtype=torch.int64), mask)
    return UniformGenerator(space, data)


def count_b(dags: DagBatch) -> torch.Tensor:
    return (dags.ops == 3).sum(1).float()


def tilted_sizes(scale: float = SCALE) -> torch.Tensor:
    """Shares of the sizes: each of the inner nodes is a or b at even odds, and weighs 1 or exp(scale)."""
    weight = torch.tensor([((1 + math.exp(scale)) / 2) ** (size - 2) for size in SIZES], dtype=torch.float64)
    return weight / weight.sum()


def tilted_mean() -> float:
    return float((tilted_sizes() * torch.tensor(SIZES)).sum())


def particles(count: int = 4) -> GuidanceMethod:
    return GuidanceMethod(-SCALE, proposal=Particles(count), pool=1, corrector=None, distinct=False)


def sizes_of(generator: UniformGenerator, count: int, seed: int, steps: int = 8) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return particles().sample(generator, count, rng, lambda dags: -count_b(dags), steps).num_nodes


def test_the_mean_size_of_8192_particles_is_that_of_the_tilted_law(uniform):
    mean = float(sizes_of(uniform, 2048, 0).double().mean())
    assert mean == pytest.approx(tilted_mean(), abs=0.12)
    assert abs(tilted_mean() - 4.5) > 0.5  # that of the untilted law


@pytest.mark.parametrize("batch", [32, 256, 8192])
def test_particles_do_not_depend_on_how_they_are_batched(uniform, monkeypatch, batch):
    monkeypatch.setattr("nag.diffusion.guidance.pipeline.batches", lambda count: [count])
    whole = sizes_of(uniform, 512, 1)
    monkeypatch.setattr(generators, "_BATCH", batch)
    assert torch.equal(sizes_of(uniform, 512, 1), whole)


def test_large_graphs_are_steered_across_batches_of_different_widths(uniform, monkeypatch):
    """With few pairs a batch, as for large graphs, batches are of similar sizes; the law must not notice."""
    monkeypatch.setattr(generators, "_PAIRS", 36 * 16)
    mean = float(torch.cat([sizes_of(uniform, 512, seed, 4) for seed in range(3)]).double().mean())
    assert mean == pytest.approx(tilted_mean(), abs=0.12)


def test_samples_of_independent_populations_pass_a_chi_square_test(uniform):
    drawn = torch.cat([sizes_of(uniform, 16, seed, 2)[:1] for seed in range(250)])
    counts = torch.bincount(drawn, minlength=7)[3:]
    assert stats.chisquare(counts.numpy(), (250 * tilted_sizes()).numpy()).pvalue > 1e-3


def test_the_mean_weight_estimates_the_normalising_constant(toy):
    """Also after resampling, so that particles of independent calls may be pooled by their weights."""
    case = toy(AbsorbingKernel(), LinearSchedule())

    def score(dags: DagBatch) -> torch.Tensor:
        return (dags.ops[:, 1] == 3).float()

    rng = torch.Generator().manual_seed(0)
    chain = UnmaskingChain(case.denoise, case.process, None, "random")
    x_1 = case.process.prior(torch.full((4000,), 3), rng)
    _, log_weight = steer(chain, x_1, score, 3.0, rng, threshold=1.0)
    constant = float((case.law * (3.0 * score(case.graphs)).exp()).sum())
    assert float(log_weight.exp().mean()) == pytest.approx(constant, rel=0.06)


def test_forbidden_graphs_and_nan_scores_are_never_drawn(uniform):
    def score(dags: DagBatch) -> torch.Tensor:
        value = torch.where(dags.num_nodes == 6, math.nan, -count_b(dags))
        return torch.where(dags.num_nodes == 3, -math.inf, value)

    drawn = particles().sample(uniform, 300, torch.Generator().manual_seed(0), score, 4).num_nodes
    assert set(drawn.tolist()) == {4, 5}


def test_resampling_never_takes_a_row_of_no_weight():
    weight = torch.tensor([0.0, 0.5, 0.0, 0.5, 0.0], dtype=torch.float64)
    for seed in range(50):
        rows = systematic(weight, torch.Generator().manual_seed(seed), 7)
        assert set(rows.tolist()) <= {1, 3}
        assert rows.tolist() == sorted(rows.tolist())
