"""Learning curves: the final value of a training run from its beginning, and when to stop one."""

from nag.predictors.learning_curves.early_stopping import CompleteRuns, EarlyStopping, StoppingReplay, simulate_early_stopping
from nag.predictors.learning_curves.features import CurveScale, curve_blocks
from nag.predictors.learning_curves.predictor import CurvePredictor
from nag.predictors.learning_curves.regressors import (
    CurveRegressor,
    GainRegressor,
    LastValue,
    LinearRegressor,
    ProcessRegressor,
    SupportVectors,
)

__all__ = [
    "CompleteRuns",
    "CurvePredictor",
    "CurveRegressor",
    "CurveScale",
    "EarlyStopping",
    "GainRegressor",
    "LastValue",
    "LinearRegressor",
    "ProcessRegressor",
    "StoppingReplay",
    "SupportVectors",
    "curve_blocks",
    "simulate_early_stopping",
]
