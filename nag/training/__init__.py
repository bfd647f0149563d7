"""Training on Lightning Fabric with a moving average and exact resume."""

from nag.training.fit import FitOptions, FitResult, fit
from nag.training.processes import ending_together, make_fabric
from nag.training.state import TrainState, read_state

__all__ = ["FitOptions", "FitResult", "TrainState", "ending_together", "fit", "make_fabric", "read_state"]
