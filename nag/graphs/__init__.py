"""Architectures as directed acyclic graphs: values, batches, canonical form, converters, drawings."""

from nag.graphs.architecture import Architecture
from nag.graphs.batch import DagBatch, GraphBatch
from nag.graphs.canonical import CanonicalForms, Semantics, canonical_forms, canonical_hashes, levels, reduce

__all__ = [
    "Architecture",
    "CanonicalForms",
    "DagBatch",
    "GraphBatch",
    "Semantics",
    "canonical_forms",
    "canonical_hashes",
    "levels",
    "reduce",
]
