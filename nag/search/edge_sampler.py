"""What a node may read, looking ahead so that the constraints can still be kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nag.spaces import EdgeConstraints

__all__ = ["EdgeSampler"]

_INPUTS = 4.0

Decide = Callable[[int, float], bool]


@dataclass
class EdgeSampler:
    """The edges into the first nodes of a graph of n nodes, and what they leave to be done.

    A node is open as long as nothing reads it. With a limited number of edges, each open node is owed one; what is left is
    the slack, which only edges from nodes that are read already use up.

    Args:
        rules: What the constraints demand.
        size: n.
        allowed: Where edges may be: `allowed[u][v]`.
        required: Where they must be.
    """

    rules: EdgeConstraints
    size: int
    allowed: list[list[bool]]
    required: list[list[bool]]
    edges: list[tuple[int, int]] = field(default_factory=list)
    open: set[int] = field(default_factory=lambda: {0})

    def takes(self, v: int, ops: tuple[int, ...]) -> tuple[int, ...]:
        """Operations of inner node v for which it would find the inputs that it needs; all where none does."""
        readers = self.rules.input_readers or frozenset()
        fits = {reads: self._fits(v, op) for reads, op in {op in readers: op for op in ops}.items()}
        return tuple(op for op in ops if fits[op in readers]) or ops

    def _fits(self, v: int, op: int) -> bool:
        sources = self._sources(v, op)
        least, most, close = self._bounds(v)
        forced, free = self._split(v, op, sources)
        if self.rules.input_is_read_alone and 0 in forced and len(forced) > 1:
            return False
        if self.rules.input_is_read_alone and 0 in forced:
            free = []
        closable = sum(u in self.open for u in [*forced, *free])
        return len(forced) <= most and len(forced) + len(free) >= least and closable >= close

    def add(self, v: int, op: int, decide: Decide) -> None:
        """Wires node v, source by source in order.

        Args:
            v: The next node.
            op: Its operation.
            decide: Says for a source that may be read or not whether it is, given the odds of it in a random graph.
        """
        least, most, close = self._bounds(v)
        sources = self._sources(v, op)
        forced_list, free = self._split(v, op, sources)
        forced, slack = set(forced_list), self._slack(v)
        cost = [int(not (self.rules.inner_nodes_are_read and u in self.open)) for u in sources]
        owed, costly = len(forced), sum(cost)
        base = min(0.5, _INPUTS / max(1, len(free)), self._density(v))
        read: list[int] = []
        for i, u in enumerate(sources):
            costly, owed = costly - cost[i], owed - (u in forced)
            cheap = len(sources) - 1 - i - costly
            alone = u == 0 and self.rules.input_is_read_alone and v < self.size - 1
            possible = cheap + min(max(slack, 0), costly)
            needed, room = least - len(read), most - len(read) - 1
            fits = slack >= cost[i] and room >= owed and room >= close - (1 - cost[i])
            if alone:
                fits = fits and not owed and needed <= 1 and close <= 1 - cost[i]
            if u in forced or not (possible >= needed and cheap >= close):
                taken = u in forced or fits
            elif fits:
                taken = decide(u, _odds(base, needed, 1 + possible, exact=least == most))
            else:
                taken = False
            if taken:
                read.append(u)
                slack, close = slack - cost[i], close - (1 - cost[i])
                if alone:
                    break
        self.edges.extend((u, v) for u in read)
        self.open.difference_update(read)
        self.open.add(v)

    def _sources(self, v: int, op: int) -> list[int]:
        sources = [u for u in range(v) if self.allowed[u][v]]
        if v < self.size - 1 and self.rules.input_readers is not None and op not in self.rules.input_readers:
            return [u for u in sources if u]
        if v == self.size - 1 and self.rules.output_reads_leaves:
            return [u for u in sources if u in self.open or u == 0]
        return sources

    def _split(self, v: int, op: int, sources: list[int]) -> tuple[list[int], list[int]]:
        """Sources that must be read, and those that may."""
        last = v == self.size - 1
        reads_input = not last and self.rules.input_readers is not None and op in self.rules.input_readers
        forced = []
        for u in sources:
            closes = self.rules.inner_nodes_are_read and u in self.open and (u > 0 or self.rules.input_is_read)
            now_or_never = closes and not any(self.allowed[u][v + 1 : self.size])
            if self.required[u][v] or now_or_never or (u == 0 and reads_input):
                forced.append(u)
        taken = set(forced)
        return forced, [u for u in sources if u not in taken]

    def _bounds(self, v: int) -> tuple[int, int, int]:
        """Least and greatest number of inputs of node v, and how many open nodes it must read."""
        rules, last = self.rules, v == self.size - 1
        least, most = rules.output_inputs if last else rules.inner_inputs
        if last or not rules.inner_nodes_are_read:
            return least, most, 0
        closed_later = rules.output_inputs[1] + (self.size - 2 - v) * (rules.inner_inputs[1] - 1)
        return least, most, max(0, len(self.open) + 1 - closed_later)

    def _slack(self, v: int) -> int:
        """How many edges may come from nodes that are read already."""
        left = self.rules.max_edges - len(self.edges)
        return left - len(self.open) - (self.size - 1 - v) if self.rules.inner_nodes_are_read else left

    def _density(self, v: int) -> float:
        """Share of the pairs that are left which edges can fill."""
        pairs = (self.size * (self.size - 1) - v * (v - 1)) / 2
        return (self.rules.max_edges - len(self.edges)) / pairs


def _odds(base: float, needed: int, left: int, exact: bool) -> float:
    """Odds of one source among `left` that are, each with odds `base`, a set of at least, or exactly, `needed`."""
    if exact:
        return min(max(needed / left, 0.0), 1.0)
    return base / (1 - (1 - base) ** left) if needed == 1 else base
