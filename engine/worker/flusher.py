"""The thread that talks to the store: one flush at a time, retried until it is answered."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import msgspec
import structlog

from engine.errors import StoreUnavailable
from engine.model.work import Flush, Flushed
from engine.store.flush import run_flush
from engine.store.history import LoadedHistory, load_histories
from engine.store.wakeups import DONE_CHANNEL, send_hint
from engine.store.workers import flushes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.model.work import Pointer
    from engine.store.database import Database

log = structlog.get_logger(__name__)

SHORTEST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0


class FlushReply(msgspec.Struct):
    """What came of a flush: its result and the histories it calls for, or the error that ended it."""

    flush: Flush
    flushed: Flushed | None = None
    histories: dict[str, LoadedHistory] = msgspec.field(default_factory=dict[str, LoadedHistory])
    error: Exception | None = None


class Flusher:
    """Runs flushes on a thread of its own and hands each reply to ``on_reply`` (called on that thread).

    ``position_of`` tells up to where the worker knows an execution's history, so that only the rest is loaded.
    ``announce`` tells others of steps that anybody may claim.
    """

    def __init__(
        self,
        database: Database,
        position_of: Callable[[str], int],
        announce: Callable[[list[Pointer]], None],
        on_reply: Callable[[FlushReply], None],
    ) -> None:
        self._database = database
        self._position_of = position_of
        self._announce = announce
        self._on_reply = on_reply
        self._jobs: queue.SimpleQueue[tuple[Flush, Mapping[str, int]] | None] = queue.SimpleQueue()
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name="milepost-flusher", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, flush: Flush, reload: Mapping[str, int]) -> None:
        """Queue a flush; ``reload`` names executions whose history is to be loaded besides, from a position on."""
        self._jobs.put((flush, reload))

    def abandon(self) -> None:
        """Give up on a flush that keeps failing, for a worker that must end now."""
        self._abandoned.set()

    def close(self) -> None:
        """End the thread after what is queued."""
        self._jobs.put(None)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            flush, reload = job
            reply = FlushReply(flush)
            try:
                reply.flushed = self._flush(flush)
                reply.histories = self._histories(reply.flushed, reload)
            except Exception as error:  # noqa: BLE001 - the worker decides
                reply.error = error
            self._on_reply(reply)
            if reply.flushed is not None:
                self._tell_others(reply.flushed)

    def _flush(self, flush: Flush) -> Flushed:
        """Run a flush until the database has answered; an unanswered commit is looked up by the flush's number."""
        pause = SHORTEST_PAUSE_SECONDS
        flushed: Flushed | None = None
        while True:
            try:
                if flushed is not None and self._was_committed(flush):
                    return flushed
                flushed = None
                with self._database.write() as tx:
                    # Known before the commit, and good if the commit is found to have happened.
                    flushed = run_flush(tx, flush)
                return flushed  # noqa: RET504
            except StoreUnavailable as error:
                if self._abandoned.is_set():
                    raise
                log.warning("store unavailable", error=str(error), retry_in_seconds=round(pause, 2))
                self._abandoned.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _was_committed(self, flush: Flush) -> bool:
        with self._database.read() as tx:
            return flushes_of(tx, flush.worker_id) == flush.number

    def _histories(self, flushed: Flushed, reload: Mapping[str, int]) -> dict[str, LoadedHistory]:
        wanted = dict(reload)
        for claim in flushed.claimed:
            if claim.seq == 0:
                wanted[claim.execution_id] = self._position_of(claim.execution_id)
        for execution_id in flushed.held:
            wanted[execution_id] = self._position_of(execution_id)
        if not wanted:
            return {}
        pause = SHORTEST_PAUSE_SECONDS
        while True:
            try:
                with self._database.read() as tx:
                    return load_histories(tx, wanted)
            except StoreUnavailable:
                if self._abandoned.is_set():
                    raise
                self._abandoned.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _tell_others(self, flushed: Flushed) -> None:
        if flushed.offered:
            self._announce(flushed.offered)
        if flushed.finished:
            send_hint(self._database, DONE_CHANNEL, flushed.finished)
