"""Evaluation: what was generated, what it is worth, and what it cost to know."""

from nag.evaluation.evaluator import Evaluation, Evaluator, TableEvaluator
from nag.evaluation.ledger import Ledger, Stopwatch, cpu_seconds
from nag.evaluation.predictions import ranking_metrics
from nag.evaluation.reference import SpaceReference, hash_codes
from nag.evaluation.samples import SampleMetrics, sample_metrics

__all__ = [
    "Evaluation",
    "Evaluator",
    "Ledger",
    "SampleMetrics",
    "SpaceReference",
    "Stopwatch",
    "TableEvaluator",
    "cpu_seconds",
    "hash_codes",
    "ranking_metrics",
    "sample_metrics",
]
