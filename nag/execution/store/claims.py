"""Statements of the store that claim rows and end claims."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import takewhile
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, null, select, update

from nag.core.numbers import LONGEST_LEASE
from nag.evaluation.trials.trial import Measurement
from nag.execution.store.lookups import conditions_of, key_of, select_rows
from nag.execution.store.records import EvaluationKey, Record
from nag.execution.store.schema import KEY, evaluations, record_of, result_values

__all__ = ["claim", "complete", "extend", "free_rows", "lapse", "release", "set_back"]

Clock = Callable[[], ColumnElement[float]]

_LONGEST_ERROR = 300
_c = evaluations.c
_unfinished = _c.lease_end.is_not(None)
_free_again: dict[str, Any] = {"status": "pending", "worker": null(), "progress": 0.0}


def free_rows(clock: Clock, task: str, evaluator: str, limit: int) -> Select[Any]:
    """Unclaimed rows, those never tried first; a lease that never ends holds nothing."""
    held = _c.lease_end.between(clock(), clock() + LONGEST_LEASE)
    conditions = [*conditions_of(task, evaluator), _unfinished, ~held]
    return select(evaluations).where(*conditions).order_by(_c.lease_end, _c.id).limit(limit)


def claim(
    connection: Connection, clock: Clock, worker: str, task: str, evaluator: str, lease: float, limit: int, max_attempts: int
) -> list[Record]:
    """Claims free rows, those that failed before alone; those that lapsed at their last attempt fail instead."""
    while rows := connection.execute(free_rows(clock, task, evaluator, limit).with_for_update(skip_locked=True)).all():
        lapsed = [row for row in rows if row.status == "claimed"]
        if lapsed:
            _end_deadly_attempts(connection, clock, lapsed, "the worker died or was lost", max_attempts)
            continue
        chosen = list(takewhile(lambda row: row.attempts == 0 and not row.error, rows)) or [rows[0]]
        claimed = {"status": "claimed", "worker": worker, "progress": 0.0, "attempts": _c.attempts + 1, "batch": len(chosen)}
        where = _c.id.in_([row.id for row in chosen])
        end = clock() + min(lease, LONGEST_LEASE)
        connection.execute(update(evaluations).where(where).values(claimed | {"lease_end": end}))
        return [record_of(row, worker) for row in chosen]
    return []


def extend(
    connection: Connection, clock: Clock, worker: str, lease: float, progress: Mapping[EvaluationKey, float]
) -> set[EvaluationKey]:
    """Lets claims last from now on and notes their progress; those that the worker still holds."""
    held = {key_of(row): row.id for row in _held(connection, worker) if key_of(row) in progress}
    rows = [{"row": row, "progress": float(progress[key])} for key, row in held.items()]
    if rows:
        values = {"lease_end": clock() + min(lease, LONGEST_LEASE), "progress": bindparam("progress")}
        connection.execute(update(evaluations).where(_c.id == bindparam("row")).values(values), rows)
    return set(held)


def complete(
    connection: Connection, clock: Clock, worker: str, results: Mapping[EvaluationKey, Measurement]
) -> set[EvaluationKey]:
    """Fills in results where the worker still holds the claim; those that are in the table now."""
    held = {key_of(row): row.id for row in _held(connection, worker) if key_of(row) in results}
    rows = [{"row": row, **result_values(results[key])} for key, row in held.items()]
    if rows:
        values: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "row"} | {"finished": clock()}
        connection.execute(update(evaluations).where(_c.id == bindparam("row")).values(values), rows)
    # A commit whose answer got lost is run again: then the rows are done already, and by this very worker.
    others = select_rows(connection, results.keys() - held.keys(), (*KEY, _c.worker, _c.status))
    return held.keys() | {key_of(row) for row in others if row.worker == worker and row.status == "done"}


def set_back(
    connection: Connection, clock: Clock, worker: str, keys: Collection[EvaluationKey], reason: str, max_attempts: int
) -> int:
    """Ends attempts that failed, where the worker still holds the claim; number of rows."""
    rows = [row for row in _held(connection, worker) if key_of(row) in keys]
    _end_attempts(connection, clock, rows, reason, max_attempts)
    return len(rows)


def lapse(connection: Connection, clock: Clock, worker: str, reason: str, max_attempts: int) -> int:
    """Ends all claims of a worker that died; number of rows."""
    rows = _held(connection, worker)
    _end_deadly_attempts(connection, clock, rows, reason, max_attempts)
    return len(rows)


def release(connection: Connection, clock: Clock, worker: str) -> int:
    """Gives all claims of a worker back as if it had never had them; number of rows."""
    values = _free_again | {"attempts": _c.attempts - 1, "lease_end": clock()}
    return connection.execute(update(evaluations).where(_c.worker == worker, _unfinished).values(values)).rowcount


def _held(connection: Connection, worker: str) -> Sequence[Row[Any]]:
    query: Select[Any] = select(_c.id, *KEY, _c.attempts, _c.batch).where(_c.worker == worker, _unfinished)
    return connection.execute(query.order_by(_c.id).with_for_update()).all()


def _end_deadly_attempts(
    connection: Connection, clock: Clock, rows: Sequence[Row[Any]], reason: str, max_attempts: int
) -> None:
    """Ends what a worker died of, or with: where it held several, none is charged, but each is claimed alone from then on."""
    alone = [row for row in rows if row.batch == 1]
    _end_attempts(connection, clock, alone, reason, max_attempts)
    others = _c.id.in_([row.id for row in rows if row.batch > 1])
    values = _free_again | {"attempts": _c.attempts - 1, "lease_end": clock(), "error": _line(reason)}
    connection.execute(update(evaluations).where(others).values(values))


def _end_attempts(connection: Connection, clock: Clock, rows: Sequence[Row[Any]], reason: str, max_attempts: int) -> None:
    """Makes rows pending again, behind those never tried, or failed where their attempts are used up."""
    line = _line(reason)
    for row in rows:
        values: dict[str, Any] = {"error": line, "lease_end": clock()} | _free_again
        if row.attempts >= max_attempts:
            values |= {"status": "failed", "lease_end": None, "finished": clock()}
            if row.attempts > 1:
                values["error"] = f"{line} (attempt {row.attempts} of {row.attempts})"
        connection.execute(update(evaluations).where(_c.id == row.id).values(values))


def _line(reason: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in reason)
    return " ".join(printable.split())[:_LONGEST_ERROR]
