"""Training on Lightning Fabric with a moving average and exact resume."""

from nag.training.devices import device_named
from nag.training.fit import FitResult, Loss, fit
from nag.training.options import FitOptions
from nag.training.processes import ending_together, make_fabric
from nag.training.state import SavedTraining, TrainState, read_state

__all__ = [
    "FitOptions",
    "FitResult",
    "Loss",
    "SavedTraining",
    "TrainState",
    "device_named",
    "ending_together",
    "fit",
    "make_fabric",
    "read_state",
]
