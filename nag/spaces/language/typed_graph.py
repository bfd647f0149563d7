"""From words to one flat graph: sections follow each other, cells are put in, labels of edges become nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nag.spaces.language.designs import CellGraph, Design, Node, TypedGraph, Word
from nag.spaces.language.domains import Value
from nag.spaces.language.parts import Part
from nag.spaces.language.terms import CellTerm, ChainTerm, ChoiceTerm, FixedCell, FreeCell, OptionalTerm, RepeatTerm, Term

__all__ = ["typed_graph"]

_Given = Mapping[str, Value]


def typed_graph(parts: Sequence[Part], design: Design) -> TypedGraph:
    """The flat graph of a design, from `input` to `output`.

    Sections are chained, each cell fed by what is before it; a cell of several inputs reads the outputs of as many cells or
    nodes before it, the newest last, as the cells of DARTS do. The arguments of a section are attributes of its nodes.

    Args:
        parts: The parts of the space.
        design: A design.
    """
    words = iter(design.parts)
    pairs = [(part, next(words)) for part in parts if part.term is not None]
    cells = {part.name: word[0] for part, word in pairs if part.kind == "cell"}
    builder = _Builder(_definitions(parts), cells)
    recent = [builder.add(Node("input"))]
    for part, word in pairs:
        if part.kind == "section":
            given = dict(part.arguments)
            if part.leads:
                given, word = {**given, **word[0].values}, word[1:]
            recent = builder.row(word, recent, given)
    output = builder.add(Node("output"), [recent[-1]])
    assert output == len(builder.nodes) - 1
    recipe = next((word[0].attributes for part, word in pairs if part.kind == "recipe"), ())
    return TypedGraph(tuple(builder.nodes), tuple(sorted(builder.edges)), recipe)


class _Builder:
    def __init__(self, definitions: Mapping[str, FixedCell | FreeCell], once: Mapping[str, Node]) -> None:
        self.definitions = definitions
        self.once = once
        self.nodes: list[Node] = []
        self.edges: set[tuple[int, int]] = set()

    def add(self, node: Node, reads: Sequence[int] = ()) -> int:
        """Adds a node, returns its index."""
        self.nodes.append(node)
        self.edges.update((source, len(self.nodes) - 1) for source in reads)
        return len(self.nodes) - 1

    def row(self, word: Word, recent: list[int], given: _Given) -> list[int]:
        """Adds a word after what is there; returns the indices of what came last, the newest last."""
        for node in word:
            graph = self._graph_of(node)
            if graph is None:
                new = self.add(_with(node, given), [recent[-1]])
            else:
                new = self.cell(self.definitions[node.operation], graph, recent, given)
            recent = [*recent, new][-16:]
        return recent

    def cell(self, cell: FixedCell | FreeCell, graph: CellGraph, recent: list[int], given: _Given) -> int:
        """Adds a cell; returns the index of its output, a node `NAME_output` that joins what it reads."""
        inputs = [recent[max(0, len(recent) - cell.inputs + i)] for i in range(cell.inputs)]
        if isinstance(cell, FixedCell):
            return self._fixed(cell, graph, inputs, given)
        return self._free(cell, graph, inputs, given)

    def _fixed(self, cell: FixedCell, graph: CellGraph, inputs: list[int], given: _Given) -> int:
        ends = list(inputs)
        for position, word in enumerate(graph.nodes, start=cell.inputs):
            ends.append(self._content(word, [ends[u] for u, v in cell.edges if v == position], given))
        return self.add(Node(f"{cell.name}_output"), [ends[u] for u, v in cell.edges if v == len(ends)])

    def _free(self, cell: FreeCell, graph: CellGraph, inputs: list[int], given: _Given) -> int:
        ends = list(inputs)
        read: set[int] = set()
        for word, reads in zip(graph.nodes, graph.inputs, strict=True):
            if cell.on == "edges":
                sources = [self._content(label, [ends[u]], given) for u, label in reads]
                ends.append(self.add(Node("sum"), sources))
            else:
                ends.append(self._content(word, [ends[u] for u, _ in reads], given))
            read.update(u for u, _ in reads)
        inner = range(cell.inputs, len(ends))
        return self.add(Node(f"{cell.name}_output"), [ends[u] for u in inner if cell.output == "all" or u not in read])

    def _content(self, word: Word, reads: list[int], given: _Given) -> int:
        """Adds what a node of a cell holds; a sum joins several inputs where there is no operation to read them."""
        if len(reads) == 1:
            return self.row(word, reads, given)[-1]
        if not word or self._graph_of(word[0]) is not None:
            return self.row(word, [self.add(Node("sum"), reads)], given)[-1]
        return self.row(word[1:], [self.add(_with(word[0], given), reads)], given)[-1]

    def _graph_of(self, node: Node) -> CellGraph | None:
        return node.cell or (self.once[node.operation].cell if node.operation in self.once else None)


def _with(node: Node, given: _Given) -> Node:
    own = dict(node.attributes)
    return Node(node.operation, node.attributes + tuple((name, value) for name, value in given.items() if name not in own))


def _definitions(parts: Sequence[Part]) -> dict[str, FixedCell | FreeCell]:
    found: dict[str, FixedCell | FreeCell] = {}
    waiting: list[Term] = [part.term for part in parts if part.term is not None]
    while waiting:
        term = waiting.pop()
        if isinstance(term, CellTerm):
            found[term.cell.name] = term.cell
            waiting.extend(term.cell.nodes if isinstance(term.cell, FixedCell) else [term.cell.of])
        elif isinstance(term, ChainTerm):
            waiting.extend(term.steps)
        elif isinstance(term, ChoiceTerm):
            waiting.extend(term.options)
        elif isinstance(term, RepeatTerm | OptionalTerm):
            waiting.append(term.of)
    return found
