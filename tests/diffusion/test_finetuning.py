"""Fine-tuning: the reward rises, the base holds, and what is estimated is what it says."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.diffusion import AbsorbingKernel, DiscreteGenerator, LinearSchedule, UniformKernel
from nag.diffusion.finetuning.elites import Elites
from nag.diffusion.finetuning.finetuning import FineTuning, finetune
from nag.diffusion.finetuning.policy_gradient import NoisyStates, divergence, draw_states, kl_to, log_likelihood
from nag.graphs import DagBatch
from nag.spaces import enumerate_space, space_from_mapping

SHORT = FineTuning(rounds=6, batch_size=48, gradient_steps=4, learning_rate=5e-3, masks=4, elites=8)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def chain():
    """Three operations in a row: 27 architectures, none invalid."""
    return space_from_mapping(
        {
            "name": "chain",
            "operations": {"conv": "parametric", "pool": "parametric", "gate": "parametric"},
            "nodes": 5,
            "edges": [[0, 1], [1, 2], [2, 3], [3, 4]],
        }
    )


def untrained(space, kernel) -> DiscreteGenerator:
    torch.manual_seed(0)
    return DiscreteGenerator(space, enumerate_space(space), kernel, LinearSchedule(), width=16, layers=2, heads=2).eval()


def convs(dags: DagBatch) -> torch.Tensor:
    return (dags.ops == 2).sum(1).double()


def constant(dags: DagBatch) -> torch.Tensor:
    return torch.full((len(dags),), 0.7, dtype=torch.float64)


def mean_convs(generator: DiscreteGenerator, count: int = 500) -> float:
    return float(convs(generator.sample(count, rng(99))).mean())


def test_the_vocabulary_is_what_the_rewards_here_assume(chain):
    assert chain.vocabulary[2] == "conv"


@pytest.mark.parametrize("kernel", [AbsorbingKernel, pytest.param(UniformKernel, marks=pytest.mark.slow)])
def test_the_mean_reward_rises_and_the_base_stays_as_it_is(chain, kernel):
    base = untrained(chain, kernel())
    before = {name: value.clone() for name, value in base.state_dict().items()}
    grads = [p.requires_grad for p in base.parameters()]
    result = finetune(base, convs, SHORT, rng())
    assert all(torch.equal(before[name], value) for name, value in base.state_dict().items())
    assert [p.requires_grad for p in base.parameters()] == grads
    assert mean_convs(result.generator) > mean_convs(base) + 1.0
    assert result.history[-1].reward_mean > result.history[0].reward_mean + 1.0
    assert result.history[-1].kl > 0.5


@pytest.mark.parametrize("kernel", [AbsorbingKernel, UniformKernel])
def test_a_constant_reward_changes_nothing(chain, kernel):
    base = untrained(chain, kernel())
    tuned = finetune(base, constant, replace(SHORT, rounds=3), rng()).generator.state_dict()
    assert all(torch.equal(value, tuned[name]) for name, value in base.state_dict().items())


def test_a_reward_of_noise_changes_little(chain):
    base, source = untrained(chain, AbsorbingKernel()), rng(7)
    noise = finetune(base, lambda dags: torch.rand(len(dags), generator=source), replace(SHORT, kl=1.0, elites=0), rng())
    signal = finetune(base, convs, replace(SHORT, kl=1.0, elites=0), rng())
    assert kl_to(base, noise.generator, 200, rng()) < 0.3 * kl_to(base, signal.generator, 200, rng())
    assert abs(mean_convs(noise.generator) - mean_convs(base)) < 0.3


def test_a_strong_penalty_holds_the_base(chain):
    base = untrained(chain, AbsorbingKernel())
    held = finetune(base, convs, replace(SHORT, kl=1e3), rng()).generator
    loose = finetune(base, convs, SHORT, rng()).generator
    assert kl_to(base, held, 200, rng()) < 0.02 < kl_to(base, loose, 200, rng())
    assert abs(mean_convs(held) - mean_convs(base)) < 0.2


def test_the_optimum_is_the_tilted_base(chain):
    """With one scale of rewards and no replay, fine-tuning heads for p exp(advantage / kl)."""
    base = untrained(chain, AbsorbingKernel())
    drawn = convs(base.sample(3000, rng(5)))
    weight = ((drawn - drawn.mean()) / drawn.std() / 2.0).exp()
    expected = float((drawn * weight).sum() / weight.sum())
    options = FineTuning(40, 96, 2, 5e-3, kl=2.0, masks=4, elites=0, least_spread=1.0)
    found = mean_convs(finetune(base, convs, options, rng()).generator)
    assert expected > float(drawn.mean()) + 0.25
    assert found == pytest.approx(expected, abs=0.12)


def test_same_seed_same_weights(chain):
    base = untrained(chain, AbsorbingKernel())
    short = replace(SHORT, rounds=2)
    first, again, other = (finetune(base, convs, short, rng(seed)).generator.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_invalid_samples_become_rarer_without_a_reward(tiny):
    base = untrained(tiny, AbsorbingKernel())
    seen = []

    def reward(dags):
        seen.append(dags)
        return constant(dags)

    result = finetune(base, reward, replace(SHORT, kl=0.01), rng())
    assert all(bool(tiny.is_valid(dags).all()) for dags in seen)
    valid = [float(tiny.is_valid(g.sample(600, rng(1))).double().mean()) for g in (base, result.generator)]
    assert valid[0] < 0.7
    assert valid[1] > valid[0] + 0.15


def test_graphs_without_a_reward_are_left_out(chain):
    base = untrained(chain, AbsorbingKernel())
    partly = finetune(base, lambda dags: torch.where(convs(dags) == 1, torch.nan, convs(dags)), SHORT, rng())
    assert 0 < partly.history[0].rewarded < SHORT.batch_size
    assert mean_convs(partly.generator) > mean_convs(base) + 0.7
    assert bool(partly.elites.values.isfinite().all())
    never = finetune(base, lambda dags: torch.full((len(dags),), torch.nan), SHORT, rng())
    assert len(never.history) == 1
    assert kl_to(base, never.generator, 50, rng()) == 0.0


def test_a_true_answer_ends_it(chain):
    seen = []
    finetune(untrained(chain, AbsorbingKernel()), convs, SHORT, rng(), lambda state: seen.append(state) or state.index == 2)
    assert [state.index for state in seen] == [0, 1, 2]


def test_elites_are_the_best_of_each_function(chain):
    every = enumerate_space(chain)
    source, elites = rng(3), Elites.none(5, every)
    best: dict[int, float] = {}
    for _ in range(4):
        rows = torch.randint(len(every), (20,), generator=source)
        values, codes = torch.rand(20, generator=source, dtype=torch.float64), chain.function_codes(every[rows])
        elites = elites.merge(every[rows], values, codes)
        for code, value in zip(codes.tolist(), values.tolist(), strict=True):
            best[code] = max(value, best.get(code, 0.0))
        wanted = sorted(best.items(), key=lambda item: -item[1])[:5]
        assert list(zip(elites.codes.tolist(), elites.values.tolist(), strict=True)) == wanted
        assert torch.equal(chain.function_codes(elites.dags), elites.codes)


def all_masks(generator: DiscreteGenerator, dag: DagBatch) -> tuple[NoisyStates, torch.Tensor]:
    """Every choice of masked operations of one graph of the chain, with its probability."""
    rows, weights = [], []
    for k in (1, 2, 3):
        subsets = list(itertools.combinations((1, 2, 3), k))
        rows += [[position in subset for position in range(5)] for subset in subsets]
        weights += [1 / 3 / len(subsets)] * len(subsets)
    nodes = torch.tensor(rows)
    x_0 = generator.process.clean(dag[torch.zeros(len(rows), dtype=torch.int64)])
    x_t = replace(x_0, nodes=torch.where(nodes[..., None], torch.eye(x_0.nodes.shape[-1])[-1], x_0.nodes))
    edges = torch.zeros(len(rows), 5, 5, dtype=torch.bool)
    return NoisyStates(x_0, x_t, nodes.sum(1) / 3, nodes, edges, torch.full((len(rows),), 3.0)), torch.tensor(weights)


@torch.no_grad()
def test_random_masks_estimate_the_likelihood_over_all_orders(chain):
    generator = untrained(chain, AbsorbingKernel())
    dag = enumerate_space(chain)[5:6]
    states, weights = all_masks(generator, dag)
    terms = states.positions * log_likelihood(generator(states.x_t, states.t), states)
    exact = float((weights * terms).sum())

    said = generator(states.x_t, states.t).nodes.log_softmax(-1)
    by_mask = dict(zip(map(tuple, states.nodes.tolist()), said, strict=True))
    orders = []
    for order in itertools.permutations((1, 2, 3)):
        masked, total = {1, 2, 3}, 0.0
        for position in order:
            total += float(by_mask[tuple(i in masked for i in range(5))][position, dag.ops[0, position]])
            masked.remove(position)
        orders.append(total)
    assert exact == pytest.approx(sum(orders) / 6, abs=1e-4)

    drawn = draw_states(generator, dag, 6000, rng())
    found = drawn.positions * log_likelihood(generator(drawn.x_t, drawn.t), drawn)
    assert float(found.mean()) == pytest.approx(exact, abs=5 * float(found.std()) / 6000**0.5 + 1e-3)


@torch.no_grad()
@pytest.mark.parametrize("kernel", [AbsorbingKernel, UniformKernel])
def test_states_are_those_of_the_process(tiny, kernel):
    generator = untrained(tiny, kernel())
    dags = enumerate_space(tiny)
    states = draw_states(generator, dags, 3, rng())
    assert len(states) == 3 * len(dags)
    free_nodes, free_edges = generator.process.free(states.x_0.mask)
    assert not bool((states.nodes & ~free_nodes).any() | (states.edges & ~free_edges).any())
    if generator.process.absorbing:
        assert torch.equal(states.nodes, states.x_t.nodes[..., -1] > 0)
        assert torch.equal(states.edges, states.x_t.edges[..., -1] > 0)
    logits = generator(states.x_t, states.t)
    assert bool((states.predicted >= 1).all())
    assert bool(log_likelihood(logits, states).isfinite().all())
    assert torch.equal(divergence(logits, logits, states), torch.zeros(len(states)))


@pytest.mark.parametrize(
    ("name", "value"),
    [("rounds", 0), ("batch_size", 1), ("kl", -1.0), ("clip", 0.0), ("masks", 1.5), ("elites", -1), ("learning_rate", "much"),
     ("least_spread", -0.1), ("gradient_steps", True), ("kl", float("nan"))],
)  # fmt: skip
def test_impossible_options_are_refused(name, value):
    with pytest.raises(InvalidRequest, match=name):
        FineTuning(**{name: value})
