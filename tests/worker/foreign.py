"""A queue of another program that workers take from: made for one test, and looked into when they have ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from tests.conformance.transports.subjects import SUBJECTS
from tests.worker.forks import Fork
from tests.worker.processes import Processes
from tests.worker.serving import wait_until
from transports import open_transport
from transports.protocol import Message, Transport

WORKERS: Final = 5
"""How many workers may follow each other before a queue must be empty."""
LOOK_SECONDS: Final = 6.0
"""Longer than it takes, as the tests set it up, until a message that was handed to a dead worker is given to others."""
SOON_GIVEN_BACK: Final = {"redis": "&visibility_seconds=5", "sqs-elasticmq": "&visibility_seconds=5"}
"""By kind of broker: what makes it soon give to others what a dead worker was handed, where that takes long."""


@dataclass(frozen=True, slots=True)
class ForeignQueue:
    """A queue, the URL that workers serve it by, and the other program's transport."""

    url: str
    name: str
    open: Callable[[], Transport]
    transport: Transport

    def send(self, messages: list[Message]) -> None:
        """Send as the other program; each must be taken."""
        self.transport.send(messages).raise_if_any()

    def end(self, worker: Fork, processes: Processes) -> None:
        """Tell the last worker to end, and see that it and what died before it have left nothing in the queue.

        What a dead worker recorded and did not acknowledge comes back after a time of the broker's own, and what was
        sent twice may come last of all. Not every broker tells of either before it hands it out, and the store shows
        nothing of it. So whatever is found when the worker has ended, the next worker has to take.
        """
        found: list[str | None] = []
        for _ in range(WORKERS):
            wait_until(lambda: not self.transport.depth(self.name), f"the messages in {self.name} being received", 120)
            worker.terminate()
            assert worker.wait() == 0
            found = self._look()
            if not found:
                return
            [worker] = processes.start()
        raise AssertionError(f"{WORKERS} workers have left messages in the queue {self.name}: {found}")

    def _look(self) -> list[str | None]:
        """Return the ids of some messages that are in the queue, and leave them there."""
        with closing(self.open()) as transport:
            transport.consume([self.name])
            return [delivery.message.id for delivery in transport.receive(10, LOOK_SECONDS)]


@contextmanager
def queue_in_tables(url: str, name: str) -> Iterator[ForeignQueue]:
    """Lend a queue in a database."""

    def opened() -> Transport:
        return open_transport(url, prefix="")

    with closing(opened()) as transport:
        transport.declare([name])
        yield ForeignQueue(url, name, opened, transport)


@contextmanager
def queue_at_broker(kind: str, request: pytest.FixtureRequest) -> Iterator[ForeignQueue]:
    """Lend a queue that another program made at a broker of this kind."""
    with SUBJECTS[kind](request) as subject, closing(subject):
        foreign = subject.foreign
        assert foreign is not None
        foreign.make()
        with closing(foreign.open()) as transport:
            transport.declare([foreign.queue])
            # What keeps the tests' own queues apart is part of this one's name already.
            url = re.sub(r"prefix=[^&]*", "prefix=", foreign.url) + SOON_GIVEN_BACK.get(kind, "")
            yield ForeignQueue(url, foreign.queue, foreign.open, transport)
