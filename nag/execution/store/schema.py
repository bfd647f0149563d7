"""The table of evaluations: its columns, and how values go in and out of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    UniqueConstraint,
    and_,
)

from nag.evaluation.trials.trial import Measurement
from nag.execution.store.records import EvaluationKey, Record, Request, State, StateRow, StoredResult, StoredRow, checked_row

__all__ = [
    "KEY",
    "SCHEMA_VERSION",
    "STATE",
    "architecture_values",
    "evaluations",
    "metadata",
    "record_of",
    "result_values",
    "state_of",
    "store_version",
    "values_of",
]

SCHEMA_VERSION = 1

metadata = MetaData()

store_version = Table("store_version", metadata, Column("version", Integer, nullable=False))

# `lease_end` says when a row may be claimed: 0 for one that was never tried, the end of the lease for one that is claimed,
# the time of the failure for one to be tried again (which thus goes behind the new ones), NULL for one that is finished.
# `batch` is the number of rows that were claimed together: of several, it is unknown which one killed the worker.
# Numbers that may be NaN or infinite stand in JSON texts, which keep them on every database.
evaluations = Table(
    "evaluations",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("function", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("evaluator", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("native", Text, nullable=False),
    Column("ops", Text, nullable=False),
    Column("edges", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("worker", Text),
    Column("lease_end", Double),
    Column("attempts", Integer, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("progress", Double, nullable=False),
    Column("error", Text, nullable=False),
    Column("search_value", Double),
    Column("report_value", Double),
    Column("side", Text),
    Column("curve", Text),
    Column("epochs", Integer),
    Column("cpu_seconds", Double),
    Column("gpu_seconds", Double),
    Column("created", Double, nullable=False),
    Column("finished", Double),
    UniqueConstraint("function", "task", "evaluator", "seed", name="evaluations_key"),
)
_c = evaluations.c
_open = _c.lease_end.is_not(None)
_held = and_(_open, _c.worker.is_not(None))

KEY = (_c.function, _c.task, _c.evaluator, _c.seed)
STATE = (_c.status, _c.progress, _c.lease_end)

# Both hold unfinished rows alone, so that a claim costs the same however many finished ones there are.
Index("evaluations_open", _c.task, _c.evaluator, _c.lease_end, _c.id, sqlite_where=_open, postgresql_where=_open)
Index("evaluations_held", _c.worker, sqlite_where=_held, postgresql_where=_held)


def values_of(request: Request) -> dict[str, Any]:
    """The columns of a new row, all but the time."""
    key = request.key
    return {
        "function": key.function,
        "task": key.task,
        "evaluator": key.evaluator,
        "seed": key.seed,
        **architecture_values(request),
        "status": "pending",
        "lease_end": 0.0,
        "attempts": 0,
        "batch": 1,
        "progress": 0.0,
        "error": "",
    }


def architecture_values(request: Request) -> dict[str, Any]:
    """The columns that hold the architecture of a request."""
    arch = request.architecture
    return {"native": request.native, "ops": _dump(arch.ops), "edges": _dump(arch.edges)}


def result_values(measurement: Measurement) -> dict[str, Any]:
    """The columns that a measurement fills."""
    return {
        "status": "done",
        "lease_end": None,
        "progress": 1.0,
        "error": "",
        "search_value": float(measurement.search_value),
        "report_value": None if measurement.report_value is None else float(measurement.report_value),
        "side": _dump(_floats(measurement.side)),
        "curve": _dump([_floats(epoch) for epoch in measurement.curve]),
        "epochs": int(measurement.epochs),
        "cpu_seconds": float(measurement.cpu_seconds),
        "gpu_seconds": float(measurement.gpu_seconds),
    }


def record_of(row: Row[Any], claimed_by: str = "") -> Record:
    """A row of all columns as a record; of one that was claimed since it was read, if a worker is named.

    Raises:
        DamagedFile: A column holds what it must not.
    """
    checked_row(StoredRow, dict(row._mapping), str(row.id))
    result = None
    if row.status == "done":
        texts = row.side, row.curve
        result = StoredResult(row.search_value, row.report_value, *texts, row.epochs, row.cpu_seconds, row.gpu_seconds)
    return Record(
        EvaluationKey(row.function, row.task, row.evaluator, row.seed),
        (row.ops, row.edges),
        row.native,
        State("claimed", 0.0) if claimed_by else State(row.status, row.progress),
        result,
        row.error,
        row.attempts + (1 if claimed_by else 0),
        claimed_by or row.worker or "",
        row.created,
        row.finished,
    )


def state_of(row: Row[Any]) -> State:
    """How far a row is, of which the columns `KEY` and `STATE` were read.

    Raises:
        DamagedFile: A column holds what it must not.
    """
    columns = {column.name: getattr(row, column.name) for column in STATE}
    checked_row(StateRow, columns, str(row.function)[:12])
    return State(row.status, row.progress)


def _floats(values: Mapping[str, float]) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items()}


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
