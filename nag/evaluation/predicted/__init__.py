"""Trained predictors, the margins of their errors, and the guidance that they give."""

from nag.evaluation.predicted.finetuning import finetune_generator
from nag.evaluation.predicted.fitting import default_predictor, fit_observations, fit_predictor
from nag.evaluation.predicted.guide import Guidance
from nag.evaluation.predicted.trained import TrainedPredictor, load_predictor

__all__ = [
    "Guidance",
    "TrainedPredictor",
    "default_predictor",
    "finetune_generator",
    "fit_observations",
    "fit_predictor",
    "load_predictor",
]
