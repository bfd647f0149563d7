"""Conformal prediction: intervals that cover, selections whose false discoveries are controlled."""

from nag.predictors.conformal.intervals import ConformalIntervals, CrossConformalIntervals
from nag.predictors.conformal.optimised import (
    OptimisedSelection,
    prune_deterministic,
    prune_heterogeneous,
    prune_homogeneous,
    select_optimised,
)
from nag.predictors.conformal.selection import candidate_scores, conformal_p_values, select

__all__ = [
    "ConformalIntervals",
    "CrossConformalIntervals",
    "OptimisedSelection",
    "candidate_scores",
    "conformal_p_values",
    "prune_deterministic",
    "prune_heterogeneous",
    "prune_homogeneous",
    "select",
    "select_optimised",
]
