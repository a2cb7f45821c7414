"""The brokers that worker processes meet over: with their settings, and how each is restarted and wiped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import pytest

from tests.conformance.transports.chosen import chosen
from tests.conformance.transports.subject import Subject
from tests.conformance.transports.subjects import SUBJECTS
from tests.conformance.transports.subjects.sql import restarting_postgresql
from tests.servers.fixtures import running_server
from tests.servers.recipes import ELASTICMQ, KAFKA, RABBITMQ, REDIS, SERVICEBUS

LEFT_OUT = {"memory", "rabbitmq-classic", "sql-sqlite", "sql-mysql"}
"""Transports that worker processes cannot meet over, and all but one of those over the same kind of broker."""
CARRIERS = [name for name in chosen(SUBJECTS) if name not in LEFT_OUT]
_SERVERS = {
    "azureservicebus": SERVICEBUS, "kafka": KAFKA, "kafka-share": KAFKA, "rabbitmq": RABBITMQ, "redis": REDIS,
    "sqs-elasticmq": ELASTICMQ,
}  # fmt: skip


@dataclass(frozen=True)
class Carrier:
    """A broker that is fresh for one test."""

    name: str
    subject: Subject
    request: pytest.FixtureRequest

    def url(self, *, patient: bool = False) -> str:
        """Return the transport's URL; ``patient``: with the waits that a user has who says nothing about them, instead
        of those of tests."""
        url, _, query = self.subject.url.partition("?")
        if not patient:
            return self.subject.url
        return f"{url}?{urlencode([pair for pair in parse_qsl(query) if not pair[0].endswith('_seconds')])}"

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let nobody through to the broker."""
        with self.subject.outages[0].during():
            yield

    def restart(self) -> None:
        """Stop the server's process, start it again, and return when it answers."""
        if self.name == "sql-postgresql":
            self.request.getfixturevalue("private_postgresql").restart()
        elif self.name in _SERVERS:
            running_server(_SERVERS[self.name], self.request.config).restart()

    def wipe(self) -> None:
        """Have the broker forget every queue and every message."""
        self.subject.wipe()


@contextmanager
def opened(name: str, request: pytest.FixtureRequest) -> Iterator[Carrier]:
    """Use a broker for one test."""
    # The store has PostgreSQL too, and is not to be restarted with the broker.
    make = restarting_postgresql if name == "sql-postgresql" else SUBJECTS[name]
    with make(request) as subject:
        try:
            yield Carrier(name, subject, request)
        finally:
            subject.close()
