"""nag's own classes keep the contracts that `nag.testing` offers to others."""

from __future__ import annotations

from functools import partial

import torch

from nag.diffusion import (
    AbsorbingKernel,
    CosineSchedule,
    DiscreteGenerator,
    GuidanceMethod,
    Metropolis,
    Offspring,
    ScoreGenerator,
    UniformGenerator,
    UniformKernel,
)
from nag.diffusion.sde import VPSDE
from nag.evaluation import load_data_set
from nag.graphs import Architecture
from nag.networks import DataShape, NASBench101Builder, NASBench201Builder
from nag.proxies import Batch, list_proxies, proxy_named
from nag.search import RandomSearch, RegularisedEvolution
from nag.spaces import load_space, space_from_mapping
from nag.spaces.codecs import EdgeList, MatrixOps, OpList
from nag.spaces.constraints import AllNodesOnAPath, InDegree, InputReaders, MaxEdges, OutputFromLeaves
from nag.testing import (
    BuilderContract,
    CodecContract,
    ConstraintContract,
    DataSetContract,
    GeneratorContract,
    GuidanceContract,
    ProxyContract,
    SpaceContract,
    StrategyContract,
    TrackerContract,
)
from nag.tracking import CompositeTracker, ConsoleTracker, JsonLinesTracker, NullTracker

FREE = space_from_mapping(
    {"name": "free", "operations": {"a": "parametric", "b": "mergeable", "skip": "identity"}, "nodes": [3, 5], "edges": "free"}
)
FIXED = space_from_mapping(
    {"name": "fixed", "operations": {"a": "parametric", "b": "mergeable"}, "nodes": 4, "edges": [[0, 1], [1, 2], [2, 3]]}
)
SMALL = {"width": 8, "layers": 1, "heads": 2}
IMAGES = DataShape("images", 3, 4, 8, 8)


def method(make):
    """A function as a method."""
    return lambda self, *args: make(*args)


def contracts(base, cases, **more):
    """A class of tests for each case: name -> the body of its `make`."""
    for name, make in cases.items():
        members = {"make": method(make), "__module__": __name__, **more}
        globals()[f"Test{base.__name__}_{name}"] = type(f"Test{base.__name__}_{name}", (base,), members)


contracts(
    SpaceContract,
    {name: partial(load_space, name) for name in ("nasbench201", "nas_bench_graph")} | {"free": lambda: FREE},
)
contracts(
    ConstraintContract,
    {
        "max_edges": lambda: MaxEdges(4),
        "in_degree": lambda: InDegree(1),
        "on_a_path": AllNodesOnAPath,
        "leaves": OutputFromLeaves,
        "readers": lambda: InputReaders(("a",)),
    },
    space=FREE,
)
contracts(CodecContract, {"edge_list": lambda: EdgeList(5), "matrix_ops": lambda: MatrixOps(5)}, space=FREE)
contracts(CodecContract, {"op_list": lambda: OpList(FIXED.wiring, 2)}, space=FIXED)
contracts(BuilderContract, {"nb201": lambda: NASBench201Builder(4, 1)}, space=load_space("nasbench201"), shape=IMAGES)
contracts(BuilderContract, {"nb101": lambda: NASBench101Builder(4, 2, 1)}, space=load_space("nasbench101"), shape=IMAGES)
contracts(
    GeneratorContract,
    {
        "absorbing": lambda space, data: DiscreteGenerator(space, data, AbsorbingKernel(), CosineSchedule(), **SMALL),
        "uniform_kernel": lambda space, data: DiscreteGenerator(space, data, UniformKernel(), CosineSchedule(), **SMALL),
        "vp": lambda space, data: ScoreGenerator(space, data, VPSDE(), steps=4, **SMALL),
    },
    space=FREE,
)
contracts(GeneratorContract, {"uniform": UniformGenerator}, space=FREE, trainable=False)
contracts(
    GuidanceContract,
    {
        "selection": lambda scale: GuidanceMethod(scale, pool=4, corrector=None),
        "offspring": lambda scale: GuidanceMethod(scale, pool=2, corrector=Offspring(rounds=2)),
        "metropolis": lambda scale: GuidanceMethod(scale, pool=2, corrector=Metropolis(rounds=2)),
    },
    space=FREE,
)
contracts(
    StrategyContract,
    {
        "random": RandomSearch,
        "evolution": lambda problem, seed: RegularisedEvolution(problem, seed, population=6, tournament=3),
    },
    space=load_space("nasbench201"),
)
contracts(DataSetContract, {name: partial(load_data_set, name) for name in ("digits", "sbm")})
contracts(
    TrackerContract,
    {
        "null": lambda folder: NullTracker(),
        "console": lambda folder: ConsoleTracker(),
        "json": lambda folder: JsonLinesTracker(folder / "log.jsonl"),
        "all": lambda folder: CompositeTracker([NullTracker(), JsonLinesTracker(folder / "log.jsonl")]),
    },
)
contracts(
    ProxyContract,
    {name: partial(proxy_named, name) for name in list_proxies()},
    network=lambda self: NASBench201Builder(4, 1).build(CHAIN, IMAGES, 0),
    batch=lambda self: Batch(IMAGES.example(4, torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 3])),
)
CHAIN = Architecture(("input", "nor_conv_3x3", "output"), ((0, 1), (1, 2)))
