"""The space language: operations with attributes, repetition, alternatives, cells, conditions; exact counts and draws."""

from typing import TYPE_CHECKING

from nag.core.lazy import lazily

if TYPE_CHECKING:
    from nag.spaces.language.conditions.grammar import parse_condition
    from nag.spaces.language.derivations.decisions import Decision
    from nag.spaces.language.designs import CellGraph, Design, Node, TypedGraph
    from nag.spaces.language.domains import Choices, FloatRange, IntegerRange, is_ordered, written
    from nag.spaces.language.errors import NotCountable
    from nag.spaces.language.files.loading import load_typed_space, typed_space_from_mapping, typed_space_from_text
    from nag.spaces.language.files.writing import description_to_mapping
    from nag.spaces.language.space import TypedSpace
    from nag.spaces.language.steps import (
        CellDefinition,
        Chain,
        Choice,
        Description,
        FixedWiring,
        FreeWiring,
        ModuleStep,
        OperationDefinition,
        OptionalStep,
        Repeat,
        Section,
        Use,
    )

__all__ = [
    "CellDefinition",
    "CellGraph",
    "Chain",
    "Choice",
    "Choices",
    "Decision",
    "Description",
    "Design",
    "FixedWiring",
    "FloatRange",
    "FreeWiring",
    "IntegerRange",
    "ModuleStep",
    "Node",
    "NotCountable",
    "OperationDefinition",
    "OptionalStep",
    "Repeat",
    "Section",
    "TypedGraph",
    "TypedSpace",
    "Use",
    "description_to_mapping",
    "is_ordered",
    "load_typed_space",
    "parse_condition",
    "typed_space_from_mapping",
    "typed_space_from_text",
    "written",
]

lazily(__name__)
