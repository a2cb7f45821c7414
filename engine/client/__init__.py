"""Clients: starting flows, waiting for their results, and looking after executions, from any Python program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.exports import exports

if TYPE_CHECKING:
    from engine.client.asynchronous import AsyncClient, AsyncHandle
    from engine.client.filters import Filter
    from engine.client.options import StartOptions
    from engine.client.synchronous import Client, Handle

__all__ = ["AsyncClient", "AsyncHandle", "Client", "Filter", "Handle", "StartOptions"]

__getattr__, __dir__ = exports(
    __name__,
    {
        "engine.client.asynchronous": "AsyncClient AsyncHandle",
        "engine.client.filters": "Filter",
        "engine.client.options": "StartOptions",
        "engine.client.synchronous": "Client Handle",
    },
)
