"""A search space as a tree of decisions: how many nodes, then for each its operation and what it reads.

In the manner of DeepArchitect (Negrinho and Gordon 2017), whose spaces are such trees, too: an algorithm that sees nothing but
the decision at hand and its options can search any space.
"""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import accumulate
from typing import Literal, NamedTuple

from nag.graphs import Architecture
from nag.search.edge_sampler import EdgeSampler
from nag.spaces import SearchSpace

__all__ = ["Choose", "Decision", "DecisionTree", "Outcome", "decision_tree", "draw"]

_SMALL = 9


class Decision(NamedTuple):
    """One choice among at least two options.

    Args:
        kind: What is decided on: the number of nodes, the operation of a node, or whether there is an edge.
        where: () for the size, (v,) for an operation, (u, v) for an edge.
        options: Numbers of nodes, indices of operations, or 0 and 1.
        weights: How likely each option is in a random architecture, up to a factor.
    """

    kind: Literal["size", "op", "edge"]
    where: tuple[int, ...]
    options: tuple[int, ...]
    weights: tuple[float, ...]


Choose = Callable[[Decision], int]
"""Takes a decision and returns the index of an option."""


class Outcome(NamedTuple):
    """A way down the tree.

    Args:
        architecture: What it leads to; masks and all rules that the tree knows are kept.
        path: Of each decision in turn, the number of options and the index of the chosen one.
    """

    architecture: Architecture
    path: tuple[tuple[int, int], ...]


class DecisionTree:
    """The decisions that lead to the architectures of a space.

    Decisions without an alternative are not asked. The edge sampler looks ahead, so that dead ends stay away; what they do not
    cover, such as the place of identities, is for the caller to check with `space.is_valid`.

    Args:
        space: Search space.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self._allowed: list[list[bool]] = space.masks.edges[..., 1].tolist()
        self._required: list[list[bool]] = (~space.masks.edges[..., 0]).tolist()
        sizes = tuple(range(space.min_nodes, space.max_nodes + 1))
        self._size = Decision("size", (), sizes, _size_weights(space))

    def walk(self, choose: Choose) -> Outcome:
        """Goes down to an architecture.

        Args:
            choose: Makes the decisions.
        """
        path: list[tuple[int, int]] = []

        def pick(decision: Decision) -> int:
            if len(decision.options) == 1:
                return decision.options[0]
            index = choose(decision)
            path.append((len(decision.options), index))
            return decision.options[index]

        size = pick(self._size)
        sampler = EdgeSampler(self.space.edge_constraints, size, self._allowed, self._required)
        ops: list[int] = []
        for v, allowed in enumerate(self._ops_of(size)):
            if self.space.wiring is None and 0 < v < size - 1:
                allowed = sampler.takes(v, allowed)
            ops.append(op := pick(Decision("op", (v,), allowed, (1.0,) * len(allowed))))
            if self.space.wiring is None and v:
                sampler.add(v, op, partial(self._edge, pick, v))
        edges = tuple(sampler.edges) if self.space.wiring is None else self.space.wiring
        return Outcome(Architecture(tuple(self.space.vocabulary[op] for op in ops), edges), tuple(path))

    @staticmethod
    def _edge(pick: Callable[[Decision], int], v: int, u: int, odds: float) -> bool:
        return bool(pick(Decision("edge", (u, v), (0, 1), (1 - odds, odds))))

    def random(self, source: random.Random) -> Outcome:
        """A random way down, each option taken with its weight."""
        return self.walk(lambda decision: draw(decision.weights, source))

    def path_of(self, architecture: Architecture) -> tuple[tuple[int, int], ...]:
        """The way that leads to an architecture of the space, its nodes in the given order."""
        wired, index = set(architecture.edges), {name: i for i, name in enumerate(self.space.vocabulary)}

        def follow(decision: Decision) -> int:
            if decision.kind == "size":
                return decision.options.index(architecture.num_nodes)
            if decision.kind == "edge":
                return int(decision.where in wired)
            wanted = index[architecture.ops[decision.where[0]]]
            # Where looking ahead rules out what there is all the same, the way goes as near by as it can.
            return decision.options.index(wanted) if wanted in decision.options else 0

        return self.walk(follow).path

    def _ops_of(self, size: int) -> list[tuple[int, ...]]:
        return _allowed_ops(self.space)[size][:size]


@lru_cache(maxsize=8)
def decision_tree(space: SearchSpace) -> DecisionTree:
    """The decision tree of a space, made once."""
    return DecisionTree(space)


@lru_cache(maxsize=8)
def _allowed_ops(space: SearchSpace) -> list[list[tuple[int, ...]]]:
    return [[tuple(row.nonzero().flatten().tolist()) for row in table] for table in space.masks.nodes]


def draw(weights: Sequence[float], source: random.Random) -> int:
    """Index of a weight, with odds in proportion to it."""
    if len(weights) == 2:  # edges, by far the most
        return int(source.random() * (weights[0] + weights[1]) >= weights[0])
    totals = list(accumulate(weights))
    return min(bisect(totals, source.random() * totals[-1]), len(totals) - 1)


def _size_weights(space: SearchSpace) -> tuple[float, ...]:
    """How likely each number of nodes is in a random architecture.

    In small spaces by the number of architectures. In large ones that would leave the largest size alone, so it is the
    logarithm of that number.
    """
    sizes = range(space.min_nodes, space.max_nodes + 1)
    logs = [max(0.0, _log_count(space, n)) for n in sizes]
    if space.max_nodes > _SMALL:
        return tuple(log + 1.0 for log in logs)
    return tuple(math.exp(log - max(logs)) for log in logs)


def _log_count(space: SearchSpace, size: int) -> float:
    """Logarithm of the number of graphs of a size that keep the masks and the number of edges, up to the order of the nodes."""
    log_ops = float(space.masks.nodes[size, :size].sum(-1).double().log().sum())
    if space.wiring is not None:
        return log_ops
    edges = space.masks.edges[:size, :size]
    free, fixed = int(edges.all(-1).sum()), int((~edges[..., 0]).sum())
    most = min(free, space.edge_constraints.max_edges - fixed)
    if most >= free:
        log_wirings = free * math.log(2)
    else:
        log_wirings = math.log(math.comb(free, most)) if most >= 0 else 0.0  # the fullest outnumber all others
    return log_ops + log_wirings - math.lgamma(max(1, size - 1))
