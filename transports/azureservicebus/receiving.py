"""The consumer's side: messages of several queues, each taken by an intake, and broadcasts."""

from __future__ import annotations

import threading
import time
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, NamedTuple

from transports.azureservicebus import contents
from transports.azureservicebus.clients import GLANCE_SECONDS
from transports.azureservicebus.intake import Intake
from transports.azureservicebus.settling import COMPLETED
from transports.errors import TransportError, Unavailable, UnknownQueue
from transports.pacing import Pacing
from transports.protocol import Delivery

if TYPE_CHECKING:
    import random
    import uuid
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from azure.servicebus import ServiceBusReceivedMessage

    from transports.azureservicebus.clients import Clients
    from transports.azureservicebus.listening import Listening
    from transports.azureservicebus.settings import Settings
    from transports.azureservicebus.settling import Settling

_TURN_SECONDS = 0.5
"""How long some of the queues are waited for where there are more of them than messages are wanted."""


class Token(NamedTuple):
    """By what a delivery is settled: its queue's entity, and its lock."""

    entity: str
    lock: uuid.UUID


class Receiver:
    """``receive`` is for one thread at a time; others may settle and close."""

    def __init__(
        self,
        made: Clients,
        settling: Settling,
        settings: Settings,
        rng: random.Random,
        on_loss: Callable[[], None],
    ) -> None:
        self._clients = made
        self._settling = settling
        self._settings = settings
        self._on_loss = on_loss
        self._pacing = Pacing(rng)
        self._intakes: dict[str, Intake] = {}
        self._chosen: list[Intake] = []
        self._turn = 0
        self._held: set[Token] = set()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._receiving = threading.Lock()
        self.listening: Listening | None = None

    def wake(self) -> None:
        """Have ``receive`` look whether there is something new."""
        with self._changed:
            self._changed.notify_all()

    def consume(self, queues: Sequence[str]) -> None:
        """Take from these queues from now on. Raises TransportError, and then the choice stays as it was."""
        seconds = self._settings.timeout_seconds
        wanted = [
            self._intakes.get(queue) or Intake(self._clients, queue, self._settings.entity(queue), seconds)
            for queue in queues
        ]
        fresh = [intake for intake in wanted if intake.queue not in self._intakes]
        try:
            # Who settles is needed soon, and can ask whether the queue is there; all of that goes on at once.
            for intake, opened, check in [
                (intake, intake.open(), self._settling.check(intake.entity)) for intake in fresh
            ]:
                self._settling.finish(check)
                intake.opened(opened)
        except UnknownQueue:
            self._on_loss()
            _close_all(fresh)
            raise
        except TransportError:
            _close_all(fresh)
            raise
        left = [intake for queue, intake in self._intakes.items() if queue not in queues]
        self._intakes = {intake.queue: intake for intake in wanted}
        self._chosen = wanted
        _close_all(left)

    # -- receiving ---------------------------------------------------------------------------------------------------

    def receive(self, max_messages: int, max_wait: float) -> list[Delivery]:
        """Take messages; wait for the first, or for a broadcast."""
        with self._receiving:
            deadline = time.monotonic() + max_wait
            self._leave_alone(max_wait)
            while True:
                got, trouble = self._receive_turn(max_messages, deadline)
                if got:
                    return got
                if trouble is not None:
                    if isinstance(trouble, Unavailable):
                        self._pacing.failed()
                    raise trouble
                self._pacing.succeeded()
                if self._interrupted() or time.monotonic() >= deadline:
                    break
            if self.listening is not None and not self._interrupted() and self.listening.trouble is not None:
                raise self.listening.trouble
            return []

    def _leave_alone(self, max_wait: float) -> None:
        """Give a service that was away some time before it is asked again."""
        pause = self._pacing.remaining_seconds()
        if pause > 0 and not self._closing.wait(min(pause, max_wait)) and pause > max_wait:
            raise Unavailable(f"{self._settings.host} was away and is asked again in {pause - max_wait:.1f} s")

    def _interrupted(self) -> bool:
        return self._closing.is_set() or (self.listening is not None and self.listening.waiting)

    def _receive_turn(self, limit: int, deadline: float) -> tuple[list[Delivery], TransportError | None]:
        """Wait for messages in as many queues as may be waited in without taking too much."""
        shares = self._shares(limit)
        if not shares:
            with self._changed:
                self._changed.wait_for(self._interrupted, max(deadline - time.monotonic(), 0))
            return [], None
        seconds = max(deadline - time.monotonic(), 0)
        if len(shares) < len(self._chosen):
            seconds = min(seconds, _TURN_SECONDS)
        if self._interrupted():
            seconds = 0
        started = [(intake, intake.start(share, seconds)) for intake, share in shares]
        for _, future in started:
            future.add_done_callback(lambda _future: self.wake())
        with self._changed:
            self._changed.wait_for(
                lambda: self._interrupted() or any(future.done() for _, future in started),
                seconds + self._settings.timeout_seconds,
            )
        for intake, _ in started:
            intake.stop()
        return self._collect(started)

    def _shares(self, limit: int) -> list[tuple[Intake, int]]:
        """Divide what may be taken among the queues, each time with another one first."""
        count = len(self._chosen)
        if limit <= 0 or count == 0:
            return []
        self._turn = (self._turn + 1) % count
        order = [*self._chosen[self._turn :], *self._chosen[: self._turn]][:limit]
        each, more = divmod(limit, len(order))
        return [(intake, each + (place < more)) for place, intake in enumerate(order)]

    def _collect(
        self, started: Sequence[tuple[Intake, Future[list[ServiceBusReceivedMessage]]]]
    ) -> tuple[list[Delivery], TransportError | None]:
        got: list[Delivery] = []
        trouble: TransportError | None = None
        for intake, future in started:
            try:
                got += [self._delivery(intake, message) for message in intake.finish(future)]
            except TransportError as error:
                trouble = error
                if isinstance(error, UnknownQueue):
                    self._on_loss()
        return got, trouble

    def _delivery(self, intake: Intake, message: ServiceBusReceivedMessage) -> Delivery:
        lock = message.lock_token
        assert lock is not None
        assert not isinstance(lock, str)
        token = Token(intake.entity, lock)
        self._held.add(token)
        return Delivery(contents.read(message, intake.queue), token, (message.delivery_count or 0) > 0)

    # -- settling ----------------------------------------------------------------------------------------------------

    def acknowledge(self, tokens: Iterable[Token]) -> None:
        """Settle messages that were not settled before."""
        groups: dict[str, list[Token]] = {}
        for token in dict.fromkeys(tokens):
            if token in self._held:
                groups.setdefault(token.entity, []).append(token)
        for entity, group in groups.items():
            self._settling.settle(entity, COMPLETED, [token.lock for token in group])
            self._held.difference_update(group)

    def close(self) -> dict[str, list[uuid.UUID]]:
        """Stop receiving; return what was not settled, by queue."""
        self._closing.set()
        self.wake()
        for intake in self._chosen:
            intake.stop()
        with self._receiving:
            _close_all(self._intakes.values())
            held: dict[str, list[uuid.UUID]] = {}
            for token in self._held:
                held.setdefault(token.entity, []).append(token.lock)
            self._held.clear()
            return held


def _close_all(intakes: Iterable[Intake]) -> None:
    closing = [future for intake in intakes if (future := intake.close()) is not None]
    wait_for(closing, timeout=10 * GLANCE_SECONDS)
