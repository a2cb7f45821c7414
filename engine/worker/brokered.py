"""The queue of a broker: pointers are received, acknowledged once they are claimed, and published.

Nothing here is relied on: a message that is lost is sent again by the sweeper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.worker.publishing import Publishing
from engine.worker.receiving import Receiving

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from engine.messaging import Broker
    from engine.model.work import Pointer
    from engine.worker.receiving import Arrival


class BrokerQueue:
    """Steps are claimed when a message points at them; see :class:`engine.worker.workqueue.WorkQueue`."""

    embedded = False

    def __init__(
        self, broker: Broker, queues: Sequence[str], resend_us: int, room: Callable[[], int],
        on_arrival: Callable[[Sequence[Arrival]], None], on_heard: Callable[[Collection[str]], None],
    ) -> None:  # fmt: skip
        self.resend_us: int | None = resend_us
        self.told = broker.transport.capabilities.broadcasts
        self._broker = broker
        self._publishing = Publishing(broker)
        self._receiving = Receiving(broker, queues, room, on_arrival, self._publishing.acknowledge, on_heard)

    def start(self) -> None:
        """Begin to receive and to publish."""
        self._publishing.start()
        self._receiving.start()

    def announce(self, offered: Sequence[Pointer]) -> None:
        """Publish pointers."""
        self._publishing.publish(offered)

    def swept(self, offered: Sequence[Pointer]) -> None:
        """Publish pointers."""
        self._publishing.publish(offered)

    def tell(self, topic: str) -> None:
        """Broadcast a topic."""
        self._publishing.tell(topic)

    def pause(self, queues: Collection[str]) -> None:
        """Receive nothing from these queues."""
        self._receiving.pause(queues)

    def settle(self, arrivals: Sequence[Arrival]) -> None:
        """Acknowledge messages."""
        self._publishing.acknowledge([arrival.delivery for arrival in arrivals])
        self._receiving.settled(len(arrivals))

    def room_changed(self) -> None:
        """Receive more, if there is room."""
        self._receiving.room_changed()

    def stop(self) -> None:
        """Receive no more."""
        self._receiving.close()

    def close(self) -> None:
        """Publish what is waiting, and let go of the broker: what was not acknowledged goes to others."""
        self._receiving.close()
        self._publishing.close()
        self._broker.close()
