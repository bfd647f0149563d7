"""Trained predictors, the margins of their errors, and the guidance that they give."""

from typing import TYPE_CHECKING

from nag.core.lazy import lazily

if TYPE_CHECKING:
    from nag.evaluation.predicted.across_tasks import check_sources, fit_meta_predictor, fit_sources, source_predictor
    from nag.evaluation.predicted.finetuning import finetune_generator
    from nag.evaluation.predicted.fitting import default_predictor, fit_observations, fit_predictor
    from nag.evaluation.predicted.guide import Guidance
    from nag.evaluation.predicted.trained import TrainedPredictor, load_predictor
    from nag.evaluation.predicted.trained_meta import TrainedMetaPredictor, adapt, load_meta_predictor

__all__ = [
    "Guidance",
    "TrainedMetaPredictor",
    "TrainedPredictor",
    "adapt",
    "check_sources",
    "default_predictor",
    "finetune_generator",
    "fit_meta_predictor",
    "fit_observations",
    "fit_predictor",
    "fit_sources",
    "load_meta_predictor",
    "load_predictor",
    "source_predictor",
]

lazily(__name__)
