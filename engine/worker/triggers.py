"""Messages of other programs, taken from their queues: one thread for each broker.

A message is acknowledged once what it does is committed. A worker that is lost before costs a second delivery, which
changes nothing.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, TypeVar

import structlog

from engine.errors import ConfigError, StoreUnavailable
from engine.messaging.destinations import destination_of, open_foreign
from engine.messaging.intake import decide, received
from engine.messaging.judge import Means
from transports.errors import Closed, Refused, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from engine.config import Settings
    from engine.definitions.registry import Registry
    from engine.definitions.trigger import Trigger
    from engine.messaging.judge import Judge
    from engine.model.messages import Decision, Received
    from engine.worker.inlet import Inlet
    from transports.protocol import Delivery, Transport

T = TypeVar("T")

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 100
"""Messages that are recorded together, in one transaction."""
RECEIVE_SECONDS = 0.5
LOOK_SECONDS = 10.0
"""How often it is looked whether queues are there that were not."""
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0
CLOSE_SECONDS = 5.0
"""How long whoever closes waits for the batch in hand."""


class Triggers:
    """The triggers that a worker serves, and their threads."""

    def __init__(self, settings: Settings, registry: Registry, inlet: Inlet, make_judge: Callable[[], Judge]) -> None:
        """``make_judge`` makes whom a batch asks rules of. Raises ConfigError for a queue or broker that cannot be
        used."""
        brokers = {name: url.reveal() for name, url in settings.brokers.items()}
        served = registry.triggers if settings.worker.triggers else ()

        def make_means() -> Means:
            return Means(registry, make_judge(), settings.limits.max_value_bytes)

        self._subscriptions = [
            Subscription(broker, queues, inlet, make_means) for broker, queues in by_broker(served, brokers).items()
        ]

    def start(self) -> None:
        """Begin to receive."""
        for subscription in self._subscriptions:
            subscription.start()

    def close(self) -> None:
        """Receive no more, record what is in hand, and let go of the brokers."""
        for subscription in self._subscriptions:
            subscription.stop()
        for subscription in self._subscriptions:
            subscription.close()


def by_broker(triggers: Sequence[Trigger], brokers: Mapping[str, str]) -> dict[str, dict[str, Trigger]]:
    """Return triggers by the URL of their broker and by their queue. Raises ConfigError."""
    found: dict[str, dict[str, Trigger]] = {}
    for trigger in triggers:
        destination = destination_of(trigger.url, brokers)
        other = found.setdefault(destination.broker, {}).setdefault(destination.queue, trigger)
        if other is not trigger:
            raise ConfigError(
                f"the triggers {other.name!r} and {trigger.name!r} both take from {trigger.source}, where each message "
                f"is delivered once: make one of them, or give each a queue of its own"
            )
    return found


class Subscription:
    """Receives from the queues of one broker, on a thread of its own."""

    def __init__(
        self, broker: str, triggers: Mapping[str, Trigger], inlet: Inlet, make_means: Callable[[], Means]
    ) -> None:
        """``triggers`` go by their queues. Raises ConfigError for a broker that cannot be used."""
        self._broker = broker
        self._triggers = triggers
        self._inlet = inlet
        self._make_means = make_means
        self._transport: Transport | None = None
        self._there: list[str] = []
        self._look_at = 0.0
        self._pause = FIRST_PAUSE_SECONDS
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="milepost-triggers", daemon=True)
        # A URL that cannot be used is found out now; a broker that is away just now may come back.
        with contextlib.suppress(TransportError):
            self._opened()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Receive no more."""
        self._stopped.set()

    def close(self) -> None:
        """Wait for the batch in hand, a few seconds at most; what is not acknowledged by then goes to others."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=CLOSE_SECONDS)
        if self._transport is not None:
            self._transport.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._turn()
            except Closed:
                return
            except (TransportError, ConfigError) as error:
                self._there = []
                names = [trigger.name for trigger in self._triggers.values()]
                log.warning("the broker of triggers failed", triggers=names, error=str(error), retry_in=self._pause)
                self._wait()
            except Exception:
                self._there = []
                log.exception("receiving messages failed")
                self._wait()

    def _turn(self) -> None:
        transport = self._opened()
        self._look(transport)
        if not self._there:
            self._wait()
            return
        deliveries = transport.receive(MOST_AT_ONCE, RECEIVE_SECONDS)
        self._pause = FIRST_PAUSE_SECONDS
        if deliveries:
            self._take_in(transport, deliveries)

    def _opened(self) -> Transport:
        if self._transport is None:
            self._transport = open_foreign(self._broker)
        return self._transport

    def _look(self, transport: Transport) -> None:
        """Receive from the queues that are there: one that is not must not keep the others waiting."""
        now = time.monotonic()
        if len(self._there) == len(self._triggers) or (self._there and now < self._look_at):
            return
        self._look_at = now + LOOK_SECONDS
        found = [queue for queue in self._triggers if self._is_there(transport, queue)]
        if found and found != self._there:
            transport.consume(found)
        self._there = found

    def _is_there(self, transport: Transport, queue: str) -> bool:
        try:
            transport.declare([queue])
        except Refused as error:
            log.warning("a queue cannot be read", trigger=self._triggers[queue].name, queue=queue, error=str(error))
            return False
        return True

    def _take_in(self, transport: Transport, deliveries: Sequence[Delivery]) -> None:
        batch = self._patiently(transport, len(deliveries), lambda: self._decided(deliveries))
        if batch is None:
            return
        refused = self._patiently(transport, len(batch), lambda: self._inlet.take_in(batch))
        if refused is not None:
            transport.acknowledge([each for place, each in enumerate(deliveries) if place not in refused])

    def _decided(self, deliveries: Sequence[Delivery]) -> list[tuple[Received, Decision]]:
        """Decide what becomes of a batch. Raises StoreUnavailable, if rules are to be asked."""
        means = self._make_means()
        batch: list[tuple[Received, Decision]] = []
        for delivery in deliveries:
            trigger = self._triggers[delivery.message.queue]
            message = received(trigger, delivery.message)
            batch.append((message, decide(trigger, message, means)))
        return batch

    def _patiently(self, transport: Transport, messages: int, work: Callable[[], T]) -> T | None:
        """Return what work comes to, however long the store is away; None if this was to stop meanwhile."""
        while True:
            try:
                done = work()
            except StoreUnavailable as error:
                if self._stopped.is_set():
                    return None
                log.warning("messages wait for the store", messages=messages, error=str(error), retry_in=self._pause)
            else:
                self._pause = FIRST_PAUSE_SECONDS
                return done
            self._wait()
            with contextlib.suppress(TransportError):
                # Some clients must be called now and then to keep their connection.
                transport.receive(0, 0.0)

    def _wait(self) -> None:
        self._stopped.wait(self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
