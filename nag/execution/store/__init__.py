"""The store of evaluations, in SQLite or PostgreSQL; nothing else of this package talks to a database."""

from nag.execution.store.records import EvaluationKey, Record, Request, State, Status
from nag.execution.store.store import EvaluationStore

__all__ = ["EvaluationKey", "EvaluationStore", "Record", "Request", "State", "Status"]
