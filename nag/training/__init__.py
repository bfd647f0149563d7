"""Training on Lightning Fabric with a moving average and exact resume."""

from nag.training.fit import FitOptions, FitResult, fit, make_fabric
from nag.training.state import TrainState

__all__ = ["FitOptions", "FitResult", "TrainState", "fit", "make_fabric"]
