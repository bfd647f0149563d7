"""The search space: vocabulary, masks, constraints and codec of a family of architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor

from nag.core.errors import InvalidArchitecture, did_you_mean
from nag.core.numbers import Size
from nag.core.signatures import conform_value
from nag.graphs import Architecture, DagBatch, Semantics, canonical_forms, canonical_hashes, invariant_codes, reduce
from nag.spaces.codecs import Codec
from nag.spaces.constraints import Constraint, satisfies_all
from nag.spaces.edge_constraints import EdgeConstraints

__all__ = ["SearchSpace", "SpaceMasks"]

_Constraint = TypeVar("_Constraint", bound=Constraint)


@dataclass(frozen=True)
class SpaceMasks:
    """Which categories each position may take, by number of nodes n = 0..N.

    Args:
        nodes: (N + 1, N, K) bool, allowed operations.
        edges: (N, N, 2) bool, allowed edge categories (absent, present) between nodes that exist; a pair of which one
            does not exist is absent.

    Example:
        >>> from nag.spaces import load_space
        >>> masks = load_space("nas_bench_graph").masks
        >>> masks.nodes.shape, masks.edges.shape
        (torch.Size([7, 6, 11]), torch.Size([6, 6, 2]))
    """

    nodes: Tensor
    edges: Tensor

    def edges_of(self, mask: Tensor) -> Tensor:
        """Allowed edge categories of graphs: (B, n) bool, where there is a node, to (B, n, n, 2) bool."""
        size = mask.shape[1]
        present = self.edges[:size, :size].to(mask.device) & (mask.unsqueeze(1) & mask.unsqueeze(2)).unsqueeze(-1)
        return torch.stack([present[..., 0] | ~present[..., 1], present[..., 1]], -1)


@dataclass(frozen=True, eq=False)
class SearchSpace:
    """A family of architectures, equal up to isomorphism; spaces with one fingerprint are equal.

    Args:
        name: Short name.
        title: One line for people.
        semantics: Vocabulary and what its operations mean.
        min_nodes: Least number of nodes, input and output included.
        max_nodes: Greatest number of nodes.
        allowed_ops: Operations that each inner position may take; the last entry serves all further positions.
        wiring: The fixed edges, or None where edges are free.
        required: Edges that every architecture has (free wiring).
        forbidden: Edges that none has (free wiring).
        constraints: What masks cannot express.
        codec: Native strings.
        fingerprint: Digest of the description.
        costs: Additive cost models: name -> {operation or "base": cost}.
        description: The mapping that the space was built from, as in its YAML file.
        networks: Import path of the class that builds its networks; None for that of nag, where its operations are known.

    Example:
        >>> import nag
        >>> space = nag.load_space("nasbench201")
        >>> arch = space.sample(1, seed=0)[0]
        >>> space.encode(arch)
        '|avg_pool_3x3~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|'
        >>> space.decode(space.encode(arch)) == arch, len(space.neighbours(arch)), space.max_nodes
        (True, 24, 8)
    """

    name: str
    title: str
    semantics: Semantics
    min_nodes: int
    max_nodes: int
    allowed_ops: tuple[tuple[str, ...], ...]
    wiring: tuple[tuple[int, int], ...] | None
    required: tuple[tuple[int, int], ...]
    forbidden: tuple[tuple[int, int], ...]
    constraints: tuple[Constraint, ...]
    codec: Codec
    fingerprint: str
    costs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    description: Mapping[str, Any] = field(default_factory=dict)
    networks: str | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SearchSpace) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Names of all operations, input and output first."""
        return self.semantics.vocabulary

    @cached_property
    def masks(self) -> SpaceMasks:
        """Allowed categories of every position."""
        size, index = self.max_nodes, {name: i for i, name in enumerate(self.vocabulary)}
        inner = torch.zeros(size, len(index), dtype=torch.bool)
        for position in range(1, size - 1):
            inner[position, [index[op] for op in self.allowed_ops[min(position, len(self.allowed_ops)) - 1]]] = True
        nodes = torch.zeros(size + 1, size, len(index), dtype=torch.bool)
        for n in range(self.min_nodes, size + 1):
            nodes[n, 1 : n - 1] = inner[1 : n - 1]
            nodes[n, 0, index[self.semantics.input]] = True
            nodes[n, n - 1, index[self.semantics.output]] = True
            nodes[n, n:, 0] = True
        edges = torch.zeros(size, size, 2, dtype=torch.bool)
        edges[..., 0] = True
        if self.wiring is None:
            edges[..., 1] = torch.ones(size, size).triu(1).bool()
            for u, v in self.forbidden:
                edges[u, v, 1] = False
        for u, v in self.required if self.wiring is None else self.wiring:
            edges[u, v, 0], edges[u, v, 1] = False, True
        return SpaceMasks(nodes, edges)

    def constraint(self, kind: type[_Constraint]) -> _Constraint | None:
        """The space's constraint of a class; None where it has none."""
        return next((each for each in self.constraints if isinstance(each, kind)), None)

    @cached_property
    def edge_constraints(self) -> EdgeConstraints:
        """What the constraints demand of each node's edges."""
        found = EdgeConstraints()
        for constraint in self.constraints:
            found &= constraint.edge_constraints(self.vocabulary)
        return found

    # -- validity ---------------------------------------------------------------------------------------------------

    def is_valid(self, dags: DagBatch) -> Tensor:
        """Which graphs belong to the space: (B,) bool."""
        return self._keeps_masks(dags) & satisfies_all(dags, self.semantics, self.constraints)

    def _keeps_masks(self, dags: DagBatch) -> Tensor:
        sizes = dags.num_nodes
        good = (sizes >= self.min_nodes) & (sizes <= self.max_nodes) & (dags.max_nodes <= self.max_nodes)
        if dags.max_nodes > self.max_nodes:
            return good
        dags = dags.pad(self.max_nodes)
        good = good & (dags.mask == (torch.arange(self.max_nodes, device=dags.device) < sizes[:, None])).all(1)
        nodes, edges = self.masks.nodes.to(dags.device)[sizes], self.masks.edges_of(dags.mask)
        good = good & nodes.gather(2, dags.ops.unsqueeze(2)).squeeze(2).all(1)
        good = good & (dags.adjacency <= 1).all(2).all(1)
        return good & edges.gather(3, dags.adjacency.clamp(max=1).unsqueeze(3)).squeeze(3).all(2).all(1)

    def validate(self, arch: Architecture) -> None:
        """Raises `InvalidArchitecture` with the reason if `arch` does not belong to the space."""
        if not self.min_nodes <= arch.num_nodes <= self.max_nodes:
            raise InvalidArchitecture(
                f"the architecture has {arch.num_nodes} nodes", f"{self.name} has {self.min_nodes} to {self.max_nodes}."
            )
        dags = DagBatch.from_architectures([arch], self.vocabulary, self.max_nodes)  # raises on unknown operations
        size = arch.num_nodes
        nodes, edges = self.masks.nodes[size, :size], self.masks.edges[:size, :size]
        wrong = ~nodes.gather(1, dags.ops[0, :size, None]).squeeze(1)
        if bool(wrong.any()):
            position = int(wrong.nonzero()[0])
            allowed = [name for name, good in zip(self.vocabulary, nodes[position].tolist(), strict=True) if good]
            op = arch.ops[position]
            raise InvalidArchitecture(f"node {position} cannot be '{op}'", did_you_mean(op, allowed))
        broken = ~edges.gather(2, dags.adjacency[0, :size, :size, None]).squeeze(2)
        if bool(broken.any()):
            u, v = broken.nonzero()[0].tolist()
            fault = "is not allowed" if (u, v) in arch.edges else "is missing"
            raise InvalidArchitecture(f"edge {u}->{v} {fault} in {self.name}", "Its wiring is fixed there.")
        for constraint in self.constraints:
            if not constraint.satisfied(dags, self.semantics).all():
                raise InvalidArchitecture(
                    f"{self.name} does not hold this architecture: {constraint.reason}", "See its YAML file."
                )

    # -- codecs -----------------------------------------------------------------------------------------------------

    def encode(self, arch: Architecture) -> str:
        """The native string of an architecture."""
        return self.codec.encode(arch)

    def decode(self, text: str) -> Architecture:
        """The architecture of a native string.

        Raises:
            InvalidArchitecture: Not of the codec's form, or not in the space.
        """
        arch = self.codec.decode(text)
        self.validate(arch)
        return arch

    def to_dags(self, archs: Sequence[Architecture]) -> DagBatch:
        """Encodes architectures as integers, padded to the space's size."""
        return DagBatch.from_architectures(archs, self.vocabulary, self.max_nodes)

    def to_architectures(self, dags: DagBatch) -> list[Architecture]:
        """Decodes integer-coded graphs."""
        return dags.to_architectures(self.vocabulary)

    def hashes(self, dags: DagBatch) -> list[str]:
        """One digest an architecture: equal exactly for isomorphic graphs."""
        return canonical_forms(dags, self.vocabulary).hashes

    def canonical_hashes(self, dags: DagBatch) -> list[str]:
        """One digest a function: equal for architectures with one canonical form."""
        return canonical_hashes(dags, self.semantics)

    def function_codes(self, dags: DagBatch) -> Tensor:
        """A 64-bit number for each graph's function, on its device: (B,) int64 (see `nag.graphs.invariant_codes`)."""
        return invariant_codes(reduce(dags, self.semantics))

    def estimate_costs(self, dags: DagBatch) -> dict[str, Tensor]:
        """Additive costs of each graph by the space's cost models: name -> (B,) float."""
        result = {}
        for name, model in self.costs.items():
            per_op = torch.tensor([model.get(op, 0.0) for op in self.vocabulary], device=dags.device)
            result[name] = model.get("base", 0.0) + (per_op[dags.ops] * dags.mask).sum(1)
        return result

    def sample(self, count: int, seed: int = 0) -> list[Architecture]:
        """Independent uniform draws, equal up to isomorphism being one architecture (see `nag.spaces.sample_uniform`).

        Args:
            count: Number of draws, at least 0.
            seed: Seed of the draws.

        Raises:
            InvalidRequest: The number is negative, or uniform draws from the space are not feasible.

        Example:
            >>> from nag.spaces import load_space
            >>> [arch.num_nodes for arch in load_space("nasbench201").sample(2, seed=0)]
            [8, 8]
        """
        from nag.spaces.enumeration import sample_uniform

        conform_value("the number of draws", count, Size)
        return self.to_architectures(sample_uniform(self, count, seed))

    def neighbours(self, arch: Architecture) -> list[Architecture]:
        """All architectures one edit away (see `nag.spaces.neighbourhood`)."""
        from nag.spaces.neighbourhood import neighbours

        return neighbours(self, arch)
