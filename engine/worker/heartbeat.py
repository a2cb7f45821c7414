"""The worker's lease: renewing it, and learning what is no longer this worker's."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from engine.errors import StoreUnavailable
from engine.store.workers import declare_dead, owned_steps, register_worker, renew_lease

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from engine.store.database import Database


class Heartbeat:
    """Renews the worker's lease, holds its liveness lock, and learns which of its steps are no longer its own."""

    def __init__(
        self, database: Database, lease_us: int, on_renewed: Callable[[float], None],
        on_owned: Callable[[set[tuple[str, int, int]], float], None], on_lost: Callable[[int], None],
    ) -> None:  # fmt: skip
        self._database = database
        self._lease_us = lease_us
        self._on_renewed = on_renewed
        self._on_owned = on_owned
        self._on_lost = on_lost
        self._session: Connection | None = None
        # The session belongs to one identity: a heartbeat must not take it over for the one that is being left.
        self._turns = threading.Lock()
        self._closed = False
        self.worker_id = 0

    def register(self, name: str, queues: Sequence[str]) -> bool:
        """Take a new identity, with its liveness lock held before any peer can see it; False after :meth:`close`.

        The one it had is declared dead, so that what it still owns goes on at once.
        """
        with self._turns:
            if self._closed:
                return False
            self._drop_session()
            with self._database.write() as tx:
                if self.worker_id:
                    declare_dead(tx, [self.worker_id])
                worker_id = register_worker(tx, name, queues, self._lease_us)
                if self._database.dialect.locks_rows:
                    self._hold_lock(worker_id)
            self.worker_id = worker_id
            return True

    def turn(self) -> float:
        """One heartbeat."""
        with self._turns:
            worker_id, asked_at = self.worker_id, time.monotonic()
            if self._database.dialect.locks_rows:
                self._hold_lock(worker_id)
            with self._database.write() as tx:
                alive = renew_lease(tx, worker_id, self._lease_us)
                owned = owned_steps(tx, worker_id)
            if not alive:
                self._on_lost(worker_id)
            else:
                self._on_renewed(asked_at)
                self._on_owned(owned, asked_at)
        return min(self._lease_us / 4e6, 1.0)

    def look(self) -> None:
        """Learn between two heartbeats, without writing anything, which steps are this worker's."""
        with self._turns:
            asked_at = time.monotonic()
            with self._database.read() as tx:
                owned = owned_steps(tx, self.worker_id)
            self._on_owned(owned, asked_at)

    def close(self) -> None:
        """Let go of the liveness lock."""
        with self._turns:
            self._closed = True
            self._drop_session()

    def _hold_lock(self, worker_id: int) -> None:
        """Hold the lock by a session kept for it; take it anew if that session was lost."""
        try:
            if self._session is None:
                self._session = self._database.engine.connect()
                self._database.dialect.hold_liveness(self._session, worker_id)
            else:
                self._session.exec_driver_sql("SELECT 1")
                self._session.commit()
        except Exception as error:
            self._drop_session()
            raise StoreUnavailable(f"the session of the liveness lock was lost: {error}") from error

    def _drop_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.invalidate()
            session.close()
