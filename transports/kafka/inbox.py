"""What has come for the receiving thread, and the waiting for it."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from transports.kafka.library import KafkaException
from transports.kafka.troubles import Health, kafka_error
from transports.pacing import Pacing
from transports.protocol import BROADCAST_BACKLOG

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from transports.errors import TransportError
    from transports.protocol import Delivery, Message

_PATIENCE_SECONDS = 5.0
"""How long a receive that may wait for longer waits for a broker that is away."""
_PROBE_SECONDS = 0.5


class Source(Protocol):
    """Where deliveries come from. What has "held" in its text is called with the inbox's lock held."""

    def take(self, limit: int) -> list[Delivery]:
        """Hand out what is there; held."""
        ...

    def problem(self) -> TransportError | None:
        """Return, once, what is wrong for good; held."""
        ...

    def lost(self) -> TransportError | None:
        """Return why the broker cannot be reached, if so; held."""
        ...


class Inbox:
    """The one place where the receiving thread waits. ``changed`` guards everything about receiving."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.closed = False
        self.waiting = False
        """Whether somebody waits for messages just now."""
        self._asked_at = float("-inf")
        self._heard: deque[Message] = deque(maxlen=BROADCAST_BACKLOG)

    def idle_seconds(self) -> float:
        """Return for how long nobody has asked for a message; held."""
        return 0.0 if self.waiting else time.monotonic() - self._asked_at

    def hear(self, message: Message) -> None:
        """Keep a broadcast, and wake who waits."""
        with self.changed:
            self._heard.append(message)
            self.changed.notify_all()

    def broadcasts(self) -> list[Message]:
        """Take the broadcasts."""
        with self.changed:
            heard = list(self._heard)
            self._heard.clear()
            return heard

    def receive(self, sources: Sequence[Source], limit: int, max_wait: float) -> list[Delivery]:
        """Take what there is, or wait for it. Raises TransportError."""
        deadline = time.monotonic() + max_wait
        patient_until = min(deadline, time.monotonic() + _PATIENCE_SECONDS)
        with self.changed:
            self._asked(limit)
            try:
                while not self.closed:
                    taken = [delivery for source in sources for delivery in source.take(limit)] if limit > 0 else []
                    if taken or self._heard:
                        return taken
                    self._raise_problem(sources)
                    lost = next((error for source in sources if (error := source.lost()) is not None), None)
                    remaining = (deadline if lost is None else patient_until) - time.monotonic()
                    if remaining <= 0:
                        if lost is not None:
                            raise lost
                        break
                    self.changed.wait(min(remaining, 1.0))
                return []
            finally:
                self._asked(limit)
                self.waiting = False

    def ask(self) -> None:
        """Take note that somebody wants messages; held."""
        self._asked_at = time.monotonic()
        self.changed.notify_all()

    def _asked(self, limit: int) -> None:
        if limit > 0:
            self.waiting = True
            self.ask()

    @staticmethod
    def _raise_problem(sources: Sequence[Source]) -> None:
        for source in sources:
            problem = source.problem()
            if problem is not None:
                raise problem

    def close(self) -> None:
        """Wake who waits, for good."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()


class Probe:
    """Finds out, on the thread of a client, whether a broker that seemed lost is there after all."""

    def __init__(self, health: Health, rng: random.Random) -> None:
        self._health = health
        self._pacing = Pacing(rng, longest_seconds=2.0)

    def look(self, client: Any, topic: str) -> None:
        """Ask the broker, if there was trouble with it and it was not asked a moment ago."""
        if not self._health.lost or self._pacing.remaining_seconds() > 0:
            return
        try:
            client.list_topics(topic, timeout=_PROBE_SECONDS)
        except KafkaException as error:
            self._health.note(kafka_error(error))
            self._pacing.failed()
        else:
            self._health.well()
            self._pacing.succeeded()
