"""Trackers of runs: metrics, tables and progress to Weights & Biases, to JSON lines and to the console."""

from nag.tracking.composite import CompositeTracker
from nag.tracking.console import ConsoleTracker
from nag.tracking.image import Image
from nag.tracking.json_lines import JsonLinesTracker
from nag.tracking.null import NullTracker
from nag.tracking.protocol import Progress, RunTracker
from nag.tracking.terminal import terminal_progress
from nag.tracking.weights_and_biases import WandbTracker

__all__ = [
    "CompositeTracker",
    "ConsoleTracker",
    "Image",
    "JsonLinesTracker",
    "NullTracker",
    "Progress",
    "RunTracker",
    "WandbTracker",
    "terminal_progress",
]
