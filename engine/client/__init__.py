"""Clients: starting flows, waiting for their results, and looking after executions, from any Python program."""

from __future__ import annotations

from engine.client.asynchronous import AsyncClient, AsyncHandle
from engine.client.filters import Filter
from engine.client.options import StartOptions
from engine.client.synchronous import Client, Handle

__all__ = ["AsyncClient", "AsyncHandle", "Client", "Filter", "Handle", "StartOptions"]
