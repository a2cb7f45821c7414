"""What a figure depends on: versions, processors, the load, and how durable a commit is."""

from __future__ import annotations

import os
import platform
from typing import Any

from sqlalchemy import Connection

from engine.store.database import Database

_DURABILITY = {
    "sqlite": {"journal_mode": "PRAGMA journal_mode", "synchronous": "PRAGMA synchronous"},
    "postgresql": {
        name: f"SHOW {name}" for name in ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")
    },
    "mysql": {
        name: f"SELECT @@{name}" for name in ("innodb_flush_log_at_trx_commit", "sync_binlog", "innodb_doublewrite")
    },
}
_SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}
_VERSION = {"sqlite": "SELECT sqlite_version()", "postgresql": "SHOW server_version", "mysql": "SELECT version()"}


def facts_of(database: Database) -> dict[str, Any]:
    """Return what is to be known beside the figures; the load is that of this moment."""
    name = database.dialect.name
    with database.engine.connect() as connection:
        durability = {key: _said(connection, query) for key, query in _DURABILITY[name].items()}
        version = _said(connection, _VERSION[name])
    if name == "sqlite":
        durability["synchronous"] = _SYNCHRONOUS.get(durability["synchronous"], durability["synchronous"])
    return {
        "python": platform.python_version(),
        "store": f"{name} {version}",
        "durability": durability,
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_at_start": list(os.getloadavg()),
    }


def _said(connection: Connection, query: str) -> Any:
    return connection.exec_driver_sql(query).scalar_one()
