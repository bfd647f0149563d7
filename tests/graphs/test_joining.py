"""Canonical hashes against what seeded functions compute, for every way of joining inputs."""

from __future__ import annotations

import random
from collections import defaultdict
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nag.graphs import Architecture, DagBatch, Semantics, canonical_forms, canonical_hashes, reduce
from nag.spaces import space_from_mapping

RULES = ("sum", "mul", "cat")
ROLES = ("conv", "pool", "skip")
OPS = ("none", *(f"{role}_{rule}" for role in ROLES for rule in RULES), "skip2_sum", "skip2_mul")
VOCABULARY = ("input", "output", *OPS)
WIDTH = 5


def named(word: str) -> frozenset[str]:
    return frozenset(op for op in OPS if word in op)


def semantics_of(output_rule: str) -> Semantics:
    """Every role with every way of joining inputs; the output joins by `output_rule`."""
    ends = {"output"}
    return Semantics(
        VOCABULARY,
        identity=named("skip"),
        zero=frozenset({"none"}),
        mergeable=named("pool"),
        multiplying=named("_mul") | (ends if output_rule == "mul" else frozenset()),
        concatenating=named("_cat") | (ends if output_rule == "cat" else frozenset()),
    )


SEMANTICS = {rule: semantics_of(rule) for rule in RULES}


# -- the seeded evaluation -----------------------------------------------------------------------------------------------


@cache
def matrix(*key: object) -> np.ndarray:
    """Weights of a key: the same in every graph."""
    return np.random.default_rng(list(repr(key).encode())).normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)


def distinct(values: list[np.ndarray]) -> list[np.ndarray]:
    kept: list[np.ndarray] = []
    for value in values:
        if not any(np.allclose(value, other, rtol=1e-9, atol=1e-12) for other in kept):
            kept.append(value)
    return kept


def joined(values: list[np.ndarray], rule: str, once: bool, key: object) -> np.ndarray:
    """Sum, product, or concatenation in the order of the values, mapped to WIDTH by weights that follow the order."""
    if rule == "cat":
        values = sorted(distinct(values) if once else values, key=lambda value: tuple(value.tolist()))
        return sum(
            (matrix(key, len(values), place) @ value for place, value in enumerate(values)) if len(values) > 1 else values,
            np.zeros(WIDTH),
        )
    if not values:
        return np.zeros(WIDTH)
    return np.sum(values, 0) if rule == "sum" else np.prod(values, 0)


def evaluate(ops: list[str], adjacency: np.ndarray, keys: list[object], semantics: Semantics) -> np.ndarray:
    """What a multigraph computes of one fixed input; the weights of node v are a function of `keys[v]`."""
    values: list[np.ndarray] = []
    for v, op in enumerate(ops):
        if op == "input":
            values.append(np.random.default_rng(0).normal(size=WIDTH))
            continue
        read = [values[u] for u in range(v) for _ in range(adjacency[u, v])]
        rule = "mul" if op in semantics.multiplying else "cat" if op in semantics.concatenating else "sum"
        weighted = op.startswith(("conv", "output"))
        joint = joined(read, rule, weighted, (op, keys[v]) if weighted else "fixed")
        match op.split("_")[0]:
            case "none":
                joint = np.zeros(WIDTH)
            case "conv":
                joint = np.tanh(2 * matrix("weights", op, keys[v]) @ joint)
            case "pool":
                joint = np.sin(2 * matrix("pool", op) @ joint)
        values.append(joint)
    return values[-1]


def same(first: np.ndarray, second: np.ndarray) -> bool:
    scale = max(np.abs(first).max(), np.abs(second).max())
    return bool(np.abs(first - second).max() <= 1e-7 * scale)


def normal_form(arch: Architecture, semantics: Semantics) -> tuple[list[str], np.ndarray, list[int], str]:
    """Operations, multiplicities, nodes of `arch` in canonical order, and the hash."""
    reduced = reduce(DagBatch.from_architectures([arch], VOCABULARY), semantics)
    forms = canonical_forms(reduced, VOCABULARY)
    size = int(reduced.num_nodes[0])
    moved = reduced.take_nodes(forms.order)
    ops = [VOCABULARY[op] for op in moved.ops[0, :size].tolist()]
    return ops, moved.adjacency[0, :size, :size].numpy(), forms.order[0, :size].tolist(), forms.hashes[0]


def of_architecture(arch: Architecture, semantics: Semantics) -> tuple[np.ndarray, np.ndarray, str]:
    """What a graph computes, and what its normal form does, with weights by canonical position; and the hash.

    Nodes that the normal form lacks have weights of their own, which must not matter.
    """
    ops, multiplicity, order, digest = normal_form(arch, semantics)
    keys: list[object] = [("dropped", v, arch) for v in range(arch.num_nodes)]
    for position, node in enumerate(order):
        keys[node] = position
    adjacency = np.zeros((arch.num_nodes, arch.num_nodes), dtype=int)
    for u, v in arch.edges:
        adjacency[u, v] = 1
    whole = evaluate(list(arch.ops), adjacency, keys, semantics)
    return whole, evaluate(ops, multiplicity, list(range(len(ops))), semantics), digest


@st.composite
def graphs(draw, most: int = 7, operations: tuple[str, ...] = OPS) -> Architecture:
    inner = draw(st.lists(st.sampled_from(operations), min_size=1, max_size=most))
    pairs = [(u, v) for v in range(1, len(inner) + 2) for u in range(v)]
    chosen = draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    return Architecture(("input", *inner, "output"), [pair for pair, there in zip(pairs, chosen, strict=True) if there])


AMOUNTS = [100, pytest.param(2000, marks=pytest.mark.slow)]


def checked(law, amount: int, *strategies) -> None:
    settings(max_examples=amount, deadline=None, derandomize=True, database=None)(given(*strategies)(law))()


@pytest.mark.parametrize("amount", AMOUNTS)
def test_graphs_compute_what_their_normal_forms_compute(amount):
    """A hash is a function of the normal form alone: so graphs of one hash compute one function."""

    def law(arch: Architecture, rule: str) -> None:
        whole, reduced, _ = of_architecture(arch, SEMANTICS[rule])
        assert same(whole, reduced)

    checked(law, amount, graphs(), st.sampled_from(RULES))


@pytest.mark.parametrize("amount", AMOUNTS)
def test_graphs_of_one_hash_compute_the_same(amount):
    """Random small graphs, many of which share a hash."""
    rng = random.Random(amount)
    compared = 0
    for rule in RULES:
        values: dict[str, list[np.ndarray]] = defaultdict(list)
        for _ in range(amount):
            ops = rng.choices(OPS, k=rng.randint(1, 4))
            pairs = [(u, v) for v in range(1, len(ops) + 2) for u in range(v)]
            arch = Architecture(("input", *ops, "output"), [pair for pair in pairs if rng.random() < 0.7])
            whole, _, digest = of_architecture(arch, SEMANTICS[rule])
            values[digest].append(whole)
        for first, *others in values.values():
            assert all(same(first, other) for other in others)
            compared += len(others)
    assert compared > amount / 4


def test_large_and_small_batches_are_reduced_alike():
    """Graphs that are padded to many nodes are reduced another way."""
    rng = random.Random(1)
    archs = []
    for _ in range(200):
        ops = rng.choices(OPS, k=rng.randint(2, 9))
        pairs = [(u, v) for v in range(1, len(ops) + 2) for u in range(v)]
        archs.append(Architecture(("input", *ops, "output"), [pair for pair in pairs if rng.random() < 0.5]))
    dags = DagBatch.from_architectures(archs, VOCABULARY)
    for semantics in SEMANTICS.values():
        hashes = canonical_hashes(dags, semantics)
        assert canonical_hashes(dags.pad(40), semantics) == hashes
        again = reduce(reduce(dags, semantics), semantics)
        assert canonical_forms(again, VOCABULARY).hashes == hashes


# -- rewritings that keep the function -----------------------------------------------------------------------------------


def relabelled(arch: Architecture, rng: random.Random) -> Architecture:
    names = rng.sample(range(1, arch.num_nodes - 1), arch.num_nodes - 2)
    order = [0, *names, arch.num_nodes - 1]
    mixed = Architecture.from_unordered({v: arch.ops[v] for v in order}, arch.edges)
    return mixed if mixed.ops[0] == "input" and mixed.ops[-1] == "output" else arch


def rewritten(arch: Architecture, nodes: dict[object, str], edges: list[tuple[object, object]]) -> Architecture:
    """The graph with further nodes and other edges; the output stays last."""
    ops: dict[object, str] = {**dict(enumerate(arch.ops[:-1])), **nodes, arch.num_nodes - 1: "output"}
    reversed_ops = dict(reversed(ops.items()))  # so that every order of nodes is met
    found = Architecture.from_unordered(ops, edges)
    return found if found.ops[-1] == "output" else Architecture.from_unordered(reversed_ops, edges)


def with_identity(arch: Architecture, rng: random.Random) -> Architecture:
    """An identity of any kind within one edge: with one input, it joins nothing."""
    if not arch.edges:
        return arch
    u, v = rng.choice(arch.edges)
    edges = [edge for edge in arch.edges if edge != (u, v)]
    return rewritten(arch, {"new": rng.choice(sorted(named("skip")))}, [*edges, (u, "new"), ("new", v)])


def with_dead_part(arch: Architecture, rng: random.Random) -> Architecture:
    """A node that nothing reads, or one that reads nothing and feeds a sum."""
    if rng.random() < 0.5:
        sources = rng.sample(range(arch.num_nodes - 1), rng.randint(0, min(2, arch.num_nodes - 1)))
        return rewritten(arch, {"new": rng.choice(OPS)}, [*arch.edges, *((u, "new") for u in sources)])
    sums = [v for v, op in enumerate(arch.ops) if op.endswith("_sum")]
    if not sums:
        return arch
    return rewritten(arch, {"new": rng.choice(OPS)}, [*arch.edges, ("new", rng.choice(sums))])


def with_twin(arch: Architecture, rng: random.Random) -> Architecture:
    """A parameter-free node twice, some of its readers reading the copy."""
    free = [v for v, op in enumerate(arch.ops) if op.startswith(("pool", "skip"))]
    if not free:
        return arch
    node = rng.choice(free)
    moved = {edge for edge in arch.edges if edge[0] == node and rng.random() < 0.5}
    edges: list[tuple[object, object]] = [edge for edge in arch.edges if edge not in moved]
    edges += [("new", v) for _, v in moved] + [(u, "new") for u, v in arch.edges if v == node]
    return rewritten(arch, {"new": arch.ops[node]}, edges)


def with_parts_of_sums_or_products(arch: Architecture, rng: random.Random) -> Architecture:
    """Some of what a sum or a product reads goes through an identity that joins in the same way."""
    targets = [v for v, op in enumerate(arch.ops) if op.endswith(("_sum", "_mul")) and sum(e[1] == v for e in arch.edges) > 1]
    if not targets:
        return arch
    target = rng.choice(targets)
    moved = {edge for edge in arch.edges if edge[1] == target and rng.random() < 0.6}
    edges: list[tuple[object, object]] = [edge for edge in arch.edges if edge not in moved]
    if not moved:
        return arch
    kind = "skip2_sum" if arch.ops[target].endswith("_sum") else "skip2_mul"
    return rewritten(arch, {"new": kind}, [*edges, *((u, "new") for u, _ in moved), ("new", target)])


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize(
    "rewrite", [relabelled, with_identity, with_dead_part, with_twin, with_parts_of_sums_or_products], ids=lambda f: f.__name__
)
def test_rewritings_that_keep_the_function_keep_the_hash(rewrite, amount):
    changed = []

    def law(arch: Architecture, rule: str, seed: int) -> None:
        other = rewrite(arch, random.Random(seed))
        dags = DagBatch.from_architectures([arch, other], VOCABULARY)
        first, second = canonical_hashes(dags, SEMANTICS[rule])
        assert first == second
        changed.append(arch != other)

    checked(law, amount, graphs(), st.sampled_from(RULES), st.integers(0, 9999))
    assert sum(changed) > amount / 4


# -- single laws ---------------------------------------------------------------------------------------------------------


def digest(ops: str, edges: str, output: str = "sum") -> str:
    pairs = [tuple(map(int, pair.split(">"))) for pair in edges.split()]
    arch = Architecture(("input", *ops.split(), "output"), pairs)
    return canonical_hashes(DagBatch.from_architectures([arch], VOCABULARY), SEMANTICS[output])[0]


C2 = "conv_sum conv_mul"
C3 = "conv_sum conv_sum conv_sum"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # (c + d) * e and c * d * e
        ((f"{C3} skip_sum skip_mul", "0>1 0>2 0>3 1>4 2>4 3>5 4>5 5>6"), (f"{C3} skip_mul", "0>1 0>2 0>3 1>4 2>4 3>4 4>5")),
        # 0 * e and e
        (("none conv_sum skip_mul", "0>1 0>2 1>3 2>3 3>4"), ("conv_sum skip_mul", "0>1 1>2 2>3")),
        # c * d + e and c + d + e
        ((f"{C3} skip_mul", "0>1 0>2 0>3 1>4 2>4 3>5 4>5"), (C3, "0>1 0>2 0>3 1>4 2>4 3>4")),
        # x * x and x + x
        (("conv_sum skip_sum skip_mul", "0>1 1>2 1>3 2>3 3>4"), ("conv_sum skip_sum skip_sum", "0>1 1>2 1>3 2>3 3>4")),
        # x * x and x
        (("conv_sum skip_sum skip_mul", "0>1 1>2 1>3 2>3 3>4"), ("conv_sum skip_mul", "0>1 1>2 2>3")),
        # 2 c * d and c * d
        (("conv_sum skip_sum conv_sum skip_sum skip_mul", "0>1 1>2 0>3 1>4 2>4 4>5 3>5 5>6"),
         (f"{C2} skip_mul", "0>1 0>2 1>3 2>3 3>4")),
    ],
)  # fmt: skip
def test_sums_and_products_are_told_apart(first, second):
    assert digest(*first) != digest(*second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # cat(c + d, e) and cat(c, d, e)
        ((f"{C3} skip_sum", "0>1 0>2 0>3 1>4 2>4 3>5 4>5"), (C3, "0>1 0>2 0>3 1>4 2>4 3>4")),
        # cat(c + d) and cat(c, d)
        (("conv_sum conv_sum skip_sum", "0>1 0>2 1>3 2>3 3>4"), ("conv_sum conv_sum", "0>1 0>2 1>3 2>3")),
        # cat(c * d, e) and cat(c, d, e)
        ((f"{C3} skip_mul", "0>1 0>2 0>3 1>4 2>4 3>5 4>5"), (C3, "0>1 0>2 0>3 1>4 2>4 3>4")),
        # cat(0, c) and cat(c)
        (("none conv_sum", "0>1 0>2 1>3 2>3"), ("conv_sum", "0>1 1>2")),
        # cat(pool(0), c) and cat(c)
        (("none pool_sum conv_sum", "0>1 1>2 0>3 2>4 3>4"), ("conv_sum", "0>1 1>2")),
    ],
)
def test_concatenations_are_told_apart(first, second):
    assert digest(*first, output="cat") != digest(*second, output="cat")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # 0 * e and nothing
        (("none conv_sum skip_mul", "0>1 0>2 1>3 2>3 3>4"), ("none", "0>1 1>2")),
        # f(0 * e) + c and c
        (("none conv_sum conv_mul conv_sum", "0>1 0>2 1>3 2>3 3>5 0>4 4>5"), ("conv_sum", "0>1 1>2")),
        # (c * d) * e and c * d * e
        ((f"{C3} skip_mul skip2_mul", "0>1 0>2 0>3 1>4 2>4 3>5 4>5 5>6"), (f"{C3} skip_mul", "0>1 0>2 0>3 1>4 2>4 3>4 4>5")),
        # (c + d) e + (c + d) f, with c + d once or twice
        ((f"{C3} conv_sum skip_sum skip2_sum skip_mul skip2_mul", "0>1 0>2 0>3 0>4 1>5 2>5 1>6 2>6 5>7 3>7 6>8 4>8 7>9 8>9"),
         (f"{C3} conv_sum skip_sum skip_mul skip_mul", "0>1 0>2 0>3 0>4 1>5 2>5 5>6 3>6 5>7 4>7 6>8 7>8")),
    ],
)  # fmt: skip
def test_equal_functions_of_sums_and_products_share_a_hash(first, second):
    assert digest(*first) == digest(*second)


def test_multiplicities_beyond_any_number_of_bits_are_no_collision():
    """x is doubled 70 times by identities, of which 2^64 would be 0 in 64 bits."""
    semantics = SEMANTICS["sum"]

    def doubled(times: int) -> Architecture:
        edges = [(0, 1)]
        for i in range(times):
            edges += [(1 + 2 * i, 2 + 2 * i), (1 + 2 * i, 3 + 2 * i), (2 + 2 * i, 3 + 2 * i)]
        last = 2 + 2 * times
        return Architecture(("input", "conv_sum", *["skip_sum"] * (2 * times), "output"), [*edges, (last - 1, last)])

    archs = [doubled(times) for times in (0, 31, 32, 33, 63, 64, 65, 70)]
    assert len(set(canonical_hashes(DagBatch.from_architectures(archs, VOCABULARY), semantics))) == len(archs)


@pytest.mark.parametrize("way", ["summed", "multiplied", "concatenated"])
def test_what_a_space_says_of_inputs_reaches_the_hash(way):
    """(c + d) * e in the words of a space file."""
    space = space_from_mapping(
        {
            "name": "joining",
            "operations": {"conv": "parametric", "skip": "identity", "none": "zero"},
            "inputs": {"default": "summed", "output": way},
            "nodes": [2, 6],
            "edges": "free",
            "codec": {"name": "edge_list"},
        }
    )
    sums, flat, empty, one = (
        space.decode(text)
        for text in (
            "conv,conv,conv,skip;0>1,0>2,0>3,1>4,2>4,3>5,4>5",
            "conv,conv,conv;0>1,0>2,0>3,1>4,2>4,3>4",
            "none,conv;0>1,0>2,1>3,2>3",
            "conv;0>1,1>2",
        )
    )
    hashes = space.canonical_hashes(space.to_dags([sums, flat, empty, one]))
    assert (hashes[0] == hashes[1]) == (way == "summed")
    assert (hashes[2] == hashes[3]) == (way == "summed")
