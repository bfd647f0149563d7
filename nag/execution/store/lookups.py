"""Statements of the store that look rows up and enter new ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from nag.execution.store.records import EvaluationKey
from nag.execution.store.schema import KEY, evaluations

__all__ = ["batches", "conditions_of", "insert_missing", "key_of", "select_rows"]

Entry = TypeVar("Entry")

_KEYS = 1000  # in a statement; SQLite takes 32,766 values at most


def batches(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """The entries in lists of at most `size`."""
    waiting = iter(entries)
    while batch := list(islice(waiting, size)):
        yield batch


def key_of(row: Row[Any]) -> EvaluationKey:
    """The key of a row that has its columns."""
    return EvaluationKey(row.function, row.task, row.evaluator, row.seed)


def conditions_of(task: str | None, evaluator: str | None) -> list[ColumnElement[bool]]:
    """What the rows of a task and of an evaluator fulfil; None stands for any."""
    columns = evaluations.c
    return [column == value for column, value in ((columns.task, task), (columns.evaluator, evaluator)) if value is not None]


def select_rows(connection: Connection, keys: Iterable[EvaluationKey], columns: Iterable[Any]) -> list[Row[Any]]:
    """These columns of all rows that have one of the keys, in any order."""
    groups: dict[tuple[str, str, int], list[str]] = {}
    for key in dict.fromkeys(keys):
        groups.setdefault((key.task, key.evaluator, key.seed), []).append(key.function)
    found: list[Row[Any]] = []
    c = evaluations.c
    for (task, evaluator, seed), functions in groups.items():
        query = select(*columns).where(c.task == task, c.evaluator == evaluator, c.seed == seed)
        for batch in batches(sorted(functions), _KEYS):  # neighbours in the index
            found += connection.execute(query.where(c.function.in_(batch))).all()
    return found


def insert_missing(connection: Connection, now: ColumnElement[float], rows: Sequence[dict[str, Any]]) -> int:
    """Enters rows whose keys are not there yet, all with the same columns; their number."""
    columns: dict[str, Any] = {name: bindparam(name) for name in rows[0]} | {"created": now}
    if rows[0]["status"] == "done":
        columns["finished"] = now
    # Two writers that enter the same keys in one order wait for each other, and never each for the other.
    ordered = sorted(rows, key=lambda row: tuple(row[column.name] for column in KEY))
    if connection.dialect.name == "sqlite":
        statement = sqlite.insert(evaluations).values(columns).on_conflict_do_nothing(index_elements=KEY)
        return connection.execute(statement, ordered).rowcount
    returning = (
        postgresql.insert(evaluations).values(columns).on_conflict_do_nothing(index_elements=KEY).returning(evaluations.c.id)
    )
    return len(connection.execute(returning, ordered).all())  # its driver does not count what several inserts did
