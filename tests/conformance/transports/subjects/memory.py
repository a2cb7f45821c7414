"""The transport to a broker inside this process."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conformance.transports.subject import Mistake, Outage, Subject
from transports import Capabilities, open_transport
from transports.memory import forget_memory_broker, memory_broker

MiB = 1 << 20


@contextmanager
def memory(_request: pytest.FixtureRequest) -> Iterator[Subject]:
    name = f"conformance-{secrets.token_hex(4)}"
    url = f"memory://{name}"
    broker = memory_broker(name)

    @contextmanager
    def down() -> Iterator[None]:
        broker.set_down(True)
        try:
            yield
        finally:
            broker.set_down(False)

    yield Subject(
        url=url,
        capabilities=Capabilities(
            durable=False,
            shared=False,
            redelivers=True,
            settles_singly=True,
            releases=True,
            broadcasts=True,
            priorities=True,
            depth=True,
            checks_queues=True,
            max_message_bytes=MiB,
        ),
        outages=[Outage("set down", down)],
        mistakes=[
            Mistake("no name", lambda: open_transport("memory://")),
            Mistake("no such option in the URL", lambda: open_transport(f"{url}?colour=red")),
            Mistake("no such keyword", lambda: open_transport(url, colour="red")),
            Mistake("no number", lambda: open_transport(f"{url}?max_message_bytes=many")),
        ],
        conflict=lambda: open_transport(url, max_message_bytes=17),
        wipe=broker.wipe,
    )
    forget_memory_broker(name)
