"""Recording flushes: each is tried until the database has answered, and what it refuses for good is set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import structlog

from engine.errors import LeaseLost, RefusedByStore, StoreUnavailable
from engine.model.work import Flush, Flushed
from engine.store.flush import run_flush
from engine.store.workers import flushes_of
from engine.worker.refusals import add, claims_of, given_up, parts_of, without_decision

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.store.database import Database

log = structlog.get_logger(__name__)

SHORTEST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0

T = TypeVar("T")


class Recorder:
    """Runs the flushes of a worker, one at a time.

    ``wait`` waits so many seconds before the database is asked again, and tells whether to give up instead.
    """

    def __init__(self, database: Database, wait: Callable[[float], bool]) -> None:
        self._database = database
        self._wait = wait
        self._worker_id = 0
        self._flushes = 0

    def record(self, flush: Flush) -> Flushed:
        """Run a flush, and return what became of it.

        What the database refuses for good is found by running the parts of the flush one by one, and set aside for an
        operator; all the rest is recorded. Raises LeaseLost, and StoreUnavailable when told to give up.
        """
        try:
            return self._run(flush)
        except (LeaseLost, StoreUnavailable):
            raise
        except Exception as error:
            parts = parts_of(flush)
            if not parts:
                raise
            log.error("the store refused a flush", executions=len(parts), error=_line_of(error))
        whole = Flushed(0)
        for execution_id, part in parts.items():
            add(whole, self._run_or_set_aside(execution_id, part))
        add(whole, self._run(claims_of(flush, max(flush.room - len(whole.claimed), 0))))
        return whole

    def until_answered(self, ask: Callable[[], T]) -> T:
        """Return what ``ask`` returns, asking again as long as the database is away."""
        pause = SHORTEST_PAUSE_SECONDS
        while True:
            try:
                return ask()
            except StoreUnavailable as error:
                log.warning("store unavailable", error=str(error), retry_in_seconds=round(pause, 2))
                if self._wait(pause):
                    raise
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _run(self, flush: Flush) -> Flushed:
        """Run a flush until the database has answered; an unanswered commit is looked up by the flush's number."""
        if flush.worker_id != self._worker_id:
            self._worker_id, self._flushes = flush.worker_id, 0
        self._flushes += 1
        flush.number = self._flushes
        flushed: Flushed | None = None

        def attempt() -> Flushed:
            nonlocal flushed
            if flushed is not None and self._was_committed(flush):
                return flushed
            flushed = None
            with self._database.write() as tx:
                # Known before the commit, and good if the commit is found to have happened.
                flushed = run_flush(tx, flush)
            return flushed

        return self.until_answered(attempt)

    def _was_committed(self, flush: Flush) -> bool:
        with self._database.read() as tx:
            return flushes_of(tx, flush.worker_id) == flush.number

    def _run_or_set_aside(self, execution_id: str, part: Flush) -> Flushed:
        """Record all of a part, or else less of it, and the reason."""
        try:
            return self._run(part)
        except (LeaseLost, StoreUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this execution
            refused = RefusedByStore(f"the store refused what was to be recorded of this execution: {_line_of(error)}")
        log.error("set aside", execution_id=execution_id, error=str(refused))
        try:
            flushed = self._run(without_decision(part, refused))
        except (LeaseLost, StoreUnavailable):
            raise
        except Exception:  # noqa: BLE001 - the results themselves are what it cannot take
            flushed = self._run(given_up(part, refused))
        flushed.stale.add(execution_id)
        return flushed


def _line_of(error: Exception) -> str:
    # The database's own words: SQLAlchemy adds the statement and its parameters, which are the user's.
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0] or type(cause).__name__
