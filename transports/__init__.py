"""Moving small messages between processes over whichever broker there is, behind one small protocol."""

from __future__ import annotations

from transports.errors import (
    Closed,
    NotConfirmed,
    NoTransport,
    Refused,
    TooLarge,
    TransportError,
    Unavailable,
    UnknownQueue,
)
from transports.loading import TransportFactory, open_transport
from transports.protocol import Capabilities, Delivery, Message, NotTaken, SendOutcome, Transport

__all__ = [
    "Capabilities",
    "Closed",
    "Delivery",
    "Message",
    "NoTransport",
    "NotConfirmed",
    "NotTaken",
    "Refused",
    "SendOutcome",
    "TooLarge",
    "Transport",
    "TransportError",
    "TransportFactory",
    "Unavailable",
    "UnknownQueue",
    "open_transport",
]
