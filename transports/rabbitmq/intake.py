"""Taking messages off queues: no more than were asked for, and nothing while nobody asks.

RabbitMQ pushes. A consumer is given up to its prefetch count of messages, and more whenever some are acknowledged,
whether or not anybody has room for them. So each batch has consumers of its own: they are opened with just the room
there is, shared out among the queues, and cancelled when the batch is returned; waiting until the broker has confirmed
that brings in what was already under way. A consumer whose share is full gets no more, so nobody waits for its end.

Consumers that got nothing at all are left for a moment, as whoever waits for messages mostly asks again at once. What
comes in that moment goes to the next batch, or back.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from transports.errors import UnknownQueue
from transports.protocol import Delivery
from transports.rabbitmq.lane import Lane
from transports.rabbitmq.messages import from_native

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from transports.rabbitmq.link import Link

LINGER_SECONDS = 0.05
"""How long consumers that got nothing wait for the next call."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The token of a delivery. It means nothing once its channel has closed: then the message went back."""

    lane: Lane
    tag: int


@dataclass(slots=True)
class _Consumer:
    queue: str
    share: int
    got: int = 0

    @property
    def is_full(self) -> bool:
        return self.got >= self.share


class Intake:
    """The consumers of one connection, for the thread of its link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lane: Lane | None = None
        self._prefetch = 0
        self._consumers: dict[str, _Consumer] = {}
        self._arrived: list[Delivery] = []
        self._unsettled: dict[int, None] = {}
        """Delivery tags that were neither acknowledged nor given back, in the broker's order."""
        self._numbers = 0
        self._turn = 0
        self._busy: frozenset[str] = frozenset()
        """Queues that had at least as much as their share the last time."""
        self._gone: str | None = None
        self._changed = asyncio.Event()
        self._lingering: asyncio.TimerHandle | None = None
        link.at_end.append(self.wake)

    def wake(self) -> None:
        """Have a ``take`` that waits look whether it is to end."""
        self._changed.set()

    def wake_soon(self) -> None:
        """Do so from another thread."""
        with contextlib.suppress(RuntimeError):
            self._link.loop.call_soon_threadsafe(self.wake)

    async def take(
        self, queues: Sequence[str], limit: int, max_wait: float, over: Callable[[], bool]
    ) -> list[Delivery]:
        """Take up to ``limit`` messages; wait for the first, but no longer than ``max_wait`` or until ``over()``."""
        deadline = self._link.loop.time() + max_wait
        self._stop_lingering()
        if limit <= 0 or not queues:
            await self._give_back()
            await self._wait(deadline, over)
            return []
        lane = await self._open_lane()
        if not self._fits(queues, limit):
            await self._give_back()
            await self._open_consumers(lane, queues, limit)
        await self._wait(deadline, over)
        if self._arrived or max_wait <= 0 or over():
            await self._close_consumers()
        else:
            self._lingering = self._link.loop.call_later(LINGER_SECONDS, self._linger_no_more)
        taken = self._arrived[:limit]
        surplus, self._arrived = self._arrived[limit:], []
        self._return(surplus)
        return taken

    async def _wait(self, deadline: float, over: Callable[[], bool]) -> None:
        """Wait for a message, until it is over, or for the deadline. Raises what went wrong meanwhile."""
        while not self._arrived:
            if self._link.lost is not None:
                raise self._link.problem()
            if self._lane is not None and self._lane.problem is not None and self._consumers:
                raise self._lane.problem
            if self._gone is not None:
                gone, self._gone = self._gone, None
                raise UnknownQueue(f"queue {gone!r} was deleted at RabbitMQ at {self._link.place}: declare it again")
            remaining = deadline - self._link.loop.time()
            if remaining <= 0 or over():
                return
            self._changed.clear()
            try:
                async with asyncio.timeout(remaining):
                    await self._changed.wait()
            except TimeoutError:
                return

    # -- consumers ---------------------------------------------------------------------------------------------------

    def _fits(self, queues: Sequence[str], limit: int) -> bool:
        """Tell whether the consumers that are open are those to open now."""
        room = len(self._arrived) + sum(consumer.share - consumer.got for consumer in self._consumers.values())
        open_to = {consumer.queue for consumer in self._consumers.values()}
        return bool(open_to) and open_to == set(queues) and limit // 2 < room <= limit

    async def _open_consumers(self, lane: Lane, queues: Sequence[str], limit: int) -> None:
        """Open consumers; where there is less room than queues, to some first, and to all if those bring nothing."""
        self._turn = (self._turn + 1) % len(queues)
        order = [*queues[self._turn :], *queues[: self._turn]]
        await self._consume(lane, share_out(order[:limit], limit, self._busy))
        if len(order) > limit and not self._arrived:
            await self._consume(lane, dict.fromkeys(order[limit:], 1))

    async def _consume(self, lane: Lane, shares: dict[str, int]) -> None:
        answers: list[asyncio.Future[Any]] = []
        for queue, share in shares.items():
            if share != self._prefetch:
                self._prefetch = share
                # For each consumer, never for the channel: quorum queues refuse that.
                answers.append(
                    lane.start(lambda done, n=share: lane.channel.basic_qos(prefetch_count=n, callback=done))
                )
            self._numbers += 1
            tag = str(self._numbers)
            self._consumers[tag] = _Consumer(queue, share)
            native = self._link.settings.native(queue)
            answers.append(
                lane.start(
                    lambda done, native=native, tag=tag: lane.channel.start_consumer(
                        native, tag, no_ack=False, on_done=done
                    )
                )
            )
        await lane.finish(*answers)

    async def _close_consumers(self) -> None:
        """Cancel every consumer, and have all that was on its way to them; remember which queues had much."""
        lane, consumers = self._lane, dict(self._consumers)
        if lane is None or not lane.is_open:
            self._consumers.clear()
            return
        answers: list[asyncio.Future[Any]] = []
        for tag, consumer in consumers.items():
            if consumer.is_full:
                lane.channel.stop_consumer(tag)
            else:
                answers.append(lane.start(lambda done, tag=tag: lane.channel.stop_consumer(tag, done)))
        await lane.finish(*answers)
        for tag in consumers:
            self._consumers.pop(tag, None)
        self._busy = frozenset(consumer.queue for consumer in consumers.values() if consumer.is_full)

    async def _give_back(self) -> None:
        """Have neither consumers nor messages that nobody asked for."""
        if self._consumers:
            await self._close_consumers()
        surplus, self._arrived = self._arrived, []
        self._return(surplus)

    def _return(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            receipt = delivery.token
            assert isinstance(receipt, Receipt)
            self._unsettled.pop(receipt.tag, None)
            if receipt.lane.is_open:
                receipt.lane.channel.basic_nack(receipt.tag, requeue=True)

    def _stop_lingering(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None

    def _linger_no_more(self) -> None:
        self._lingering = None
        lane = self._lane
        if lane is not None and lane.is_open:
            # Without waiting: what still comes belongs to no consumer, and goes back on arrival.
            for tag in self._consumers:
                lane.channel.stop_consumer(tag)
        self._consumers.clear()
        surplus, self._arrived = self._arrived, []
        self._return(surplus)

    async def _open_lane(self) -> Lane:
        if self._lane is None or not self._lane.is_open:
            self._consumers.clear()
            self._arrived.clear()
            self._unsettled = {}
            self._prefetch = 0
            lane = await Lane.open(self._link)
            lane.on_closed = self.wake
            lane.channel.on_delivery = partial(self._deliver, lane)
            lane.channel.add_on_cancel_callback(self._cancelled)
            self._lane = lane
        return self._lane

    # -- what the broker says ----------------------------------------------------------------------------------------

    def _deliver(self, lane: Lane, method: Any, properties: Any, body: bytes) -> None:
        consumer = self._consumers.get(method.consumer_tag)
        if consumer is None:
            lane.channel.basic_nack(method.delivery_tag, requeue=True)
            return
        consumer.got += 1
        self._unsettled[method.delivery_tag] = None
        message = from_native(consumer.queue, properties, body)
        self._arrived.append(Delivery(message, Receipt(lane, method.delivery_tag), bool(method.redelivered)))
        self._changed.set()

    def _cancelled(self, frame: Any) -> None:
        """The broker ends a consumer whose queue was deleted, or has lost its leader."""
        consumer = self._consumers.pop(frame.method.consumer_tag, None)
        if consumer is not None:
            self._gone = consumer.queue
            self._changed.set()

    # -- settling ----------------------------------------------------------------------------------------------------

    async def acknowledge(self, lane: Lane, tags: Iterable[int]) -> None:
        """Settle deliveries, and return when the broker has heard of it."""
        if lane is not self._lane or not lane.is_open:
            return
        wanted = {tag for tag in tags if tag in self._unsettled}
        if not wanted:
            return
        last = 0
        for tag in self._unsettled:
            if tag not in wanted:
                break
            last = tag
        if last:
            # All that were delivered up to this one, in one word.
            lane.channel.basic_ack(last, multiple=True)
        for tag in sorted(wanted):
            if tag > last:
                lane.channel.basic_ack(tag)
            del self._unsettled[tag]
        # An acknowledgement has no answer; that of a question sent after it tells that it has arrived.
        await lane.ask(lambda done: self._set_prefetch(lane, done))

    def _set_prefetch(self, lane: Lane, done: Callable[[Any], None]) -> None:
        # For each consumer to come, never for the channel: quorum queues refuse that.
        lane.channel.basic_qos(prefetch_count=self._prefetch, callback=done)


def share_out(queues: Sequence[str], limit: int, busy: frozenset[str]) -> dict[str, int]:
    """Share the room for ``limit`` messages out: one for each queue, and the rest among those that were busy.

    There must be no more queues than room. What cannot be shared evenly goes to those that come first.
    """
    shares = dict.fromkeys(queues, 1)
    favoured = [queue for queue in queues if queue in busy] or list(queues)
    each, left = divmod(limit - len(queues), len(favoured))
    for place, queue in enumerate(favoured):
        shares[queue] += each + (place < left)
    return shares
