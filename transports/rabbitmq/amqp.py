"""pika's connection and channel, with what this transport needs beside their public methods.

pika gives deliveries back that arrive while a consumer is being cancelled, and remembers every consumer that was ever
cancelled without waiting; a transport that opens a consumer for each batch can live with neither. So its channels keep
no list of consumers, and hand every delivery on. This is the only module that uses what pika keeps for its own classes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pika import spec
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable

    OnDelivery = Callable[[spec.Basic.Deliver, spec.BasicProperties, bytes], None]


class WorkChannel(Channel):
    """A channel whose consumers are kept by whoever uses it: ``on_delivery`` is called for all of them."""

    on_delivery: OnDelivery | None = None

    def start_consumer(self, queue: str, tag: str, *, no_ack: bool, on_done: Callable[[Any], None]) -> None:
        """Begin to consume. ``tag`` must be one that this channel has not seen before."""
        method: Any = spec.Basic.Consume(queue=queue, consumer_tag=tag, no_ack=no_ack)
        self._call(method, on_done, [(spec.Basic.ConsumeOk, {"consumer_tag": tag})])

    def stop_consumer(self, tag: str, on_done: Callable[[Any], None] | None = None) -> None:
        """Cease to consume; without ``on_done`` the broker does not answer. What arrives meanwhile is handed on."""
        method: Any = spec.Basic.Cancel(consumer_tag=tag, nowait=on_done is None)
        self._call(method, on_done, [(spec.Basic.CancelOk, {"consumer_tag": tag})] if on_done is not None else [])

    def _call(self, method: Any, on_done: Callable[[Any], None] | None, replies: list[Any]) -> None:
        # pika queues it until the answer to the call before it has come.
        pika: Any = super()
        pika._rpc(method, on_done, replies)  # noqa: SLF001 - our own base class

    def _on_deliver(self, method_frame: Any, header_frame: Any, body: bytes) -> None:
        if self.on_delivery is not None:
            self.on_delivery(method_frame.method, header_frame.properties, body)


class Connection(AsyncioConnection):
    """A connection whose channels are of that kind, and which can be torn down at once."""

    def _create_channel(self, channel_number: int, on_open_callback: Any) -> Channel:
        return WorkChannel(self, channel_number, on_open_callback)

    def abort(self, reason: Exception) -> None:
        """Drop the connection without a word to the broker."""
        if not self.is_closed:
            pika: Any = super()
            pika._terminate_stream(reason)  # noqa: SLF001 - our own base class


def quieten() -> None:
    """Have pika log nothing that is raised as an error too, unless somebody has set its level."""
    logger = logging.getLogger("pika")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)
