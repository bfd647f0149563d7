"""Predictors: from an architecture to the mean and spread of its target."""

from nag.predictors.base import Prediction, Predictor
from nag.predictors.gnn import GNNPredictor
from nag.predictors.losses import RankingLoss, pairwise_hinge, pairwise_logistic

__all__ = ["GNNPredictor", "Prediction", "Predictor", "RankingLoss", "pairwise_hinge", "pairwise_logistic"]
