"""The pipeline: what a worker has for the store, and what it makes of each answer. It never waits, and does no I/O.

Data flows one way: claims come in with the reply to a flush, are run, end as outcomes, drive their flows, and leave
with the next flush. One flush is under way at a time, and the next starts when it returns, with whatever has gathered
meanwhile: group commit without waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import structlog

from engine.model.states import FLOW_SEQ
from engine.model.work import Flush, Pointer, Progress, Reschedule, StepOutcome
from engine.worker.attempts import released

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from engine.model.work import Claimed, Flushed
    from engine.worker.attempts import Ended
    from engine.worker.driving import Driving
    from engine.worker.flusher import FlushReply
    from engine.worker.receiving import Arrival

log = structlog.get_logger(__name__)

TRUSTED_SHARE = 75
"""The share of its lease, in percent, on which a worker relies: the database's clock may run ahead of its own."""


class Serving(NamedTuple):
    """What a worker serves, and how."""

    queues: tuple[str, ...]
    concurrency: int
    """How many steps it may run at a time."""
    lease_us: int
    embedded: bool
    """Steps are claimed without messages: whatever is ready."""
    resend_us: int | None
    """When a step that was offered is offered again; None where that is not needed."""


class RunningSteps(Protocol):
    """What the pipeline asks of the stage that runs steps."""

    def __len__(self) -> int:
        """Return how many attempts are under way."""
        ...

    def begin(self, claim: Claimed) -> None:
        """Run what was claimed."""
        ...

    def release(self, *, only_waiting: bool) -> list[Reschedule]:
        """Break attempts off, and return them to be released."""
        ...

    def abandon_all(self) -> None:
        """Break everything off; nothing of it will be recorded."""
        ...


class Outlets(NamedTuple):
    """Where the pipeline sends what leaves it. None of these calls may wait."""

    submit: Callable[[Flush, Mapping[str, int]], None]
    """A flush, and the histories that are to be loaded besides, each from a position on."""
    settle: Callable[[Sequence[Arrival]], None]
    """Messages that have done their work."""
    room_changed: Callable[[], None]
    """There may be room for more."""
    next_due: Callable[[float], None]
    """A timer was set that falls due in so many seconds."""
    failed: Callable[[int], None]
    """What this identity has recorded is in doubt: it has to be given up."""
    later: Callable[[Callable[[], None]], object]
    """A call for after what else is happening now."""


class Pipeline:
    """Gathers what is to be recorded, and passes on what was claimed."""

    def __init__(
        self, serving: Serving, driving: Driving, running: RunningSteps, outlets: Outlets,
        monotonic_us: Callable[[], int],
    ) -> None:  # fmt: skip
        self._serving = serving
        self._driving = driving
        self._running = running
        self._outlets = outlets
        self._monotonic_us = monotonic_us
        self._worker_id: int | None = None
        self._paused: frozenset[str] = frozenset()
        self._queues = serving.queues
        self._reschedules: list[Reschedule] = []
        self._progress: dict[tuple[str, int], Progress] = {}
        self._pointers: list[Pointer] = []
        self._followed = self._followed_in_flush = 0
        """Steps that have ended, and claims of flows' own steps, that no flush has taken on yet. What follows each of
        them may take up its room without a message, so that a sequence of steps stays with one worker."""
        self._arrivals: list[Arrival] = []
        self._arrivals_in_flush: list[Arrival] = []
        self._flushing = False
        self._pump_pending = False
        self._hinted = True
        self._draining = False
        self._offset_us = 0
        self._sent_us = 0
        self._lease_until_us = 0

    # -- life --------------------------------------------------------------------------------------------------------

    def resume(self, worker_id: int) -> None:
        """Begin, or go on, under this identity."""
        self._worker_id = worker_id
        self.hint()

    def pause(self, queues: Collection[str]) -> None:
        """Take steps from all queues that are served but these, from now on. What runs is not touched."""
        resumed = self._paused.difference(queues)
        self._paused = frozenset(queues)
        self._queues = tuple(queue for queue in self._serving.queues if queue not in self._paused)
        if resumed:
            self.hint()

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that steps are taken from: those that are served and not paused."""
        return self._queues

    def suspend(self) -> None:
        """Drop everything: what this worker held is not its own any more, until it has another identity."""
        self._worker_id = None
        self._lease_until_us = 0
        self._running.abandon_all()
        self._driving.forget()
        self._reschedules, self._progress, self._pointers = [], {}, []
        self._followed = self._followed_in_flush = 0

    def drain(self) -> None:
        """Claim no more, and give back what is not begun."""
        self._draining = True
        self._reschedules += self._running.release(only_waiting=True)
        self.pump()

    def release(self) -> None:
        """Give back all that is held and not ended."""
        self._reschedules += self._running.release(only_waiting=False)
        self._reschedules += self._driving.release()
        self.pump()

    @property
    def busy(self) -> bool:
        """Whether there is something to record, or a flush under way."""
        return bool(self._flushing or self._driving.busy or self._reschedules or self._pointers)

    def room(self) -> int:
        """How many more steps this worker can take from a broker. Read from other threads too, which may see a moment
        ago."""
        return max(self._free() - self._followed - self._followed_in_flush, 0)

    def _free(self) -> int:
        return 0 if self._draining else max(self._serving.concurrency - len(self._running), 0)

    def holds_lease(self) -> bool:
        """Tell whether peers surely do not hold this worker for dead, by its own clock. Asked on other threads too.

        A process that was stopped, or cannot reach the database, begins nothing that others may have done (I6).
        """
        return self._monotonic_us() < self._lease_until_us

    def renewed(self, asked_us: int) -> None:
        """Take note that the lease was renewed, some time after ``asked_us`` by this worker's own clock."""
        trusted_us = self._serving.lease_us * TRUSTED_SHARE // 100
        self._lease_until_us = max(self._lease_until_us, asked_us + trusted_us)

    def now_us(self) -> int:
        """The database's time, estimated from what the last flush was told."""
        return self._monotonic_us() + self._offset_us

    # -- news from the stages ----------------------------------------------------------------------------------------

    def hint(self) -> None:
        """Take note that something may be ready."""
        self._hinted = True
        self.pump()

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """Take in messages: what they point at is to be claimed."""
        self._arrivals += arrivals
        self.pump_later()

    def ended(self, ended: Ended | None) -> None:
        """Take in how a step ended; None: there is nothing to record, only room for another."""
        if isinstance(ended, StepOutcome):
            self._followed += 1
            self._driving.add(ended)
        else:
            if ended is not None:
                self._reschedules.append(ended)
            self._outlets.room_changed()
        self.pump_later()

    def woken(self, pointers: Sequence[Pointer]) -> None:
        """Take in flows that were woken outside of a flush, on queues that steps are taken from: to be claimed."""
        self._pointers += pointers
        self.hint()

    def reported(self, progress: Progress) -> None:
        """Take in what a running step reported."""
        self._progress[progress.execution_id, progress.seq] = progress
        self.pump_later()

    # -- flushing ----------------------------------------------------------------------------------------------------

    def pump_later(self) -> None:
        """Send a flush after what else is happening now."""
        if not self._flushing and not self._pump_pending:
            self._pump_pending = True
            self._outlets.later(self._pump_now)

    def _pump_now(self) -> None:
        self._pump_pending = False
        self.pump()

    def pump(self) -> None:
        """Send the next flush, if none is under way and there is something for it."""
        if self._flushing or self._worker_id is None:
            return
        serving = self._serving
        # Over a broker, room beyond what was taken up before is for what arrives.
        room = self._free() if serving.embedded else min(self._free(), self._followed)
        claim = serving.embedded and self._hinted and room > 0 and bool(self._queues)
        # What arrived and is not claimed while this worker drains goes back to the broker.
        arrivals = [] if self._draining else self._arrivals
        # Of a queue that was paused meanwhile nothing is claimed; but what loses its message has to be offered again.
        arrived, postponed = self._sorted([arrival.pointer for arrival in arrivals])
        woken, _ = self._sorted(self._pointers)
        flush = Flush(
            self._worker_id, serving.lease_us, self._queues, room,
            reschedules=self._reschedules, progress=list(self._progress.values()),
            pointers=woken + arrived, postponed=postponed, claim_due=claim,
            take_new=not self._draining, take_woken=not self._draining, resend_us=serving.resend_us,
        )  # fmt: skip
        reload = self._driving.fill(flush)
        if flush.is_empty and not reload:
            return
        self._reschedules, self._progress, self._pointers = [], {}, []
        self._arrivals, self._arrivals_in_flush = [], arrivals
        # In this order: the thread that receives must not see room that is spoken for.
        self._followed_in_flush = self._followed
        self._followed = 0
        self._hinted = self._hinted and not claim
        self._flushing = True
        self._sent_us = self._monotonic_us()
        self._outlets.submit(flush, reload)

    def _sorted(self, pointers: list[Pointer]) -> tuple[list[Pointer], list[Pointer]]:
        """Return the pointers to steps that may be claimed, and those to steps of paused queues."""
        if not self._paused:
            return pointers, []
        paused = [pointer for pointer in pointers if pointer.queue in self._paused]
        return [pointer for pointer in pointers if pointer.queue not in self._paused], paused

    def replied(self, reply: FlushReply) -> None:
        """Take in the answer to the flush that is under way."""
        self._flushing = False
        arrivals, self._arrivals_in_flush = self._arrivals_in_flush, []
        flush, flushed = reply.flush, reply.flushed
        if flushed is None:
            self._arrivals = arrivals + self._arrivals
        if flush.worker_id != self._worker_id:
            # It was sent under an identity that was given up; what it claimed is released with the rest of that.
            self._followed_in_flush = 0
            self.pump()
        elif reply.error is not None or flushed is None:
            self._followed_in_flush = 0
            log.error("flush failed", error=str(reply.error), error_type=type(reply.error).__name__)
            self._outlets.failed(flush.worker_id)
        else:
            self._take(reply, flushed)
        if flushed is not None and arrivals:
            # What they point at was claimed, and counts as running by now, or was not to be had.
            self._outlets.settle(arrivals)
        self._outlets.room_changed()

    def _take(self, reply: FlushReply, flushed: Flushed) -> None:
        flush = reply.flush
        self._offset_us = flushed.now_us - self._monotonic_us()
        if flushed.renewed:
            self.renewed(self._sent_us)
        self._driving.left(flush.checkpoints, flushed.held)
        self._driving.settle(flushed, reply.histories)
        late_us = self._monotonic_us() - self._sent_us
        for claim in flushed.claimed:
            if claim.timeout_us is not None and claim.timeout_us < late_us:
                # A sweeper may have given it to another already.
                self._reschedules.append(released(claim))
            elif claim.seq != FLOW_SEQ:
                self._running.begin(claim)
            else:
                self._followed += 1
        # Not before: until what was claimed counts as running, its room is spoken for.
        self._followed_in_flush = 0
        if flushed.offered or (flush.claim_due and len(flushed.claimed) >= flush.room):
            # What was offered is for this worker too, and there may be more than there was room for.
            self._hinted = True
        if flushed.next_due_us is not None:
            self._outlets.next_due((flushed.next_due_us - flushed.now_us) / 1e6)
        self._outlets.later(self.pump)
