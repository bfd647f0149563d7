"""Databases to test the store on: a SQLite file, and a PostgreSQL server of the tests' own where it is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

# Worker processes import the trials of the tests by name: they get this path from their parent.
sys.path.insert(0, str(Path(__file__).parent))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))


def _postgresql_programs() -> Path | None:
    on_path = shutil.which("pg_ctl")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: float(path.parts[-3]))
    return Path(on_path).parent if on_path else found[-1].parent if found else None


@dataclass
class PostgresServer:
    """A server that listens on a socket in its own folder alone."""

    programs: Path
    folder: Path
    user: str | None
    databases: int = 0

    def call(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(command, user=self.user, cwd=self.folder, check=True, stdout=subprocess.DEVNULL, timeout=300)

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses=''"
        self.call("pg_ctl", "-w", "-t", "280", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stops it; mode `immediate` is a crash."""
        self.call("pg_ctl", "-w", "-m", mode, "stop")

    def url(self, database: str) -> str:
        return f"postgresql://nag@/{database}?host={self.folder}"

    def new_database(self) -> str:
        self.databases += 1
        name = f"test{self.databases}"
        url = make_url(self.url("postgres")).set(drivername="postgresql+psycopg")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    pytest.importorskip("psycopg")
    programs = _postgresql_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: no pg_ctl on PATH or in /usr/lib/postgresql")
    root = os.getuid() == 0
    user = next((entry.pw_name for entry in pwd.getpwall() if entry.pw_name in ("postgres", "nobody")), None) if root else None
    folder = Path(tempfile.mkdtemp(prefix="nag-postgresql-"))
    if user is not None:
        shutil.chown(folder, user)  # the server refuses to run as root
    server = PostgresServer(programs, folder, user)
    try:
        server.call("initdb", "-A", "trust", "-U", "nag", "-E", "UTF8", "--no-sync")
        server.start()
        yield server
        server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path) -> str:
    """URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return request.getfixturevalue("postgresql").new_database()
