"""Predictors: from an architecture to the mean and spread of its target."""

from typing import TYPE_CHECKING

from nag.core.lazy import lazily

if TYPE_CHECKING:
    from nag.predictors.adapters import AdapterPredictor
    from nag.predictors.base import Prediction, Predictor
    from nag.predictors.combining import combined_scores, rank_scores
    from nag.predictors.conformal import (
        ConformalIntervals,
        CrossConformalIntervals,
        OptimisedSelection,
        candidate_scores,
        conformal_p_values,
        prune_deterministic,
        prune_heterogeneous,
        prune_homogeneous,
        select,
        select_optimised,
    )
    from nag.predictors.gnn import GNNPredictor
    from nag.predictors.gp import GPPredictor
    from nag.predictors.gp_cost import GPCostPredictor
    from nag.predictors.losses import ListwiseLoss, Loss, RankingLoss, SquaredLoss, pairwise_hinge, pairwise_logistic
    from nag.predictors.meta import Episodes, MetaPredictor
    from nag.predictors.normal_scores import NormalScores
    from nag.predictors.pretraining import Pretraining
    from nag.predictors.proxies import ProxyColumns, worst_if_infinite
    from nag.predictors.ranked import RankedOptions, RankedPredictor
    from nag.predictors.stacked import StackedPredictor
    from nag.predictors.transfer import TransferPredictor
    from nag.predictors.transformer import TransformerPredictor
    from nag.predictors.trees import TreesPredictor

__all__ = [
    "AdapterPredictor",
    "ConformalIntervals",
    "CrossConformalIntervals",
    "Episodes",
    "GNNPredictor",
    "GPCostPredictor",
    "GPPredictor",
    "ListwiseLoss",
    "Loss",
    "MetaPredictor",
    "NormalScores",
    "OptimisedSelection",
    "Prediction",
    "Predictor",
    "Pretraining",
    "ProxyColumns",
    "RankedOptions",
    "RankedPredictor",
    "RankingLoss",
    "SquaredLoss",
    "StackedPredictor",
    "TransferPredictor",
    "TransformerPredictor",
    "TreesPredictor",
    "candidate_scores",
    "combined_scores",
    "conformal_p_values",
    "pairwise_hinge",
    "pairwise_logistic",
    "prune_deterministic",
    "prune_heterogeneous",
    "prune_homogeneous",
    "rank_scores",
    "select",
    "select_optimised",
    "worst_if_infinite",
]

lazily(__name__)
