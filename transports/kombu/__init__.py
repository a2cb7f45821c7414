"""Messages over Redis and over other brokers, by kombu."""

from __future__ import annotations

from transports.kombu.transport import KombuTransport

__all__ = ["KombuTransport"]
