"""Writes a description as the mapping of a space file, so that spaces made of Python objects can be saved."""

from __future__ import annotations

from typing import Any

from nag.spaces.language.domains import Choices, Domain, FloatRange, IntegerRange
from nag.spaces.language.steps import (
    CellDefinition,
    Chain,
    Choice,
    Description,
    FixedWiring,
    ModuleStep,
    OperationDefinition,
    OptionalStep,
    Repeat,
    Section,
    Step,
)

__all__ = ["description_to_mapping"]


def description_to_mapping(description: Description) -> dict[str, Any]:
    """The mapping that reads as a description.

    Args:
        description: The description.

    Returns:
        Plain values, which YAML and JSON can hold.

    Example:
        >>> from nag.spaces.language import Description, OperationDefinition, Repeat, Section, Use, description_to_mapping
        >>> graph = (Section(Repeat(Use("conv"), (1, 2))),)
        >>> description_to_mapping(Description("tiny", {"conv": OperationDefinition()}, graph))["graph"]
        [{'repeat': [1, 2], 'of': 'conv'}]
    """
    writer = _Writer(description)
    found: dict[str, Any] = {
        "name": description.name,
        "title": description.title,
        "operations": {name: _operation(own) for name, own in description.operations.items()},
        "blocks": {name: writer.step(own) for name, own in description.blocks.items()},
        "cells": {name: writer.cell(own) for name, own in description.cells.items()},
        "graph": [writer.section(own) for own in description.graph],
        "recipe": {name: _domain(own) for name, own in description.recipe.items()},
        "conditions": list(description.conditions),
    }
    return {key: value for key, value in found.items() if value or key == "operations"}


def _operation(own: OperationDefinition) -> dict[str, Any]:
    found: dict[str, Any] = {"role": own.role, **{name: _domain(domain) for name, domain in own.attributes.items()}}
    return found if own.module is None else {**found, "module": own.module}


def _domain(domain: Domain) -> Any:
    if isinstance(domain, Choices):
        return domain.values[0] if len(domain.values) == 1 else list(domain.values)
    if isinstance(domain, IntegerRange):
        return {"min": domain.min, "max": domain.max, "step": domain.step}
    assert isinstance(domain, FloatRange)
    return {"min": domain.min, "max": domain.max, "levels": domain.levels, "log": domain.log}


class _Writer:
    def __init__(self, description: Description) -> None:
        self.description = description

    def step(self, step: Step) -> Any:
        """A step as a name, a list or a mapping."""
        if isinstance(step, Chain):
            return [self.step(part) for part in step.steps]
        if isinstance(step, Choice):
            return {"choice": [self.step(option) for option in step.options]}
        if isinstance(step, OptionalStep):
            return {"optional": True, "of": self.step(step.of)}
        if isinstance(step, Repeat):
            found = {"repeat": list(step.numbers), "of": self.step(step.of)}
            return {**found, "shared": True} if step.shared else found
        if not step.attributes and step.depth is None:
            return step.name
        narrowed = {self._kind(step.name): step.name, **{name: _domain(own) for name, own in step.attributes.items()}}
        return narrowed if step.depth is None else {**narrowed, "depth": step.depth}

    def _kind(self, name: str) -> str:
        if name in self.description.operations:
            return "operation"
        return "block" if name in self.description.blocks else "cell"

    def section(self, section: Section | ModuleStep) -> Any:
        """A step of the graph."""
        if isinstance(section, ModuleStep):
            return {"module": section.module, **section.arguments}
        if section.name is None and not section.arguments:
            return self.step(section.of)
        found = {"of": self.step(section.of), **{name: _domain(own) for name, own in section.arguments.items()}}
        return found if section.name is None else {**found, "name": section.name}

    def cell(self, cell: CellDefinition) -> dict[str, Any]:
        """A cell."""
        wiring = cell.wiring
        found: dict[str, Any] = {"inputs": cell.inputs, "shared": cell.shared}
        if isinstance(wiring, FixedWiring):
            nodes = {name: self.step(own) for name, own in wiring.nodes.items()}
            return {**found, "nodes": nodes, "edges": [list(edge) for edge in wiring.edges]}
        low, high = wiring.in_degree
        found |= {"nodes": list(wiring.nodes), "of": self.step(wiring.of), "in_degree": {"min": low, "max": high}}
        found |= {"operations_on": wiring.operations_on, "output": wiring.output}
        return found if wiring.max_edges is None else {**found, "max_edges": wiring.max_edges}
