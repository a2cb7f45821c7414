"""The sweeper: makes ready what is due, and what dead peers owned (I1, I7)."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import structlog

from engine.store.places import MessageFront
from engine.store.sweep import adopt_unannounced, find_dead, release_orphans, sweep_due
from engine.store.workers import declare_dead

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.model.work import Pointer
    from engine.store.database import Database

log = structlog.get_logger(__name__)

BURIAL_SECONDS = 0.4
"""How often peers are looked after: this and the claim that follows bound how long the work of a killed process
lies."""
SHORTEST_PAUSE_SECONDS = 0.002
ADOPT_SECONDS = 1.0
"""How often steps are looked for that nobody has sent a message for: those offered by a program without a broker."""
GRACE_SECONDS = 2.5
"""After a silence of this worker's own, or of the database, how long peers have to renew their leases: a heartbeat
tries again after a second."""


class Sweeper:
    """Makes ready what is due, and what dead peers owned."""

    def __init__(
        self, database: Database, worker_id: Callable[[], int], interval_us: int, resend_us: int | None,
        on_ready: Callable[[list[Pointer]], None], monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._database = database
        self._worker_id = worker_id
        self._interval = interval_us / 1e6
        self._resend_us = resend_us
        self._on_ready = on_ready
        self._monotonic = monotonic
        self._front = MessageFront()
        self._adopted = -math.inf
        self._in_touch_since = self._in_touch_at = -math.inf

    def turn(self) -> float:
        """One sweep; returns when the next is due: at the next timer, or to look after the peers."""
        self._bury_peers()
        with self._database.write() as tx:
            swept = sweep_due(tx, self._resend_us, self._front)
            orphans = release_orphans(tx, self._resend_us)
            offered = swept.offered + orphans.offered
            more = swept.more or orphans.more
            if self._resend_us is not None and self._monotonic() - self._adopted >= ADOPT_SECONDS:
                adopted = adopt_unannounced(tx, self._resend_us)
                offered += adopted.offered
                more = more or adopted.more
                if not adopted.more:
                    self._adopted = self._monotonic()
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
            dead = find_dead(tx, self._worker_id(), by_lease=self._may_judge_leases())
        if dead:
            with self._database.write() as tx:
                declared = declare_dead(tx, dead)
            log.warning("peers declared dead", workers=declared)

    def _may_judge_leases(self) -> bool:
        """Whether the database has answered this worker for long enough that every living peer has renewed its
        lease."""
        now = self._monotonic()
        if now - self._in_touch_at > GRACE_SECONDS:
            self._in_touch_since = now
        self._in_touch_at = now
        return now - self._in_touch_since >= GRACE_SECONDS
