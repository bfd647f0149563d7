"""One function a stage; they take objects, never a configuration."""

from nag.workflows.evaluate import evaluate, read_architectures
from nag.workflows.quickstart import quickstart
from nag.workflows.report import write_report
from nag.workflows.run import RunFolder
from nag.workflows.sample import Guidance, sample
from nag.workflows.show import facts_of
from nag.workflows.train_generator import TrainedGenerator, load_generator, train_generator
from nag.workflows.train_predictor import TrainedPredictor, load_predictor, train_predictor

__all__ = [
    "Guidance",
    "RunFolder",
    "TrainedGenerator",
    "TrainedPredictor",
    "evaluate",
    "facts_of",
    "load_generator",
    "load_predictor",
    "quickstart",
    "read_architectures",
    "sample",
    "train_generator",
    "train_predictor",
    "write_report",
]
