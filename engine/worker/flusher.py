"""The thread that talks to the store: one flush at a time."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import msgspec

from engine.model.states import FLOW_SEQ
from engine.model.work import Flush, Flushed
from engine.store.history import LoadedHistory, load_histories
from engine.store.wakeups import DONE_CHANNEL, send_hint
from engine.worker.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.model.work import Pointer
    from engine.store.database import Database


class FlushReply(msgspec.Struct):
    """What came of a flush: its result and the histories it calls for, or the error that ended it."""

    flush: Flush
    flushed: Flushed | None = None
    histories: dict[str, LoadedHistory] = msgspec.field(default_factory=dict[str, LoadedHistory])
    error: Exception | None = None


def answer(
    database: Database, recorder: Recorder, position_of: Callable[[str], int], flush: Flush, reload: Mapping[str, int]
) -> FlushReply:
    """Run a flush, and load the histories that are to be gone on with.

    ``position_of`` tells up to where the worker knows an execution's history, so that only the rest is loaded.
    ``reload`` names executions whose history is to be loaded besides, from a position on.
    """
    reply = FlushReply(flush)
    try:
        flushed = reply.flushed = recorder.record(flush)
        wanted = dict(reload)
        goes_on = {claim.execution_id for claim in flushed.claimed if claim.seq == FLOW_SEQ} | flushed.held
        wanted |= {execution_id: position_of(execution_id) for execution_id in sorted(goes_on)}
        if wanted:
            reply.histories = recorder.until_answered(lambda: _histories(database, wanted))
    except Exception as error:  # noqa: BLE001 - the worker decides
        reply.error = error
    return reply


def _histories(database: Database, wanted: Mapping[str, int]) -> dict[str, LoadedHistory]:
    with database.read() as tx:
        return load_histories(tx, wanted)


class Flusher:
    """Runs flushes on a thread of its own and hands each reply to ``on_reply`` (called on that thread).

    ``announce`` tells others of steps that anybody may claim, ``on_given_up`` hears whose running steps were given up.
    """

    def __init__(
        self,
        database: Database,
        position_of: Callable[[str], int],
        announce: Callable[[list[Pointer]], None],
        on_given_up: Callable[[set[int]], None],
        on_reply: Callable[[FlushReply], None],
    ) -> None:
        self._database = database
        self._position_of = position_of
        self._announce = announce
        self._on_given_up = on_given_up
        self._on_reply = on_reply
        self._jobs: queue.SimpleQueue[tuple[Flush, Mapping[str, int]] | None] = queue.SimpleQueue()
        self._abandoned = threading.Event()
        self._recorder = Recorder(database, self._abandoned.wait)
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
            reply = answer(self._database, self._recorder, self._position_of, *job)
            self._on_reply(reply)
            if reply.flushed is not None:
                self._tell_others(reply.flushed)

    def _tell_others(self, flushed: Flushed) -> None:
        if flushed.offered:
            self._announce(flushed.offered)
        if flushed.given_up:
            self._on_given_up(flushed.given_up)
        if flushed.finished:
            send_hint(self._database, DONE_CHANNEL, flushed.finished)
