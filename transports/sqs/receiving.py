"""The consumer's side: polls of the queues, what they bring, and giving back what there is no room for.

SQS answers a poll when there is something, or when the poll's time is over; a poll cannot be called off. So polls run
on threads of their own, and one that is still under way when ``receive`` returns serves the next ``receive``. Should
none come, what the poll brings is given back to the queue at once: nothing is kept that was not asked for.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from transports.errors import Unavailable, UnknownQueue
from transports.pacing import Pacing
from transports.protocol import BROADCAST_BACKLOG, Delivery
from transports.sqs.envelope import unwrap
from transports.sqs.holding import Holding, Receipt
from transports.sqs.sending import ENTRIES

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from transports.protocol import Message
    from transports.sqs.clients import Clients
    from transports.sqs.register import Register
    from transports.sqs.subscription import Subscription

GRACE_SECONDS = 0.1
"""How long what a poll brings waits for somebody to receive it; and how long one poll that brought something waits
for others that were made with it."""
_GLANCE_SECONDS = 0.5
"""How often a receiver that never waits asks for broadcasts."""


class Receiver:
    """A consumer, and subscriber if it wants. ``receive`` is for one thread at a time; others may settle and close."""

    def __init__(self, clients: Clients, register: Register, subscription: Subscription, rng: random.Random) -> None:
        self._clients = clients
        self._settings = clients.settings
        self._register = register
        self._subscription = subscription
        self._holding = Holding(clients, register)
        self._pacing = Pacing(rng)
        self._changed = threading.Condition()
        self._closed = False
        self._queues: Sequence[str] = ()
        self._turn = 0
        self._width = 0
        """How many short polls to make at once, as long as the queues are found full."""
        self._receiving = False
        self._room = 0
        """How many messages the receive that is under way can still take."""
        self._arrived: list[Delivery] = []
        self._error: Exception | None = None
        self._waiting: set[str] = set()
        """The queues on which a long poll waits."""
        self._listening = False
        self._glanced_at = 0.0
        self._quick = 0
        self._found: Counter[str] = Counter()
        """Of the short polls: how many came back full, and how many empty."""
        self._flying = 0
        """Polls of queues that have not ended, the giving back included."""
        self._heard: deque[Message] = deque(maxlen=BROADCAST_BACKLOG)

    def consume(self, queues: Sequence[str]) -> None:
        """Take from these queues from now on."""
        with self._changed:
            self._queues = tuple(queues)
            self._width = 0

    def receive(self, max_messages: int, max_wait: float) -> list[Delivery]:
        """Take messages; wait for the first, or for a broadcast."""
        deadline = time.monotonic() + max_wait
        self._leave_alone(max_wait)
        with self._changed:
            self._receiving, self._room, self._error = True, max_messages, None
            self._changed.notify_all()
            try:
                self._start(max_messages, max_wait)
                self._wait(max_messages, deadline)
                return self._take()
            except Unavailable:
                self._pacing.failed()
                raise
            finally:
                self._receiving, self._room = False, 0

    def _leave_alone(self, max_wait: float) -> None:
        """Give a broker that was away some time before it is asked again."""
        pause = self._pacing.remaining_seconds()
        if pause <= 0:
            return
        with self._changed:
            closed = self._changed.wait_for(lambda: self._closed, min(pause, max_wait))
        if pause > max_wait and not closed:
            where = self._settings.where
            raise Unavailable(f"{where} was away and is asked again in {pause - max_wait:.1f} s")

    def _take(self) -> list[Delivery]:
        taken, self._arrived = self._arrived, []
        self._learn()
        if not taken and not self._heard and not self._closed and self._error is not None:
            raise self._error
        if self._error is None:
            self._pacing.succeeded()
        return taken

    def _wait(self, max_messages: int, deadline: float) -> None:
        """Wait until there is something to return, and for short polls that are about to bring more."""
        while not (self._closed or self._error):
            now = time.monotonic()
            if self._arrived:
                if not self._quick or not self._changed.wait(GRACE_SECONDS):
                    return
            elif self._quick:
                # These end within the time that a request may take.
                self._changed.wait()
            elif self._heard or now >= deadline:
                return
            else:
                self._start_long(max_messages)
                self._changed.wait(deadline - now)

    # -- making polls ------------------------------------------------------------------------------------------------

    def _start(self, max_messages: int, max_wait: float) -> None:
        now = time.monotonic()
        # Broadcasts that nobody has taken yet must not keep messages away.
        never_waits = max_wait <= 0 or bool(self._heard)
        if self._closed:
            return
        if never_waits and self._subscription.subscribed and now - self._glanced_at > _GLANCE_SECONDS:
            self._glanced_at = now
            self._quick += 1
            self._clients.poll(self._listen, 0)
        elif not never_waits and self._subscription.subscribed and not self._listening:
            self._listening = True
            self._clients.poll(self._listen, self._settings.poll_seconds)
        if max_messages > 0 and self._queues and (never_waits or self._width > 0):
            self._start_short(max_messages, len(self._queues) if never_waits else 1)

    def _start_short(self, max_messages: int, least: int) -> None:
        polls = max(min(self._width, -(-max_messages // ENTRIES)), least)
        self._found.clear()
        left = max_messages
        for poll in range(polls):
            self._turn = (self._turn + 1) % len(self._queues)
            limit = max(min(ENTRIES, -(-left // (polls - poll))), 1)
            left -= limit
            self._quick += 1
            self._flying += 1
            self._clients.poll(self._poll, self._queues[self._turn], limit, 0)

    def _start_long(self, max_messages: int) -> None:
        if max_messages > 0:
            for queue in self._queues:
                if queue not in self._waiting:
                    self._waiting.add(queue)
                    self._flying += 1
                    self._clients.poll(self._poll, queue, min(ENTRIES, max_messages), self._settings.poll_seconds)
        if self._subscription.subscribed and not self._listening:
            self._listening = True
            self._clients.poll(self._listen, self._settings.poll_seconds)

    def _learn(self) -> None:
        """Make more short polls at once while all come back full, none when all come back empty."""
        full, found = self._found["full"], self._found.total()
        self._found.clear()
        if found and full == found:
            self._width = min(max(self._width, 1) * 2, self._settings.threads)
        elif found and self._width and self._found["empty"] == found:
            self._width = 0
        elif found:
            self._width = max(full, 1)

    # -- on the threads of polls -------------------------------------------------------------------------------------

    def _poll(self, queue: str, limit: int, seconds: int) -> None:
        """Poll a queue, and hand what it brings to whoever receives."""
        deliveries: list[Delivery] = []
        error: Exception | None = None
        try:
            deliveries = self._ask(queue, limit, seconds)
        except Exception as raised:  # noqa: BLE001 - receive raises it
            error = raised
        with self._changed:
            if deliveries and self._room <= 0:
                self._changed.wait_for(lambda: self._room > 0 or self._closed, GRACE_SECONDS)
            room = 0 if self._closed else self._room
            taken, surplus = deliveries[:room], deliveries[room:]
            self._arrived += taken
            self._room -= len(taken)
            self._ended(queue, short=seconds == 0, found=len(deliveries), limit=limit, error=error)
        try:
            self._holding.give_back([_receipt(delivery) for delivery in surplus])
        finally:
            with self._changed:
                self._flying -= 1
                self._changed.notify_all()

    def _ended(self, queue: str, *, short: bool, found: int, limit: int, error: Exception | None) -> None:
        if error is not None and self._receiving:
            self._error = self._error or error
        if short:
            self._quick -= 1
            self._found["full" if found >= limit else "some" if found else "empty"] += 1
        else:
            self._waiting.discard(queue)
            if found >= limit:
                self._width = max(self._width, 1)
        self._changed.notify_all()

    def _ask(self, queue: str, limit: int, seconds: int) -> list[Delivery]:
        try:
            answer = self._clients.call(
                f"receiving from queue {queue!r}",
                self._clients.polling.receive_message,
                QueueUrl=self._register.url(queue),
                MaxNumberOfMessages=limit,
                WaitTimeSeconds=seconds,
                VisibilityTimeout=self._settings.visibility_seconds,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        except UnknownQueue:
            self._register.forget(queue)
            raise self._register.no_queue(queue) from None
        received: list[dict[str, Any]] = answer.get("Messages", [])
        receipts = self._holding.hold(queue, [each["ReceiptHandle"] for each in received])
        return [
            Delivery(unwrap(each, queue), receipt, int(each["Attributes"].get("ApproximateReceiveCount", 1)) > 1)
            for each, receipt in zip(received, receipts, strict=True)
        ]

    def _listen(self, seconds: int) -> None:
        """Collect broadcasts."""
        heard: list[Message] = []
        error: Exception | None = None
        try:
            heard = self._subscription.hear(seconds)
        except Exception as raised:  # noqa: BLE001 - receive raises it
            error = raised
        with self._changed:
            self._heard.extend(heard)
            if error is not None and self._receiving:
                self._error = self._error or error
            if seconds == 0:
                self._quick -= 1
            else:
                self._listening = False
            self._changed.notify_all()

    # -- the rest ----------------------------------------------------------------------------------------------------

    def broadcasts(self) -> list[Message]:
        """Take the broadcasts that were heard."""
        with self._changed:
            heard = list(self._heard)
            self._heard.clear()
            return heard

    def acknowledge(self, receipts: Sequence[Receipt]) -> None:
        """Settle messages that are still this consumer's."""
        self._holding.settle(receipts)

    def stop(self) -> None:
        """Have a receive that waits return."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """Give back what was not settled, and what polls that are still under way bring."""
        self.stop()
        longest = self._settings.poll_seconds + 1.0
        with self._changed:
            self._changed.wait_for(lambda: self._flying == 0, longest)
        self._holding.give_back_all()


def _receipt(delivery: Delivery) -> Receipt:
    assert isinstance(delivery.token, Receipt)
    return delivery.token
