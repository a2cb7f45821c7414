"""A TCP proxy on loopback that can be cut, to lose a server without stopping it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator


class Proxy:
    """Passes connections on to a server, until it is cut: then it resets them all and refuses new ones."""

    def __init__(self, host: str, port: int, own_port: int = 0) -> None:
        self._target = (host, port)
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        # Bound and never listening: it keeps the port while the proxy is cut, when others look for a free one.
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._holder.bind(("127.0.0.1", own_port))
        self.port = int(self._holder.getsockname()[1])
        self._listener: socket.socket | None = None
        self._listen()

    def _listen(self) -> None:
        with self._lock:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=50, reuse_port=True)
            self._start(self._accept, self._listener)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            near = client
            try:
                near = self._welcome(client)
                server = socket.create_connection(self._target)
            except OSError:
                # One client that is not let in is no reason to let in no other.
                _reset(near)
                continue
            for end in (near, server):
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                if listener is not self._listener:
                    # It was cut while this one came in.
                    _reset(near)
                    _reset(server)
                    return
                self._sockets |= {near, server}
                self._start(self._pump, near, server)
                self._start(self._pump, server, near)

    def _welcome(self, client: socket.socket) -> socket.socket:
        """Return what to talk to a client through. Raises OSError where that is not to be had."""
        return client

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
            self._listen()

    def _stop(self) -> None:
        with self._lock:
            listener, self._listener = self._listener, None
            sockets, self._sockets = self._sockets, set()
            threads, self._threads = self._threads, []
        if listener is not None:
            # A thread that waits in accept() is not disturbed by closing alone.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for end in sockets:
            _reset(end)
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()

    def close(self) -> None:
        """Cut for good."""
        self._stop()
        self._holder.close()


def _reset(end: socket.socket) -> None:
    # Lingering for no time makes closing send a reset.
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RDWR)
    end.close()
