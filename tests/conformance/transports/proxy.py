"""A TCP proxy on loopback that can be cut, to lose a server without stopping it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator


class Proxy:
    """Passes connections on to a server, until it is cut: then it resets them all and refuses new ones."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = self._listen(0)
        self.port = int(self._listener.getsockname()[1])

    def _listen(self, port: int) -> socket.socket:
        # Known before anybody can come: whoever is accepted is compared with it.
        self._listener = listener = socket.create_server(("127.0.0.1", port), backlog=50)
        self._start(self._accept, listener)
        return listener

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            with self._lock:
                # One that was cut while it accepted is closed by now.
                if listener is not self._listener or listener.fileno() < 0:
                    _reset(client)
                    _reset(server)
                    return
                self._sockets |= {client, server}
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._pump, client, server)
            self._start(self._pump, server, client)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        """Reset every connection and refuse new ones, for as long as the context lasts."""
        self._stop()
        try:
            yield
        finally:
            self._listener = self._listen(self.port)

    def _stop(self) -> None:
        with self._lock:
            listener = self._listener
            # A thread that waits in accept() is not disturbed by closing alone.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            sockets, self._sockets = self._sockets, set()
        for end in sockets:
            _reset(end)
        threads, self._threads = self._threads, []
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()

    def close(self) -> None:
        """Cut for good."""
        self._stop()


def _reset(end: socket.socket) -> None:
    # Lingering for no time makes closing send a reset.
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RDWR)
    end.close()
