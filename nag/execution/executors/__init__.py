"""Executors: who runs the trials; with the same store, all give the same results."""

from nag.execution.executors.executor import Executor
from nag.execution.executors.local import LocalExecutor
from nag.execution.executors.ray_cluster import RayExecutor

__all__ = ["Executor", "LocalExecutor", "RayExecutor"]
