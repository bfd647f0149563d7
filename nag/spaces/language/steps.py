"""The words of the space language as Python objects; a YAML file is read into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nag.spaces.language.domains import Domain, Value

__all__ = [
    "CellDefinition",
    "Chain",
    "Choice",
    "Description",
    "FixedWiring",
    "FreeWiring",
    "ModuleStep",
    "OperationDefinition",
    "OptionalStep",
    "Repeat",
    "Section",
    "Step",
    "Use",
]


@dataclass(frozen=True)
class OperationDefinition:
    """An operation and the attributes that each of its nodes chooses.

    Args:
        role: What it does to a graph's meaning, as in today's space files.
        attributes: Name -> domain.
        module: Import path of what builds it in a network.

    Example:
        >>> from nag.spaces.language import Choices, OperationDefinition
        >>> OperationDefinition("parametric", {"kernel": Choices((3, 5))}).attributes["kernel"].values
        (3, 5)
    """

    role: Literal["parametric", "identity", "zero", "mergeable"] = "parametric"
    attributes: Mapping[str, Domain] = field(default_factory=dict)
    module: str | None = None


@dataclass(frozen=True)
class Use:
    """An operation, a block or a cell by its name.

    Args:
        name: Its name.
        attributes: Narrower domains of an operation's attributes, for this use.
        depth: How often, at most, a block that refers to itself is entered again from within; None elsewhere.

    Example:
        >>> from nag.spaces.language import Choices, Use
        >>> Use("mbconv", {"kernel": Choices((3, 5))}).name
        'mbconv'
    """

    name: str
    attributes: Mapping[str, Domain] = field(default_factory=dict)
    depth: int | None = None


@dataclass(frozen=True)
class Chain:
    """Steps one after the other.

    Example:
        >>> from nag.spaces.language import Chain, Use
        >>> len(Chain((Use("conv"), Use("pool"))).steps)
        2
    """

    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Repeat:
    """A step several times in a row.

    Args:
        of: The step.
        numbers: How often, one of these.
        shared: Whether its choices are made once for all copies; otherwise each copy chooses for itself.

    Example:
        >>> from nag.spaces.language import Repeat, Use
        >>> Repeat(Use("mbconv"), (2, 3, 4)).numbers
        (2, 3, 4)
    """

    of: Step
    numbers: tuple[int, ...]
    shared: bool = False


@dataclass(frozen=True)
class OptionalStep:
    """A step that may be left out.

    Example:
        >>> from nag.spaces.language import OptionalStep, Use
        >>> OptionalStep(Use("pool")).of.name
        'pool'
    """

    of: Step


@dataclass(frozen=True)
class Choice:
    """One of several steps.

    Example:
        >>> from nag.spaces.language import Choice, Use
        >>> [option.name for option in Choice((Use("conv"), Use("pool"))).options]
        ['conv', 'pool']
    """

    options: tuple[Step, ...]


Step = Use | Chain | Repeat | OptionalStep | Choice
"""A part of a graph."""


@dataclass(frozen=True)
class ModuleStep:
    """A fixed part of the network, such as a stem or a head: nothing of it is chosen.

    Args:
        module: Import path of the module.
        arguments: What it is given.

    Example:
        >>> from nag.spaces.language import ModuleStep
        >>> ModuleStep("nag.networks.mobile:Stem", {"width": 16}).arguments
        {'width': 16}
    """

    module: str
    arguments: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """A step of the graph with what its modules are given, such as width and stride.

    Two networks whose sections differ are different, even if their operations in a row are the same.

    Args:
        of: The step.
        name: Its name in decisions and conditions; by default that of the block, cell or operation in it, numbered from 0
            where several have it (`stage[0]`, `stage[1]`).
        arguments: Name -> domain, chosen once for the section; most have one value.

    Example:
        >>> from nag.spaces.language import Choices, Section, Use
        >>> Section(Use("stage"), arguments={"width": Choices((24, 32))}).arguments["width"].values
        (24, 32)
    """

    of: Step
    name: str | None = None
    arguments: Mapping[str, Domain] = field(default_factory=dict)


@dataclass(frozen=True)
class FixedWiring:
    """Nodes and edges of a cell whose wiring is fixed.

    Args:
        nodes: Name -> what the node holds, in a topological order.
        edges: Pairs of names; `input` (with several inputs `input0`, `input1`) and `output` are implied.

    Example:
        >>> from nag.spaces.language import FixedWiring, Use
        >>> edges = (("input", "a"), ("a", "output"), ("input", "output"))
        >>> len(FixedWiring({"a": Use("conv")}, edges).edges)
        3
    """

    nodes: Mapping[str, Step]
    edges: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FreeWiring:
    """A cell whose nodes choose which earlier nodes they read.

    Args:
        of: What each node, or each edge, holds.
        nodes: How many nodes, one of these.
        in_degree: Least and greatest number of inputs of a node.
        operations_on: Whether nodes or edges carry operations.
        output: Whether the output reads all nodes, or those that nothing else reads.
        max_edges: Most edges between inputs and nodes; None for any number.

    Example:
        >>> from nag.spaces.language import FreeWiring, Use
        >>> FreeWiring(Use("edge"), (4,), (2, 2), operations_on="edges", output="all").in_degree
        (2, 2)
    """

    of: Step
    nodes: tuple[int, ...]
    in_degree: tuple[int, int]
    operations_on: Literal["nodes", "edges"] = "nodes"
    output: Literal["all", "leaves"] = "leaves"
    max_edges: int | None = None


@dataclass(frozen=True)
class CellDefinition:
    """A small graph with inputs and an output.

    Args:
        wiring: Its nodes and edges.
        inputs: Number of inputs.
        shared: Whether it is chosen once and used wherever it is named; otherwise each use chooses for itself.

    Example:
        >>> from nag.spaces.language import CellDefinition, FreeWiring, Use
        >>> CellDefinition(FreeWiring(Use("conv"), (2, 3), (1, 2)), inputs=2).shared
        True
    """

    wiring: FixedWiring | FreeWiring
    inputs: int = 1
    shared: bool = True


@dataclass(frozen=True)
class Description:
    """A search space in the words of the language; `TypedSpace(description)` compiles it.

    Args:
        name: Short name.
        operations: Name -> definition.
        graph: Sections and fixed modules, in their order.
        blocks: Name -> step, to be used several times.
        cells: Name -> cell.
        recipe: Choices beside the graph.
        conditions: Texts such as `stage[1].repeat == 4 -> mbconv.kernel < 7`.
        title: One line for people.
        source: The mapping that it was read from, if any.

    Example:
        >>> from nag.spaces.language import Choices, Description, OperationDefinition, Repeat, Section, TypedSpace, Use
        >>> conv = OperationDefinition(attributes={"kernel": Choices((3, 5))})
        >>> TypedSpace(Description("tiny", {"conv": conv}, (Section(Repeat(Use("conv"), (1, 2))),))).count()
        6
    """

    name: str
    operations: Mapping[str, OperationDefinition]
    graph: tuple[Section | ModuleStep, ...]
    blocks: Mapping[str, Step] = field(default_factory=dict)
    cells: Mapping[str, CellDefinition] = field(default_factory=dict)
    recipe: Mapping[str, Domain] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    title: str | None = None
    source: Mapping[str, Any] | None = field(default=None, compare=False)
