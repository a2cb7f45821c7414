"""Queues and the exchange for broadcasts: making them, and asking about them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from transports.errors import UnknownQueue
from transports.rabbitmq.lane import Lane
from transports.rabbitmq.settings import CLASSIC

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transports.rabbitmq.link import Link

_PRIORITIES = 9


class Queues:
    """A channel for questions, for the thread of its link. An error closes it, and the next question opens another."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._settings = link.settings
        self._lane: Lane | None = None
        self._turn = asyncio.Lock()

    async def declare(self, names: Iterable[str]) -> None:
        """Make sure that these queues exist. Raises Refused if one exists and is of another kind."""
        if self._settings.passive:
            await self.check(names)
            return
        arguments: dict[str, Any] = {"x-queue-type": self._settings.queue_type}
        if self._settings.queue_type == CLASSIC:
            arguments["x-max-priority"] = _PRIORITIES
        async with self._turn:
            lane = await self._open_lane()
            for name in names:
                native = self._settings.native(name)
                await lane.ask(
                    lambda done, native=native: lane.channel.queue_declare(
                        native, durable=True, arguments=arguments, callback=done
                    )
                )

    async def check(self, names: Iterable[str]) -> None:
        """Raise UnknownQueue for one that does not exist."""
        for name in names:
            await self.depth(name)

    async def depth(self, name: str) -> int:
        """Return how many messages are ready in a queue. Raises UnknownQueue."""
        native = self._settings.native(name)
        async with self._turn:
            lane = await self._open_lane()
            try:
                frame = await lane.ask(lambda done: lane.channel.queue_declare(native, passive=True, callback=done))
            except UnknownQueue:
                raise UnknownQueue(
                    f"RabbitMQ at {self._link.place} has no queue {native!r}: declare it first"
                ) from None
            return int(frame.method.message_count)

    async def declare_exchange(self) -> None:
        """Make sure that there is the exchange that broadcasts go through."""
        async with self._turn:
            lane = await self._open_lane()
            await lane.ask(
                lambda done: lane.channel.exchange_declare(
                    self._settings.exchange, "fanout", passive=self._settings.passive, durable=True, callback=done
                )
            )

    async def ping(self) -> None:
        """Have the broker answer something."""
        async with self._turn:
            lane = await self._open_lane()
            await lane.ask(lambda done: lane.channel.basic_qos(callback=done))

    async def _open_lane(self) -> Lane:
        if self._lane is None or not self._lane.is_open:
            self._lane = await Lane.open(self._link)
        return self._lane
