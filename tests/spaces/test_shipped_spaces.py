"""Laws that every shipped search space keeps."""

from __future__ import annotations

import random
from collections import Counter
from itertools import permutations

import pytest
import torch

from nag.core.errors import InvalidArchitecture
from nag.graphs import Architecture
from nag.spaces import list_spaces, load_space, sample_uniform

SPACES = [name for name in list_spaces() if load_space(name).max_nodes < 10]  # larger ones cannot be enumerated


@pytest.fixture(scope="module", params=SPACES)
def everything(request, whole):
    return whole(request.param)


def some(dags, count: int, seed: int = 0):
    return dags[torch.randint(len(dags), (count,), generator=torch.Generator().manual_seed(seed))]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name == "nasbench101" else []) for name in SPACES]
)
def test_every_enumerated_architecture_is_valid_and_distinct(whole, name):
    space, dags = whole(name)
    assert bool(space.is_valid(dags).all())
    assert len(set(space.hashes(dags))) == len(dags)


def test_native_strings_restore_the_architecture(everything):
    space, dags = everything
    for arch in some(dags, 300).to_architectures(space.vocabulary):
        assert space.decode(space.encode(arch)) == arch
        assert space.decode(f"  {space.encode(arch)}\n") == arch


def test_uniform_draws_are_valid_and_follow_the_seed(everything):
    space, _ = everything
    first, again, other = (sample_uniform(space, 500, seed) for seed in (3, 3, 4))
    assert len(first) == 500
    assert bool(space.is_valid(first).all())
    assert torch.equal(first.ops, again.ops)
    assert torch.equal(first.adjacency, again.adjacency)
    assert not torch.equal(first.ops, other.ops)


def perturbed(arch: Architecture, vocabulary, rng: random.Random) -> Architecture:
    """A random graph near or far from a given one, which may or may not be valid."""
    ops, edges = list(arch.ops), set(arch.edges)
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        u, v = sorted(rng.sample(range(len(ops)), 2))
        match rng.randrange(4):
            case 0:
                ops[rng.randrange(len(ops))] = rng.choice(vocabulary)
            case 1:
                edges.add((u, v))
            case 2:
                edges.discard((u, v))
            case 3:
                edges.discard(rng.choice(sorted(edges) or [(u, v)]))
    return Architecture(tuple(ops), tuple(edges))


def fault(space, arch: Architecture) -> InvalidArchitecture | None:
    try:
        space.validate(arch)
    except InvalidArchitecture as error:
        return error
    return None


def test_validation_agrees_with_the_batched_check(everything):
    space, dags = everything
    rng = random.Random(7)
    archs = [perturbed(arch, space.vocabulary, rng) for arch in some(dags, 600).to_architectures(space.vocabulary)]
    faults = [fault(space, arch) for arch in archs]
    assert all(error.what and error.hint for error in faults if error is not None)
    verdicts = [error is None for error in faults]
    assert space.is_valid(space.to_dags(archs)).tolist() == verdicts
    assert 30 < sum(verdicts) < 570


def test_masks_hold_the_whole_space(everything):
    space, dags = everything
    n = dags.num_nodes
    assert bool(space.masks.nodes[n].gather(2, dags.ops.unsqueeze(2)).all())
    assert bool(space.masks.edges_of(dags.mask).gather(3, dags.adjacency.unsqueeze(3)).all())
    seen = torch.zeros_like(space.masks.nodes[space.max_nodes])
    largest = dags[n == space.max_nodes]
    for position in range(space.max_nodes):
        seen[position, largest.ops[:, position].unique()] = True
    allowed = space.masks.nodes[space.max_nodes]
    assert bool((seen <= allowed).all())
    assert seen.sum() > space.max_nodes  # not one operation everywhere


def test_neighbours_are_valid_distinct_and_one_edit_away(everything):
    space, dags = everything
    for arch in some(dags, 8, seed=1).to_architectures(space.vocabulary):
        found = space.neighbours(arch)
        assert found
        assert bool(space.is_valid(space.to_dags(found)).all())
        hashes = space.hashes(space.to_dags([arch, *found]))
        assert len(set(hashes)) == len(hashes)
        for other in found:
            ops, other_ops = Counter(arch.ops), Counter(other.ops)
            assert sum((ops - other_ops).values()) <= 1
            assert sum((other_ops - ops).values()) <= 1
            assert ops == other_ops or other.num_nodes != arch.num_nodes or len(other.edges) == len(arch.edges)
            assert abs(other.num_nodes - arch.num_nodes) <= 1


def test_neighbours_of_a_fixed_wiring_are_all_changes_of_one_operation():
    space = load_space("nasbench201")
    arch = space.decode("|none~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|none~1|avg_pool_3x3~2|")
    assert len(space.neighbours(arch)) == 6 * 4


def test_neighbours_reach_other_sizes_and_do_not_depend_on_the_order(whole):
    space, dags = whole("nasbench101")
    for arch in some(dags[(dags.num_nodes == 6) & (dags.adjacency.sum((1, 2)) <= 7)], 2, seed=4).to_architectures(
        space.vocabulary
    ):
        found = space.neighbours(arch)
        assert {graph.num_nodes for graph in found} >= {6, 7}
        for order in permutations(range(1, 5)):
            nodes = [0, *order, 5]
            other = Architecture.from_unordered({node: arch.ops[node] for node in nodes}, arch.edges)
            assert set(space.hashes(space.to_dags(space.neighbours(other)))) == set(space.hashes(space.to_dags(found)))


@pytest.mark.parametrize("name", ["nasbench201", "nasbench101"])
def test_neighbourhood_is_symmetric(whole, name):
    space, dags = whole(name)
    rng = random.Random(2)
    for arch in some(dags, 3, seed=2).to_architectures(space.vocabulary):
        own = space.hashes(space.to_dags([arch]))[0]
        found = space.neighbours(arch)
        for other in rng.sample(found, min(8, len(found))):
            assert own in space.hashes(space.to_dags(space.neighbours(other)))


def test_neighbourhood_of_trees_with_derived_outputs_is_symmetric(whole):
    space, dags = whole("nas_bench_graph")
    for arch in some(dags, 3, seed=3).to_architectures(space.vocabulary):
        own = space.hashes(space.to_dags([arch]))[0]
        for other in space.neighbours(arch)[:12]:
            assert own in space.hashes(space.to_dags(space.neighbours(other)))


# -- what is refused, and why --------------------------------------------------------------------------------------------

CONV, POOL = "conv3x3-bn-relu", "maxpool3x3"
TEN_EDGES = f"0111111/0011111/0000001/0000001/0000001/0000001/0000000:input{f',{POOL}' * 5},output"


@pytest.mark.parametrize(
    ("name", "text", "what", "hint"),
    [
        ("nasbench101", f"0100/0010/0100/0000:input,{CONV},{CONV},output", "cycle", "acyclic"),
        ("nasbench101", "010/001/000:input,conv3x3,output", "'conv3x3' is not in the vocabulary", f"Did you mean '{CONV}'"),
        ("nasbench101", TEN_EDGES, "more than 9", "YAML"),
        ("nasbench101", f"0100/0000/0001/0000:input,{POOL},{POOL},output", "lies on no path", "YAML"),
        ("nasbench101", f"01/00/:input,{POOL},output", "is no matrix with operations", "form"),
        ("nasbench101", f"010/001/000 input,{POOL},output", "is no matrix with operations", "form"),
        ("nasbench101", f"010/002/000:input,{POOL},output", "is no matrix with operations", "form"),
        ("nasbench101", "", "is no matrix with operations", "form"),
        ("nasbench101", f"010/001/000:{POOL},input,output", "node 0 cannot be", ""),
        ("nasbench101", "0:input", "has 1 nodes", "2 to 7"),
        ("nasbench201", "|nor_conv_3x3~0|", "is no cell string", "form"),
        ("nasbench201", "|none~0|+|none~0|none~1|+|none~0|none~1|none~1|", "is no cell string", "form"),
        ("nasbench201", "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_5x5~2|", "'nor_conv_5x5' is not", "Did you mean"),
        ("nasbench201", "|none~0|+|none~0|none~1|+|none~0|none~1|input~2|", "node 6 cannot be 'input'", ""),
        ("nas_bench_graph", "0,0,1|gcn,gat,fc,gin", "is no link list", "form"),
        ("nas_bench_graph", "0,0,1,1 gcn,gat,fc,gin", "is no link list", "form"),
        ("nas_bench_graph", "0,0,-1,1|gcn,gat,fc,gcn", "is no link list", "form"),
        ("nas_bench_graph", "0,0,1,7|gcn,gat,fc,gcn", "names an unknown node", "Nodes"),
        ("nas_bench_graph", "0,0,4,3|gcn,gat,fc,gcn", "cycle", "acyclic"),
        ("nas_bench_graph", "0,0,1,5|gcn,gat,fc,gcn", "", ""),
        ("nas_bench_graph", "0,0,1,2|gcn,gatt,fc,gcn", "'gatt' is not in the vocabulary", "Did you mean 'gat'"),
        ("nas_bench_graph", "0,1,2,3|gcn,skip,fc,gcn", "an identity operation must lead", "YAML"),
    ],
)  # fmt: skip
def test_invalid_strings_are_refused_with_a_reason_and_a_hint(name, text, what, hint):
    with pytest.raises(InvalidArchitecture) as caught:
        load_space(name).decode(text)
    assert what in caught.value.what
    assert caught.value.hint
    assert hint in caught.value.hint


def test_another_wiring_is_refused():
    space = load_space("nasbench201")
    arch = space.decode("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    for edges, reason in ((arch.edges[1:], "is missing"), ((*arch.edges, (0, 7)), "is not allowed")):
        with pytest.raises(InvalidArchitecture, match=reason):
            space.validate(Architecture(arch.ops, edges))


def test_costs_add_up():
    space = load_space("nasbench201")
    archs = [space.decode(f"|{op}~0|+|none~0|none~1|+|none~0|none~1|nor_conv_1x1~2|") for op in ("none", "nor_conv_3x3")]
    low, high = space.estimate_costs(space.to_dags(archs))["flops_m"].tolist()
    assert low == pytest.approx(7.78304 + 3.93216)
    assert high - low == pytest.approx(35.38944)
