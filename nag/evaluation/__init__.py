"""Evaluation: what was generated, what it is worth, and what it cost to know."""

from nag.evaluation.evaluator import Evaluation, Evaluator, TableEvaluator
from nag.evaluation.graph_distances import graph_distances
from nag.evaluation.ledger import Ledger, Stopwatch, cpu_seconds
from nag.evaluation.limits import HeldOut, Limit, Margin, cross_validate
from nag.evaluation.metric import ComputedMetric, Metric, PredictedMetric, computed_metrics
from nag.evaluation.objective import Feasibility, Objective, ParetoObjective
from nag.evaluation.objective_spec import ObjectiveSpec, parse_objective
from nag.evaluation.pareto import front, hypervolume
from nag.evaluation.predictions import ranking_metrics
from nag.evaluation.reference import SpaceReference, hash_codes
from nag.evaluation.samples import SampleMetrics, sample_metrics

__all__ = [
    "ComputedMetric",
    "Evaluation",
    "Evaluator",
    "Feasibility",
    "HeldOut",
    "Ledger",
    "Limit",
    "Margin",
    "Metric",
    "Objective",
    "ObjectiveSpec",
    "ParetoObjective",
    "PredictedMetric",
    "SampleMetrics",
    "SpaceReference",
    "Stopwatch",
    "TableEvaluator",
    "computed_metrics",
    "cpu_seconds",
    "cross_validate",
    "front",
    "graph_distances",
    "hash_codes",
    "hypervolume",
    "parse_objective",
    "ranking_metrics",
    "sample_metrics",
]
