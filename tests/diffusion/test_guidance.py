"""Guidance and the corrector with an exact denoiser: p(x_0 | x_t) of a small law, by enumeration."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from nag.core.errors import InvalidRequest
from nag.diffusion import (
    AbsorbingKernel,
    AncestralChain,
    ClassifierFree,
    DiscreteGenerator,
    ExactTilt,
    GradientTilt,
    GuidedDenoiser,
    LinearSchedule,
    Request,
    UniformKernel,
    UnmaskingChain,
    drop_conditions,
    reweigh,
    simulate,
    steer,
)
from nag.diffusion.guidance.corrector import metropolis_corrector
from nag.diffusion.guidance.particles import systematic
from nag.diffusion.guidance.refill import Refill, rounds_evaluations
from nag.diffusion.guidance.selection import select
from nag.graphs import DagBatch, GraphBatch, invariant_codes
from nag.spaces import enumerate_space


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def prior(case, count: int, rng: torch.Generator) -> GraphBatch:
    return case.process.prior(torch.full((count,), 3), rng)


def untrained(case) -> DiscreteGenerator:
    """A generator of the toy's process; its network plays no part."""
    kernel, schedule = case.process.kernel, case.process.schedule
    return DiscreteGenerator(case.space, case.graphs, kernel, schedule, width=8, layers=1, heads=2)


# -- guidance ------------------------------------------------------------------------------------------------------------


def likes_b(dags: DagBatch) -> torch.Tensor:
    return (dags.ops[:, 1] == 3).float()


def noisy(case, rng: torch.Generator) -> tuple[GraphBatch, torch.Tensor]:
    x_0 = case.process.clean(case.graphs)
    t = torch.linspace(0.1, 1, 16)
    return case.process.noise(x_0, t, rng), t


@pytest.mark.parametrize("kernel", [AbsorbingKernel(), UniformKernel()], ids=lambda k: type(k).__name__)
def test_scale_zero_is_unguided_exactly(toy, kernel):
    case, rng = toy(kernel, LinearSchedule()), generator(3)
    x_t, t = noisy(case, rng)
    plain, guided = case.denoise(x_t, t), GuidedDenoiser(case.denoise, likes_b, 0.0, 16, rng)(x_t, t)
    assert torch.equal(plain.nodes, guided.nodes)
    assert torch.equal(plain.edges, guided.edges)


@pytest.mark.parametrize("kernel", [AbsorbingKernel(), UniformKernel()], ids=lambda k: type(k).__name__)
def test_a_constant_score_changes_nothing(toy, kernel):
    case, rng = toy(kernel, LinearSchedule()), generator(3)
    x_t, t = noisy(case, rng)
    guide = GuidedDenoiser(case.denoise, lambda dags: torch.full((len(dags),), 7.3), 5.0, 16, rng)
    plain, guided = case.denoise(x_t, t), guide(x_t, t)
    assert torch.allclose(plain.nodes, guided.nodes, atol=1e-6)
    assert torch.allclose(plain.edges, guided.edges, atol=1e-6)


@pytest.mark.parametrize("scale", [pytest.param(0.0, marks=pytest.mark.slow), pytest.param(1.0, marks=pytest.mark.slow), 2.0])
def test_guidance_tilts_a_law_of_independent_positions_as_bayes_says(toy, scale):
    """One operation and one edge are liked: the law becomes proportional to law * exp(scale * score)."""
    case, rng = toy(AbsorbingKernel(), LinearSchedule(), dependent=False), generator(4)

    def score(dags: DagBatch) -> torch.Tensor:
        return likes_b(dags) + dags.adjacency[:, 0, 2]

    guide = GuidedDenoiser(case.denoise, score, scale, 128, rng)
    x_0 = simulate(UnmaskingChain(guide, case.process, order="random"), prior(case, 2000, rng), rng)
    tilted = case.law * (scale * score(case.graphs)).exp()
    share = case.counts(x_0.to_dags()) / 2000
    assert float((share - tilted / tilted.sum()).abs().sum()) / 2 < 0.06


def test_guidance_raises_what_is_liked_in_a_law_of_dependent_positions(toy):
    case, rng = toy(AbsorbingKernel(), LinearSchedule()), generator(4)
    liked = likes_b(case.graphs).bool()
    shares = []
    for scale in (0.0, 1.0, 3.0):
        guide = GuidedDenoiser(case.denoise, likes_b, scale, 64, rng)
        x_0 = simulate(UnmaskingChain(guide, case.process, order="random"), prior(case, 2000, rng), rng).to_dags()
        assert case.counts(x_0)[case.law < 1e-9].sum() == 0
        shares.append(float(case.counts(x_0)[liked].sum()) / 2000)
    assert shares[0] == pytest.approx(float(case.law[liked].sum()), abs=0.04)
    assert shares[1] > shares[0] + 0.08
    assert shares[2] > shares[1] + 0.08


def test_guidance_never_gives_weight_to_the_impossible(toy):
    case, rng = toy(AbsorbingKernel(), LinearSchedule()), generator(5)
    x_t, t = noisy(case, rng)
    plain = case.denoise(x_t, t)
    guided = GuidedDenoiser(case.denoise, likes_b, 50.0, 32, rng)(x_t, t)
    for p, q in ((plain.nodes, guided.nodes), (plain.edges, guided.edges)):
        assert bool((q[p == 0] == 0).all())
        assert torch.allclose(q.sum(-1), torch.ones(q.shape[:-1]), atol=1e-5)


# -- corrector -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [pytest.param(0.0, marks=pytest.mark.slow), 2.0])
def test_metropolis_moves_reach_the_tilted_law_of_dependent_positions(toy, scale):
    case, rng = toy(AbsorbingKernel(), LinearSchedule()), generator(6)
    x_0 = case.process.clean(case.graphs[torch.multinomial(case.law, 2500, replacement=True, generator=rng)])
    moved = metropolis_corrector(Refill(case.denoise, case.process, rng), x_0, likes_b, scale, 150)
    tilted = case.law * (scale * likes_b(case.graphs)).exp()
    share = case.counts(moved.to_dags()) / 2500
    assert float((share - tilted / tilted.sum()).abs().sum()) / 2 < 0.04
    if scale:
        assert float((case.law - tilted / tilted.sum()).abs().sum()) / 2 > 0.2


def test_metropolis_moves_can_keep_all_graphs_distinct(toy):
    case, rng = toy(AbsorbingKernel(), LinearSchedule(), dependent=False), generator(7)
    start = case.graphs[:8]
    arguments = Refill(case.denoise, case.process, rng), case.process.clean(start), likes_b, 3.0, 30
    moved = metropolis_corrector(*arguments, distinct=invariant_codes).to_dags()
    assert len(invariant_codes(moved).unique()) == 8
    assert float(likes_b(moved).mean()) > float(likes_b(start).mean()) + 0.3
    assert len(invariant_codes(metropolis_corrector(*arguments).to_dags()).unique()) < 8


def test_the_corrector_reports_each_evaluation(toy):
    case, rng, calls = toy(AbsorbingKernel(), LinearSchedule()), generator(), []
    x_0 = case.process.clean(case.graphs)
    metropolis_corrector(Refill(case.denoise, case.process, rng, lambda: calls.append(1)), x_0, likes_b, 1.0, 9)
    assert len(calls) == rounds_evaluations(case.process, 9)


# -- particles -----------------------------------------------------------------------------------------------------------


def chain_of(case, steps: int = 40):
    if case.process.absorbing:
        return UnmaskingChain(case.denoise, case.process, None, "random")
    return AncestralChain(case.denoise, case.process, steps)


KERNELS = pytest.mark.parametrize("kernel", [AbsorbingKernel(), UniformKernel()], ids=lambda k: type(k).__name__)


@KERNELS
def test_particles_with_a_constant_score_are_unguided(toy, kernel):
    case = toy(kernel, LinearSchedule())
    x_1 = prior(case, 4000, generator(1))
    dags, log_weight = steer(chain_of(case), x_1, lambda dags: torch.full((len(dags),), 2.5), 7.0, generator(2))
    assert float(log_weight.std()) < 1e-9
    expected = 4000 * case.law if case.process.absorbing else None
    if expected is not None:
        assert case.p_value(dags) > 1e-4
    free = simulate(chain_of(case), prior(case, 4000, generator(3)), generator(4)).to_dags()
    both = torch.stack([case.counts(dags), case.counts(free)]).double()
    both = both[:, both.sum(0) > 20]
    assert stats.chi2_contingency(both.numpy()).pvalue > 1e-4


@pytest.mark.covering
@KERNELS
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_weighted_particles_follow_the_tilted_law(toy, kernel, scale):
    """The potentials on the way telescope: with an exact reverse process the final weights are those of the tilted law."""
    case = toy(kernel, LinearSchedule())
    dags, log_weight = steer(chain_of(case, 60), prior(case, 4000, generator(1)), likes_b, scale, generator(2))
    weight = log_weight.softmax(0)
    code = (dags.ops[:, None] == case.graphs.ops[None]).all(2) & (
        dags.adjacency[:, None] == case.graphs.adjacency[None]
    ).flatten(2).all(2)
    share = (code * weight[:, None]).sum(0)
    tilted = case.law * (scale * likes_b(case.graphs)).exp()
    tilted = tilted / tilted.sum()
    assert float((share - tilted).abs().sum()) / 2 < 0.06
    assert float((case.law - tilted).abs().sum()) / 2 > 0.1


def test_particles_keep_a_hard_limit(toy):
    case = toy(AbsorbingKernel(), LinearSchedule())
    assert float(case.law[case.graphs.adjacency.sum((1, 2)) > 1].sum()) > 0.3

    def score(dags: DagBatch) -> torch.Tensor:
        return torch.where(dags.adjacency.sum((1, 2)) <= 1, 0.0, float("-inf"))

    dags, log_weight = steer(chain_of(case), prior(case, 400, generator(1)), score, 1.0, generator(2))
    rows = select(log_weight, None, 100, generator(3))
    assert int(dags.adjacency[rows].sum((1, 2)).max()) <= 1


def test_systematic_resampling_gives_each_particle_its_share():
    weight = torch.tensor([0.05, 0.5, 0.0, 0.25, 0.2], dtype=torch.float64)
    counts = torch.stack([torch.bincount(systematic(weight, generator(i)), minlength=5) for i in range(200)])
    assert bool((counts >= (5 * weight).floor()).all())
    assert bool((counts <= (5 * weight).ceil()).all())
    assert torch.allclose(counts.double().mean(0), 5 * weight, atol=0.15)


# -- tilted transitions --------------------------------------------------------------------------------------------------


def exact_value(case, scale: float):
    """log E[exp(scale * score) | x_t] of graphs that differ from x_t in one position, from the exact denoiser's law."""

    def value(x_t: GraphBatch, t: torch.Tensor) -> torch.Tensor:
        states = case.process.clean(case.graphs)
        known = torch.cat([x_t.nodes[..., :-1].flatten(1), x_t.edges[..., :-1].flatten(1)], 1)
        clean = torch.cat([states.nodes[..., :-1].flatten(1), states.edges[..., :-1].flatten(1)], 1)
        fits = (known @ clean.T) == known.sum(1, keepdim=True)
        weight = case.law * fits
        return ((weight * (scale * likes_b(case.graphs)).exp()).sum(1) / weight.sum(1).clamp(min=1e-30)).clamp(min=1e-30).log()

    return value


@pytest.mark.parametrize("scale", [0.0, 2.0])
def test_exact_guidance_with_an_exact_value_reaches_the_tilted_law(toy, scale):
    """Unmasking one position at a time with each category reweighted by its value samples p(x_0) exp(scale * score)."""
    case = toy(AbsorbingKernel(), LinearSchedule())
    tilt = ExactTilt().tilt(untrained(case), exact_value(case, scale), 1.0)
    dags = simulate(chain_of(case), prior(case, 4000, generator(1)), generator(2), tilt).to_dags()
    tilted = case.law * (scale * likes_b(case.graphs)).exp()
    share = case.counts(dags) / 4000
    assert float((share - tilted / tilted.sum()).abs().sum()) / 2 < 0.03


def test_the_gradient_of_a_linear_value_is_its_exact_ratio(toy):
    """First-order guidance is exact where the value is linear in each position."""
    case = toy(UniformKernel(), LinearSchedule())
    weights = torch.randn(3, 4, generator=generator(1)), torch.randn(3, 3, 2, generator=generator(2))

    def value(x_t: GraphBatch, t: torch.Tensor) -> torch.Tensor:
        return (x_t.nodes * weights[0]).sum((1, 2)) + (x_t.edges * weights[1]).sum((1, 2, 3))

    x_t, t = noisy(case, generator(3))
    first = GradientTilt().tilt(untrained(case), value, 1.7)(x_t, t)
    exact = ExactTilt().tilt(untrained(case), value, 1.7)(x_t, t)
    p = case.process.posterior(x_t, case.denoise(x_t, t), t * 0.5, t)
    for name in ("nodes", "edges"):
        assert torch.allclose(getattr(reweigh(p, first), name), getattr(reweigh(p, exact), name), atol=1e-5)


# -- classifier-free -----------------------------------------------------------------------------------------------------


def test_classifier_free_predictions_extrapolate(tiny):
    torch.manual_seed(0)
    data = enumerate_space(tiny)
    shape = {"width": 16, "layers": 2, "heads": 2, "conditions": ["quality", "cost"]}
    model = DiscreteGenerator(tiny, data, AbsorbingKernel(), LinearSchedule(), **shape).eval()
    x_t = model.noise(model.clean(data[:6]), torch.full((6,), 0.8), generator(1))
    t = torch.full((6,), 0.8)
    free = model.denoise(x_t, t)
    told = model.denoise(x_t, t, torch.tensor([[0.9, float("nan")]]).expand(6, 2))
    assert torch.allclose(free.nodes, told.nodes)  # the embedding of conditions starts at zero
    with torch.no_grad():
        model.denoiser.body.embed_conditions[0].mlp[-1].weight.normal_(generator=generator(2))
    told = model.denoise(x_t, t, torch.tensor([[0.9, float("nan")]]).expand(6, 2))
    assert not torch.allclose(free.nodes, told.nodes)
    for weight in (0.0, 2.0):
        p = ClassifierFree({"quality": 0.9}, weight).denoiser(model)(x_t, t)
        expected = torch.where(told.nodes > 0, told.nodes ** (1 + weight) / free.nodes.clamp(min=1e-9) ** weight, 0.0)
        assert torch.allclose(p.nodes, expected / expected.sum(-1, keepdim=True), atol=1e-5)
        steps: list[int] = []
        guide = ClassifierFree({"quality": 0.9}, weight)
        guide.sample(Request(model, 5, generator(3), likes_b, 1.0, 3, lambda steps=steps: steps.append(1)))
        assert len(steps) == guide.cost(model, 5, 3).network_evaluations == (6 if weight else 3)
    with pytest.raises(InvalidRequest, match="knows no condition 'qualty'"):
        ClassifierFree({"qualty": 0.9}).denoiser(model)
    with pytest.raises(InvalidRequest, match="needs a condition"):
        ClassifierFree().denoiser(model)
    with pytest.raises(InvalidRequest, match=r"condition.quality is 3\. It must be a number of at least 0 and at most 1"):
        ClassifierFree({"quality": 3})


def test_conditions_are_dropped_as_often_as_said():
    dropped = drop_conditions(torch.full((20000, 1), 0.5), generator(1)).isnan().double().mean()
    assert float(dropped) == pytest.approx(0.1, abs=0.01)
    both = drop_conditions(torch.full((20000, 2), 0.5), generator(1)).isnan()
    assert float(both.all(1).double().mean()) == pytest.approx(0.1 + 0.9 * 0.01, abs=0.01)
