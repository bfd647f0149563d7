"""A space of graphs of any size, to test and time what must work on large ones."""

from __future__ import annotations

from nag.spaces.loader import space_from_mapping
from nag.spaces.space import SearchSpace

__all__ = ["layered_space"]


def layered_space(num_nodes: int, num_ops: int, min_nodes: int | None = None) -> SearchSpace:
    """Graphs with free wiring and all nodes on a path, such as `nag.graphs.random_layered_dags` draws.

    Args:
        num_nodes: Greatest number of nodes, input and output included.
        num_ops: Size of the vocabulary, input and output included; the others are `op_0`, `op_1`, ...
        min_nodes: Least number of nodes; `num_nodes` if None.

    Raises:
        InvalidSpace: Fewer than 2 nodes, or no operation besides input and output.

    Example:
        >>> from nag.spaces import layered_space
        >>> space = layered_space(num_nodes=20, num_ops=5)
        >>> space.vocabulary, space.max_nodes
        (('input', 'output', 'op_0', 'op_1', 'op_2'), 20)
    """
    low = num_nodes if min_nodes is None else min_nodes
    description = {
        "name": f"layered_{num_nodes}",
        "title": f"Graphs of {low} to {num_nodes} nodes with free wiring",
        "operations": {f"op_{i}": "parametric" for i in range(num_ops - 2)},
        "nodes": [low, num_nodes],
        "edges": "free",
        "constraints": {"all_nodes_on_a_path": True},
        "codec": {"name": "edge_list"},
    }
    return space_from_mapping(description, f"layered space of {num_nodes} nodes")
