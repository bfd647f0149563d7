"""The space language: operations with attributes, repetition, alternatives, cells, conditions; exact counts and draws.

A space file has these keys:

| key | meaning |
|---|---|
| `name`, `title` | a short name, a line for people |
| `operations` | operation -> role, or `{role, module, ATTRIBUTE: DOMAIN}` |
| `blocks` | name -> step, used several times |
| `cells` | name -> cell |
| `graph` | list of steps; a step with further keys (`width: 24`) hands them to its modules and is a section of its own |
| `recipe` | name -> domain, chosen beside the graph |
| `conditions` | list of texts such as `stage[1].repeat == 4 -> mbconv.kernel < 7` (see `conditions.grammar`) |

A domain is a value, a list of values, `{min, max, step}` of integers, or `{min, max, levels, log}` of floats.

A step is the name of an operation, block or cell; a list of steps; or a mapping with one of `operation` (and narrower
attributes), `block` (with `depth`, where it refers to itself), `cell`, `choice: [STEP, ...]` or `of: STEP`, and perhaps
`repeat: NUMBERS`, `shared: true` (copies share their choices) and `optional: true`. In `graph` it may have a `name`;
`{module: PATH, ...}` is fixed.

A cell has `inputs` (1), `shared` (true: chosen once, used wherever it is named), and either `nodes: {NAME: STEP}` with
`edges: [[from, to]]`, or `nodes: NUMBERS` with `of: STEP`, `in_degree: NUMBERS`, `operations_on: nodes|edges`,
`output: leaves|all`, `max_edges`.

Example:
    >>> from nag.spaces.language import typed_space_from_text
    >>> space = typed_space_from_text('''
    ... name: mobile
    ... operations:
    ...   mbconv: {kernel: [3, 5, 7], expansion: [3, 4, 6]}
    ... blocks:
    ...   stage: {repeat: [2, 3, 4], of: mbconv}
    ... graph:
    ...   - {block: stage, width: 24, stride: 2}
    ...   - {block: stage, width: 40, stride: 2}
    ... recipe: {resolution: [160, 192, 224]}
    ... conditions: ["stage[1].repeat == 4 -> mbconv.kernel < 7"]
    ... ''')
    >>> space.count(), 3 * (7371 * (81 + 729) + (36 + 216 + 1296) * 1296)
    (23930154, 23930154)
"""

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
