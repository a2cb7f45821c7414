"""The register of workers: who is alive, and who is declared dead.

A worker is alive while its lease runs (``expires_us``, renewed by every flush and by its heartbeat) and, where that
can be known, while its process lives: on servers its session holds a lock that falls with it; on SQLite, whose users
share a host, the operating system is asked. So the work of a killed process goes on at once, and a false alarm of the
lease alone takes a silence of the whole lease.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, insert, select, update

from engine.store.batches import BatchUpdate
from engine.store.schema import steps, workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.store.database import Transaction

HEARTBEAT = BatchUpdate(workers, keys=("id",), sets=("expires_us",), guard="state = 'alive'")
DECLARE_DEAD = BatchUpdate(workers, keys=("id",), fixed="state = 'dead'", guard="state = 'alive'")


class WorkerState:
    """States of a worker's row."""

    ALIVE = "alive"
    DEAD = "dead"
    """Declared dead by a peer; a worker that finds itself so must take a new identity."""
    GONE = "gone"
    """It said goodbye."""


_LIVING = (
    select(
        workers.c.id, workers.c.name, workers.c.host, workers.c.pid, workers.c.process_token, workers.c.queues,
        workers.c.state, workers.c.started_us, workers.c.expires_us,
    )
    .where(workers.c.state == WorkerState.ALIVE)
    .order_by(workers.c.id)
)  # fmt: skip
_OWNED = select(steps.c.execution_id, steps.c.seq, steps.c.attempt).where(steps.c.owner == bindparam("worker_id"))


class WorkerRow(msgspec.Struct, frozen=True):
    """A worker as its peers see it."""

    id: int
    name: str
    host: str
    pid: int
    process_token: str
    queues: list[str]
    state: str
    started_us: int
    expires_us: int


def register_worker(tx: Transaction, name: str, queues: Sequence[str], lease_us: int) -> int:
    """Add a worker with a lease of ``lease_us``; return its new identity."""
    pid = os.getpid()
    row = {
        "name": name, "host": socket.gethostname(), "pid": pid, "process_token": process_token(pid) or "",
        "queues": json.dumps(list(queues)), "state": WorkerState.ALIVE, "flushes": 0, "started_us": tx.now_us,
        "expires_us": tx.now_us + lease_us,
    }  # fmt: skip
    key = tx.connection.execute(insert(workers), row).inserted_primary_key
    assert key is not None, "every database hands out worker ids"
    return int(key[0])


def renew_lease(tx: Transaction, worker_id: int, lease_us: int) -> bool:
    """Renew a worker's lease; False if peers have declared it dead."""
    return bool(tx.dialect.update(tx.connection, HEARTBEAT, [(worker_id, tx.now_us + lease_us)]))


def leave(tx: Transaction, worker_id: int) -> None:
    """Say goodbye: the worker holds nothing any more."""
    gone = update(workers).where(workers.c.id == worker_id).values(state=WorkerState.GONE)
    tx.connection.execute(gone)


def flushes_of(tx: Transaction, worker_id: int) -> int:
    """Return the number of the last flush of this worker that was committed.

    A flush whose connection broke may still be on its way to its end: it holds the worker's row, and is waited for.
    """
    query = select(workers.c.flushes).where(workers.c.id == worker_id)
    return tx.connection.execute(query.with_for_update() if tx.dialect.locks_rows else query).scalar_one()


def living_workers(tx: Transaction) -> list[WorkerRow]:
    """Return the workers that nobody has declared dead."""
    found = tx.connection.execute(_LIVING)
    return [WorkerRow(r[0], r[1], r[2], r[3], r[4], json.loads(r[5]), r[6], r[7], r[8]) for r in found]


def declare_dead(tx: Transaction, worker_ids: Sequence[int]) -> list[int]:
    """Declare workers dead, one by one where their rows still say alive; return those this call declared."""
    ordered = sorted(worker_ids)
    accepted = tx.dialect.update(tx.connection, DECLARE_DEAD, [(worker_id,) for worker_id in ordered])
    return [ordered[index] for index in sorted(accepted)]


def owned_steps(tx: Transaction, worker_id: int) -> set[tuple[str, int, int]]:
    """Return (execution id, seq, attempt) of every step that a worker owns."""
    return {(row[0], row[1], row[2]) for row in tx.connection.execute(_OWNED, {"worker_id": worker_id})}


def has_died(tx: Transaction, worker: WorkerRow, *, by_lease: bool = True) -> bool:
    """Tell whether a worker's lease ran out (where ``by_lease``), or its process is known to have ended."""
    if by_lease and worker.expires_us < tx.now_us:
        return True
    if tx.dialect.locks_rows:
        return tx.dialect.surely_dead(tx.connection, worker.id)
    return worker.host == socket.gethostname() and process_token(worker.pid) != worker.process_token


def process_token(pid: int) -> str | None:
    """Return a text that this process has and no later one with the same pid; None if there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        # Field 22: the time the process started, in clock ticks since boot (proc(5)); the name before it may hold
        # blanks.
        fields = stat.read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return _token_without_proc(pid)
    return None if fields[0] in "ZX" else f"{pid}-{fields[19]}"


def _token_without_proc(pid: int) -> str | None:
    """Where there is no /proc (macOS), only whether the process exists can be told."""
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return f"{pid}"
