"""The worker's background threads: its heartbeat, the sweeper, and the listener for hints.

Each is one loop of "do, then wait until it is time or somebody calls". A database that is away makes them try again.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING

import structlog

from engine.errors import StoreUnavailable
from engine.store.sweep import adopt_unannounced, find_dead, release_orphans, sweep_due
from engine.store.wakeups import READY_CHANNEL, open_listener
from engine.store.workers import declare_dead, owned_steps, register_worker, renew_lease

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from engine.model.work import Pointer
    from engine.store.database import Database

log = structlog.get_logger(__name__)

BURIAL_SECONDS = 0.4
"""How often peers are looked after: this and the claim that follows bound how long the work of a killed process
lies."""


SHORTEST_PAUSE_SECONDS = 0.002


class Background:
    """A thread that calls ``turn`` again and again; ``turn`` returns the seconds until the next time."""

    def __init__(self, name: str, turn: Callable[[], float]) -> None:
        self._turn = turn
        self._woken = threading.Event()
        self._closed = False
        self._next = 0.0
        self._by = math.inf
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Have the next turn now."""
        self._woken.set()

    def wake_by(self, seconds: float) -> None:
        """Have a turn within so many seconds, or earlier."""
        moment = time.monotonic() + seconds
        self._by = min(self._by, moment)
        if moment < self._next:
            self._woken.set()

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._woken.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._closed:
            # A call during the turn may come too late to be seen by it, and bounds the pause after it.
            self._by = math.inf
            try:
                pause = self._turn()
            except StoreUnavailable:
                pause = 1.0
            except Exception:
                log.exception("background work failed", thread=self._thread.name)
                pause = 1.0
            now = time.monotonic()
            pause = max(min(pause, self._by - now), 0.0)
            self._next = now + pause
            self._woken.wait(pause)
            self._woken.clear()


class Heartbeat:
    """Renews the worker's lease, holds its liveness lock, and learns which of its steps are no longer its own."""

    def __init__(
        self, database: Database, lease_us: int, on_owned: Callable[[set[tuple[str, int, int]], float], None],
        on_lost: Callable[[int], None],
    ) -> None:  # fmt: skip
        self._database = database
        self._lease_us = lease_us
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
                self._on_owned(owned, asked_at)
        return min(self._lease_us / 4e6, 1.0)

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


class Sweeper:
    """Makes ready what is due, and what dead peers owned."""

    def __init__(
        self, database: Database, worker_id: Callable[[], int], interval_us: int, resend_us: int | None,
        on_ready: Callable[[list[Pointer]], None],
    ) -> None:  # fmt: skip
        self._database = database
        self._worker_id = worker_id
        self._interval = interval_us / 1e6
        self._resend_us = resend_us
        self._on_ready = on_ready

    def turn(self) -> float:
        """One sweep; returns when the next is due: at the next timer, or to look after the peers."""
        offered: list[Pointer] = []
        self._bury_peers()
        with self._database.write() as tx:
            swept = sweep_due(tx, self._resend_us)
            orphans = release_orphans(tx, self._resend_us)
            offered = swept.offered + orphans.offered
            more = swept.more or orphans.more
            if self._resend_us is not None:
                adopted = adopt_unannounced(tx, self._resend_us)
                offered += adopted.offered
                more = more or adopted.more
        if offered:
            self._on_ready(offered)
        if more:
            return 0.0
        pause = min(self._interval, BURIAL_SECONDS)
        if swept.next_due_us is not None:
            # What is due and was passed over is in another transaction's hands: give that a moment.
            pause = min(pause, max((swept.next_due_us - swept.now_us) / 1e6, SHORTEST_PAUSE_SECONDS))
        return pause

    def _bury_peers(self) -> None:
        with self._database.read() as tx:
            dead = find_dead(tx, self._worker_id())
        if dead:
            with self._database.write() as tx:
                declared = declare_dead(tx, dead)
            log.warning("peers declared dead", workers=declared)


class Hints:
    """Waits for hints of ready steps and passes them on."""

    def __init__(self, database: Database, poll_us: int, on_hint: Callable[[], None]) -> None:
        self._listener = open_listener(database, [READY_CHANNEL])
        self._poll = poll_us / 1e6
        self._on_hint = on_hint
        self._closed = False

    def turn(self) -> float:
        """Wait for one hint, or for the poll interval."""
        self._listener.wait(self._poll)
        if self._closed:
            return 60.0
        self._on_hint()
        return 0.0

    def close(self) -> None:
        """End the wait."""
        self._closed = True
        self._listener.close()
