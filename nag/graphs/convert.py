"""Exact conversions of architectures to and from networkx and torch-geometric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from nag.core.documents import shortened
from nag.core.errors import InvalidArchitecture, did_you_mean
from nag.graphs.architecture import Architecture
from nag.graphs.batch import DagBatch

if TYPE_CHECKING:
    import networkx as nx
    from torch_geometric.data import Batch, Data

__all__ = ["dags_to_pyg", "from_networkx", "from_pyg", "to_networkx", "to_pyg"]


def to_networkx(arch: Architecture) -> nx.DiGraph:
    """The architecture as a networkx graph: nodes 0..N-1 with the attribute `op`, edges without attributes.

    Args:
        arch: An architecture of N nodes.

    Example:
        >>> from nag.graphs import Architecture, to_networkx
        >>> graph = to_networkx(Architecture(("input", "conv", "output"), ((0, 1), (1, 2))))
        >>> graph.nodes[1], list(graph.edges)
        ({'op': 'conv'}, [(0, 1), (1, 2)])
    """
    import networkx as nx

    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from((node, {"op": op}) for node, op in enumerate(arch.ops))
    graph.add_edges_from(arch.edges)
    return graph


def from_networkx(graph: nx.DiGraph) -> Architecture:
    """The architecture of a networkx graph; `from_networkx(to_networkx(arch)) == arch`.

    Args:
        graph: Nodes of any names in any order, each with its operation in the attribute `op`. The order of the nodes
            is kept wherever it is topological.

    Raises:
        InvalidArchitecture: The graph is undirected, has a cycle, or a node has no operation.

    Example:
        >>> import networkx as nx
        >>> from nag.graphs import from_networkx
        >>> graph = nx.DiGraph([("x", "h"), ("h", "y")])
        >>> nx.set_node_attributes(graph, {"x": "input", "h": "conv", "y": "output"}, "op")
        >>> from_networkx(graph)
        Architecture(ops=('input', 'conv', 'output'), edges=((0, 1), (1, 2)))
    """
    if not graph.is_directed():
        raise InvalidArchitecture("the graph is undirected", "Pass a networkx.DiGraph.")
    ops = dict(graph.nodes(data="op"))
    bare = [node for node, op in ops.items() if not isinstance(op, str)]
    if bare:
        raise InvalidArchitecture(
            f"node {shortened(str(bare[0]), 60)} has no operation", "Give each node a string attribute 'op'."
        )
    return Architecture.from_unordered(ops, list(graph.edges()))


def to_pyg(arch: Architecture, vocabulary: Sequence[str]) -> Data:
    """The architecture as torch-geometric data.

    Args:
        arch: An architecture of N nodes and E edges.
        vocabulary: Names of the operations, in the order of their indices.

    Returns:
        Data with `op` (N,) int64, `edge_index` (2, E) int64 and `num_nodes`.

    Raises:
        InvalidArchitecture: An operation is not in the vocabulary.

    Example:
        >>> from nag.graphs import Architecture, to_pyg
        >>> to_pyg(Architecture(("input", "conv", "output"), ((0, 1), (1, 2))), ("input", "output", "conv"))
        Data(edge_index=[2, 2], op=[3], num_nodes=3)
    """
    from torch_geometric.data import Data

    index = {name: i for i, name in enumerate(vocabulary)}
    unknown = next((op for op in arch.ops if op not in index), None)
    if unknown is not None:
        shown = shortened(unknown, 80)
        raise InvalidArchitecture(f"operation '{shown}' is not in the vocabulary", did_you_mean(shown, vocabulary))
    return Data(
        op=torch.tensor([index[op] for op in arch.ops], dtype=torch.int64),
        edge_index=torch.tensor(arch.edges, dtype=torch.int64).view(-1, 2).T.contiguous(),
        num_nodes=arch.num_nodes,
    )


def from_pyg(data: Data, vocabulary: Sequence[str]) -> Architecture:
    """The architecture of torch-geometric data; `from_pyg(to_pyg(arch, vocabulary), vocabulary) == arch`.

    Args:
        data: `op` (N,) int64 and `edge_index` (2, E) int64; the nodes may stand in any order.
        vocabulary: Names of the operations, in the order of their indices.

    Raises:
        InvalidArchitecture: An attribute is missing, the graph has a cycle, an index is out of the vocabulary, or an
            edge leaves the graph or repeats.

    Example:
        >>> from nag.graphs import Architecture, from_pyg, to_pyg
        >>> arch = Architecture(("input", "conv", "output"), ((0, 1), (1, 2)))
        >>> vocabulary = ("input", "output", "conv")
        >>> from_pyg(to_pyg(arch, vocabulary), vocabulary) == arch
        True
    """
    if data.edge_index is None or "op" not in data:
        raise InvalidArchitecture("the data have no 'op' or no 'edge_index'", "Set op (N,) and edge_index (2, E).")
    shaped = data.op.dim() == 1 and data.edge_index.dim() == 2 and len(data.edge_index) == 2
    if not shaped or data.op.is_floating_point() or data.edge_index.is_floating_point():
        raise InvalidArchitecture("'op' or 'edge_index' has a wrong shape or type", "Set op (N,) and edge_index (2, E), int64.")
    codes = data.op.tolist()
    strange = next((code for code in codes if not 0 <= code < len(vocabulary)), None)
    if strange is not None:
        raise InvalidArchitecture(f"operation {strange} is not in the vocabulary", f"It has {len(vocabulary)} operations.")
    sources, targets = data.edge_index.tolist()
    return Architecture.from_unordered(
        {node: vocabulary[code] for node, code in enumerate(codes)}, list(zip(sources, targets, strict=True))
    )


def dags_to_pyg(dags: DagBatch) -> Batch:
    """A whole batch as a torch-geometric batch, without a loop over graphs, on the device of `dags`.

    Args:
        dags: B multigraphs of n nodes and E distinct edges in all. Nodes outside the mask are dropped, and the edges
            that touch them; the rest are renumbered.

    Returns:
        Batch with `op` (n,) int64, `edge_index` (2, E) int64, `edge_weight` (E,) float32, the multiplicity of each
        edge, `batch` (n,) int64 and `ptr` (B + 1,) int64. `num_graphs`, indexing and `to_data_list` work.

    Example:
        >>> from nag.graphs import dags_to_pyg
        >>> from nag.spaces import load_space
        >>> space = load_space("nas_bench_graph")
        >>> batch = dags_to_pyg(space.to_dags(space.sample(3, seed=0)))
        >>> batch.num_graphs, len(batch.op)
        (3, 18)
    """
    from torch_geometric.data import Batch

    sizes = dags.num_nodes
    new = (dags.mask.flatten().cumsum(0) - 1).view_as(dags.mask)
    adjacency = dags.adjacency * (dags.mask.unsqueeze(1) & dags.mask.unsqueeze(2))
    graph, source, target = adjacency.nonzero().unbind(1)
    ptr = torch.nn.functional.pad(sizes.cumsum(0), (1, 0))
    edges_of = torch.nn.functional.pad(torch.bincount(graph, minlength=len(dags)).cumsum(0), (1, 0))
    result = Batch(
        op=dags.ops[dags.mask],
        edge_index=torch.stack([new[graph, source], new[graph, target]]),
        edge_weight=adjacency[graph, source, target].float(),
        num_nodes=int(ptr[-1]),
        batch=dags.mask.nonzero()[:, 0],
        ptr=ptr,
    )
    # What Batch.from_data_list leaves for indexing and to_data_list: where each graph begins, and what to subtract.
    starts, per_edge, none = ptr.cpu(), edges_of.cpu(), torch.zeros(len(dags), dtype=torch.int64)
    result._num_graphs = len(dags)
    result._slice_dict = {"op": starts, "edge_index": per_edge, "edge_weight": per_edge}
    result._inc_dict = {"op": none, "edge_index": starts[:-1], "edge_weight": none}
    result._store._num_nodes = sizes.tolist()
    return result
