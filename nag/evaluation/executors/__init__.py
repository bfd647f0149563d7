"""Executors: who runs the trials; with the same store, all give the same results."""

from nag.evaluation.executors.executor import Executor
from nag.evaluation.executors.local import LocalExecutor
from nag.evaluation.executors.ray_cluster import RayExecutor

__all__ = ["Executor", "LocalExecutor", "RayExecutor"]
