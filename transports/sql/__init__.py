"""A durable transport over tables of a SQL database."""

from __future__ import annotations

from transports.sql.transport import SqlTransport

__all__ = ["SqlTransport"]
