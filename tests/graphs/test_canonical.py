"""Canonical hashes against exhaustive relabelling, which shares no code with them."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter, defaultdict

import networkx as nx
import numpy as np
import pytest
import torch

from nag.graphs import (
    Architecture,
    DagBatch,
    Semantics,
    canonical_forms,
    canonical_hashes,
    invariant_codes,
    levels,
    random_layered_dags,
    reduce,
)

VOCABULARY = ("input", "output", "a", "b")


def relabelled(size: int) -> list[list[int]]:
    return [list(order) for order in itertools.permutations(range(size))]


def exact_classes(ops: np.ndarray, adjacency: np.ndarray, base: int) -> np.ndarray:
    """Smallest number that any relabelling of each small graph spells in `base`: equal exactly for isomorphic graphs."""
    size = ops.shape[1]
    pairs = [(u, v) for u in range(size) for v in range(size) if u != v]
    weight = base ** np.arange(size + len(pairs), dtype=object)
    assert weight[-1] * base < 2**63
    weight = weight.astype(np.int64)
    smallest = np.full(len(ops), np.iinfo(np.int64).max)
    for order in relabelled(size):
        moved = adjacency[:, order][:, :, order]
        code = ops[:, order] @ weight[:size] + np.stack([moved[:, u, v] for u, v in pairs], 1) @ weight[size:]
        smallest = np.minimum(smallest, code)
    return smallest


def number_of_classes(codes) -> int:
    return len(set(codes))


def same_partition(first, second) -> bool:
    pairs = set(zip(first, second, strict=True))
    return len(pairs) == number_of_classes(first) == number_of_classes(second)


def all_dags(size: int, multiplicity: int, num_ops: int) -> tuple[np.ndarray, np.ndarray]:
    """Every adjacency above the diagonal with every assignment of operations to the nodes."""
    pairs = [(u, v) for u in range(size) for v in range(u + 1, size)]
    wirings = np.array(list(itertools.product(range(multiplicity + 1), repeat=len(pairs)))).reshape(-1, len(pairs))
    matrices = np.zeros((len(wirings), size, size), dtype=np.int64)
    for i, (u, v) in enumerate(pairs):
        matrices[:, u, v] = wirings[:, i]
    choices = np.array(list(itertools.product(range(num_ops), repeat=size)))
    return np.tile(choices, (len(matrices), 1)), np.repeat(matrices, len(choices), 0)


@pytest.mark.parametrize(("size", "multiplicity"), [(2, 1), (3, 1), (4, 1), (5, 1), (2, 2), (3, 2), (4, 2)])
def test_hash_classes_of_all_small_graphs_are_their_isomorphism_classes(size, multiplicity):
    ops, adjacency = all_dags(size, multiplicity, 2)
    mask = torch.ones(ops.shape, dtype=torch.bool)
    dags = DagBatch(torch.from_numpy(ops), torch.from_numpy(adjacency), mask)
    hashes = canonical_forms(dags, VOCABULARY).hashes
    assert same_partition(hashes, exact_classes(ops, adjacency, multiplicity + 1).tolist())


def test_number_of_small_graphs_agrees_with_networkx():
    ops, adjacency = all_dags(4, 1, 2)
    distinct: dict[str, list[nx.DiGraph]] = defaultdict(list)
    for labels, matrix in zip(ops.tolist(), adjacency, strict=True):
        graph = nx.from_numpy_array(matrix, create_using=nx.DiGraph)
        nx.set_node_attributes(graph, dict(enumerate(labels)), "op")
        bucket = distinct[nx.weisfeiler_lehman_graph_hash(graph, node_attr="op")]
        if not any(nx.is_isomorphic(graph, known, node_match=lambda a, b: a["op"] == b["op"]) for known in bucket):
            bucket.append(graph)
    dags = DagBatch(torch.from_numpy(ops), torch.from_numpy(adjacency), torch.ones(ops.shape, dtype=torch.bool))
    assert number_of_classes(canonical_forms(dags, VOCABULARY).hashes) == sum(map(len, distinct.values()))


def test_canonical_order_gives_one_matrix_for_a_class():
    ops, adjacency = all_dags(4, 1, 2)
    dags = DagBatch(torch.from_numpy(ops), torch.from_numpy(adjacency), torch.ones(ops.shape, dtype=torch.bool))
    forms = canonical_forms(dags, VOCABULARY)
    assert torch.equal(forms.order.sort(1)[0], torch.arange(4).expand_as(forms.order))
    moved = dags.take_nodes(forms.order)
    assert not moved.adjacency.tril().any()
    spelled = [(tuple(row), matrix.tobytes()) for row, matrix in zip(moved.ops.tolist(), moved.adjacency.numpy(), strict=True)]
    assert same_partition(spelled, forms.hashes)


# -- NAS-Bench-201: the reduction, done another way --------------------------------------------------------------------


def reduced_cell(labels: dict[tuple[int, int], str]) -> tuple[list[str], dict[tuple[int, int], int]]:
    """Normal form of a NAS-Bench-201 cell, followed through its four cell nodes: operations, multiplicities of edges.

    Each cell node is a multiset of signals; a convolution makes a new signal, a pooling one for each multiset.
    """
    ops = ["input"]
    inputs: list[Counter] = [Counter()]
    pools: dict[frozenset, int] = {}
    cell: list[Counter] = [Counter({0: 1})]
    for v in range(1, 4):
        total: Counter = Counter()
        for u in range(v):
            op, signals = labels[u, v], cell[u]
            if op == "skip_connect":
                total += signals
            elif op != "none" and signals:
                key = frozenset(signals.items())
                if op == "avg_pool_3x3" and key in pools:
                    total[pools[key]] += 1
                    continue
                ops.append(op)
                inputs.append(signals)
                total[len(ops) - 1] += 1
                if op == "avg_pool_3x3":
                    pools[key] = len(ops) - 1
        cell.append(total)
    ops.append("output")
    inputs.append(cell[3])
    needed, waiting = {0, len(ops) - 1}, [len(ops) - 1]
    while waiting:
        for source in inputs[waiting.pop()]:
            if source not in needed:
                needed.add(source)
                waiting.append(source)
    names = {old: new for new, old in enumerate(sorted(needed))}
    edges = {(names[u], names[v]): n for v in sorted(needed) for u, n in inputs[v].items()}
    return [ops[old] for old in sorted(needed)], edges


def scrambled(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(29))) * np.uint64(0xD6E8FEB86659FD93)
        return x ^ (x >> np.uint64(32))


def classes_by_all_relabellings(graphs: list[tuple[list[str], dict[tuple[int, int], int]]], vocabulary) -> list[tuple]:
    """Sum over all relabellings of inner nodes of a random 64-bit code of the relabelled graph."""
    by_size: dict[int, list[int]] = defaultdict(list)
    for i, (ops, _) in enumerate(graphs):
        by_size[len(ops)].append(i)
    result: list[tuple] = [()] * len(graphs)
    rng = np.random.default_rng(0)
    for size, members in by_size.items():
        ops = np.array([[vocabulary.index(op) for op in graphs[i][0]] for i in members], dtype=np.uint64)
        adjacency = np.zeros((len(members), size, size), dtype=np.uint64)
        for row, i in enumerate(members):
            for (u, v), n in graphs[i][1].items():
                adjacency[row, u, v] = n
        op_weight = rng.integers(2**63, size=size, dtype=np.uint64)
        edge_weight = rng.integers(2**63, size=(size, size), dtype=np.uint64)
        total = np.zeros(len(members), dtype=np.uint64)
        for inner in itertools.permutations(range(1, size - 1)):
            place = np.argsort([0, *inner, size - 1])
            moved_weight = edge_weight[np.ix_(place, place)].reshape(-1)
            code = ops @ op_weight[place] + adjacency.reshape(len(members), -1) @ moved_weight
            total += scrambled(code)
        for i, code in zip(members, total.tolist(), strict=True):
            result[i] = (size, code)
    return result


@pytest.fixture(scope="module")
def cells(whole):
    """All NAS-Bench-201 cells: space, graphs, labels of their edges, canonical hashes."""
    space, dags = whole("nasbench201")
    pairs = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    labels = [dict(zip(pairs, [space.vocabulary[op] for op in row[1:-1]], strict=True)) for row in dags.ops.tolist()]
    return space, dags, labels, space.canonical_hashes(dags)


def test_nasbench201_has_5260_functions_and_15625_graphs(cells):
    space, dags, _, hashes = cells
    assert len(dags) == 15625
    assert number_of_classes(space.hashes(dags)) == 15625
    assert number_of_classes(hashes) == 5260


def test_nasbench201_functions_agree_with_an_independent_count(cells):
    space, _, labels, hashes = cells
    independent = classes_by_all_relabellings([reduced_cell(cell) for cell in labels], space.vocabulary)
    assert number_of_classes(independent) == 5260
    assert same_partition(hashes, independent)


@pytest.mark.parametrize("within", [True, False])
def test_equal_hash_means_isomorphic_normal_form_to_networkx(cells, within):
    space, dags, _, hashes = cells
    rng = random.Random(0)
    by_hash, by_ops = defaultdict(list), defaultdict(list)
    reduced = reduce(dags, space.semantics)
    for i, digest in enumerate(hashes):
        by_hash[digest].append(i)
        by_ops[tuple(sorted(reduced.ops[i].tolist()))].append(i)

    def graph(i: int) -> nx.DiGraph:
        found = nx.DiGraph()
        found.add_nodes_from((int(v), {"op": int(reduced.ops[i, v])}) for v in reduced.mask[i].nonzero())
        found.add_edges_from(
            (int(u), int(v), {"n": int(reduced.adjacency[i, u, v])}) for u, v in reduced.adjacency[i].nonzero()
        )
        return found

    groups = [group for group in (by_hash if within else by_ops).values() if len(group) > 1]
    for _ in range(400):
        a, b = rng.sample(rng.choice(groups), 2)
        isomorphic = nx.is_isomorphic(graph(a), graph(b), lambda m, n: m["op"] == n["op"], lambda m, n: m["n"] == n["n"])
        assert isomorphic == (hashes[a] == hashes[b])
        assert isomorphic or not within


# -- NAS-Bench-201: what equal hashes promise, on real networks ----------------------------------------------------------

CHANNELS = 3


def new_unit(kind: str, rng: torch.Generator) -> dict[str, torch.Tensor]:
    """Weights and batch-norm statistics of one ReLU-convolution-norm."""
    side = 3 if kind == "nor_conv_3x3" else 1

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=rng, dtype=torch.float64)

    return {
        "kernel": normal(CHANNELS, CHANNELS, side, side),
        "mean": normal(CHANNELS),
        "variance": normal(CHANNELS).square() + 0.5,
        "scale": normal(CHANNELS),
        "shift": normal(CHANNELS),
    }


def apply_unit(unit: dict[str, torch.Tensor] | None, x: torch.Tensor) -> torch.Tensor:
    """Applies a unit in evaluation mode; one without weights belongs to a dropped node and is set to pass on nothing."""
    if unit is None:
        return torch.zeros_like(x)
    hidden = torch.nn.functional.conv2d(x.relu(), unit["kernel"], padding=unit["kernel"].shape[-1] // 2)
    return torch.nn.functional.batch_norm(hidden, unit["mean"], unit["variance"], unit["scale"], unit["shift"])


def run_cell(labels: dict[tuple[int, int], str], units: dict[tuple[int, int], dict], x: torch.Tensor) -> torch.Tensor:
    """A NAS-Bench-201 cell on (B, C, H, W) features, with the given units on its convolutions."""
    nodes = [x]
    for v in range(1, 4):
        total = torch.zeros_like(x)
        for u in range(v):
            op = labels[u, v]
            if op == "skip_connect":
                total = total + nodes[u]
            elif op == "avg_pool_3x3":
                total = total + torch.nn.functional.avg_pool2d(nodes[u], 3, 1, 1, count_include_pad=False)
            elif op != "none":
                total = total + apply_unit(units.get((u, v)), nodes[u])
        nodes.append(total)
    return nodes[3]


@pytest.fixture(scope="module")
def normal_forms(cells):
    space, dags, _labels, _ = cells
    reduced = reduce(dags, space.semantics)
    return reduced, canonical_forms(reduced, space.vocabulary).order


def units_at(cells, normal_forms, row: int) -> list[tuple[int, int] | None]:
    """Cell edge with the convolution that stands at each canonical position (None for other operations)."""
    _, _, labels, _ = cells
    reduced, order = normal_forms
    edges = list(labels[row])
    found = []
    for node in order[row].tolist():
        inner = 1 <= node <= 6 and bool(reduced.mask[row, node])
        found.append(edges[node - 1] if inner and "conv" in labels[row][edges[node - 1]] else None)
    return found


def features(rng: torch.Generator) -> torch.Tensor:
    return torch.randn(2, CHANNELS, 5, 5, generator=rng, dtype=torch.float64)


def test_cells_of_one_class_compute_the_same_with_weights_carried_over(cells, normal_forms):
    _, _, labels, hashes = cells
    groups = defaultdict(list)
    for i, digest in enumerate(hashes):
        groups[digest].append(i)
    several = [group for group in groups.values() if len(group) > 1]
    choose, rng = random.Random(1), torch.Generator().manual_seed(1)
    x = features(rng)
    for _ in range(400):
        a, b = choose.sample(choose.choice(several), 2)
        at_a, at_b = units_at(cells, normal_forms, a), units_at(cells, normal_forms, b)
        assert [edge is None for edge in at_a] == [edge is None for edge in at_b]
        units_a, units_b = {}, {}
        for edge_a, edge_b in zip(at_a, at_b, strict=True):
            if edge_a is not None:
                assert labels[a][edge_a] == labels[b][edge_b]
                units_a[edge_a] = units_b[edge_b] = new_unit(labels[a][edge_a], rng)
        assert torch.allclose(run_cell(labels[a], units_a, x), run_cell(labels[b], units_b, x), rtol=1e-5, atol=1e-5)


def test_cells_of_different_classes_differ_however_weights_are_carried_over(cells, normal_forms):
    """Cells with the same convolutions and no pooling (which is linear: other classes of it may well be equal)."""
    _, _, labels, hashes = cells
    reduced, _ = normal_forms
    alike = defaultdict(dict)
    for i, digest in enumerate(hashes):
        convs = tuple(sorted(labels[i][edge] for edge in units_at(cells, normal_forms, i) if edge is not None))
        if len(convs) == int(reduced.mask[i].sum()) - 2 and 2 <= len(convs) <= 3:
            alike[convs].setdefault(digest, i)
    choose, rng = random.Random(2), torch.Generator().manual_seed(2)
    x = features(rng)
    kinds = [kind for kind, members in alike.items() if len(members) > 1]
    for _ in range(80):
        kind = choose.choice(kinds)
        a, b = choose.sample(sorted(alike[kind].values()), 2)
        units = [new_unit(op, rng) for op in kind]
        outputs = []
        for row in (a, b):
            edges = [edge for edge in units_at(cells, normal_forms, row) if edge is not None]
            outputs.append(
                [
                    run_cell(labels[row], dict(zip(edges, order, strict=True)), x)
                    for order in itertools.permutations(units)
                    if all(
                        labels[row][e].endswith(f"{u['kernel'].shape[-1]}x{u['kernel'].shape[-1]}")
                        for e, u in zip(edges, order, strict=True)
                    )
                ]
            )
        assert outputs[0]
        assert outputs[1]
        assert not any(torch.allclose(y, z, rtol=1e-5, atol=1e-5) for y in outputs[0] for z in outputs[1])


def test_cells_without_a_path_form_one_class_that_is_constant(cells):
    space, _, labels, hashes = cells
    nothing = space.to_dags([space.decode("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")])
    empty = space.canonical_hashes(nothing)[0]
    rows = [i for i, digest in enumerate(hashes) if digest == empty]
    unconnected = []
    for i, cell in enumerate(labels):
        reached = {0}
        for (u, v), op in sorted(cell.items(), key=lambda item: item[0][1]):
            if op != "none" and u in reached:
                reached.add(v)
        if 3 not in reached:
            unconnected.append(i)
    assert rows == unconnected
    rng = torch.Generator().manual_seed(3)
    for i in rows[::7]:
        units = {edge: new_unit(op, rng) for edge, op in labels[i].items() if "conv" in op}
        first, second = (run_cell(labels[i], units, features(rng)) for _ in range(2))
        assert torch.equal(first, second)


# -- other spaces --------------------------------------------------------------------------------------------------------


def test_nas_bench_graph_has_26206_graphs_and_25998_functions(whole):
    space, dags = whole("nas_bench_graph")
    assert len(dags) == 26206
    assert number_of_classes(space.hashes(dags)) == 26206
    assert number_of_classes(space.canonical_hashes(dags)) == 25998


def test_nasbench101_has_423624_graphs(whole):
    space, dags = whole("nasbench101")
    assert len(dags) == 423624
    assert number_of_classes(space.hashes(dags)) == 423624


@pytest.mark.slow
def test_nasbench101_has_423624_functions(whole):
    space, dags = whole("nasbench101")
    assert number_of_classes(space.canonical_hashes(dags)) == 423624


def in_another_order(arch: Architecture, rng: random.Random) -> Architecture:
    names = rng.sample(range(arch.num_nodes), arch.num_nodes)
    return Architecture.from_unordered({name: arch.ops[name] for name in names}, arch.edges)


@pytest.mark.parametrize("name", ["nasbench101", "nas_bench_graph", "nasbench201"])
def test_other_topological_orders_have_the_same_hashes(whole, name):
    space, everything = whole(name)
    dags = everything[torch.randint(len(everything), (500,), generator=torch.Generator().manual_seed(4))]
    rng = random.Random(4)
    archs = dags.to_architectures(space.vocabulary)
    moved = [in_another_order(arch, rng) for arch in archs]
    assert sum(a != b for a, b in zip(archs, moved, strict=True)) > 100
    again = space.to_dags(moved)
    assert space.hashes(again) == space.hashes(dags)
    assert space.canonical_hashes(again) == space.canonical_hashes(dags)
    assert torch.equal(invariant_codes(again), invariant_codes(dags))


@pytest.mark.parametrize("name", ["nasbench101", "nas_bench_graph", "nasbench201"])
def test_hashes_depend_neither_on_padding_nor_on_the_batch(whole, name):
    space, everything = whole(name)
    dags = everything[torch.randint(len(everything), (60,), generator=torch.Generator().manual_seed(5))]
    for hashes in (space.hashes, space.canonical_hashes):
        together = hashes(dags)
        assert hashes(dags.pad(11)) == together
        assert [hashes(dags[i : i + 1])[0] for i in range(len(dags))] == together
        assert hashes(dags[torch.arange(59, -1, -1)]) == together[::-1]


@pytest.mark.parametrize("name", ["nas_bench_graph", "nasbench201"])
def test_invariant_codes_tell_as_many_graphs_apart(whole, name):
    _, dags = whole(name)
    assert len(invariant_codes(dags).unique()) == len(dags)
    some = dags[:50]
    assert torch.equal(invariant_codes(some.pad(11)), invariant_codes(some))


def test_the_vocabulary_enters_the_hash():
    dags = DagBatch.from_architectures([Architecture(("input", "a", "output"), ((0, 1), (1, 2)))], VOCABULARY)
    other = canonical_forms(dags, ("input", "output", "b", "a")).hashes
    assert canonical_forms(dags, VOCABULARY).hashes != other


# -- symmetric graphs ----------------------------------------------------------------------------------------------------


def layered(pairs: list[tuple[int, int]], sources: int, targets: int) -> Architecture:
    """Input, a layer of `sources`, a layer of `targets`, output; `pairs` joins the layers."""
    last = sources + targets + 1
    edges = [(0, 1 + i) for i in range(sources)] + [(1 + i, 1 + sources + j) for i, j in pairs]
    edges += [(1 + sources + j, last) for j in range(targets)]
    return Architecture(("input", *["a"] * (sources + targets), "output"), edges)


def parallel_chains(lengths: list[int]) -> Architecture:
    edges, node = [], 1
    last = sum(lengths) + 1
    for length in lengths:
        chain = [0, *range(node, node + length), last]
        edges += list(itertools.pairwise(chain))
        node += length
    return Architecture(("input", *["a"] * sum(lengths), "output"), edges)


SYMMETRIC = {
    "two nodes": Architecture(("input", "output"), ()),
    "two nodes, an edge": Architecture(("input", "output"), ((0, 1),)),
    "one node": Architecture(("input",), ()),
    "only twins": layered([(i, j) for i in range(4) for j in range(4)], 4, 4),
    "no edges": Architecture(("input", *["a"] * 6, "output"), ()),
    "five chains of two": parallel_chains([2, 2, 2, 2, 2]),
    "chains of three, two, three, two": parallel_chains([3, 2, 3, 2]),
    "one cycle of eight": layered([(i, (i + d) % 4) for i in range(4) for d in (0, 1)], 4, 4),
    "two cycles of four": layered([(i, i // 2 * 2 + d) for i in range(4) for d in (0, 1)], 4, 4),
    "one cycle of twelve": layered([(i, (i + d) % 6) for i in range(6) for d in (0, 1)], 6, 6),
    "two cycles of six": layered([(i, i // 3 * 3 + (i + d) % 3) for i in range(6) for d in (0, 1)], 6, 6),
}


def test_symmetric_graphs_have_one_hash_each_in_all_orders():
    rng = random.Random(6)
    found = {}
    for name, arch in SYMMETRIC.items():
        copies = [in_another_order(arch, rng) for _ in range(30)]
        hashes = set(canonical_forms(DagBatch.from_architectures([arch, *copies], VOCABULARY), VOCABULARY).hashes)
        assert len(hashes) == 1, name
        found[name] = hashes.pop()
    assert len(set(found.values())) == len(SYMMETRIC)


def test_levels_are_longest_paths():
    arch = Architecture(("input", "a", "a", "a", "output"), ((0, 1), (1, 2), (0, 3), (2, 4), (3, 4)))
    dags = DagBatch.from_architectures([arch, SYMMETRIC["two nodes"]], VOCABULARY)
    assert levels(dags).tolist() == [[0, 1, 2, 1, 3], [0, 0, 0, 0, 0]]


# -- reduction -----------------------------------------------------------------------------------------------------------

OPS = ("input", "output", "conv", "pool", "skip", "none", "add")


def digest(ops: str, edges: list[tuple[int, int]], **semantics) -> str:
    meaning = {"identity": {"skip"}, "zero": {"none"}, "mergeable": {"pool"}, **semantics}
    frozen = {name: frozenset(names) for name, names in meaning.items()}
    dags = DagBatch.from_architectures([Architecture(("input", *ops.split(), "output"), edges)], OPS)
    return canonical_hashes(dags, Semantics(OPS, **frozen))[0]


CONV = [(0, 1), (1, 2)]
TWO = [(0, 1), (0, 2), (1, 3), (2, 3)]
LINE = [(0, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("skip conv", LINE), ("conv", CONV)),
        (("conv skip", LINE), ("conv", CONV)),
        (("conv none", TWO), ("conv", CONV)),
        (("conv conv", [(0, 1), (0, 2), (1, 3)]), ("conv", CONV)),
        (("conv conv", [(0, 1), (1, 3), (2, 3)]), ("conv", CONV)),
        (("none conv", LINE), ("", [])),
        (("skip skip", LINE), ("", [(0, 1)])),
    ],
)
def test_what_changes_nothing_is_dropped(first, second):
    assert digest(*first) == digest(*second)


def test_parametric_operations_are_never_merged():
    assert digest("conv conv", TWO) != digest("conv", CONV)


def test_parameter_free_twins_count_twice_where_inputs_are_summed():
    doubled = digest("pool skip skip", [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)])
    assert digest("pool pool", TWO) == doubled
    assert digest("pool pool", TWO) != digest("pool", CONV)


def test_parameter_free_twins_count_once_where_inputs_are_concatenated():
    assert digest("pool pool", TWO, concatenating={"output"}) == digest("pool", CONV, concatenating={"output"})


def test_twins_behind_twins_are_merged_too():
    four = [(0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 5)]
    chain = [(0, 1), (1, 2), (2, 3), (2, 4), (3, 5), (4, 5)]
    assert digest("pool pool pool pool", four) == digest("pool pool skip skip", chain)


def test_parallel_identities_add_up():
    assert digest("skip skip", TWO) != digest("skip", CONV)
    assert digest("skip skip", TWO, concatenating={"output"}) == digest("skip", CONV, concatenating={"output"})


def test_sets_of_twins_in_one_cell_need_little_search():
    """Readers of 3 twins each: refinement leaves all twins in one cell, whose orders are far too many to try."""

    def readers(*groups: int) -> Architecture:
        leaves, last = sum(groups), sum(groups) + len(groups) + 1
        reader = [leaves + 1 + i for i, group in enumerate(groups) for _ in range(group)]
        edges = [(0, v) for v in range(1, leaves + 1)] + list(zip(range(1, leaves + 1), reader, strict=True))
        ops = ("input", *"a" * leaves, *"b" * len(groups), "output")
        return Architecture(ops, (*edges, *((v, last) for v in range(leaves + 1, last))))

    even = readers(3, 3, 3, 3, 3, 3)
    order = random.Random(0).sample(range(even.num_nodes), even.num_nodes)
    mixed = Architecture.from_unordered({v: even.ops[v] for v in order}, even.edges)
    assert mixed != even
    archs = [even, mixed, readers(4, 3, 3, 3, 3, 2), readers(2, 3, 3, 3, 3, 4), readers(6, 6, 6)]
    hashes = canonical_forms(DagBatch.from_architectures(archs, VOCABULARY), VOCABULARY).hashes
    assert hashes[0] == hashes[1]
    assert hashes[2] == hashes[3]
    assert len(set(hashes)) == 3


def test_hashes_do_not_depend_on_the_padding_of_large_graphs():
    dags = random_layered_dags(12, 40, 4, torch.Generator().manual_seed(0), min_nodes=5)
    hashes = canonical_forms(dags, VOCABULARY).hashes
    assert canonical_forms(dags.pad(70), VOCABULARY).hashes == hashes
    assert canonical_forms(dags[:0], VOCABULARY).hashes == []
    for i, size in enumerate(dags.num_nodes.tolist()):  # small graphs are refined another way
        alone = DagBatch(dags.ops[i : i + 1, :size], dags.adjacency[i : i + 1, :size, :size], dags.mask[i : i + 1, :size])
        assert canonical_forms(alone, VOCABULARY).hashes == hashes[i : i + 1]
    order = canonical_forms(dags, VOCABULARY).order
    assert torch.equal(order.sort(1)[0], torch.arange(40).expand_as(order))
    assert not dags.take_nodes(order).adjacency.tril().any()


def exact(arch: Architecture) -> str:
    return canonical_forms(DagBatch.from_architectures([arch], VOCABULARY), VOCABULARY).hashes[0]


@pytest.mark.parametrize("lengths", [[2] * 9, [3] * 12, [2, 3] * 6])
def test_many_equal_branches_need_little_search(lengths):
    """Orders of n equal branches are n! leaves of the search, all of one graph."""
    rng = random.Random(8)
    arch = parallel_chains(lengths)
    start = time.process_time()
    assert len({exact(arch), *(exact(in_another_order(arch, rng)) for _ in range(2))}) == 1
    assert time.process_time() - start < 20
    assert exact(arch) != exact(parallel_chains([*lengths[1:], lengths[0] + 1]))


def test_branches_that_only_look_alike_are_told_apart():
    """Six and more equal parts, each a cycle of eight or two of four, which colour refinement cannot tell apart."""

    def parts(kinds: list[bool]) -> Architecture:
        edges, node = [], 1
        last = 8 * len(kinds) + 1
        for one in kinds:
            pairs = [(i, (i + d) % 4 if one else i // 2 * 2 + d) for i in range(4) for d in (0, 1)]
            edges += [(0, node + i) for i in range(4)] + [(node + i, node + 4 + j) for i, j in pairs]
            edges += [(node + 4 + j, last) for j in range(4)]
            node += 8
        return Architecture(("input", *["a"] * (8 * len(kinds)), "output"), edges)

    rng = random.Random(9)
    found = {}
    for ones in (0, 2, 3, 4):
        kinds = [True] * ones + [False] * (4 - ones)
        hashes = {exact(in_another_order(parts(rng.sample(kinds, 4)), rng)) for _ in range(2)}
        assert len(hashes) == 1
        found[ones] = hashes.pop()
    assert len(set(found.values())) == len(found)
