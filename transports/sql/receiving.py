"""The consumer's side: taking messages, settling them, and hearing broadcasts."""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING, cast

from sqlalchemy.exc import DBAPIError

from transports.errors import TransportError, Unavailable, UnknownQueue
from transports.pacing import Pacing
from transports.protocol import BROADCAST_BACKLOG
from transports.sql import broadcasts, messages
from transports.sql.dialect import RECHECK_SECONDS

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from transports.protocol import Delivery, Message
    from transports.sql.database import Database

_BATCH = 1000
"""The most messages that one transaction hands out."""
_GLANCE_SECONDS = 0.05
"""How often a consumer that always finds messages looks for broadcasts."""


class Receiver:
    """A consumer, and subscriber if it wants. ``receive`` is for one thread at a time; others may settle and close."""

    def __init__(self, database: Database, rng: random.Random, visibility_us: int) -> None:
        self._database = database
        self._watcher = database.dialect.watcher(database.engine)
        self._pacing = Pacing(rng)
        self._visibility_us = visibility_us
        self._consumer = uuid.uuid4().hex
        self._queues: Sequence[str] = ()
        self._turn = 0
        self._held: dict[int, str] = {}
        self._position: broadcasts.Position | None = None
        self._heard: deque[Message] = deque(maxlen=BROADCAST_BACKLOG)
        self._glanced_at = 0.0
        self._checked_at = 0.0
        self._receiving = threading.Lock()

    def consume(self, queues: Sequence[str]) -> None:
        """Take from these queues from now on."""
        self._queues = tuple(queues)

    def receive(self, max_messages: int, max_wait: float) -> list[Delivery]:
        """Take messages; wait for the first, or for a broadcast."""
        with self._receiving:
            deadline = time.monotonic() + max_wait
            self._leave_alone(max_wait)
            try:
                taken = self._receive_until(deadline, min(max_messages, _BATCH))
            except Unavailable:
                self._pacing.failed()
                raise
            except DBAPIError as error:
                self._pacing.failed()
                raise self._database.problem(error) from error
            self._pacing.succeeded()
            return taken

    def _leave_alone(self, max_wait: float) -> None:
        """Give a database that was away some time before it is asked again."""
        pause = self._pacing.remaining_seconds()
        if pause > 0 and not self._database.stop.wait(min(pause, max_wait)) and pause > max_wait:
            raise Unavailable(
                f"the database on {self._database.url!r} was away and is asked again in {pause - max_wait:.1f} s"
            )

    def _receive_until(self, deadline: float, limit: int) -> list[Delivery]:
        while not self._database.stop.is_set():
            taken = self._take(limit)
            self._listen(idle=not taken)
            if taken or self._heard:
                self._watcher.found()
                return taken
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                break
            # What came before the watcher was ready would go unnoticed: look once more.
            if not self._watcher.arm():
                self._watcher.wait(remaining, self._queues if limit > 0 else ())
        return []

    def _take(self, limit: int) -> list[Delivery]:
        if limit <= 0 or not self._queues:
            return []
        database, names = self._database, self._next_order()
        if database.dialect.looks_first and not database.read(lambda tx: messages.any_waiting(tx, names)):
            return []
        taken = database.write(lambda tx: messages.take(tx, names, limit, self._consumer, self._visibility_us))
        self._held.update((cast("int", delivery.token), delivery.message.queue) for delivery in taken)
        return taken

    def _next_order(self) -> Sequence[str]:
        """Return the queues, each time with another one first, so that a full one does not starve the others."""
        self._turn = (self._turn + 1) % len(self._queues)
        return [*self._queues[self._turn :], *self._queues[: self._turn]]

    # -- broadcasts --------------------------------------------------------------------------------------------------

    def subscribe(self) -> None:
        """Hear broadcasts from now on."""
        if self._position is None:
            self._position = self._database.read(broadcasts.start)

    def broadcasts(self) -> list[Message]:
        """Take the broadcasts that were heard."""
        heard = list(self._heard)
        self._heard.clear()
        return heard

    def _listen(self, *, idle: bool) -> None:
        """Look for broadcasts, unless that was done a moment ago and there are messages to see to."""
        now = time.monotonic()
        if not idle:
            if now - self._glanced_at < _GLANCE_SECONDS:
                return
            # Notifications pile up in the connection unless somebody reads them.
            self._watcher.wait(0, ())
        self._glanced_at = now
        if self._position is None:
            return
        try:
            self._heard.extend(self._database.read(self._hear))
        except UnknownQueue:
            # A database that was replaced by an empty one counts from the beginning.
            self._database.make_tables()
            self._position = broadcasts.Position(0)

    def _hear(self, connection: Connection) -> list[Message]:
        assert self._position is not None
        heard = broadcasts.read(connection, self._position)
        now = time.monotonic()
        if not heard and now - self._checked_at > RECHECK_SECONDS:
            self._checked_at = now
            if 0 < broadcasts.newest(connection) < self._position.floor:
                self._position = broadcasts.Position(0)
                heard = broadcasts.read(connection, self._position)
        return heard

    # -- settling ----------------------------------------------------------------------------------------------------

    def acknowledge(self, ids: Collection[int]) -> None:
        """Settle messages that are still this consumer's."""
        if ids:
            self._database.write(lambda connection: messages.settle(connection, ids, self._consumer))
        for message_id in ids:
            self._held.pop(message_id, None)

    def close(self) -> set[str]:
        """Stop receiving and give back what was not settled; return the queues that it goes back to."""
        self._watcher.wake()
        with self._receiving:
            held, self._held = self._held, {}
            self._watcher.close()
            return self._give_back(held)

    def _give_back(self, held: dict[int, str]) -> set[str]:
        if not held:
            return set()
        try:
            # Closing has set the database's own event, which would end the waiting for a turn to write.
            self._database.write(
                lambda connection: messages.give_back(connection, held, self._consumer), stop=threading.Event()
            )
        except TransportError:
            # The database is away: they come back when their time is up.
            return set()
        return set(held.values())
