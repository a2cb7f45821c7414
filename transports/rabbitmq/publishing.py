"""Sending: a batch goes out at once, and the broker's confirmations come back for all of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pika import spec

from transports.errors import NotConfirmed, Refused, TransportError, Unavailable, UnknownQueue
from transports.rabbitmq.lane import Lane
from transports.rabbitmq.messages import PLACE, to_properties

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transports.protocol import Message
    from transports.rabbitmq.link import Link


class _Batch:
    """Messages that are under way: what became of each, and whether all is known."""

    def __init__(self, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self.errors: list[TransportError | None] = [None] * size
        self.open = size
        self.done: asyncio.Future[None] = loop.create_future()

    def settle(self, index: int, error: TransportError | None) -> None:
        self.errors[index] = self.errors[index] or error
        self.open -= 1
        if self.open == 0 and not self.done.done():
            self.done.set_result(None)


class Publisher:
    """A channel in confirm mode, for the thread of its link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lane: Lane | None = None
        self._sent = 0
        self._under_way: dict[int, tuple[_Batch, int]] = {}
        """By the number that the broker counts messages with, from 1 for each channel."""
        self._opening = asyncio.Lock()

    async def send(
        self, exchange: str, routing_keys: Sequence[str], messages: Sequence[Message], *, mandatory: bool
    ) -> list[TransportError | None]:
        """Send messages; return what became of each. Raises if that is not known, or the same, for all of them."""
        if self._link.blocked is not None:
            raise Unavailable(
                f"RabbitMQ at {self._link.place} takes no messages at present ({self._link.blocked}): it is short of "
                "memory or disk"
            )
        await self._link.breathe()
        lane = await self._open_lane()
        batch = _Batch(len(messages), self._link.loop)
        for index, (key, message) in enumerate(zip(routing_keys, messages, strict=True)):
            self._sent += 1
            self._under_way[self._sent] = batch, index
            properties = to_properties(message, self._sent)
            lane.channel.basic_publish(exchange, key, message.body, properties, mandatory=mandatory)
        try:
            await self._settled(lane, batch)
        finally:
            # What is heard of it from now on is of interest to nobody.
            batch.done.cancel()
        return batch.errors

    async def _open_lane(self) -> Lane:
        async with self._opening:
            if self._lane is None or not self._lane.is_open:
                lane = await Lane.open(self._link)
                lane.channel.add_on_return_callback(self._returned)
                await lane.ask(lambda done: lane.channel.confirm_delivery(self._answered, callback=done))
                self._sent = 0
                self._under_way = {}
                self._lane = lane
                lane.on_closed = lambda under_way=self._under_way: self._lost(lane, under_way)
            return self._lane

    async def _settled(self, lane: Lane, batch: _Batch) -> None:
        """Wait until all is known about a batch; give up when nothing more is heard."""
        while not batch.done.done():
            before = batch.open
            await asyncio.wait([batch.done], timeout=self._link.settings.timeout_seconds)
            if batch.done.done() or batch.open < before:
                continue
            why = "it is short of memory or disk" if self._link.blocked is not None else "it does not answer"
            problem = NotConfirmed(
                f"RabbitMQ at {self._link.place} has not confirmed {batch.open} of {len(batch.errors)} messages in "
                f"{self._link.settings.timeout_seconds:g} s ({why}): it may have taken them or not"
            )
            if self._link.blocked is None:
                self._link.abort(Unavailable(str(problem)))
            raise problem
        batch.done.result()

    # -- what the broker says ----------------------------------------------------------------------------------------

    def _answered(self, frame: Any) -> None:
        method = frame.method
        error = None
        if isinstance(method, spec.Basic.Nack):
            error = NotConfirmed(f"RabbitMQ at {self._link.place} could not keep a message: send it again")
        if not method.multiple:
            self._settle(method.delivery_tag, error)
            return
        for number in list(self._under_way):
            # They are in the order in which they were sent.
            if number > method.delivery_tag:
                break
            self._settle(number, error)

    def _settle(self, number: int, error: TransportError | None) -> None:
        entry = self._under_way.pop(number, None)
        if entry is not None:
            batch, index = entry
            batch.settle(index, error)

    def _returned(self, _channel: object, method: Any, properties: Any, _body: bytes) -> None:
        # The confirmation follows, as for a message that was taken.
        entry = self._under_way.get(properties.headers[PLACE])
        if entry is not None:
            batch, index = entry
            batch.errors[index] = UnknownQueue(
                f"RabbitMQ at {self._link.place} has no queue {method.routing_key!r}: declare it first"
            )

    def _lost(self, lane: Lane, under_way: dict[int, tuple[_Batch, int]]) -> None:
        assert lane.problem is not None
        problem: TransportError = lane.problem
        if not isinstance(problem, Refused):
            problem = NotConfirmed(f"{problem}: what was being sent may have been taken or not")
        for batch, _index in under_way.values():
            if not batch.done.done():
                batch.done.set_exception(problem)
        under_way.clear()


class BroadcastPublisher(Publisher):
    """One for broadcasts alone: an exchange that is missing closes the channel for all that is under way in it."""
