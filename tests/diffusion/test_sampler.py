"""Samplers with an exact denoiser: p(x_0 | x_t) of a small law, by enumeration."""

from __future__ import annotations

import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.diffusion import (
    AbsorbingKernel,
    AncestralChain,
    CosineSchedule,
    LinearSchedule,
    MarginalKernel,
    UniformKernel,
    UnmaskingChain,
    simulate,
)
from nag.graphs import GraphBatch


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def prior(case, count: int, rng: torch.Generator) -> GraphBatch:
    return case.process.prior(torch.full((count,), 3), rng)


@pytest.mark.covering
@pytest.mark.parametrize("order", ["random", "settling"])
@pytest.mark.parametrize("schedule", [LinearSchedule(), CosineSchedule()])
def test_unmasking_one_position_at_a_time_is_exact(toy, order, schedule):
    case, rng = toy(AbsorbingKernel(), schedule), generator(1)
    x_0 = simulate(UnmaskingChain(case.denoise, case.process, None, order), prior(case, 6000, rng), rng)
    assert case.p_value(x_0.to_dags()) > 1e-4


def test_unmasking_all_at_once_is_not_exact(toy):
    """The chi-square test of these laws can tell samples that are wrong."""
    case, rng = toy(AbsorbingKernel(), LinearSchedule()), generator(1)
    x_0 = simulate(UnmaskingChain(case.denoise, case.process, 1, "random"), prior(case, 6000, rng), rng).to_dags()
    assert case.counts(x_0)[case.law < 1e-9].sum() > 100


@pytest.mark.covering
@pytest.mark.parametrize("kernel", [AbsorbingKernel(), UniformKernel(), MarginalKernel()], ids=lambda k: type(k).__name__)
@pytest.mark.parametrize("schedule", [LinearSchedule(), CosineSchedule()], ids=lambda s: type(s).__name__)
def test_ancestral_sampling_with_many_steps_approaches_the_law(toy, kernel, schedule):
    case, rng = toy(kernel, schedule), generator(2)
    dags = simulate(AncestralChain(case.denoise, case.process, 150), prior(case, 2000, rng), rng).to_dags()
    share = case.counts(dags) / len(dags)
    noise = float((case.law * (1 - case.law) / len(dags)).sqrt().sum()) / 2
    assert float((share - case.law).abs().sum()) / 2 < noise + 0.02
    few = simulate(AncestralChain(case.denoise, case.process, 1), prior(case, 2500, rng), rng).to_dags()
    assert float((case.counts(few) / len(few) - case.law).abs().sum()) / 2 > 0.1


def test_each_step_is_reported(toy):
    case, rng = toy(AbsorbingKernel(), LinearSchedule()), generator()
    calls = []
    simulate(UnmaskingChain(case.denoise, case.process), prior(case, 4, rng), rng, on_step=lambda: calls.append(1))
    assert len(calls) == 4  # one operation, three edges
    simulate(AncestralChain(case.denoise, case.process, 9), prior(case, 4, rng), rng, on_step=lambda: calls.append(1))
    assert len(calls) == 13


@pytest.mark.parametrize("schedule", [LinearSchedule(), CosineSchedule()])
def test_the_denoiser_hears_the_time_at_which_so_much_is_masked(toy, schedule):
    case, rng, survival = toy(AbsorbingKernel(), schedule), generator(), []

    def denoise(x_t: GraphBatch, t: torch.Tensor) -> GraphBatch:
        masked = x_t.nodes[..., -1].sum(1) + x_t.edges[..., -1].sum((1, 2))
        assert torch.allclose(schedule.alpha(t), 1 - masked / 4, atol=1e-6)
        survival.append(float(schedule.alpha(t)[0]))
        return case.denoise(x_t, t)

    simulate(UnmaskingChain(denoise, case.process), prior(case, 8, rng), rng)
    assert survival == pytest.approx([0, 0.25, 0.5, 0.75], abs=1e-6)


def test_few_steps_unmask_everything(toy):
    case, rng = toy(AbsorbingKernel(), LinearSchedule()), generator()
    for steps in (1, 2, 3, 4, 50):
        x_0 = simulate(UnmaskingChain(case.denoise, case.process, steps), prior(case, 50, rng), rng)
        assert not bool(x_0.nodes[..., -1].any())
        assert not bool(x_0.edges[..., -1].any())


def test_unmasking_refuses_what_it_cannot_do(toy):
    case, rng = toy(UniformKernel(), LinearSchedule()), generator()
    with pytest.raises(InvalidRequest, match="absorbing kernel"):
        simulate(UnmaskingChain(case.denoise, case.process), prior(case, 2, rng), rng)
    case = toy(AbsorbingKernel(), LinearSchedule())
    with pytest.raises(InvalidRequest, match="unknown order 'sorted'"):
        simulate(UnmaskingChain(case.denoise, case.process, None, "sorted"), prior(case, 2, rng), rng)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [UniformKernel(), MarginalKernel()], ids=lambda k: type(k).__name__)
def test_with_many_steps_the_ancestral_sampler_matches_the_law_by_chi_square(toy, kernel):
    case, rng = toy(kernel, CosineSchedule()), generator(9)
    case.law = case.law.clamp(min=1e-3) / case.law.clamp(min=1e-3).sum()
    dags = simulate(AncestralChain(case.denoise, case.process, 1500), prior(case, 3000, rng), rng).to_dags()
    assert case.p_value(dags) > 1e-3
