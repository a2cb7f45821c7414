"""A TCP proxy that stops forwarding and says nothing: how a network fails that drops packets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from tests.conformance.transports.proxy import Proxy


class StallingProxy(Proxy):
    """Passes connections on to a server; new ones are accepted while it is stalled, and not answered."""

    def __init__(self, host: str, port: int) -> None:
        self._flowing = threading.Event()
        self._flowing.set()
        super().__init__(host, port)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
        # Not even of an end does the other side learn.
        self._flowing.wait()
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    @contextlib.contextmanager
    def stalled(self) -> Iterator[None]:
        """Forward nothing, in either direction, for as long as the context lasts; then what has waited."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._flowing.set()

    def close(self) -> None:
        self._flowing.set()
        super().close()
