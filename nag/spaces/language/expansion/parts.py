"""The parts of a space: what is chosen independently of each other, but for conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from nag.core.errors import InvalidSpace
from nag.spaces.language.domains import Domain
from nag.spaces.language.errors import at
from nag.spaces.language.expansion.names import label_of
from nag.spaces.language.expansion.steps import Expansion, domains_of
from nag.spaces.language.parts import Part
from nag.spaces.language.steps import Description, ModuleStep, Section
from nag.spaces.language.terms import Apply, CellTerm, ChainTerm, Term

__all__ = ["expand"]


def expand(description: Description) -> list[Part]:
    """The parts of a space, in the order of its graph, then the cells that are chosen once, then the recipe.

    Consecutive sections without arguments are one part: what follows each other there is one sequence.

    Raises:
        InvalidSpace: A name is unknown or used twice, a block refers to itself without a depth, or nothing is left of a step.
    """
    expansion = Expansion(description)
    parts = _sections(description, expansion)
    shared = [(name, cell) for name, cell in description.cells.items() if cell.shared]
    parts += [Part("cell", name, name, CellTerm(expansion.cell(name, cell))) for name, cell in shared]
    if description.recipe:
        parts.append(Part("recipe", "recipe", "", Apply("recipe", domains_of(description.recipe))))
    _check_names(parts)
    return parts


def _sections(description: Description, expansion: Expansion) -> list[Part]:
    names = iter(_names(description, [step for step in description.graph if isinstance(step, Section)]))
    parts: list[Part] = []
    row: list[tuple[str, Term]] = []
    for index, step in enumerate(description.graph):
        if isinstance(step, ModuleStep):
            parts += [*_in_one(row), Part("module", step.module, "", None, step.arguments, step.module)]
            row = []
            continue
        name = next(names)
        with at("graph", index):
            term = expansion.ending(f"section '{name}'", step.of)
        if step.arguments:
            parts += [*_in_one(row), _with_arguments(name, term, step.arguments)]
            row = []
        else:
            row.append((name, term))
    return parts + _in_one(row)


def _names(description: Description, sections: Sequence[Section]) -> list[str]:
    """A name for each section; what several would be called is numbered from 0."""
    once = {name for name, cell in description.cells.items() if cell.shared}
    wanted = [section.name or label_of(section.of, "section") for section in sections]
    wanted = [f"{name}_section" if name in once else name for name in wanted]
    counts, seen = Counter(wanted), Counter[str]()
    found = []
    for section, name in zip(sections, wanted, strict=True):
        if section.name is not None and counts[name] > 1:
            raise InvalidSpace(f"two sections are named '{name}'", "Give them different names.")
        found.append(f"{name}[{seen[name]}]" if counts[name] > 1 else name)
        seen[name] += 1
    return found


def _in_one(row: list[tuple[str, Term]]) -> list[Part]:
    """One part of consecutive sections."""
    if not row:
        return []
    return [Part("section", row[0][0], "", ChainTerm(tuple(term for _, term in row), tuple(name for name, _ in row)))]


def _with_arguments(name: str, term: Term, arguments: Mapping[str, Domain]) -> Part:
    fixed = {key: domain.values[0] for key, domain in arguments.items() if len(domain.values) == 1}
    chosen = {key: domain for key, domain in arguments.items() if key not in fixed}
    if not chosen:
        return Part("section", name, "", ChainTerm((term,), (name,)), fixed)
    leading = Apply(name, domains_of(chosen))
    return Part("section", name, "", ChainTerm((leading, term), (name, name)), fixed, leads=True)


def _check_names(parts: Sequence[Part]) -> None:
    names = Counter(each.name for part in parts for each in part.decisions)
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise InvalidSpace(f"two decisions are named '{twice}'", "Give a section, block or recipe choice another name.")
