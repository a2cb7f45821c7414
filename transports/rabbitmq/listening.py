"""Hearing broadcasts: an exclusive queue of this connection's own, which the broker removes with it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from transports.protocol import BROADCAST_BACKLOG
from transports.rabbitmq.lane import Lane
from transports.rabbitmq.messages import from_native
from transports.rabbitmq.queues import Queues
from transports.rabbitmq.settings import CLASSIC

if TYPE_CHECKING:
    from collections.abc import Callable

    from transports.protocol import Message
    from transports.rabbitmq.link import Link

_TAG = "broadcasts"


class Listener:
    """The subscription of one connection, for the thread of its link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lane: Lane | None = None
        self._queue = ""
        self._opening = asyncio.Lock()

    async def listen(self, hear: Callable[[Message], None]) -> None:
        """Have every broadcast from now on given to ``hear``; nothing to do if that is so already."""
        async with self._opening:
            if self._lane is not None and self._lane.is_open:
                return
            lane = await Lane.open(self._link)
            frame = await lane.ask(
                lambda done: lane.channel.queue_declare(
                    "",
                    exclusive=True,
                    auto_delete=True,
                    arguments={"x-queue-type": CLASSIC, "x-max-length": BROADCAST_BACKLOG},
                    callback=done,
                )
            )
            self._queue = str(frame.method.queue)
            await self._bind(lane)

            def deliver(method: Any, properties: Any, body: bytes) -> None:
                hear(from_native(str(method.routing_key), properties, body))

            lane.channel.on_delivery = deliver
            # A queue that was deleted takes its consumer along: the next call makes another.
            lane.channel.add_on_cancel_callback(partial(_close, lane))
            await lane.ask(lambda done: lane.channel.start_consumer(self._queue, _TAG, no_ack=True, on_done=done))
            self._lane = lane

    async def refresh(self, hear: Callable[[Message], None]) -> None:
        """Do what ``listen`` does, and bind the queue again: the exchange may have been deleted and made anew."""
        await self.listen(hear)
        assert self._lane is not None
        await self._bind(self._lane)

    async def _bind(self, lane: Lane) -> None:
        await self._link.kept(Queues).declare_exchange()
        await lane.ask(lambda done: lane.channel.queue_bind(self._queue, self._link.settings.exchange, callback=done))


def _close(lane: Lane, _frame: object) -> None:
    lane.close()
