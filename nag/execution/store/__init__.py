"""The store of evaluations, in SQLite or PostgreSQL; nothing else of this package talks to a database."""

from nag.execution.store.claims import LONGEST_LEASE
from nag.execution.store.records import EvaluationKey, Record, Request, State, Status
from nag.execution.store.store import EvaluationStore

__all__ = ["LONGEST_LEASE", "EvaluationKey", "EvaluationStore", "Record", "Request", "State", "Status"]
