"""Evaluation: measurements of architectures, metrics of samples, and the ledger of costs."""

from typing import TYPE_CHECKING

from nag.core.lazy import lazily

if TYPE_CHECKING:
    from nag.core.pareto import front, hypervolume
    from nag.core.stopwatch import Stopwatch, cpu_seconds
    from nag.diffusion.generation.reference import SpaceReference, hash_codes
    from nag.evaluation.data_sets import DataSet, list_data_sets, load_data_set
    from nag.evaluation.distances import graph_distances
    from nag.evaluation.evaluator import Evaluation, Evaluator, TableEvaluator
    from nag.evaluation.ledger import Ledger
    from nag.evaluation.networks.network_training import NetworkTraining, suggested_training
    from nag.evaluation.networks.training_tasks import load_task_data, load_training_task
    from nag.evaluation.predictions import ranking_metrics
    from nag.evaluation.samples import SampleMetrics, sample_metrics
    from nag.evaluation.scores.graph_metrics import ComputedMetric, GraphMetric, PredictedMetric, computed_metrics
    from nag.evaluation.scores.guidance_score import Feasibility, FrontScore, GuidanceScore
    from nag.evaluation.scores.margins import HeldOut, LimitRisk, Margin, cross_validate
    from nag.evaluation.task_names import check_task_name, is_training_task, list_tasks, list_training_tasks, space_of_task
    from nag.evaluation.tasks import load_task
    from nag.evaluation.trials.in_process import CallableTrial, TrialEvaluator
    from nag.evaluation.trials.proxy_trial import ProxyTrial
    from nag.evaluation.trials.training_trial import TrainingTrial
    from nag.evaluation.trials.trial import Measurement, Trial
    from nag.evaluation.trials.user_trials import FunctionTrial, ShellTrial

__all__ = [
    "CallableTrial",
    "ComputedMetric",
    "DataSet",
    "Evaluation",
    "Evaluator",
    "Feasibility",
    "FrontScore",
    "FunctionTrial",
    "GraphMetric",
    "GuidanceScore",
    "HeldOut",
    "Ledger",
    "LimitRisk",
    "Margin",
    "Measurement",
    "NetworkTraining",
    "PredictedMetric",
    "ProxyTrial",
    "SampleMetrics",
    "ShellTrial",
    "SpaceReference",
    "Stopwatch",
    "TableEvaluator",
    "TrainingTrial",
    "Trial",
    "TrialEvaluator",
    "check_task_name",
    "computed_metrics",
    "cpu_seconds",
    "cross_validate",
    "front",
    "graph_distances",
    "hash_codes",
    "hypervolume",
    "is_training_task",
    "list_data_sets",
    "list_tasks",
    "list_training_tasks",
    "load_data_set",
    "load_task",
    "load_task_data",
    "load_training_task",
    "ranking_metrics",
    "sample_metrics",
    "space_of_task",
    "suggested_training",
]

lazily(__name__)
