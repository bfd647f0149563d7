"""Scores: what guidance makes high."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from nag.graphs import DagBatch

__all__ = ["Score"]

Score = Callable[[DagBatch], Tensor]
"""Graphs -> (B,) values, higher being better."""
