"""Data sets that networks are trained and measured on: shipped, generated, and the user's own."""

from typing import TYPE_CHECKING

from nag.core.lazy import lazily

if TYPE_CHECKING:
    from nag.evaluation.data_sets.catalogue import data_set_kind, data_set_names, list_data_sets, load_data_set
    from nag.evaluation.data_sets.data_set import DataSet, Graph, Split
    from nag.evaluation.data_sets.graphs import graph_data_set
    from nag.evaluation.data_sets.images import image_data_set
    from nag.evaluation.data_sets.layouts import LAYOUTS, Layout
    from nag.evaluation.data_sets.splitting import Rows, stratified_rows

__all__ = [
    "LAYOUTS",
    "DataSet",
    "Graph",
    "Layout",
    "Rows",
    "Split",
    "data_set_kind",
    "data_set_names",
    "graph_data_set",
    "image_data_set",
    "list_data_sets",
    "load_data_set",
    "stratified_rows",
]

lazily(__name__)
