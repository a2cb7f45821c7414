"""How a worker learns of steps that are ready, and tells others of them: one protocol, two kinds.

The embedded queue is the steps table itself: hints wake the worker, and it claims whatever is ready. A broker carries
pointers: the worker claims what the messages it received point at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from engine.messaging import Broker, is_embedded
from engine.worker.brokered import BrokerQueue
from engine.worker.embedded import EmbeddedQueue

if TYPE_CHECKING:
    from engine.config import Settings
    from engine.model.work import Pointer
    from engine.store.database import Database
    from engine.worker.receiving import Arrival


class Ports(NamedTuple):
    """What a work queue tells the worker. Each of these is called from threads of the queue's own."""

    hinted: Callable[[], None]
    """Something may be ready."""
    arrived: Callable[[Sequence[Arrival]], None]
    """Messages were received."""
    room: Callable[[], int]
    """How many more steps the worker can take."""
    heard: Callable[[Collection[str]], None]
    """Somebody says that something changed: its topics."""


class WorkQueue(Protocol):
    """What the worker asks of either kind."""

    embedded: bool
    """Steps are claimed without messages: whatever is ready."""
    resend_us: int | None
    """When a step that was offered is offered again; None where that is not needed."""
    told: bool
    """Whether peers hear at once what they are told."""

    def start(self) -> None:
        """Begin to listen."""
        ...

    def announce(self, offered: Sequence[Pointer]) -> None:
        """Tell others of steps that anybody may claim. Called from any thread; returns at once."""
        ...

    def swept(self, offered: Sequence[Pointer]) -> None:
        """Have steps taken that this worker's sweeper made ready, here or elsewhere. Called on the sweeper's thread."""
        ...

    def tell(self, topic: str) -> None:
        """Tell peers that something changed. Called from any thread; it may be lost."""
        ...

    def pause(self, queues: Collection[str]) -> None:
        """Take nothing from these queues, and from all others that are served. Called from any thread."""
        ...

    def settle(self, arrivals: Sequence[Arrival]) -> None:
        """Take note that these messages have done their work: what they point at was claimed, or was not to be had."""
        ...

    def room_changed(self) -> None:
        """Take note that there may be room for more."""
        ...

    def stop(self) -> None:
        """Take no more work; go on telling others."""
        ...

    def close(self) -> None:
        """End every thread, and let go of the broker."""
        ...


def open_work_queue(settings: Settings, database: Database, ports: Ports) -> WorkQueue:
    """Return the work queue that the settings name. Raises ConfigError for a broker that cannot be used."""
    url = settings.broker.url.reveal()
    if is_embedded(url):
        poll_us = int(settings.worker.poll_interval)
        return EmbeddedQueue(database, settings.worker.queues, poll_us, ports.hinted, ports.heard)
    return BrokerQueue(
        Broker(url), settings.worker.queues, int(settings.broker.resend_after), ports.room, ports.arrived,
        ports.heard,
    )  # fmt: skip
