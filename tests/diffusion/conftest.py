"""Small spaces and processes that the diffusion tests share."""

from __future__ import annotations

import itertools

import pytest

from nag.diffusion import (
    AbsorbingKernel,
    CosineSchedule,
    DiscreteProcess,
    LinearSchedule,
    MarginalKernel,
    UniformKernel,
)
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
