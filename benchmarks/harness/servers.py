"""The processes of a database server, if it runs on this host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine

from benchmarks.harness.processes import PROC, stat_of

CLOCK_SECONDS = 2.0
"""How far two clocks may be apart in telling when one process started."""


def server_of(engine: Engine) -> set[int] | None:
    """Return the process from which all of a database server descend; none for SQLite, which has no server.

    None: it is on another host, or hidden in a container, so what it costs cannot be told from here.
    """
    with engine.connect() as connection:
        return _FINDERS[engine.dialect.name](connection)


def _nothing(_connection: Connection) -> set[int] | None:
    return set()


def _postmaster(connection: Connection) -> set[int] | None:
    query = (
        "SELECT pg_backend_pid(), extract(epoch FROM backend_start)::float8 FROM pg_stat_activity "
        "WHERE pid = pg_backend_pid()"
    )
    pid, started_at = connection.exec_driver_sql(query).one()
    backend = stat_of(pid)
    # On another host, a process of that number would be somebody else.
    if backend is None or not backend.name.startswith("postgres"):
        return None
    if abs(_boot_time() + backend.started_at - started_at) > CLOCK_SECONDS:
        return None
    return {backend.parent}


def _daemon(connection: Connection) -> set[int] | None:
    pid_file, data_directory = connection.exec_driver_sql("SELECT @@pid_file, @@datadir").one()
    try:
        pid = int((Path(data_directory) / pid_file).read_text())
    except (OSError, ValueError):
        return None
    daemon = stat_of(pid)
    return {pid} if daemon is not None and daemon.name.startswith(("mariadbd", "mysqld")) else None


def _boot_time() -> float:
    lines = (PROC / "stat").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("btime ")))


_FINDERS: dict[str, Callable[[Connection], set[int] | None]] = {
    "sqlite": _nothing,
    "postgresql": _postmaster,
    "mysql": _daemon,
    "mariadb": _daemon,
}
