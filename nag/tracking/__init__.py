"""Trackers of runs: metrics, tables and progress to Weights & Biases, MLflow, JSON lines and the console."""

from nag.tracking.composite import CompositeTracker
from nag.tracking.console import ConsoleTracker
from nag.tracking.image import Image
from nag.tracking.json_lines import JsonLinesTracker
from nag.tracking.mlflow import MlflowTracker
from nag.tracking.null import NullTracker
from nag.tracking.protocol import Progress, RunContext, RunTracker
from nag.tracking.terminal import terminal_progress
from nag.tracking.weights_and_biases import WandbTracker

__all__ = [
    "CompositeTracker",
    "ConsoleTracker",
    "Image",
    "JsonLinesTracker",
    "MlflowTracker",
    "NullTracker",
    "Progress",
    "RunContext",
    "RunTracker",
    "WandbTracker",
    "terminal_progress",
]
