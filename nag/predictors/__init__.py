"""Predictors: from an architecture to the mean and spread of its target."""

from nag.predictors.base import Prediction, Predictor
from nag.predictors.gnn import GNNPredictor
from nag.predictors.losses import RankingLoss, pairwise_hinge, pairwise_logistic
from nag.predictors.process import ProcessPredictor

__all__ = [
    "GNNPredictor",
    "Prediction",
    "Predictor",
    "ProcessPredictor",
    "RankingLoss",
    "pairwise_hinge",
    "pairwise_logistic",
]
