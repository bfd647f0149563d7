"""Small spaces and processes that the diffusion tests share."""

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
    LinearSchedule,
    MarginalKernel,
    UniformKernel,
)
from nag.graphs import DagBatch, GraphBatch
from nag.spaces import SearchSpace, enumerate_space, load_space, space_from_mapping

KERNELS = [AbsorbingKernel, MarginalKernel, UniformKernel]
SCHEDULES = [CosineSchedule, LinearSchedule]
SPACES = ["tiny", "nas_bench_graph"]


def tiny_space() -> SearchSpace:
    """Free wiring, several sizes, a required edge and a position with one operation."""
    return space_from_mapping(
        {
            "name": "tiny",
            "operations": {"conv": "parametric", "pool": "parametric", "skip": "identity"},
            "nodes": [3, 5],
            "edges": "free",
            "required": [[0, 1]],
            "allowed": [["conv", "pool"], ["conv", "pool", "skip"]],
            "constraints": {"all_nodes_on_a_path": True},
        }
    )


@pytest.fixture(scope="session")
def tiny() -> SearchSpace:
    return tiny_space()


@pytest.fixture(
    params=list(itertools.product(SPACES, KERNELS, SCHEDULES)), ids=lambda p: f"{p[0]}-{p[1].__name__}-{p[2].__name__}"
)
def case(request):
    """A space, all its graphs, and a process on them, for each kernel and schedule."""
    name, kernel, schedule = request.param
    space = tiny_space() if name == "tiny" else load_space(name)
    everything = enumerate_space(space)
    return space, everything, DiscreteProcess(kernel(), schedule(), space.masks, everything)


@dataclass
class Toy:
    """All 16 graphs of three nodes, a law on them, and its exact denoiser."""

    space: SearchSpace
    process: DiscreteProcess
    graphs: DagBatch
    law: torch.Tensor

    def denoise(self, x_t: GraphBatch, t: torch.Tensor) -> GraphBatch:
        alpha = self.process.schedule.alpha(t)
        states = self.process.clean(self.graphs)
        pi = self.process.pi(x_t.mask)
        log_likelihood = self.law.log()[None]
        pieces = (
            (x_t.nodes, states.nodes, pi.nodes),
            (x_t.edges.flatten(1, 2), states.edges.flatten(1, 2), pi.edges.flatten(1, 2)),
        )
        for noisy, clean, drawn_from in pieces:
            stays = torch.einsum("bpc,spc->bsp", noisy, clean)
            drawn = (noisy * drawn_from).sum(-1)[:, None]
            free = drawn_from.amax(-1)[:, None] < 1 if not self.process.absorbing else drawn_from[..., -1][:, None] == 1
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


def _make_toy(kernel, schedule, dependent: bool = True) -> Toy:
    space = space_from_mapping(
        {"name": "toy", "operations": {"a": "parametric", "b": "parametric"}, "nodes": 3, "edges": "free"}
    )
    ops, edges = [], []
    for op, *present in itertools.product([2, 3], [0, 1], [0, 1], [0, 1]):
        ops.append([0, op, 1])
        edges.append([[0, present[0], present[1]], [0, 0, present[2]], [0, 0, 0]])
    graphs = DagBatch(torch.tensor(ops), torch.tensor(edges), torch.ones(16, 3, dtype=torch.bool))
    if dependent:
        law = torch.rand(16, generator=torch.Generator().manual_seed(5)) ** 3
        law[[1, 4, 6, 9, 10, 15]] = 1e-20
    else:
        law = torch.tensor([0.7, 0.3])
        for present in (0.2, 0.5, 0.6):
            law = torch.outer(law, torch.tensor([1 - present, present])).flatten()
    return Toy(space, DiscreteProcess(kernel, schedule, space.masks, graphs), graphs, law / law.sum())


@pytest.fixture(scope="session")
def toy():
    """Makes a toy of a kernel and a schedule, its positions dependent or not."""
    return _make_toy
