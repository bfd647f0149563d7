from __future__ import annotations

import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.diffusion import Evolution, GuidanceMethod, Request, UniformGenerator
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, enumerate_space


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Fitness:
    """Has one best function; remembers what it was asked."""

    def __init__(self, space: SearchSpace, transform=lambda value: value) -> None:
        self.space, self.transform = space, transform
        self.asked: list[DagBatch] = []

    def __call__(self, dags: DagBatch) -> torch.Tensor:
        assert self.space.is_valid(dags).all()
        self.asked.append(dags)
        index = self.space.vocabulary.index("conv")
        convs, edges = (dags.ops == index).sum(1), dags.adjacency.sum((1, 2))
        value = -(convs - 2).abs().double() - 0.3 * (edges - 5).abs() - 0.7 * (dags.num_nodes - 5).abs()
        return self.transform(value)

    @property
    def codes(self) -> list[int]:
        return self.space.function_codes(DagBatch.cat(self.asked)).tolist()


def evolve(space, score, count=5, seed=0, **options) -> DagBatch:
    generator = UniformGenerator(space, enumerate_space(space))
    proposal = Evolution(**{"population": 12, "generations": 25, **options})
    return GuidanceMethod(1.0, proposal, pool=1, corrector=None).sample(generator, count, rng(seed), score)


def same(a: DagBatch, b: DagBatch) -> bool:
    return torch.equal(a.ops, b.ops) and torch.equal(a.adjacency, b.adjacency) and torch.equal(a.mask, b.mask)


@pytest.mark.parametrize("seed", range(3))
def test_the_population_reaches_the_optimum(tiny, seed):
    fitness = Fitness(tiny)
    everything = enumerate_space(tiny)
    optimum, median = float(Fitness(tiny)(everything).max()), float(Fitness(tiny)(everything).median())
    dags = evolve(tiny, fitness, seed=seed, population=20, generations=40)
    values = Fitness(tiny)(dags)
    assert float(values[0]) == optimum > median
    assert values.tolist() == sorted(values.tolist(), reverse=True)
    assert len(fitness.codes) < len(set(tiny.function_codes(everything).tolist()))  # it did not look at everything


def test_each_function_is_scored_once_and_the_cost_is_a_bound(tiny):
    fitness = Fitness(tiny)
    evolve(tiny, fitness)
    assert len(set(fitness.codes)) == len(fitness.codes)
    generator = UniformGenerator(tiny, enumerate_space(tiny))
    guidance = GuidanceMethod(1.0, Evolution(population=12, generations=25), pool=1, corrector=None)
    assert 12 < len(fitness.codes) <= guidance.cost(generator, 5).scored == 12 * 26
    steps = []
    guidance.sample(generator, 5, rng(), fitness, on_step=lambda: steps.append(1))
    assert len(steps) == guidance.cost(generator, 5).network_evaluations


def test_the_samples_are_valid_distinct_and_follow_the_seed(tiny):
    dags = evolve(tiny, Fitness(tiny), count=20)
    assert tiny.is_valid(dags).all()
    assert len(set(tiny.function_codes(dags).tolist())) == 20
    assert same(dags, evolve(tiny, Fitness(tiny), count=20))
    assert not same(dags, evolve(tiny, Fitness(tiny), count=20, seed=1))


def test_increasing_functions_of_the_score_change_nothing(tiny):
    assert same(evolve(tiny, Fitness(tiny)), evolve(tiny, Fitness(tiny, lambda value: (3 * value).exp() - 100)))


@pytest.mark.parametrize("value", [1.0, float("nan"), float("-inf"), float("inf")])
def test_a_score_that_says_nothing_does_no_harm(tiny, value):
    dags = evolve(tiny, lambda dags: torch.full((len(dags),), value))
    assert len(dags) == 5
    assert tiny.is_valid(dags).all()


def test_what_is_not_measured_ranks_last(tiny):
    def score(dags: DagBatch) -> torch.Tensor:
        return Fitness(tiny)(dags).masked_fill(dags.adjacency.sum((1, 2)) < 7, float("nan"))

    assert (evolve(tiny, score, count=2, population=20).adjacency.sum((1, 2)) >= 7).all()


def test_more_graphs_than_were_found_repeat(tiny):
    dags = evolve(tiny, Fitness(tiny), count=50, population=2, generations=2)
    assert len(dags) == 50
    assert 1 <= len(set(tiny.function_codes(dags).tolist())) <= 6


def test_a_fixed_wiring_stays(whole):
    space, data = whole("nasbench201")
    conv = space.vocabulary.index("nor_conv_3x3")

    def convolutions(dags: DagBatch) -> torch.Tensor:
        return (dags.ops == conv).sum(1)

    dags = Evolution().sample(Request(UniformGenerator(space, data), 9, rng(), convolutions, 1.0))
    assert space.is_valid(dags).all()
    assert convolutions(dags)[0] == convolutions(data).max() == 6


def test_a_uniform_generator_keeps_the_masks_and_draws_uniformly(tiny):
    data = enumerate_space(tiny)
    generator = UniformGenerator(tiny, data)
    dags = generator.sample(4000, rng())
    assert same(dags, generator.sample(4000, rng()))
    nodes = tiny.masks.nodes[dags.num_nodes].gather(2, dags.ops.unsqueeze(2))
    edges = tiny.masks.edges_of(dags.mask).gather(3, dags.adjacency.unsqueeze(3))
    assert nodes.all()
    assert edges.all()
    shares = torch.bincount(dags.num_nodes, minlength=6) / len(dags)
    assert torch.allclose(shares, generator.sizes, atol=0.03)
    small = UniformGenerator(tiny, data[data.num_nodes == 3]).sample(4000, rng())
    numbers = small.ops[:, 1] * 4 + small.adjacency[:, 0, 2] * 2 + small.adjacency[:, 1, 2]
    counts = numbers.unique(return_counts=True)[1]
    assert len(counts) == 8  # two operations, two free edges
    assert torch.allclose(counts / 4000, torch.tensor(1 / 8), atol=0.025)


def test_a_uniform_generator_is_restored_and_cannot_be_trained(tiny):
    data = enumerate_space(tiny)
    generator = UniformGenerator(tiny, data)
    restored = UniformGenerator.restore(tiny, generator.config(), generator.state_dict())
    assert same(generator.sample(50, rng()), restored.sample(50, rng()))
    with pytest.raises(InvalidRequest, match="nothing to train"):
        generator.loss(data, rng())


@pytest.mark.parametrize("wrong", [{"population": 0}, {"generations": 0}, {"pressure": -1}, {"least_alpha": 1.0}, {"fresh": 2}])
def test_impossible_numbers_are_refused(wrong):
    with pytest.raises(InvalidRequest, match=next(iter(wrong))):
        Evolution(**wrong)
