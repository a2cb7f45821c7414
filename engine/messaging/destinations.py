"""Queues and topics of other programs: how they are named, and how they are opened.

``amqp://host/orders`` is the queue ``orders`` of the broker ``amqp://host``: the last part of the path is the queue's
name, the rest is the broker's URL, and a query belongs to the broker. ``broker://shop/orders`` is a queue of the broker
that the settings call ``shop``, so that neither code nor what is recorded holds the broker's password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from engine.definitions.queueurls import split_queue_url
from engine.errors import ConfigError
from engine.masking import mask_secrets
from transports.errors import NoTransport, Refused
from transports.loading import open_transport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transports.protocol import Transport

NAMED: Final = "broker"
"""The scheme of brokers that the settings name."""


class Destination(NamedTuple):
    """A queue or topic, and the URL of the broker that has it."""

    broker: str
    queue: str

    @property
    def masked(self) -> str:
        """The broker's URL without its secrets and the queue, for people to read."""
        return f"{mask_secrets(self.broker)} {self.queue}"


def destination_of(url: str, brokers: Mapping[str, str]) -> Destination:
    """Take the URL of a queue apart; ``brokers`` are the URLs of those that the settings name.

    Raises ConfigError, which shows no secrets.
    """
    parts = split_queue_url(url)
    if parts is None or (parts.scheme == NAMED and not parts.broker):
        raise ConfigError(
            f"{mask_secrets(url)!r} does not name a queue: write the broker's URL, a slash and the queue, such as "
            f"kafka://host:9092/orders, or broker://shop/orders for a broker that [brokers] names"
        )
    if parts.scheme != NAMED:
        query = f"?{parts.query}" if parts.query else ""
        return Destination(f"{parts.scheme}://{parts.broker}{query}", parts.queue)
    if parts.broker not in brokers:
        raise ConfigError(
            f"{url!r} names the broker {parts.broker!r}, and [brokers] in the settings has "
            f"{', '.join(sorted(brokers)) or 'none'}: add it there, or set ENGINE_BROKERS__{parts.broker.upper()}"
        )
    if parts.query:
        raise ConfigError(f"{url!r} has options of its own: give them to the broker {parts.broker!r} in [brokers]")
    return Destination(brokers[parts.broker], parts.queue)


def open_foreign(broker: str) -> Transport:
    """Open the transport for queues that belong to other programs: their names are taken as they are, and nothing is
    made on the broker. Raises ConfigError for a URL that cannot be used."""
    options: dict[str, Any] = {} if "prefix=" in broker.partition("?")[2] else {"prefix": ""}
    try:
        return open_transport(broker, passive=True, **options)
    except (NoTransport, Refused) as error:
        raise ConfigError(f"the broker {mask_secrets(broker)} cannot be used: {error}") from error
