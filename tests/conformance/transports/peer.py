"""A consumer in a process of its own, which a test tells what to do over a pipe, one line of JSON at a time.

Run as ``python -m tests.conformance.transports.peer``. When its standard input ends, it closes its transport and ends.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from tests.conformance.transports.helpers import bodies
from transports import Delivery, Transport, open_transport


def answer(**values: Any) -> None:
    print(json.dumps(values), flush=True)


class Peer:
    """What the commands act on."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.deliveries: list[Delivery] = []

    def receive(self, limit: int, wait: float) -> None:
        got = self.transport.receive(limit, wait)
        self.deliveries += got
        answer(bodies=bodies(got))

    def acknowledge(self, which: list[int]) -> None:
        self.transport.acknowledge([self.deliveries[index] for index in which])
        answer(done=True)

    def hear(self, wait: float) -> None:
        self.transport.receive(0, wait)
        answer(bodies=[message.body.decode("latin-1") for message in self.transport.broadcasts()])

    def work(self, limit: int) -> None:
        """Receive and acknowledge, telling what, until standard input ends."""
        stop = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
        while not stop.is_set():
            got = self.transport.receive(limit, 0.2)
            self.transport.acknowledge(got)
            if got:
                answer(bodies=bodies(got))


def main() -> None:
    """Open what the first line says, then do what the others say."""
    setting = json.loads(sys.stdin.readline())
    transport = open_transport(setting["url"])
    try:
        if setting["queues"]:
            transport.declare(setting["queues"])
            transport.consume(setting["queues"])
        if setting["subscribe"]:
            transport.subscribe()
        answer(ready=True)
        peer = Peer(transport)
        for line in iter(sys.stdin.readline, ""):
            command = json.loads(line)
            getattr(peer, command.pop("do"))(**command)
    finally:
        transport.close()


if __name__ == "__main__":
    main()
