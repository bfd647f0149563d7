"""From the words of a description to parts: names are resolved, blocks expanded, every decision gets its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from nag.core.errors import InvalidSpace, did_you_mean
from nag.spaces.language.domains import Domain, written
from nag.spaces.language.errors import at
from nag.spaces.language.parts import Part
from nag.spaces.language.steps import (
    CellDefinition,
    Chain,
    Choice,
    Description,
    FixedWiring,
    FreeWiring,
    ModuleStep,
    OptionalStep,
    Repeat,
    Section,
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

__all__ = ["expand"]

MAX_TERMS = 50_000
"""Steps of a graph after its blocks are expanded."""

MAX_WIRED = 16
"""Inputs and nodes of the largest cell of free wiring."""


def expand(description: Description) -> list[Part]:
    """The parts of a space, in the order of its graph, then the cells that are chosen once, then the recipe.

    Raises:
        InvalidSpace: A name is unknown or used twice, a block refers to itself without a depth, or nothing is left of a step.
    """
    return _Expansion(description).parts()


class _Expansion:
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

    def parts(self) -> list[Part]:
        graph, cells = self.description.graph, self.description.cells
        names = self._names([step for step in graph if isinstance(step, Section)])
        parts: list[Part] = []
        row: list[tuple[str, Term]] = []
        for index, step in enumerate(graph):
            if isinstance(step, Section) and not step.arguments:
                name = names.pop(0)
                row.append((name, self._section(index, name, step)))
                continue
            parts += _in_one(row)
            row = []
            if isinstance(step, ModuleStep):
                parts.append(Part("module", step.module, "", None, step.arguments, step.module))
            else:
                name = names.pop(0)
                parts.append(_with_arguments(name, self._section(index, name, step), step.arguments))
        parts += _in_one(row)
        shared = [(name, cell) for name, cell in cells.items() if cell.shared]
        parts += [Part("cell", name, name, CellTerm(self._cell(name, cell))) for name, cell in shared]
        if self.description.recipe:
            recipe = Apply("recipe", _domains(self.description.recipe))
            parts.append(Part("recipe", "recipe", "", recipe))
        _check_names(parts)
        return parts

    def _names(self, sections: Sequence[Section]) -> list[str]:
        """A name for each section; what several would be called is numbered from 0."""
        once = {name for name, cell in self.description.cells.items() if cell.shared}
        wanted = [section.name or _label(section.of, "section") for section in sections]
        wanted = [f"{name}_section" if name in once else name for name in wanted]
        counts, seen = Counter(wanted), Counter[str]()
        found = []
        for section, name in zip(sections, wanted, strict=True):
            if section.name is not None and counts[name] > 1:
                raise InvalidSpace(f"two sections are named '{name}'", "Give them different names.")
            found.append(f"{name}[{seen[name]}]" if counts[name] > 1 else name)
            seen[name] += 1
        return found

    def _section(self, index: int, name: str, section: Section) -> Term:
        with at("graph", index):
            return self._ending(f"section '{name}'", section.of)

    def _ending(self, what: str, step: Step) -> Term:
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
            labels = _distinct([_label(part, "step") for part in step.steps])
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
            _distinct([_shown(option) for option in step.options]),
            _distinct([_label(o, "step") for o in step.options]),
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
            return Apply(use.name, _domains({name: _narrowed(use, name, domain) for name, domain in _all(use, own).items()}))
        if use.name in description.cells:
            cell = description.cells[use.name]
            return Apply(use.name) if cell.shared else CellTerm(self._cell(use.name, cell))
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

    def _cell(self, name: str, cell: CellDefinition) -> FixedCell | FreeCell:
        key = f"cell {name}"
        if key in self.depths:
            raise InvalidSpace(f"cell '{name}' contains itself", "Use a block with a depth for recursion.")
        self.depths[key] = 0
        try:
            return (
                self._fixed(name, cell, cell.wiring)
                if isinstance(cell.wiring, FixedWiring)
                else self._free(name, cell, cell.wiring)
            )
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
        terms = tuple(self._ending(f"cell '{name}'", step) for step in wiring.nodes.values())
        return FixedCell(name, cell.inputs, places, terms, tuple(sorted(edges)))

    def _free(self, name: str, cell: CellDefinition, wiring: FreeWiring) -> FreeCell:
        if cell.inputs + max(wiring.nodes) > MAX_WIRED:
            raise InvalidSpace(f"cell '{name}' has more than {MAX_WIRED} inputs and nodes", "Use fewer, or fix the wiring.")
        low, high = wiring.in_degree
        inner = self._ending(f"cell '{name}'", wiring.of)
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


def _in_one(row: list[tuple[str, Term]]) -> list[Part]:
    """One part of consecutive sections without arguments: what follows each other there is one sequence."""
    if not row:
        return []
    return [Part("section", row[0][0], "", ChainTerm(tuple(term for _, term in row), tuple(name for name, _ in row)))]


def _with_arguments(name: str, term: Term, arguments: Mapping[str, Domain]) -> Part:
    fixed = {key: domain.values[0] for key, domain in arguments.items() if len(domain.values) == 1}
    chosen = {key: domain for key, domain in arguments.items() if key not in fixed}
    if not chosen:
        return Part("section", name, "", ChainTerm((term,), (name,)), fixed)
    leading = Apply(name, _domains(chosen))
    return Part("section", name, "", ChainTerm((leading, term), (name, name)), fixed, leads=True)


def _domains(domains: Mapping[str, Domain]) -> tuple[tuple[str, tuple[bool | int | float | str, ...]], ...]:
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


def _label(step: Step, default: str) -> str:
    """A name for a step: that of the one thing in it."""
    if isinstance(step, Use):
        return step.name
    return _label(step.of, default) if isinstance(step, Repeat | OptionalStep) else default


def _shown(step: Step) -> str:
    """A step as the option of a choice."""
    if isinstance(step, Use) and step.attributes:
        pairs = (f"{name}={'/'.join(map(written, domain.values))}" for name, domain in step.attributes.items())
        return f"{step.name}({','.join(pairs)})"
    return _label(step, "step")


def _distinct(labels: Sequence[str]) -> list[str]:
    """Labels, those that occur several times numbered from 0."""
    counts, seen, found = Counter(labels), Counter[str](), []
    for label in labels:
        found.append(f"{label}[{seen[label]}]" if counts[label] > 1 else label)
        seen[label] += 1
    return found


def _check_names(parts: Sequence[Part]) -> None:
    names = Counter(each.name for part in parts for each in part.decisions)
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise InvalidSpace(f"two decisions are named '{twice}'", "Give a section, block or recipe choice another name.")
