"""Samplers and guidance with an exact denoiser: p(x_0 | x_t) of a small law, by enumeration."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
import torch
from scipy import stats

from nag.diffusion import (
    AbsorbingKernel,
    CosineSchedule,
    DiscreteProcess,
    GuidedDenoiser,
    LinearSchedule,
    MarginalKernel,
    UniformKernel,
    sample_ancestral,
    sample_unmasking,
)
from nag.diffusion.corrector import metropolis_corrector, rounds_evaluations
from nag.errors import InvalidRequest
from nag.graphs import DagBatch, GraphBatch, invariant_codes
from nag.spaces import space_from_mapping


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@dataclass
class Toy:
    """All 16 graphs of three nodes, a law on them, and its exact denoiser."""

    process: DiscreteProcess
    graphs: DagBatch
    law: torch.Tensor

    def denoise(self, x_t: GraphBatch, t: torch.Tensor) -> GraphBatch:
        alpha = self.process.schedule.alpha(t)
        states = self.process.clean(self.graphs)
        n = x_t.mask.sum(1)
        log_likelihood = self.law.log()[None]
        pieces = (
            (x_t.nodes, states.nodes, self.process.stationary_nodes[n]),
            (x_t.edges.flatten(1, 2), states.edges.flatten(1, 2), self.process.stationary_edges[n].flatten(1, 2)),
        )
        for noisy, clean, pi in pieces:
            stays = torch.einsum("bpc,spc->bsp", noisy, clean)
            drawn = (noisy * pi).sum(-1)[:, None]
            free = pi.amax(-1)[:, None] < 1 if not self.process.absorbing else pi[..., -1][:, None] == 1
            q = alpha[:, None, None] * stays + (1 - alpha[:, None, None]) * drawn
            log_likelihood = log_likelihood + torch.where(free, q, stays).clamp(min=1e-30).log().sum(-1)
        posterior = log_likelihood.softmax(1)
        nodes = torch.einsum("bs,snk->bnk", posterior, states.nodes)
        return GraphBatch(nodes, torch.einsum("bs,suvl->buvl", posterior, states.edges), x_t.mask)

    def counts(self, dags: DagBatch) -> torch.Tensor:
        def code(batch: DagBatch) -> torch.Tensor:
            a = batch.adjacency
            return batch.ops[:, 1] * 8 + a[:, 0, 1] * 4 + a[:, 0, 2] * 2 + a[:, 1, 2]

        return (code(dags)[:, None] == code(self.graphs)[None]).sum(0)

    def p_value(self, dags: DagBatch) -> float:
        counts, possible = self.counts(dags), self.law > 1e-9
        assert counts.sum() == len(dags)
        assert counts[~possible].sum() == 0
        expected = len(dags) * self.law[possible].double() / self.law[possible].double().sum()
        return float(stats.chisquare(counts[possible].numpy(), expected.numpy()).pvalue)


def toy(kernel, schedule, dependent: bool = True) -> Toy:
    space = space_from_mapping(
        {"name": "toy", "operations": {"a": "parametric", "b": "parametric"}, "nodes": 3, "edges": "free"}
    )
    ops, edges = [], []
    for op, *present in itertools.product([2, 3], [0, 1], [0, 1], [0, 1]):
        ops.append([0, op, 1])
        edges.append([[0, present[0], present[1]], [0, 0, present[2]], [0, 0, 0]])
    graphs = DagBatch(torch.tensor(ops), torch.tensor(edges), torch.ones(16, 3, dtype=torch.bool))
    if dependent:
        law = torch.rand(16, generator=generator(5)) ** 3
        law[[1, 4, 6, 9, 10, 15]] = 1e-20
    else:
        law = torch.tensor([0.7, 0.3])
        for present in (0.2, 0.5, 0.6):
            law = torch.outer(law, torch.tensor([1 - present, present])).flatten()
    return Toy(DiscreteProcess(kernel, schedule, space.masks, graphs), graphs, law / law.sum())


def prior(case: Toy, count: int, rng: torch.Generator) -> GraphBatch:
    return case.process.prior(torch.full((count,), 3), rng)


@pytest.mark.parametrize("order", ["random", "settling"])
@pytest.mark.parametrize("schedule", [LinearSchedule(), CosineSchedule()])
def test_unmasking_one_position_at_a_time_is_exact(order, schedule):
    case, rng = toy(AbsorbingKernel(), schedule), generator(1)
    x_0 = sample_unmasking(case.denoise, case.process, prior(case, 6000, rng), None, rng, order)
    assert case.p_value(x_0.to_dags()) > 1e-4


def test_unmasking_all_at_once_is_not_exact():
    """The chi-square test of these laws can tell samples that are wrong."""
    case, rng = toy(AbsorbingKernel(), LinearSchedule()), generator(1)
    x_0 = sample_unmasking(case.denoise, case.process, prior(case, 6000, rng), 1, rng, "random").to_dags()
    assert case.counts(x_0)[case.law < 1e-9].sum() > 100


@pytest.mark.parametrize("kernel", [AbsorbingKernel(), UniformKernel(), MarginalKernel()], ids=lambda k: type(k).__name__)
@pytest.mark.parametrize("schedule", [LinearSchedule(), CosineSchedule()], ids=lambda s: type(s).__name__)
def test_ancestral_sampling_with_many_steps_approaches_the_law(kernel, schedule):
    case, rng = toy(kernel, schedule), generator(2)
    dags = sample_ancestral(case.denoise, case.process, prior(case, 2500, rng), 200, rng).to_dags()
    share = case.counts(dags) / len(dags)
    noise = float((case.law * (1 - case.law) / len(dags)).sqrt().sum()) / 2
    assert float((share - case.law).abs().sum()) / 2 < noise + 0.02
    few = sample_ancestral(case.denoise, case.process, prior(case, 2500, rng), 1, rng).to_dags()
    assert float((case.counts(few) / len(few) - case.law).abs().sum()) / 2 > 0.1


def test_each_step_is_reported():
    case, rng = toy(AbsorbingKernel(), LinearSchedule()), generator()
    calls = []
    sample_unmasking(case.denoise, case.process, prior(case, 4, rng), None, rng, on_step=lambda: calls.append(1))
    assert len(calls) == 4  # one operation, three edges
    sample_ancestral(case.denoise, case.process, prior(case, 4, rng), 9, rng, on_step=lambda: calls.append(1))
    assert len(calls) == 13


@pytest.mark.parametrize("schedule", [LinearSchedule(), CosineSchedule()])
def test_the_denoiser_hears_the_time_at_which_so_much_is_masked(schedule):
    case, rng, survival = toy(AbsorbingKernel(), schedule), generator(), []

    def denoise(x_t: GraphBatch, t: torch.Tensor) -> GraphBatch:
        masked = x_t.nodes[..., -1].sum(1) + x_t.edges[..., -1].sum((1, 2))
        assert torch.allclose(schedule.alpha(t), 1 - masked / 4, atol=1e-6)
        survival.append(float(schedule.alpha(t)[0]))
        return case.denoise(x_t, t)

    sample_unmasking(denoise, case.process, prior(case, 8, rng), None, rng)
    assert survival == pytest.approx([0, 0.25, 0.5, 0.75], abs=1e-6)


def test_few_steps_unmask_everything():
    case, rng = toy(AbsorbingKernel(), LinearSchedule()), generator()
    for steps in (1, 2, 3, 4, 50):
        x_0 = sample_unmasking(case.denoise, case.process, prior(case, 50, rng), steps, rng)
        assert not bool(x_0.nodes[..., -1].any())
        assert not bool(x_0.edges[..., -1].any())


def test_unmasking_refuses_what_it_cannot_do():
    case, rng = toy(UniformKernel(), LinearSchedule()), generator()
    with pytest.raises(InvalidRequest, match="absorbing kernel"):
        sample_unmasking(case.denoise, case.process, prior(case, 2, rng), None, rng)
    case = toy(AbsorbingKernel(), LinearSchedule())
    with pytest.raises(InvalidRequest, match="unknown order 'sorted'"):
        sample_unmasking(case.denoise, case.process, prior(case, 2, rng), None, rng, "sorted")


# -- guidance ------------------------------------------------------------------------------------------------------------


def likes_b(dags: DagBatch) -> torch.Tensor:
    return (dags.ops[:, 1] == 3).float()


def noisy(case: Toy, rng: torch.Generator) -> tuple[GraphBatch, torch.Tensor]:
    x_0 = case.process.clean(case.graphs)
    t = torch.linspace(0.1, 1, 16)
    return case.process.noise(x_0, t, rng), t


@pytest.mark.parametrize("kernel", [AbsorbingKernel(), UniformKernel()], ids=lambda k: type(k).__name__)
def test_scale_zero_is_unguided_exactly(kernel):
    case, rng = toy(kernel, LinearSchedule()), generator(3)
    x_t, t = noisy(case, rng)
    plain, guided = case.denoise(x_t, t), GuidedDenoiser(case.denoise, case.process, likes_b, 0.0, 16, rng)(x_t, t)
    assert torch.equal(plain.nodes, guided.nodes)
    assert torch.equal(plain.edges, guided.edges)


@pytest.mark.parametrize("kernel", [AbsorbingKernel(), UniformKernel()], ids=lambda k: type(k).__name__)
def test_a_constant_score_changes_nothing(kernel):
    case, rng = toy(kernel, LinearSchedule()), generator(3)
    x_t, t = noisy(case, rng)
    guide = GuidedDenoiser(case.denoise, case.process, lambda dags: torch.full((len(dags),), 7.3), 5.0, 16, rng)
    plain, guided = case.denoise(x_t, t), guide(x_t, t)
    assert torch.allclose(plain.nodes, guided.nodes, atol=1e-6)
    assert torch.allclose(plain.edges, guided.edges, atol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.0])
def test_guidance_tilts_a_law_of_independent_positions_as_bayes_says(scale):
    """One operation and one edge are liked: the law becomes proportional to law * exp(scale * score)."""
    case, rng = toy(AbsorbingKernel(), LinearSchedule(), dependent=False), generator(4)

    def score(dags: DagBatch) -> torch.Tensor:
        return likes_b(dags) + dags.adjacency[:, 0, 2]

    guide = GuidedDenoiser(case.denoise, case.process, score, scale, 256, rng)
    x_0 = sample_unmasking(guide, case.process, prior(case, 2000, rng), None, rng, "random")
    tilted = case.law * (scale * score(case.graphs)).exp()
    share = case.counts(x_0.to_dags()) / 2000
    assert float((share - tilted / tilted.sum()).abs().sum()) / 2 < 0.06


def test_guidance_raises_what_is_liked_in_a_law_of_dependent_positions():
    case, rng = toy(AbsorbingKernel(), LinearSchedule()), generator(4)
    liked = likes_b(case.graphs).bool()
    shares = []
    for scale in (0.0, 1.0, 3.0):
        guide = GuidedDenoiser(case.denoise, case.process, likes_b, scale, 64, rng)
        x_0 = sample_unmasking(guide, case.process, prior(case, 2000, rng), None, rng, "random").to_dags()
        assert case.counts(x_0)[case.law < 1e-9].sum() == 0
        shares.append(float(case.counts(x_0)[liked].sum()) / 2000)
    assert shares[0] == pytest.approx(float(case.law[liked].sum()), abs=0.04)
    assert shares[1] > shares[0] + 0.08
    assert shares[2] > shares[1] + 0.08


def test_guidance_never_gives_weight_to_the_impossible():
    case, rng = toy(AbsorbingKernel(), LinearSchedule()), generator(5)
    x_t, t = noisy(case, rng)
    plain = case.denoise(x_t, t)
    guided = GuidedDenoiser(case.denoise, case.process, likes_b, 50.0, 32, rng)(x_t, t)
    for p, q in ((plain.nodes, guided.nodes), (plain.edges, guided.edges)):
        assert bool((q[p == 0] == 0).all())
        assert torch.allclose(q.sum(-1), torch.ones(q.shape[:-1]), atol=1e-5)


# -- corrector -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.0, 2.0])
def test_metropolis_moves_reach_the_tilted_law_of_dependent_positions(scale):
    case, rng = toy(AbsorbingKernel(), LinearSchedule()), generator(6)
    x_0 = case.process.clean(case.graphs[torch.multinomial(case.law, 2500, replacement=True, generator=rng)])
    moved = metropolis_corrector(case.denoise, case.process, x_0, likes_b, scale, 150, rng)
    tilted = case.law * (scale * likes_b(case.graphs)).exp()
    share = case.counts(moved.to_dags()) / 2500
    assert float((share - tilted / tilted.sum()).abs().sum()) / 2 < 0.04
    if scale:
        assert float((case.law - tilted / tilted.sum()).abs().sum()) / 2 > 0.2


def test_metropolis_moves_can_keep_all_graphs_distinct():
    case, rng = toy(AbsorbingKernel(), LinearSchedule(), dependent=False), generator(7)
    start = case.graphs[:8]
    arguments = case.denoise, case.process, case.process.clean(start), likes_b, 3.0, 30, rng
    moved = metropolis_corrector(*arguments, distinct=invariant_codes).to_dags()
    assert len(invariant_codes(moved).unique()) == 8
    assert float(likes_b(moved).mean()) > float(likes_b(start).mean()) + 0.3
    assert len(invariant_codes(metropolis_corrector(*arguments).to_dags()).unique()) < 8


def test_the_corrector_reports_each_evaluation():
    case, rng, calls = toy(AbsorbingKernel(), LinearSchedule()), generator(), []
    x_0 = case.process.clean(case.graphs)
    metropolis_corrector(case.denoise, case.process, x_0, likes_b, 1.0, 9, rng, on_step=lambda: calls.append(1))
    assert len(calls) == rounds_evaluations(case.process, 9)
