"""The connection on which Redis says that there is something new."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from transports.errors import Unavailable
from transports.protocol import BROADCAST_BACKLOG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transports.kombu.redis_channel import RedisChannel

_SILENCE_SECONDS = 25.0
"""After so long without a word Redis is asked for one; if that takes as long, the connection is taken for dead."""


class Listener:
    """Hears broadcasts and news of queues. For one thread at a time, but for ``wake``."""

    def __init__(self, channel: RedisChannel, poll_seconds: float, patience_seconds: float) -> None:
        self._channel = channel
        self._poll_seconds = poll_seconds
        self._patience_seconds = patience_seconds
        self._found: deque[bytes] = deque(maxlen=BROADCAST_BACKLOG)
        self._pubsub: Any = None
        self._queues: Sequence[str] = ()
        self._wants_broadcasts = False
        self._topics: set[str] = set()
        self._waking, self._woken = socket.socketpair()
        self._waking.setblocking(False)
        self._woken.setblocking(False)
        self._spoke_at = 0.0
        self._asked_at: float | None = None

    def hear_of(self, queues: Sequence[str]) -> None:
        """Choose the queues to hear of, in place of those chosen before."""
        self._queues = queues

    def subscribe(self) -> None:
        """Hear broadcasts, from when this returns."""
        self._wants_broadcasts = True
        try:
            self._listen()
        except Exception:
            self._drop()
            raise

    def heard(self) -> list[bytes]:
        """Take the broadcasts that have arrived, and make the connection if there is none.

        Waits for nothing but the rest of what has begun to arrive.

        Whoever calls this before looking into the queues misses nothing that comes after.
        """
        try:
            self._listen()
            while self._pubsub is not None and self._pubsub.connection.can_read(timeout=0):
                # Of a large broadcast there may be only the beginning: no patience for the rest would break it off.
                self._read(self._patience_seconds)
            self._ask_if_alive()
        except Exception:
            self._drop()
            raise
        found = list(self._found)
        self._found.clear()
        return found

    def _listen(self) -> None:
        """Have Redis say what is wanted, and return when it has begun to."""
        topics = {self._channel.news(queue) for queue in self._queues}
        if self._wants_broadcasts:
            topics.add(self._channel.broadcasts)
        if topics == self._topics:
            return
        if self._pubsub is None:
            self._pubsub = self._channel.client.pubsub()
        confirmations = 0
        if added := sorted(topics - self._topics):
            self._pubsub.subscribe(*added)
            confirmations += len(added)
        if removed := sorted(self._topics - topics):
            self._pubsub.unsubscribe(*removed)
            confirmations += len(removed)
        while confirmations > 0:
            match self._read(self._patience_seconds):
                case None:
                    raise Unavailable("Redis does not confirm a subscription")
                case "subscribe" | "unsubscribe":
                    confirmations -= 1
                case _:
                    pass
        self._topics = topics
        if not topics:
            self._drop()

    def _read(self, seconds: float) -> str | None:
        """Read one thing that is said, and return of what kind it is."""
        news = self._pubsub.get_message(timeout=seconds)
        if news is None:
            return None
        self._spoke_at, self._asked_at = time.monotonic(), None
        if news["type"] == "message" and bytes(news["channel"]).decode() == self._channel.broadcasts:
            self._found.append(bytes(news["data"]))
        return str(news["type"])

    def _ask_if_alive(self) -> None:
        if self._pubsub is None:
            return
        now = time.monotonic()
        if self._asked_at is None:
            if now - self._spoke_at > _SILENCE_SECONDS:
                self._asked_at = now
                self._pubsub.ping()
        # Counted from the question: this process itself may have stood still before it, and heard nothing.
        elif now - self._asked_at > _SILENCE_SECONDS:
            raise Unavailable("the connection on which Redis says what is new has gone silent")

    def wait(self, seconds: float) -> None:
        """Wait for something to be said, for ``wake``, or for the time at which queues are looked into all the same:
        other programs put messages there without a word, and nobody says when a delivery is overdue."""
        with selectors.DefaultSelector() as selector:
            # A socket that is closed under our hands will be noticed by whoever reads from it.
            with contextlib.suppress(OSError, ValueError, KeyError):
                selector.register(self._woken, selectors.EVENT_READ)
                # kombu and the client offer no other way to wait for two things at once.
                heard = getattr(getattr(self._pubsub, "connection", None), "_sock", None)
                if heard is not None:
                    selector.register(heard, selectors.EVENT_READ)
                selector.select(min(seconds, self._poll_seconds))
            with contextlib.suppress(OSError):
                self._woken.recv(100)

    def wake(self) -> None:
        """End a wait."""
        with contextlib.suppress(OSError):
            self._waking.send(b"\0")

    def _drop(self) -> None:
        pubsub, self._pubsub, self._topics = self._pubsub, None, set()
        if pubsub is not None:
            with contextlib.suppress(Exception):
                pubsub.close()

    def close(self) -> None:
        """Close the connection."""
        self._drop()
        self._waking.close()
        self._woken.close()
