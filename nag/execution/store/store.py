"""The store of evaluations: who wants what, who is at it, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, func, null, select, update

from nag.evaluation.trials.trial import Measurement
from nag.execution.store import claims
from nag.execution.store.database import OPENING_PATIENCE, Database
from nag.execution.store.lookups import batches, conditions_of, insert_missing, key_of, select_rows
from nag.execution.store.records import EvaluationKey, Record, Request, State, Status
from nag.execution.store.schema import (
    KEY,
    STATE,
    architecture_values,
    evaluations,
    record_of,
    result_values,
    state_of,
    values_of,
)

__all__ = ["EvaluationStore"]

_ROWS = 5000  # entered in one transaction; others wait no longer than for these
_c = evaluations.c
_as_new: dict[str, Any] = {
    "status": "pending",
    "worker": null(),
    "lease_end": 0.0,
    "attempts": 0,
    "batch": 1,
    "progress": 0.0,
    "error": "",
    "finished": null(),
}


class EvaluationStore:
    """Keeps evaluations in a database that any number of processes share.

    Each evaluation is one row, unique by its key. It is `pending`, then `claimed` by a worker for as long as its lease
    lasts, then `done` or `failed`; a claim whose lease has ended is free for others. A row that is done never changes
    again: a result is entered only where the worker still holds the claim, and only unfinished rows are claimed.

    It can be pickled and used by several threads; each process opens connections of its own.

    Args:
        url: `sqlite:///PATH`, a plain path, or `postgresql://USER:PASSWORD@HOST/NAME`. SQLite serves the processes of one
            host, not on a network file system; PostgreSQL those of many.
        patience: Seconds for which a database that is locked, full or out of reach is tried again.
        opening_patience: The same for a server that is out of reach from the start.

    Raises:
        InvalidRequest: No such kind of database.
        MissingData: The driver of PostgreSQL is not installed.
        DamagedFile: The file is no database, or the store is of another version.
        NagError: The database cannot be used; so for all methods.

    Example:
        >>> import tempfile
        >>> from nag.evaluation import Measurement
        >>> from nag.execution.store import EvaluationKey, EvaluationStore, Request
        >>> from nag.spaces import load_space
        >>> arch = load_space("nas_bench_graph").sample(1, seed=0)[0]
        >>> request = Request(EvaluationKey("hash", "my task", "my evaluator", seed=0), arch)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = EvaluationStore(f"{folder}/store.sqlite")
        ...     store.add([(request, Measurement(search_value=0.9))])
        ...     store.find([request.key])[request.key].measurement.search_value
        ...     store.close()
        1
        0.9
    """

    def __init__(self, url: str | Path, patience: float = 30.0, opening_patience: float = OPENING_PATIENCE) -> None:
        self._database = Database(url, patience, opening_patience)

    def __reduce__(self) -> tuple[type[EvaluationStore], tuple[str, float, float]]:
        return EvaluationStore, (self.url, self._database.patience, self._database.opening_patience)

    @property
    def url(self) -> str:
        """The whole URL, password included."""
        return self._database.url

    @property
    def name(self) -> str:
        """What may be shown: the path, or the URL without its password."""
        return self._database.name

    @property
    def patience(self) -> float:
        """Seconds for which a database that is locked, full or out of reach is tried again."""
        return self._database.patience

    @property
    def is_local(self) -> bool:
        """Whether it serves the processes of one host alone."""
        return self._database.is_sqlite

    def close(self) -> None:
        """Closes the connections; a later use opens new ones."""
        self._database.close()

    # -- asking and looking up --------------------------------------------------------------------------------------

    def request(self, requests: Iterable[Request]) -> int:
        """Enters as pending what is not there yet; what is there stays as it is, failed or not.

        Returns:
            Number of new rows.
        """
        return self._insert(values_of(request) for request in requests)

    def add(self, results: Iterable[tuple[Request, Measurement]], worker: str = "") -> int:
        """Enters as done what was measured without a claim; what is there stays as it is.

        Returns:
            Number of new rows.
        """
        return self._insert({**values_of(wanted), **result_values(found), "worker": worker} for wanted, found in results)

    def find(self, keys: Iterable[EvaluationKey]) -> dict[EvaluationKey, Record]:
        """The records of these keys, as far as there are any."""
        rows = self._database.read(lambda connection: select_rows(connection, keys, evaluations.c))
        return {record.key: record for record in map(record_of, rows)}

    def states(self, keys: Iterable[EvaluationKey]) -> dict[EvaluationKey, State]:
        """How far these evaluations are, as far as there are any; cheaper than `find`."""
        rows = self._database.read(lambda connection: select_rows(connection, keys, (*KEY, *STATE)))
        return {key_of(row): state_of(row) for row in rows}

    def records(self, task: str | None = None, evaluator: str | None = None, status: Status | None = None) -> list[Record]:
        """All records of a task, an evaluator and a status (None for any), in the order in which they were entered."""
        where = [*conditions_of(task, evaluator), *([] if status is None else [_c.status == status])]
        query = select(evaluations).where(*where).order_by(_c.id)
        return [record_of(row) for row in self._database.read(lambda connection: connection.execute(query).all())]

    def counts(self, task: str | None = None, evaluator: str | None = None) -> dict[Status, int]:
        """Number of rows of each status; looks at every row."""
        query = select(_c.status, func.count()).where(*conditions_of(task, evaluator)).group_by(_c.status)
        found = {status: count for status, count in self._database.read(lambda connection: connection.execute(query).all())}
        statuses: tuple[Status, ...] = ("pending", "claimed", "done", "failed")
        return {status: found.get(status, 0) for status in statuses}

    def has_open(self, task: str, evaluator: str) -> bool:
        """Whether anything of a task and an evaluator is pending or claimed."""
        query = select(_c.id).where(_c.lease_end.is_not(None), *conditions_of(task, evaluator)).limit(1)
        return self._database.read(lambda connection: connection.execute(query).first()) is not None

    # -- claiming ---------------------------------------------------------------------------------------------------

    def claim(
        self, worker: str, task: str, evaluator: str, lease_seconds: float, limit: int = 1, max_attempts: int = 3
    ) -> list[Record]:
        """Claims unclaimed requests, those never tried first.

        What failed before is claimed alone: should it bring its worker down, it does not drag others with it. What
        lapsed at its last attempt fails instead.

        Args:
            worker: Name of the worker, unlike all that there ever were.
            task: The task.
            evaluator: The evaluator.
            lease_seconds: How long the claim lasts unless it is extended.
            limit: Most rows to claim.
            max_attempts: Attempts at a row in all.
        """
        free = claims.free_rows(self._database.now, task, evaluator, 1)
        if self._database.read(lambda connection: connection.execute(free).first()) is None:
            return []  # without having waited for a writer's lock
        return self._database.write(
            lambda connection: claims.claim(
                connection, self._database.now, worker, task, evaluator, lease_seconds, limit, max_attempts
            )
        )

    def extend(self, worker: str, progress: Mapping[EvaluationKey, float], lease_seconds: float) -> set[EvaluationKey]:
        """Lets claims last so many seconds from now.

        Args:
            worker: The worker.
            progress: The claims, and the share of each that is done.
            lease_seconds: How long they last from now on.

        Returns:
            Those that the worker still holds.
        """
        clock = self._database.now
        return self._database.write(lambda connection: claims.extend(connection, clock, worker, lease_seconds, progress))

    def complete(self, worker: str, results: Mapping[EvaluationKey, Measurement]) -> set[EvaluationKey]:
        """Enters results, where the worker still holds the claim.

        Returns:
            Those that were accepted, by this call or by an earlier one of the same worker.
        """
        clock = self._database.now
        return self._database.write(lambda connection: claims.complete(connection, clock, worker, results))

    def fail(self, worker: str, key: EvaluationKey, reason: str, retry: bool = True, max_attempts: int = 3) -> bool:
        """Notes that an attempt failed, where the worker still holds the claim.

        Args:
            worker: The worker.
            key: The claim.
            reason: Why; its beginning is kept, as one line.
            retry: Whether it is tried again, up to `max_attempts` times; else it has failed for good.
            max_attempts: Attempts in all.

        Returns:
            Whether the worker held it.
        """
        clock, most = self._database.now, max_attempts if retry else 0
        return self._database.write(lambda connection: claims.set_back(connection, clock, worker, {key}, reason, most)) > 0

    def lapse(self, worker: str, reason: str, max_attempts: int = 3) -> int:
        """Ends all claims of a worker that died, without waiting for its leases.

        A claim that was made alone counts as a failed attempt. Of several made at once, one may have killed the worker,
        so that none counts, but each is claimed alone from now on.

        Returns:
            Number of claims that it held.
        """
        clock = self._database.now
        return self._database.write(lambda connection: claims.lapse(connection, clock, worker, reason, max_attempts))

    def release(self, worker: str) -> int:
        """Gives back all claims of a worker that is made to end; they do not count as attempts.

        Returns:
            Number of claims that it held.
        """
        return self._database.write(lambda connection: claims.release(connection, self._database.now, worker))

    def retry_failed(self, task: str | None = None, evaluator: str | None = None) -> int:
        """Makes failed evaluations pending again, as if they had never been tried.

        Returns:
            Their number.
        """
        statement = update(evaluations).where(_c.status == "failed", *conditions_of(task, evaluator)).values(_as_new)
        return self._database.write(lambda connection: connection.execute(statement).rowcount)

    def retry(self, requests: Iterable[Request]) -> int:
        """Makes those of the requested evaluations pending that had failed, with the architectures of the requests.

        Returns:
            Their number.
        """
        wanted = {request.key: request for request in requests}

        def work(connection: Connection) -> int:
            failed = [row for row in select_rows(connection, wanted, (_c.id, *KEY, _c.status)) if row.status == "failed"]
            rows = [{"row": row.id, **architecture_values(wanted[key_of(row)])} for row in failed]
            if rows:
                texts: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "row"}
                statement = update(evaluations).where(_c.id == bindparam("row"), _c.status == "failed")
                connection.execute(statement.values(_as_new | texts), rows)
            return len(rows)

        return self._database.write(work) if wanted else 0

    def _insert(self, rows: Iterable[dict[str, object]]) -> int:
        clock, count = self._database.now, 0
        for batch in batches(rows, _ROWS):
            count += self._database.write(lambda connection, batch=batch: insert_missing(connection, clock(), batch))  # type: ignore[misc]
        return count
