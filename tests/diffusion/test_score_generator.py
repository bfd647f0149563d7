"""Score models: SDEs, samplers with an exact score of a small law, and the generator."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import cache

import pytest
import torch

from nag.core.errors import InvalidRequest, NagError
from nag.diffusion import (
    VESDE,
    VPSDE,
    CleanPrediction,
    Generator,
    GradientTilt,
    NoisePrediction,
    PredictorCorrector,
    ProbabilityFlow,
    Request,
    ReverseDiffusion,
    ScoreGenerator,
    ScoreProcess,
    SDEChain,
    SubVPSDE,
    simulate,
)
from nag.graphs import DagBatch, GraphBatch
from nag.spaces import enumerate_space, load_space, space_from_mapping
from nag.spaces.models import load_model, save_model
from nag.tracking.null import NullTracker
from nag.training import FitOptions, fit, make_fabric

SDES = [VESDE(), VPSDE(), SubVPSDE()]
SAMPLERS = [PredictorCorrector(0.3), ReverseDiffusion(), ProbabilityFlow()]
PREDICTIONS = [CleanPrediction(), NoisePrediction()]
SMALL = {"width": 16, "layers": 2, "heads": 2}


def named(value) -> str:
    return type(value).__name__


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def same(first: DagBatch, second: DagBatch) -> bool:
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in ("ops", "adjacency", "mask"))


# -- SDEs ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sde", SDES, ids=named)
def test_the_forward_sde_has_the_moments_of_the_perturbation_kernel(sde):
    """Euler-Maruyama steps of dx = f dt + g dw from the earliest time reach scale(t) x_0 and sigma(t)."""
    x_0, source, steps = 0.7, rng(), 1000
    times = torch.linspace(sde.earliest, 1.0, steps + 1, dtype=torch.float64)
    x = sde.scale(times[0]) * x_0 + sde.sigma(times[0]) * torch.randn(20000, generator=source)
    for now, then in itertools.pairwise(times):
        drift, g = sde.drift_and_diffusion(x, now)
        x = x + drift * (then - now) + g * (then - now).sqrt() * torch.randn(20000, generator=source)
        if then in (times[steps // 4], times[steps // 2], times[-1]):
            sigma = float(sde.sigma(then))
            assert float(x.mean()) == pytest.approx(float(sde.scale(then)) * x_0, abs=0.01 + 4 * sigma / 20000**0.5)
            assert float(x.std()) == pytest.approx(sigma, rel=0.03)
    assert float(sde.sigma(times[-1])) == pytest.approx(sde.prior_std, rel=1e-3)


@pytest.mark.parametrize("sde", SDES, ids=named)
def test_noise_grows_and_signal_does_not(sde):
    t = torch.linspace(sde.earliest, 1, 200)
    ratio = sde.sigma(t) / sde.scale(t)
    assert bool((ratio.diff() > 0).all())
    assert bool((sde.scale(t).diff() <= 0).all())


def test_sdes_refuse_parameters_in_the_wrong_order():
    with pytest.raises(InvalidRequest, match="sigma_max"):
        VESDE(2.0, 1.0)
    with pytest.raises(InvalidRequest, match="beta_min"):
        VPSDE(beta_min=0.0)
    with pytest.raises(InvalidRequest, match="snr"):
        PredictorCorrector(snr=0.0)


# -- samplers with an exact score ----------------------------------------------------------------------------------------


def flat(x: GraphBatch) -> torch.Tensor:
    return torch.cat([x.nodes.flatten(1), x.edges.flatten(1)], 1)


@dataclass
class Toy:
    """All 16 graphs of three nodes, a law on them, and its exact denoiser."""

    process: ScoreProcess
    graphs: DagBatch
    law: torch.Tensor

    def log_joint(self, x_t: GraphBatch, t: torch.Tensor) -> torch.Tensor:
        """log p(x_t, x_0) up to a constant of t: (B, 16)."""
        noised = flat(self.process.noised(x_t.mask[:1]))
        x, states = flat(x_t) * noised, flat(self.process.clean(self.graphs)) * noised
        alpha, sigma = self.process.sde.scale(t)[:, None], self.process.sde.sigma(t)[:, None]
        square = x.square().sum(1, keepdim=True) - 2 * alpha * (x @ states.T) + alpha**2 * states.sum(1)
        return self.law.log() - square / (2 * sigma**2)

    def denoise(self, x_t: GraphBatch, t: torch.Tensor) -> GraphBatch:
        mean = self.log_joint(x_t, t).softmax(1) @ flat(self.process.clean(self.graphs))
        nodes, edges = mean.split([x_t.nodes[0].numel(), x_t.edges[0].numel()], 1)
        return GraphBatch(nodes.view_as(x_t.nodes), edges.view_as(x_t.edges), x_t.mask)

    def distance(self, dags: DagBatch) -> float:
        """Total variation between the samples and the law."""

        def code(batch: DagBatch) -> torch.Tensor:
            a = batch.adjacency
            return batch.ops[:, 1] * 8 + a[:, 0, 1] * 4 + a[:, 0, 2] * 2 + a[:, 1, 2]

        counts = (code(dags)[:, None] == code(self.graphs)[None]).sum(0)
        assert counts.sum() == len(dags)
        return float((counts / len(dags) - self.law).abs().sum()) / 2

    def noise_of(self, count: int) -> float:
        """About the distance that exact samples have."""
        return float((self.law * (1 - self.law) / count).sqrt().sum()) / 2

    def start(self, count: int, source: torch.Generator) -> GraphBatch:
        return self.process.prior(torch.full((count,), 3), source)


def toy(sde) -> Toy:
    space = space_from_mapping(
        {"name": "toy", "operations": {"a": "parametric", "b": "parametric"}, "nodes": 3, "edges": "free"}
    )
    ops, edges = [], []
    for op, *present in itertools.product([2, 3], [0, 1], [0, 1], [0, 1]):
        ops.append([0, op, 1])
        edges.append([[0, present[0], present[1]], [0, 0, present[2]], [0, 0, 0]])
    graphs = DagBatch(torch.tensor(ops), torch.tensor(edges), torch.ones(16, 3, dtype=torch.bool))
    law = torch.rand(16, generator=rng(5)) ** 3
    law[[1, 4, 6, 9, 10, 15]] = 1e-20
    return Toy(ScoreProcess(sde, space.masks, graphs), graphs, law / law.sum())


@pytest.mark.covering
@pytest.mark.parametrize("sde", SDES, ids=named)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=named)
def test_many_steps_approach_the_law_and_two_do_not(sde, sampler):
    case, source, count = toy(sde), rng(1), 2000
    chain = SDEChain(case.denoise, case.process, sampler, 250)
    assert case.distance(simulate(chain, case.start(count, source), source).to_dags()) < case.noise_of(count) + 0.035
    few = SDEChain(case.denoise, case.process, sampler, 2)
    assert case.distance(simulate(few, case.start(count, source), source).to_dags()) > 0.1


@pytest.mark.parametrize("sde", SDES, ids=named)
def test_the_score_is_the_gradient_of_the_log_density_of_the_mixture(sde):
    case, source = toy(sde), rng(2)
    t = torch.linspace(0.1, 1.0, 16)
    x_t = case.process.noise(case.process.clean(case.graphs), t, source)
    nodes, edges = x_t.nodes.requires_grad_(), x_t.edges.requires_grad_()
    x_t = GraphBatch(nodes, edges, x_t.mask)
    density = case.log_joint(x_t, t).logsumexp(1).sum()
    by_nodes, by_edges = torch.autograd.grad(density, (nodes, edges))
    score = case.process.score(x_t, case.denoise(x_t, t), t)
    assert torch.allclose(score.nodes, by_nodes, rtol=1e-3, atol=1e-3)
    assert torch.allclose(score.edges, by_edges, rtol=1e-3, atol=1e-3)
    back = case.process.from_score(x_t, score, t)
    assert torch.allclose(back.nodes, case.denoise(x_t, t).nodes, atol=1e-3)
    assert torch.allclose(back.edges, case.denoise(x_t, t).edges, atol=1e-3)


@pytest.mark.parametrize("steps", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=named)
def test_each_step_is_one_evaluation_at_a_time_that_falls(sampler, steps):
    case, source, heard = toy(VPSDE()), rng(), []

    def denoise(x_t: GraphBatch, t: torch.Tensor) -> GraphBatch:
        heard.append(float(t[0]))
        return case.denoise(x_t, t)

    chain = SDEChain(denoise, case.process, sampler, steps)
    simulate(chain, case.start(4, source), source)
    assert len(heard) == chain.steps == steps
    assert heard == sorted(heard, reverse=True)
    assert heard[0] == pytest.approx(1.0)
    assert steps == 1 or heard[-1] == pytest.approx(1e-3)


def test_the_probability_flow_is_deterministic():
    case = toy(VESDE())
    chain, start = SDEChain(case.denoise, case.process, ProbabilityFlow(), 20), case.start(30, rng())
    assert same(simulate(chain, start, rng(1)).to_dags(), simulate(chain, start, rng(2)).to_dags())
    chain = SDEChain(case.denoise, case.process, ReverseDiffusion(), 20)
    assert not same(simulate(chain, start, rng(1)).to_dags(), simulate(chain, start, rng(2)).to_dags())


@pytest.mark.covering
@pytest.mark.parametrize("sde", SDES, ids=named)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=named)
def test_a_tilt_of_zero_is_unguided_and_the_exact_tilt_reaches_the_tilted_law(sde, sampler):
    """The tilt that turns the score of the law into that of law * exp(2 [second operation])."""
    case, count = toy(sde), 1000
    chain = SDEChain(case.denoise, case.process, sampler, 200)
    weight = case.law * (2.0 * (case.graphs.ops[:, 1] == 3)).exp()
    tilted = replace(case, law=weight / weight.sum())

    def zero(x_t: GraphBatch, t: torch.Tensor) -> GraphBatch:
        return GraphBatch(torch.zeros_like(x_t.nodes), torch.zeros_like(x_t.edges), x_t.mask)

    def tilt(x_t: GraphBatch, t: torch.Tensor) -> GraphBatch:
        wanted = case.process.score(x_t, tilted.denoise(x_t, t), t)
        own = case.process.score(x_t, case.denoise(x_t, t), t)
        return GraphBatch(wanted.nodes - own.nodes, wanted.edges - own.edges, x_t.mask)

    short = SDEChain(case.denoise, case.process, sampler, 10)
    start = case.start(count, rng(3))
    assert same(simulate(short, start, rng(4)).to_dags(), simulate(short, start, rng(4), zero).to_dags())
    guided = simulate(chain, start, rng(4), tilt).to_dags()
    assert tilted.distance(guided) < tilted.noise_of(count) + 0.05
    assert case.distance(guided) > 0.15


# -- the generator -------------------------------------------------------------------------------------------------------


def untrained(space, sde, prediction, sampler=None, data=None) -> ScoreGenerator:
    torch.manual_seed(0)
    data = enumerate_space(space) if data is None else data
    return ScoreGenerator(space, data, sde, prediction, sampler, steps=4, **SMALL).eval()


@pytest.mark.covering
@pytest.mark.parametrize("name", ["tiny", "nasbench201", "nas_bench_graph"])
@pytest.mark.parametrize("sde", SDES, ids=named)
def test_samples_are_acyclic_and_keep_the_masks_under_any_tilt(tiny, name, sde):
    space = tiny if name == "tiny" else load_space(name)
    data = enumerate_space(space)[:500] if name != "tiny" else None
    for prediction, sampler in itertools.product(PREDICTIONS, SAMPLERS):
        generator = untrained(space, sde, prediction, sampler, data)

        def tilt(x_t: GraphBatch, t: torch.Tensor) -> GraphBatch:
            return GraphBatch(torch.randn(x_t.nodes.shape), torch.randn(x_t.edges.shape), x_t.mask)

        for dags in (generator.sample(40, rng()), generator.sample(40, rng(), 3, tilt=tilt)):
            n = dags.num_nodes
            assert not bool(dags.adjacency.tril().any())
            assert bool(space.masks.nodes[n].gather(2, dags.ops.unsqueeze(2)).all())
            assert bool(space.masks.edges_of(dags.mask).gather(3, dags.adjacency.unsqueeze(3)).all())


@pytest.mark.parametrize("sde", SDES, ids=named)
def test_fixed_numbers_are_kept_on_the_whole_way(tiny, sde):
    generator, source = untrained(tiny, sde, NoisePrediction()), rng()
    chain, process = generator.chain(7), generator.process
    x_t = chain.start(torch.tensor([3, 4, 5]), source)
    fixed, noised = process.fixed(x_t.mask), process.noised(x_t.mask)
    with torch.no_grad():
        for step in range(chain.steps):
            for values, clean, moves in ((x_t.nodes, fixed.nodes, noised.nodes), (x_t.edges, fixed.edges, noised.edges)):
                assert torch.equal(values[~moves], clean[~moves])
                assert bool((values[moves] != 0).all())
            x_t = chain.move(x_t, chain.denoise(x_t, chain.time(x_t, step)), step, source)
    assert bool((x_t.nodes.sum(-1) == 1).all() and (x_t.edges.sum(-1) == 1).all())


def test_noise_goes_where_there_is_a_choice(tiny):
    process = ScoreProcess(VESDE(), tiny.masks, enumerate_space(tiny))
    noised = process.noised(torch.tensor([[True, True, True, False, False]]))
    assert noised.nodes.sum((0, 2)).tolist() == [0, 2, 0, 0, 0]  # conv or pool
    assert noised.edges[0].sum(-1).nonzero().tolist() == [[0, 2], [1, 2]]  # 0 -> 1 is required


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=named)
def test_padding_does_not_change_what_is_predicted(tiny, prediction):
    generator = untrained(tiny, VPSDE(), prediction)
    x_t = generator.process.prior(torch.full((20,), 3), rng())
    cut = GraphBatch(x_t.nodes[:, :3], x_t.edges[:, :3, :3], x_t.mask[:, :3])
    t = torch.full((20,), 0.4)
    with torch.no_grad():
        whole, inner = generator.denoise(x_t, t), generator.denoise(cut, t)
    assert torch.allclose(whole.nodes[:, :3], inner.nodes, atol=1e-5)
    assert torch.allclose(whole.edges[:, :3, :3], inner.edges, atol=1e-5)


@pytest.mark.covering
@pytest.mark.parametrize("sde", [VESDE(0.2, 4.0), VPSDE(0.2, 15.0), SubVPSDE(0.3, 12.0)], ids=named)
@pytest.mark.parametrize("sampler", [PredictorCorrector(0.2), ProbabilityFlow()], ids=named)
@pytest.mark.parametrize("prediction", PREDICTIONS, ids=named)
def test_a_checkpoint_restores_the_generator_to_the_bit(tiny, tmp_path, sde, sampler, prediction):
    generator, path = untrained(tiny, sde, prediction, sampler), tmp_path / "generator.safetensors"
    save_model(path, generator)
    config, tensors = generator.config(), generator.state_dict()
    restored = load_model(path, Generator)
    assert restored.config() == config
    assert same(restored.sample(80, rng(4)), generator.sample(80, rng(4)))
    for wrong in (
        {**config, "sde": {"class": "nag.diffusion.sde:Missing", "config": {}}},
        {**config, "sde": {**config["sde"], "config": {"sigma": 1}}},
        {**config, "steps": 0},
        {**config, "sampler": "ProbabilityFlow"},
        {**config, "width": 32},
    ):
        with pytest.raises(NagError):
            ScoreGenerator.restore(tiny, wrong, tensors)


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=named)
def test_gradients_reach_every_parameter(tiny, prediction):
    generator = untrained(tiny, VPSDE(), prediction)
    generator.loss(enumerate_space(tiny)[:128], rng()).total.backward()
    without = [name for name, p in generator.named_parameters() if p.grad is None or not bool(p.grad.any())]
    assert without == []


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=named)
def test_the_mean_loss_of_equal_shares_is_the_loss_of_the_whole(tiny, prediction):
    generator, dags = untrained(tiny, VESDE(), prediction), enumerate_space(tiny)[:32]
    with torch.no_grad():
        whole = generator.loss(dags, rng(1)).total
        parts = [generator.loss(dags, rng(1), share=slice(start, start + 16)).total for start in (0, 16)]
    assert torch.allclose(whole, torch.stack(parts).mean(), rtol=1e-5)


def test_the_noise_loss_is_zero_for_the_true_noise_alone(tiny):
    """Also: one is what a network that says nothing gets, the variance of the noise."""
    process, dags = ScoreProcess(VPSDE(), tiny.masks, enumerate_space(tiny)), DagBatch.cat([enumerate_space(tiny)] * 20)
    x_0, t = process.clean(dags), torch.linspace(0.2, 1, len(dags))
    x_t = process.noise(x_0, t, rng())
    score = process.score(x_t, x_0, t)
    sigma = process.sde.sigma(t)
    true = GraphBatch(score.nodes * sigma[:, None, None], score.edges * sigma[:, None, None, None], x_t.mask)
    silent = GraphBatch(torch.zeros_like(x_t.nodes), torch.zeros_like(x_t.edges), x_t.mask)
    assert float(NoisePrediction().loss(true, x_0, x_t, t, process).total) < 1e-8
    terms = NoisePrediction().loss(silent, x_0, x_t, t, process)
    for value in (terms.nodes, terms.edges, terms.total):
        assert float(value) == pytest.approx(1.0, abs=0.1)


@cache
def learned(sde, prediction: type) -> tuple[ScoreGenerator, float, float]:
    """A generator of a small space after a short training, with the loss before and after."""
    space = space_from_mapping(
        {
            "name": "learnable",
            "operations": {"conv": "parametric", "pool": "parametric"},
            "nodes": [3, 4],
            "edges": "free",
            "constraints": {"all_nodes_on_a_path": True, "max_edges": 4},
        }
    )
    data = enumerate_space(space)
    torch.manual_seed(0)
    generator = ScoreGenerator(space, data, sde, prediction(), steps=32, width=32, layers=2, heads=2)
    everything = DagBatch.cat([data] * 20)
    with torch.no_grad():
        before = float(generator.loss(everything, rng(9)).total)
    result = fit(
        generator.train(),
        lambda module, r: {"loss": module.loss(data[torch.randint(len(data), (64,), generator=r)], r).total},
        FitOptions(max_steps=250, learning_rate=5e-3, warmup_steps=20, ema_decay=0.98),
        make_fabric("cpu"),
        NullTracker(),
        seed=0,
    )
    with torch.no_grad():
        return result.model, before, float(result.model.loss(everything, rng(9)).total)


@pytest.mark.parametrize(
    ("sde", "prediction"),
    [
        *(pytest.param(sde, CleanPrediction, marks=[pytest.mark.slow] if sde is not SDES[0] else []) for sde in SDES),
        pytest.param(SDES[0], NoisePrediction, marks=pytest.mark.slow),
    ],
    ids=lambda x: str(x)[:20],
)
def test_a_short_training_learns_a_small_space(sde, prediction):
    generator, before, after = learned(sde, prediction)
    space = generator.space
    assert after < 0.8 * before
    dags = generator.sample(300, rng(1))
    assert not bool(dags.adjacency.tril().any())
    assert float(space.is_valid(dags).float().mean()) > 0.6
    assert len(set(space.hashes(dags[space.is_valid(dags)]))) > 0.6 * len(enumerate_space(space))


@pytest.mark.slow
def test_the_gradient_of_a_value_raises_the_score():
    generator, _, _ = learned(SDES[0], CleanPrediction)

    def count_pools(dags: DagBatch) -> torch.Tensor:
        return (dags.ops == 3).sum(1).float()

    guided = GradientTilt(100, 30).sample(Request(generator, 100, rng(), count_pools, 4.0))
    assert float(count_pools(guided).mean()) > float(count_pools(generator.sample(100, rng())).mean()) + 0.2
