"""Laws of kernels, schedules and the process, for every kernel, schedule and two spaces."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from nag.diffusion import CosineSchedule, LinearSchedule, MarginalKernel
from nag.diffusion.process import draw
from nag.graphs import GraphBatch
from nag.spaces import enumerate_space


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some(dags, count: int, seed: int = 0):
    return dags[torch.randint(len(dags), (count,), generator=generator(seed))]


def p_value(counts, weights) -> float:
    """Of the hypothesis that the counts were drawn with these weights (chi-square)."""
    weights = weights.double()
    return float(stats.chisquare(counts.double().numpy(), (counts.sum() * weights / weights.sum()).numpy()).pvalue)


@pytest.mark.parametrize("schedule", [CosineSchedule(), LinearSchedule()])
def test_schedules_fall_from_one_to_zero(schedule):
    alpha = schedule.alpha(torch.linspace(0, 1, 101))
    assert alpha[0] == 1
    assert alpha[-1] == pytest.approx(0, abs=1e-12)
    assert bool((alpha.diff() < 0).all())


@pytest.mark.parametrize("schedule", [CosineSchedule(), LinearSchedule()])
def test_times_are_the_inverse_of_survival(schedule):
    t = torch.linspace(0, 1, 101)
    assert torch.allclose(schedule.time(schedule.alpha(t)), t, atol=1e-3)
    alpha = torch.linspace(0, 1, 101)
    assert torch.allclose(schedule.alpha(schedule.time(alpha)), alpha, atol=1e-6)


def test_noise_goes_to_what_the_space_allows(case):
    space, everything, process = case
    mask = torch.arange(space.max_nodes) < everything.num_nodes.unique()[:, None]
    drawn_from, n = process.pi(mask), mask.sum(1)
    for pi, allowed in ((drawn_from.nodes, space.masks.nodes[n]), (drawn_from.edges, space.masks.edges_of(mask))):
        assert bool((pi >= 0).all())
        assert torch.allclose(pi.sum(-1), torch.ones(pi.shape[:-1]), atol=1e-6)
        clean, free = pi[..., : allowed.shape[-1]], allowed.sum(-1) > 1
        assert bool((clean[~allowed] == 0).all())
        if process.absorbing:
            assert bool((pi[..., -1] == free).all())
        assert bool((clean[~free] == allowed[~free]).all())


def test_marginal_noise_follows_the_training_graphs(tiny):
    space = tiny
    everything = enumerate_space(space)
    pi = MarginalKernel().stationary(space.masks, everything)
    n = 5
    free = (space.masks.nodes.sum(-1) > 1)[everything.num_nodes]
    ops = everything.ops[free]
    conv, pool, skip = (float((ops == i).double().mean()) for i in (2, 3, 4))
    assert pi.nodes[n, 2].tolist() == pytest.approx([0, 0, conv, pool, skip])
    assert pi.nodes[n, 1].tolist() == pytest.approx([0, 0, conv / (conv + pool), pool / (conv + pool), 0])


def test_noise_at_time_zero_is_the_clean_graph_and_at_time_one_the_prior(case):
    _space, everything, process = case
    dags = some(everything, 64)
    x_0 = process.clean(dags)
    x_t = process.noise(x_0, torch.zeros(64), generator())
    assert torch.equal(x_t.nodes, x_0.nodes)
    assert torch.equal(x_t.edges, x_0.edges)
    if process.absorbing:
        x_1, prior = process.noise(x_0, torch.ones(64), generator()), process.prior(dags.num_nodes, generator())
        assert torch.equal(x_1.nodes, prior.nodes)
        assert torch.equal(x_1.edges, prior.edges)


def test_noise_keeps_fixed_positions_and_allowed_categories(case):
    space, everything, process = case
    dags = some(everything, 200)
    x_0 = process.clean(dags)
    n = dags.num_nodes
    free_nodes, free_edges = process.free(dags.mask)
    for x in (
        process.noise(x_0, torch.linspace(0, 1, 200), generator()),
        process.prior(n, generator()),
    ):
        assert torch.equal(x.nodes[~free_nodes], x_0.nodes[~free_nodes])
        assert torch.equal(x.edges[~free_edges], x_0.edges[~free_edges])
        for noisy, allowed in ((x.nodes, space.masks.nodes[n]), (x.edges, space.masks.edges_of(x.mask))):
            assert torch.equal(noisy.sum(-1), torch.ones(noisy.shape[:-1]))
            assert not bool((noisy[..., : allowed.shape[-1]].bool() & ~allowed).any())


def test_noise_keeps_as_much_as_the_schedule_says(case):
    _space, everything, process = case
    row = everything[-1:]
    dags = row[torch.zeros(4000, dtype=torch.int64)]
    x_0, t = process.clean(dags), torch.full((4000,), 0.4)
    x_t = process.noise(x_0, t, generator(1))
    free, _ = process.free(row.mask)
    position = int(free[0].nonzero()[0])
    alpha = float(process.schedule.alpha(torch.tensor(0.4)))
    n = int(row.num_nodes)
    expected = alpha * x_0.nodes[0, position] + (1 - alpha) * process.stationary_nodes[n, position]
    counts = x_t.nodes[:, position].sum(0)
    possible = expected > 0
    assert bool((counts[~possible] == 0).all())
    assert p_value(counts[possible], expected[possible]) > 1e-4


def brute_force_posterior(x_t, x_0, pi, alpha_s: float, alpha_t: float):
    """Bayes' rule with transition matrices, one position at a time: (P, C) each.

    Clean categories from which x_t cannot come are left out, as by conditioning on x_t.
    """
    size = x_t.shape[-1]
    eye = torch.eye(size, dtype=torch.float64)
    result = torch.zeros_like(x_t)
    for i in range(len(x_t)):
        noise = torch.ones(size, 1, dtype=torch.float64) @ pi[i : i + 1]
        q_s = alpha_s * eye + (1 - alpha_s) * noise
        ratio = alpha_t / alpha_s
        q_ts = ratio * eye + (1 - ratio) * noise
        q_t = q_s @ q_ts
        k = int(x_t[i].argmax())
        for clean in range(size):
            if x_0[i, clean] > 0 and q_t[clean, k] > 0:
                result[i] += x_0[i, clean] * q_s[clean] * q_ts[:, k] / q_t[clean, k]
    return result / result.sum(-1, keepdim=True)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("s", "t"), [(0.0, 0.3), (0.35, 0.6), (0.8, 1.0), (0.99, 1.0)])
def test_posterior_is_bayes_rule(case, soft, s, t):
    space, everything, process = case
    dags = some(everything, 6, seed=3)
    x_0 = process.clean(dags)
    x_t = process.noise(x_0, torch.full((6,), t), generator(2))
    prediction = x_0
    if soft:
        n = dags.num_nodes
        nodes = torch.rand(space.masks.nodes[n].shape, generator=generator(4)) * space.masks.nodes[n]
        allowed = space.masks.edges_of(dags.mask)
        edges = torch.rand(allowed.shape, generator=generator(5)) * allowed
        prediction = process.with_extra(
            GraphBatch(nodes / nodes.sum(-1, keepdim=True), edges / edges.sum(-1, keepdim=True), dags.mask)
        )
    found = process.posterior(x_t, prediction, torch.full((6,), s), torch.full((6,), t))
    alpha_s, alpha_t = (float(process.schedule.alpha(torch.tensor(time))) for time in (s, t))
    free_nodes, free_edges = process.free(dags.mask)
    for name, free, pi in (
        ("nodes", free_nodes, process.pi(dags.mask).nodes),
        ("edges", free_edges, process.pi(dags.mask).edges),
    ):
        p = getattr(found, name)
        assert bool((p >= 0).all())
        assert torch.allclose(p.sum(-1), torch.ones(p.shape[:-1]), atol=1e-5)
        clean = getattr(x_0, name)
        assert torch.equal(p[~free], clean[~free])
        arguments = [tensor[free].double() for tensor in (getattr(x_t, name), getattr(prediction, name), pi)]
        expected = brute_force_posterior(*arguments, alpha_s, alpha_t)
        assert torch.allclose(p[free].double(), expected, atol=2e-5)


def test_posterior_at_time_zero_of_a_sure_prediction_is_the_prediction(case):
    _, everything, process = case
    x_0 = process.clean(some(everything, 32))
    t = torch.full((32,), 0.7)
    found = process.posterior(process.noise(x_0, t, generator()), x_0, torch.zeros(32), t)
    assert torch.allclose(found.nodes, x_0.nodes, atol=1e-6)
    assert torch.allclose(found.edges, x_0.edges, atol=1e-6)


def test_draws_follow_the_probabilities():
    p = torch.tensor([0.0, 0.1, 0.0, 0.65, 0.25, 0.0])
    counts = draw(p.expand(20000, -1), generator(7)).sum(0)
    assert counts.sum() == 20000
    assert bool((counts[p == 0] == 0).all())
    assert p_value(counts[p > 0], p[p > 0]) > 1e-4


def test_impossible_categories_are_never_drawn():
    """Sums of float32 probabilities fall short of 1: the remainder must not go to a category of probability 0."""
    p = torch.rand(200, 7, generator=generator(8)) * (torch.rand(200, 7, generator=generator(9)) < 0.4)
    p[:, 3] += 1e-3
    p = p / p.sum(-1, keepdim=True) * (1 - 1e-4)
    drawn = draw(p.repeat(2000, 1), generator(10))
    assert torch.equal(drawn.sum(-1), torch.ones(400000))
    assert not bool((drawn.bool() & (p.repeat(2000, 1) == 0)).any())
