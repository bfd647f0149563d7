"""Execution: the evaluation store, its work queue, workers and executors."""
