"""The server's one port: each connection says by its first bytes whether it speaks AMQP or HTTP."""

from __future__ import annotations

import asyncio
import contextlib

from proton import Collector, Transport
from proton import Connection as Engine

from tests.servers.servicebus.administration import Administration, Request, Response
from tests.servers.servicebus.consumers import Consumers
from tests.servers.servicebus.links import Links
from tests.servers.servicebus.namespace import Namespace
from tests.servers.servicebus.queues import Queue

_TICK_SECONDS = 0.05
_CHUNK = 1 << 16


class AmqpConnection:
    """Feeds the AMQP engine with what arrives, and the network with what it has to say."""

    def __init__(self, writer: asyncio.StreamWriter, links: Links) -> None:
        self._writer = writer
        self.links = links
        links.flush = self.flush
        self.engine = Engine()
        self._collector = Collector()
        self.engine.collect(self._collector)
        self._transport = Transport(Transport.SERVER)
        self._transport.sasl().allowed_mechs("ANONYMOUS")
        self._transport.bind(self.engine)

    def feed(self, data: bytes) -> bool:
        """Take in what has arrived; False once the engine is done."""
        rest = memoryview(data)
        while rest and (room := self._transport.capacity()) > 0:
            self._transport.push(bytes(rest[:room]))
            rest = rest[room:]
            self._dispatch()
        self.flush()
        return self._transport.capacity() >= 0

    def _dispatch(self) -> None:
        while (event := self._collector.peek()) is not None:
            event.dispatch(self.links)
            self._collector.pop()

    def flush(self) -> None:
        """Write what the engine has to say."""
        self._dispatch()
        while (pending := self._transport.pending()) > 0:
            self._writer.write(bytes(self._transport.peek(pending) or b""))
            self._transport.pop(pending)

    def close(self) -> None:
        """Cut the connection."""
        self.links.drop()
        self._writer.close()


class Server:
    """Serves a namespace."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._namespace = Namespace()
        self._consumers = Consumers()
        self._administration = Administration(self._namespace, key)
        self._connections: set[AmqpConnection] = set()
        self._namespace.changed = self._changed
        self._namespace.removed = self._removed

    def _changed(self, queue: Queue) -> None:
        self._consumers.serve(queue)

    def _removed(self, path: str) -> None:
        for connection in [*self._connections]:
            connection.links.entity_removed(connection.engine, path)

    async def serve(self, port: int) -> None:
        """Serve until it is cancelled."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", port, limit=1 << 20)
        async with server:
            while True:
                await asyncio.sleep(_TICK_SECONDS)
                self._namespace.tick(self._consumers.attended)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever leaves in the middle of something has left.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            first = await reader.readexactly(4)
            if first == b"AMQP":
                await self._serve_amqp(first, reader, writer)
            else:
                await self._serve_http(first, reader, writer)
        writer.close()

    async def _serve_amqp(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = AmqpConnection(writer, Links(self._namespace, self._consumers, self._key))
        self._connections.add(connection)
        try:
            data = first
            while data and connection.feed(data):
                await writer.drain()
                data = await reader.read(_CHUNK)
        finally:
            self._connections.discard(connection)
            connection.close()

    async def _serve_http(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            first = b""
            method, target, _ = head[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length") or 0))
            response = self._answer(Request(method, target, headers, body))
            writer.write(
                f"HTTP/1.1 {response.status} Answer\r\nContent-Type: application/xml\r\n"
                f"Content-Length: {len(response.body)}\r\n\r\n".encode()
                + response.body
            )
            await writer.drain()

    def _answer(self, request: Request) -> Response:
        if request.path == "$test/restart":
            for connection in [*self._connections]:
                connection.close()
            return Response(200)
        return self._administration.answer(request)
