"""Architectures as directed acyclic graphs: values, batches, canonical form, converters, drawings."""

from typing import TYPE_CHECKING

from nag.core.lazy import lazily

if TYPE_CHECKING:
    from nag.graphs.architecture import Architecture
    from nag.graphs.batch import DagBatch, GraphBatch
    from nag.graphs.canonical import Semantics, canonical_hashes, reduce
    from nag.graphs.convert import dags_to_pyg, from_networkx, from_pyg, to_networkx, to_pyg
    from nag.graphs.draw import draw_png, draw_svg, operation_colour, save_drawing
    from nag.graphs.labelling import CanonicalForms, canonical_forms, invariant_codes, levels
    from nag.graphs.orders import ancestors, random_topological_orders
    from nag.graphs.random_dags import random_layered_dags

__all__ = [
    "Architecture",
    "CanonicalForms",
    "DagBatch",
    "GraphBatch",
    "Semantics",
    "ancestors",
    "canonical_forms",
    "canonical_hashes",
    "dags_to_pyg",
    "draw_png",
    "draw_svg",
    "from_networkx",
    "from_pyg",
    "invariant_codes",
    "levels",
    "operation_colour",
    "random_layered_dags",
    "random_topological_orders",
    "reduce",
    "save_drawing",
    "to_networkx",
    "to_pyg",
]

lazily(__name__)
