"""Guidance toward a front: the assignment of graphs to directions, and what comes of it."""

from __future__ import annotations

import itertools

import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.diffusion import AbsorbingKernel, DiscreteGenerator, FrontGuidance, LinearSchedule, UniformGenerator
from nag.diffusion.guidance.fronts import assign
from nag.graphs import DagBatch
from nag.spaces import enumerate_space, space_from_mapping


@pytest.fixture(scope="module")
def generator():
    """An untrained generator of four operations in a row, each of three."""
    space = space_from_mapping(
        {
            "name": "row",
            "operations": {"a": "parametric", "b": "parametric", "c": "parametric"},
            "nodes": 6,
            "edges": [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]],
        }
    )
    torch.manual_seed(0)
    shape = {"width": 16, "layers": 1, "heads": 2}
    return DiscreteGenerator(space, enumerate_space(space), AbsorbingKernel(), LinearSchedule(), **shape).eval()


@pytest.mark.parametrize("seed", range(5))
def test_the_assignment_is_the_best_of_all(seed):
    values = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed))
    found = assign(values, torch.arange(6))
    assert len(set(found.tolist())) == 3
    best = max(sum(float(values[p, w]) for w, p in enumerate(rows)) for rows in itertools.permutations(range(6), 3))
    assert float(values[found, torch.arange(3)].sum()) == pytest.approx(best)


@pytest.mark.parametrize("seed", range(5))
def test_no_code_comes_twice_while_there_are_others(seed):
    rng = torch.Generator().manual_seed(seed)
    code = torch.randint(4, (10,), generator=rng)
    values = torch.randn(4, 3, generator=rng)[code]  # graphs of one function score alike
    found = assign(values, code)
    first = [int((code == c).nonzero()[0]) for c in code.unique()]
    count = min(3, len(first))
    assert len(set(code[found].tolist())) == count
    if count == 3:
        best = max(sum(float(values[p, w]) for w, p in enumerate(rows)) for rows in itertools.permutations(first, 3))
        assert float(values[found, torch.arange(3)].sum()) == pytest.approx(best)


def test_one_code_serves_where_there_is_no_other():
    found = assign(torch.zeros(4, 3), torch.tensor([7, 7, 7, 7]))
    assert len(set(found.tolist())) == 3


def counts(dags: DagBatch) -> torch.Tensor:
    """How often `a` and how often `b`: (B, 2); the first and the second kind of the vocabulary after input and output."""
    return torch.stack([(dags.ops == 2).sum(1), (dags.ops == 3).sum(1)], 1).double()


def test_samples_spread_over_the_front_of_two_opposing_scores(generator):
    share = torch.linspace(0, 1, 5, dtype=torch.float64)

    def scores(dags: DagBatch) -> torch.Tensor:
        distance = 4 - counts(dags)
        return -torch.maximum(distance[:, :1] * share, distance[:, 1:] * (1 - share)) - 0.05 * distance.sum(1, keepdim=True)

    guidance, calls = FrontGuidance(pool=4, rounds=30), []
    dags = guidance.sample(generator, 5, torch.Generator().manual_seed(0), scores, on_step=lambda: calls.append(1))
    found = counts(dags)
    assert (found.sum(1) == 4).all()  # nothing is spent on the third operation: all are on the front
    assert found[0].tolist() == [0, 4]  # the direction that asks for b alone
    assert found[-1].tolist() == [4, 0]
    assert len(set(found[:, 0].tolist())) >= 4
    assert len(set(generator.space.function_codes(dags).tolist())) == 5
    cost = guidance.cost(generator, 5)
    assert len(calls) == cost.network_evaluations
    again = guidance.sample(generator, 5, torch.Generator().manual_seed(0), scores)
    assert torch.equal(again.ops, dags.ops)


def test_no_sum_of_scores_is_lost_from_generation_to_generation(generator):
    share = torch.linspace(0, 1, 4, dtype=torch.float64)

    def scored(dags: DagBatch) -> torch.Tensor:
        return counts(dags) @ torch.stack([share, 1 - share])

    sums = []
    for rounds in (0, 2, 8):
        dags = FrontGuidance(pool=2, rounds=rounds).sample(generator, 4, torch.Generator().manual_seed(1), scored)
        sums.append(float(scored(dags).diagonal().sum()))
    assert sums == sorted(sums)


def test_requests_that_cannot_be_met(generator):
    with pytest.raises(InvalidRequest, match="pool is 0"):
        FrontGuidance(pool=0)
    with pytest.raises(InvalidRequest, match="rounds is -1"):
        FrontGuidance(rounds=-1)
    rng, none = torch.Generator().manual_seed(0), FrontGuidance(pool=1, rounds=0)
    with pytest.raises(InvalidRequest, match="number of samples is 0"):
        none.sample(generator, 0, rng, counts)
    uniform = UniformGenerator(generator.space, enumerate_space(generator.space))
    with pytest.raises(InvalidRequest, match="discrete generator"):
        none.sample(uniform, 2, rng, counts)
