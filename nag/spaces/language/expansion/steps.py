"""Compiles steps: names are resolved, blocks expanded, recursion bounded, attributes narrowed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from nag.core.errors import InvalidSpace, did_you_mean
from nag.spaces.language.derivations.decisions import RESERVED
from nag.spaces.language.domains import Domain, Value, written
from nag.spaces.language.errors import Fault, at
from nag.spaces.language.expansion.names import label_of, numbered, shown_as
from nag.spaces.language.steps import (
    CellDefinition,
    Chain,
    Choice,
    Description,
    FixedWiring,
    FreeWiring,
    OptionalStep,
    Repeat,
    Step,
    Use,
)
from nag.spaces.language.terms import (
    Apply,
    CellTerm,
    ChainTerm,
    ChoiceTerm,
    FixedCell,
    FreeCell,
    OptionalTerm,
    RepeatTerm,
    Term,
)

__all__ = ["Expansion", "domains_of"]

MAX_TERMS = 50_000
"""Steps of a graph after its blocks are expanded."""

MAX_WIRED = 16
"""Inputs and nodes of the largest cell of free wiring."""


class Expansion:
    """Compiles the steps of a description.

    Args:
        description: The description.

    Raises:
        InvalidSpace: A name is used twice.
    """

    def __init__(self, description: Description) -> None:
        self.description = description
        self.size = 0
        self.depths: dict[str, int] = {}
        known = [*description.operations, *description.blocks, *description.cells]
        twice = next((name for name, count in Counter(known).items() if count > 1), None)
        if twice is not None:
            raise InvalidSpace(f"'{twice}' names two things", "Operations, blocks and cells need different names.")
        self.known = known

    # -- parts ------------------------------------------------------------------------------------------------------

    def ending(self, what: str, step: Step) -> Term:
        """The compiled step, which must leave something where recursion ends."""
        term = self.term(step)
        if term is None:
            raise InvalidSpace(f"{what} never ends", "Give its block an alternative that does not refer to itself.")
        return term

    # -- steps ------------------------------------------------------------------------------------------------------

    def term(self, step: Step) -> Term | None:
        """The compiled step; None where a recursion has no depth left and no alternative."""
        self.size += 1
        if self.size > MAX_TERMS:
            raise InvalidSpace(f"the graph has more than {MAX_TERMS} steps", "Give recursive blocks a smaller 'depth'.")
        if isinstance(step, Use):
            return self._use(step)
        if isinstance(step, Chain):
            terms = [self.term(part) for part in step.steps]
            labels = numbered([label_of(part, "step") for part in step.steps])
            return None if None in terms else ChainTerm(tuple(t for t in terms if t is not None), tuple(labels))
        if isinstance(step, Repeat):
            return self._repeat(step)
        if isinstance(step, OptionalStep):
            inner = self.term(step.of)
            return ChainTerm((), ()) if inner is None else OptionalTerm(_within("present", inner))
        return self._choice(step)

    def _repeat(self, step: Repeat) -> Term | None:
        inner = self.term(step.of)
        if inner is not None:
            return RepeatTerm(_within("repeat", inner) if step.shared else inner, step.numbers, step.shared)
        return ChainTerm((), ()) if 0 in step.numbers else None

    def _choice(self, step: Choice) -> Term | None:
        labels, places = (
            numbered([shown_as(option) for option in step.options]),
            numbered([label_of(o, "step") for o in step.options]),
        )
        found = [(label, place, self.term(option)) for label, place, option in zip(labels, places, step.options, strict=True)]
        left = [(label, place, term) for label, place, term in found if term is not None]
        if not left:
            return None
        return ChoiceTerm(tuple(t for _, _, t in left), tuple(n for n, _, _ in left), tuple(p for _, p, _ in left))

    def _use(self, use: Use) -> Term | None:
        description = self.description
        if use.name in description.operations:
            own = dict(description.operations[use.name].attributes)
            return Apply(use.name, domains_of({name: _narrowed(use, name, domain) for name, domain in _all(use, own).items()}))
        if use.name in description.cells:
            cell = description.cells[use.name]
            return Apply(use.name) if cell.shared else CellTerm(self.cell(use.name, cell))
        if use.name not in description.blocks:
            raise InvalidSpace(f"'{use.name}' is no operation, block or cell", did_you_mean(use.name, self.known))
        return self._block(use)

    def _block(self, use: Use) -> Term | None:
        before = self.depths.get(use.name)  # times that it has been entered from within itself, on this path
        if before is not None:
            if use.depth is None:
                raise InvalidSpace(f"block '{use.name}' refers to itself", f"Bound it: {{block: {use.name}, depth: 3}}.")
            if before >= use.depth:
                return None
        self.depths[use.name] = 0 if before is None else before + 1
        try:
            with at("blocks", use.name):
                return self.term(self.description.blocks[use.name])
        finally:
            if before is None:
                del self.depths[use.name]
            else:
                self.depths[use.name] = before

    # -- cells ------------------------------------------------------------------------------------------------------

    def cell(self, name: str, cell: CellDefinition) -> FixedCell | FreeCell:
        """The compiled cell."""
        key = f"cell {name}"
        if key in self.depths:
            raise Fault(("cells", name), f"cell '{name}' contains itself", "Use a block with a depth for recursion.")
        self.depths[key] = 0
        try:
            with at("cells", name):
                if isinstance(cell.wiring, FixedWiring):
                    return self._fixed(name, cell, cell.wiring)
                return self._free(name, cell, cell.wiring)
        finally:
            del self.depths[key]

    def _fixed(self, name: str, cell: CellDefinition, wiring: FixedWiring) -> FixedCell:
        inputs = ["input"] if cell.inputs == 1 else [f"input{i}" for i in range(cell.inputs)]
        places = tuple(wiring.nodes)
        order = {node: index for index, node in enumerate([*inputs, *places, "output"])}
        edges = set()
        for source, target in wiring.edges:
            unknown = next((end for end in (source, target) if end not in order), None)
            if unknown is not None:
                raise InvalidSpace(f"cell '{name}' has no node '{unknown}'", did_you_mean(unknown, order))
            if order[source] >= order[target] or target in inputs or source == "output":
                raise InvalidSpace(
                    f"edge {source} -> {target} of cell '{name}' leads back", "List nodes in a topological order."
                )
            edges.add((order[source], order[target]))
        blind = next((node for node in [*places, "output"] if order[node] not in {v for _, v in edges}), None)
        if blind is not None:
            raise InvalidSpace(f"node '{blind}' of cell '{name}' reads nothing", f"Add an edge [{inputs[0]}, {blind}].")
        terms = tuple(self.ending(f"cell '{name}'", step) for step in wiring.nodes.values())
        return FixedCell(name, cell.inputs, places, terms, tuple(sorted(edges)))

    def _free(self, name: str, cell: CellDefinition, wiring: FreeWiring) -> FreeCell:
        if cell.inputs + max(wiring.nodes) > MAX_WIRED:
            raise InvalidSpace(f"cell '{name}' has more than {MAX_WIRED} inputs and nodes", "Use fewer, or fix the wiring.")
        low, high = wiring.in_degree
        inner = self.ending(f"cell '{name}'", wiring.of)
        free = FreeCell(
            name, cell.inputs, inner, wiring.nodes, (low, high), wiring.operations_on, wiring.output, wiring.max_edges
        )
        if not 0 < low <= high or not free.sizes:
            raise InvalidSpace(f"cell '{name}' has no wiring within its limits", "Write 1 <= in_degree.min <= in_degree.max.")
        return free


def _within(kind: str, term: Term) -> Term:
    """A term within one that has a decision of a kind: a term that has one itself gets a place of its own, `of`."""
    return ChainTerm((term,), ("of",)) if kind in _kinds(term) else term


def _kinds(term: Term) -> set[str]:
    """Kinds of the decisions whose path is that of the term."""
    if isinstance(term, RepeatTerm):
        return {"repeat", *(_kinds(term.of) if term.shared else ())}
    return {"present", *_kinds(term.of)} if isinstance(term, OptionalTerm) else set()


def domains_of(domains: Mapping[str, Domain]) -> tuple[tuple[str, tuple[Value, ...]], ...]:
    """Name and values of attributes."""
    taken = next((name for name in domains if name in RESERVED), None)
    if taken is not None:
        raise InvalidSpace(f"'{taken}' cannot be chosen under this name", f"{', '.join(RESERVED)} are taken.")
    return tuple((name, tuple(domain.values)) for name, domain in domains.items())


def _all(use: Use, own: Mapping[str, Domain]) -> Mapping[str, Domain]:
    unknown = next((name for name in use.attributes if name not in own), None)
    if unknown is not None:
        raise InvalidSpace(f"operation '{use.name}' has no attribute '{unknown}'", did_you_mean(unknown, own))
    return own


def _narrowed(use: Use, name: str, domain: Domain) -> Domain:
    if name not in use.attributes:
        return domain
    strange = next((value for value in use.attributes[name].values if value not in domain.values), None)
    if strange is not None:
        listed = ", ".join(map(written, domain.values[:10]))
        raise InvalidSpace(f"'{name}' of operation '{use.name}' is never {written(strange)}", f"It is one of {listed}.")
    return use.attributes[name]
