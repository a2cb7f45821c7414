"""The consumer's side, for the threads that call it."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from transports.errors import Closed, Unavailable
from transports.pacing import Pacing
from transports.protocol import BROADCAST_BACKLOG
from transports.rabbitmq.intake import Intake, Receipt
from transports.rabbitmq.listening import Listener

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

    from transports.protocol import Delivery, Message
    from transports.rabbitmq.connector import Connector
    from transports.rabbitmq.lane import Lane
    from transports.rabbitmq.link import Link


class Receiver:
    """A consumer, and subscriber if it wants. ``receive`` is for one thread at a time; others may settle and close."""

    def __init__(self, connector: Connector, rng: random.Random) -> None:
        self._connector = connector
        self._pacing = Pacing(rng)
        self._queues: Sequence[str] = ()
        self._subscribed = False
        self._heard: deque[Message] = deque(maxlen=BROADCAST_BACKLOG)
        self._intake: Intake | None = None
        self._receiving = threading.Lock()
        self.stop = threading.Event()
        """Set to end whatever waits here."""

    def consume(self, queues: Sequence[str]) -> None:
        """Take from these queues from now on."""
        self._queues = tuple(queues)

    def receive(self, max_messages: int, max_wait: float) -> list[Delivery]:
        """Take messages; wait for the first, or for a broadcast."""
        with self._receiving:
            deadline = time.monotonic() + max_wait
            self._leave_alone(max_wait)
            try:
                link = self._connector.link()
                taken = link.run(lambda: self._take(link, max_messages, deadline))
            except Closed:
                return []
            except Unavailable:
                if self.stop.is_set():
                    return []
                self._pacing.failed()
                raise
            self._pacing.succeeded()
            return taken

    def _leave_alone(self, max_wait: float) -> None:
        """Give a broker that was away some time before it is asked again."""
        pause = self._pacing.remaining_seconds()
        if pause > 0 and not self.stop.wait(min(pause, max_wait)) and pause > max_wait:
            raise Unavailable(f"RabbitMQ was away and is asked again in {pause - max_wait:.1f} s")

    async def _take(self, link: Link, limit: int, deadline: float) -> list[Delivery]:
        self._intake = intake = link.kept(Intake)
        if self._subscribed:
            await link.kept(Listener).listen(self._hear)
        return await intake.take(
            self._queues, limit, deadline - time.monotonic(), lambda: bool(self._heard) or self.stop.is_set()
        )

    # -- broadcasts --------------------------------------------------------------------------------------------------

    def subscribe(self) -> None:
        """Hear broadcasts from now on."""
        self._connector.ask(lambda link: link.kept(Listener).listen(self._hear))
        self._subscribed = True

    def refresh(self) -> None:
        """Make sure that a subscription is still bound: the exchange may have been deleted and made anew."""
        if self._subscribed:
            self._connector.ask(lambda link: link.kept(Listener).refresh(self._hear))

    def _hear(self, message: Message) -> None:
        self._heard.append(message)
        if self._intake is not None:
            self._intake.wake()

    def broadcasts(self) -> list[Message]:
        """Take the broadcasts that were heard."""
        heard: list[Message] = []
        # The connection's thread may be adding to them.
        while self._heard:
            heard.append(self._heard.popleft())
        return heard

    # -- settling ----------------------------------------------------------------------------------------------------

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Settle what is still this consumer's: with its channel, a delivery has gone back."""
        lanes: dict[Lane, list[int]] = {}
        for delivery in deliveries:
            if isinstance(delivery.token, Receipt):
                lanes.setdefault(delivery.token.lane, []).append(delivery.token.tag)
        for lane, tags in lanes.items():
            link = lane.link
            if lane.problem is None and link.is_alive:
                link.run(lambda link=link, lane=lane, tags=tags: link.kept(Intake).acknowledge(lane, tags))

    def close(self) -> None:
        """Take nothing more; what is under way ends at once."""
        self.stop.set()
        intake = self._intake
        if intake is not None:
            intake.wake_soon()
