"""The database under the store: how it is opened, waited for, and what is said when it cannot be used."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Double,
    Engine,
    cast,
    create_engine,
    event,
    extract,
    func,
    inspect,
    literal,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from nag.core.documents import shortened
from nag.core.errors import DamagedFile, InvalidRequest, NagError
from nag.core.packages import require
from nag.core.secrets import masked
from nag.execution.addresses import check_store_address
from nag.execution.store.schema import SCHEMA_VERSION, evaluations, metadata, store_version

__all__ = ["OPENING_PATIENCE", "Database"]

Answer = TypeVar("Answer")

OPENING_PATIENCE = 3.0
"""Seconds for which a server that is out of reach when a store is opened is tried again."""

_BUSY_SECONDS = 5.0  # how long SQLite itself waits for a lock
_LOCK = 0x6E6167  # of PostgreSQL, while the tables are made
_PASSING = ("locked", "busy", "locking protocol", "disk is full")
_LASTING = ("authentication failed", "no password supplied", "does not exist", "permission denied")


class Database:
    """A SQLite file or a PostgreSQL database that holds the tables of the store.

    SQLite runs in write-ahead mode with full synchronisation: readers never wait, a killed process harms nothing, and
    a commit that has returned survives a power cut, assuming the disk honours fsync. PostgreSQL does the same by its
    own defaults.

    Args:
        url: `sqlite:///PATH`, a plain path, or `postgresql://USER:PASSWORD@HOST/NAME`.
        patience: Seconds for which a database that is locked, full or out of reach is tried again.
        opening_patience: The same for a server that is out of reach from the start.

    Raises:
        NagError: The database cannot be used, or is none of ours.
    """

    def __init__(self, url: str | Path, patience: float, opening_patience: float = OPENING_PATIENCE) -> None:
        self._url = _parse(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self.opening_patience = opening_patience
        self.patience = patience if self.is_sqlite else min(patience, opening_patience)
        self.name = self._url.database or "" if self.is_sqlite else masked(self._url.render_as_string(hide_password=True))
        self._engine = self._make_engine()
        if not self.read(_is_ready):
            self.write(_make_tables)
        self.patience = patience

    @property
    def url(self) -> str:
        """The whole URL, password included, so that another process can open the same database."""
        return self._url.render_as_string(hide_password=False)

    def now(self) -> ColumnElement[float]:
        """Seconds since 1970: by the server's clock on PostgreSQL, by this host's on SQLite, which has one host alone."""
        if self.is_sqlite:
            return literal(time.time())
        return cast(extract("epoch", func.statement_timestamp()), Double)

    def read(self, work: Callable[[Connection], Answer]) -> Answer:
        """Runs a transaction that only reads; see `write`."""
        return self._patiently(work, writes=False)

    def write(self, work: Callable[[Connection], Answer]) -> Answer:
        """Runs a transaction; again from its start where it met a passing fault, so it must bear to be run twice.

        Raises:
            NagError: It still fails after `patience` seconds.
        """
        return self._patiently(work, writes=True)

    def close(self) -> None:
        """Closes all connections; the next use opens new ones."""
        self._engine.dispose()

    def _patiently(self, work: Callable[[Connection], Answer], writes: bool) -> Answer:
        retrying = Retrying(
            retry=retry_if_exception(self._is_passing),
            stop=stop_after_delay(self.patience),
            wait=wait_random_exponential(multiplier=0.02, max=2.0),
            reraise=True,
        )
        try:
            return retrying(self._once, work, writes)
        except DBAPIError as error:
            raise self._explain(error) from error

    def _once(self, work: Callable[[Connection], Answer], writes: bool) -> Answer:
        with self._engine.connect() as connection:
            with connection.execution_options(nag_writes=writes).begin():
                return work(connection)

    def _make_engine(self) -> Engine:
        if self.is_sqlite:
            Path(self.name).absolute().parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(self._url, connect_args={"timeout": min(_BUSY_SECONDS, self.patience)})
            event.listen(engine, "connect", _set_up_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        require("psycopg", extra="postgresql")
        seconds = max(2, min(10, int(self.opening_patience)))
        return create_engine(self._url.set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": seconds})

    def _is_passing(self, error: BaseException) -> bool:
        if not isinstance(error, OperationalError | InterfaceError):
            return False
        message = str(error.orig).lower()
        if self.is_sqlite:
            return any(word in message for word in _PASSING)
        return not any(word in message for word in _LASTING)

    def _without_secrets(self, message: str) -> str:
        """A message of the driver without the passwords of the URL."""
        for value in (self._url.password, *(self._url.query.get(key) for key in ("password", "sslpassword"))):
            if isinstance(value, str) and value:
                message = message.replace(value, "***")
        return masked(message)

    def _explain(self, error: DBAPIError) -> NagError:
        reason = shortened(self._without_secrets(str(error.orig)))
        message = reason.lower()
        if "is full" in message or "no space left" in message:
            return NagError(f"the disk of the store '{self.name}' is full", "Free some space; what was finished is kept.")
        if not self.is_sqlite:
            if isinstance(error, OperationalError | InterfaceError):
                return NagError(f"the store '{self.name}' cannot be used: {reason}", "Check the URL and the server.")
        elif "locked" in message or "busy" in message:
            return NagError(f"the store '{self.name}' is locked by another process", "Wait for that process, or end it.")
        elif "not a database" in message or "malformed" in message:
            return DamagedFile(f"'{self.name}' is not an evaluation store", "Choose another file, or restore a copy.")
        elif "unable to open" in message or "readonly" in message:
            return NagError(f"the store '{self.name}' cannot be written", "Check that the folder and the file are writable.")
        return NagError(f"the store '{self.name}' failed: {reason}")


def _parse(url: str | Path) -> URL:
    """The URL that a user's words mean.

    Raises:
        InvalidRequest: They mean none.
    """
    words = check_store_address(str(url))
    parsed = None
    if words and "://" not in words:
        parsed = URL.create("sqlite", database=str(Path(words).expanduser()))
    elif words:
        try:
            parsed = make_url(words)
        except (ArgumentError, ValueError):
            parsed = None
    known = parsed is not None and parsed.get_backend_name() in ("sqlite", "postgresql")
    if parsed is None or not known or parsed.database in (None, "", ":memory:"):
        shown = shortened(masked(words).split("@")[-1])
        raise InvalidRequest(f"'{shown}' is no store", "Give a path, sqlite:///PATH or postgresql://USER@HOST/NAME.")
    return parsed


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin in `_begin_sqlite`, not where the driver thinks best
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: one that reads first could find its snapshot outdated, which retrying cannot resolve.
    writes = connection.get_execution_options().get("nag_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_ready(connection: Connection) -> bool:
    """Whether the tables are there.

    Raises:
        DamagedFile: There are tables, but not ours.
    """
    present = set(inspect(connection).get_table_names())
    if store_version.name not in present:
        if evaluations.name in present:
            raise DamagedFile("the database has evaluations of another program", "Choose another file or database.")
        return False
    version = connection.execute(select(store_version.c.version)).scalar()
    if version != SCHEMA_VERSION:
        raise DamagedFile(
            f"the store has schema version {version}, this nag knows {SCHEMA_VERSION}",
            "Choose another store, or nag's version.",
        )
    return True


def _make_tables(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # SQLite's writers are alone anyway
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    if not _is_ready(connection):
        metadata.create_all(connection)
        connection.execute(store_version.insert().values(version=SCHEMA_VERSION))
