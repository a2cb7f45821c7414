"""Waiting for executions to end: one listener for all who wait in a client, with a slow look as a safety net."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import select

from engine.errors import MilepostError
from engine.model.states import TERMINAL
from engine.store.schema import executions
from engine.store.wakeups import DONE_CHANNEL, Listener, open_listener

if TYPE_CHECKING:
    from engine.store.database import Database

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
"""How long a lost hint can delay an answer."""
LINGER_SECONDS: Final = 10.0
"""How long the listener is kept when nobody waits: whoever asks for one result after the other needs one session."""
RELISTEN_SECONDS: Final = 0.25
IDS_PER_QUERY: Final = 500


class Waiter:
    """Tells its callers when executions may have ended. Its thread lives while somebody waits, and a little longer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._expected: dict[str, list[Future[None]]] = {}
        self._thread: threading.Thread | None = None
        self._listener: Listener | None = None
        self._closed = False

    def expect(self, execution_id: str) -> Future[None]:
        """Return a future that is done once the execution has ended, or the client is closed."""
        future: Future[None] = Future()
        with self._lock:
            if self._closed:
                raise MilepostError("the client is closed; make another one to wait for results")
            self._expected.setdefault(execution_id, []).append(future)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="milepost-waiter", daemon=True)
                self._thread.start()
        return future

    def forget(self, execution_id: str, future: Future[None]) -> None:
        """Take back an expectation."""
        with self._lock:
            waiting = self._expected.get(execution_id, [])
            if future in waiting:
                waiting.remove(future)
            if not waiting:
                self._expected.pop(execution_id, None)

    def close(self) -> None:
        """Let everybody look once more, and end the thread."""
        with self._lock:
            self._closed = True
            thread, listener, expected = self._thread, self._listener, set(self._expected)
        self._tell(expected)
        if listener is not None:
            listener.close()
        # An interrupt may have come while it was being started.
        if thread is not None and thread.is_alive():
            thread.join(timeout=LOOK_SECONDS + 1)

    def _run(self) -> None:
        while self._wanted():
            try:
                self._listen()
            except Exception as error:  # noqa: BLE001 - whatever a driver raises, those who wait are not let down
                log.debug("could not listen for results; listening again", error=str(error))
                threading.Event().wait(RELISTEN_SECONDS)

    def _listen(self) -> None:
        listener = self._listener = open_listener(self._database, [DONE_CHANNEL])
        look_at = needed_at = time.monotonic()
        try:
            while not self._closed and time.monotonic() - needed_at < LINGER_SECONDS:
                heard = listener.wait(LOOK_SECONDS)
                if self._wanted(last=False):
                    needed_at = time.monotonic()
                self._tell(heard)
                # Where there is always something to hear, a hint that was lost would never be made up for.
                if "" in heard or time.monotonic() >= look_at:
                    self._look()
                    look_at = time.monotonic() + LOOK_SECONDS
        finally:
            self._listener = None
            listener.close()
            # A closed listener gives its connection back at its next wait.
            listener.wait(0)

    def _wanted(self, *, last: bool = True) -> bool:
        """Whether anybody waits. ``last``: the thread ends if not, said under the lock that starts the next one."""
        with self._lock:
            if self._expected and not self._closed:
                return True
            if last:
                self._thread = None
            return False

    def _look(self) -> None:
        """Ask the store which of the expected executions have ended."""
        with self._lock:
            wanted = list(self._expected)
        try:
            for first in range(0, len(wanted), IDS_PER_QUERY):
                part = wanted[first : first + IDS_PER_QUERY]
                query = select(executions.c.id).where(executions.c.id.in_(part), executions.c.state.in_(TERMINAL))
                with self._database.read() as tx:
                    self._tell(set(tx.connection.execute(query).scalars()))
        except MilepostError as error:
            log.debug("could not look for results", error=str(error))

    def _tell(self, ended: set[str]) -> None:
        with self._lock:
            futures = [future for execution_id in ended for future in self._expected.pop(execution_id, [])]
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_result(None)
