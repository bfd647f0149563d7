"""Predictors by the name that a checkpoint gives their family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from nag.core.errors import DamagedFile
from nag.predictors.base import Predictor
from nag.predictors.gp_cost import GPCostPredictor
from nag.predictors.stacked import PARTS, StackedPredictor
from nag.spaces import SearchSpace

__all__ = ["restore_predictor"]

_FAMILIES: dict[str, type[Predictor]] = {
    **PARTS,
    StackedPredictor.__name__: StackedPredictor,
    GPCostPredictor.__name__: GPCostPredictor,
}


def restore_predictor(
    space: SearchSpace, family: str, description: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Predictor:
    """Rebuilds a fitted predictor.

    Args:
        space: Its search space.
        family: Name of its class.
        description: What its `description` gave.
        tensors: Its state.

    Raises:
        DamagedFile: The family is unknown, or the description or the tensors do not fit.
    """
    if family not in _FAMILIES:
        raise DamagedFile(f"'{family}' is no family of predictors", "Train it again.")
    return _FAMILIES[family].restore(space, description, tensors)
