"""The transport over Apache Kafka, on a real broker."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.conformance.transports.helpers import SECONDS, until
from tests.conformance.transports.proxy import Proxy
from tests.conformance.transports.subject import Foreign, Mistake, Native, Outage, Subject
from tests.servers.recipes.kafka import STRANGER, proxied_port, proxy_port
from transports import Capabilities, Unavailable, open_transport

MiB = 1 << 20
CLASSIC = Capabilities(
    durable=True,
    shared=True,
    redelivers=True,
    settles_singly=True,
    releases=True,
    broadcasts=True,
    priorities=False,
    depth=True,
    checks_queues=True,
    max_message_bytes=MiB,
)
# The client library cannot ask how far a share group is.
SHARE = replace(CLASSIC, depth=False)
PATIENCE_SECONDS = "20"
"""How long a broker on a busy machine may take for an answer."""
PROMPT_SECONDS = "2"
"""The same where there is none: only the time tells that the broker is away."""
QUICK = {"security_protocol": "SASL_PLAINTEXT", "timeout_seconds": PATIENCE_SECONDS, "idle_seconds": "2"}
QUICK_CLASSIC = {**QUICK, "partitions": "4", "session_seconds": "6", "heartbeat_seconds": "0.1"}
QUICK_SHARE = {**QUICK, "group_protocol": "share"}


class Broker:
    """The server of this session, and what a test of one prefix does to it."""

    def __init__(self, url: str, quick: Mapping[str, str]) -> None:
        self._quick = quick
        address = urlsplit(url)
        assert address.port is not None
        self.port = address.port
        self.login = f"{address.username}:{address.password}"
        self.prefix = f"t{secrets.token_hex(4)}."
        settings = {"bootstrap.servers": f"127.0.0.1:{self.port}", "security.protocol": "SASL_PLAINTEXT"}
        login = {"sasl.mechanism": "PLAIN", "sasl.username": address.username, "sasl.password": address.password}
        self._admin = AdminClient({**settings, **login})
        self.client = {**settings, **login}

    def url(self, *, port: int | None = None, login: str | None = None, **options: str) -> str:
        chosen = {"prefix": self.prefix, **self._quick, **options}
        query = "&".join(f"{name}={value}" for name, value in chosen.items())
        return f"kafka://{login or self.login}@127.0.0.1:{port or self.port}?{query}"

    def _topics(self) -> list[str]:
        return [name for name in self._admin.list_topics(timeout=10).topics if name.startswith(self.prefix)]

    def wipe(self) -> None:
        if topics := self._topics():
            for deleting in self._admin.delete_topics(topics, operation_timeout=10).values():
                deleting.result()
            until(lambda: not self._topics(), "the topics are gone")

    def make(self, topic: NewTopic) -> None:
        for making in self._admin.create_topics([topic]).values():
            making.result()
        until(lambda: topic.topic in self._topics(), "the topic is there")

    def compacted(self) -> None:
        self.make(NewTopic(f"{self.prefix}compacted", 1, config={"cleanup.policy": "compact"}))
        use(self.url(), "compacted")


class Program:
    """Another program, which uses confluent-kafka, a topic and a group of its own."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        # With what stands for another character where the topic is ours.
        self.queue = f"{broker.prefix}orders_x1_in.v1"

    def make(self) -> None:
        self._broker.make(NewTopic(self.queue, 4))

    def send(self, body: bytes, headers: Mapping[str, str], name: str) -> str:
        reports: list[Any] = []
        producer = Producer(self._broker.client)
        producer.produce(
            self.queue, body, name, headers=dict(headers), on_delivery=lambda *report: reports.append(report)
        )
        assert producer.flush(SECONDS) == 0
        [(error, record)] = reports
        assert error is None
        return f"{record.topic()}/{record.partition()}/{record.offset()}"

    def receive(self) -> Native:
        consumer = Consumer(
            {**self._broker.client, "group.id": f"{self._broker.prefix}others", "auto.offset.reset": "earliest"}
        )
        try:
            consumer.subscribe([self.queue])
            record = consumer.poll(SECONDS)
            assert record is not None, "no message came"
            assert record.error() is None
            headers = {name: value.decode() for name, value in record.headers() or ()}
            return Native(record.value() or b"", headers, headers.get("milepost.id"))
        finally:
            consumer.close()


def use(url: str, queue: str = "work", **options: str) -> None:
    """Open a transport and do the first thing that anybody does with it."""
    transport = open_transport(url, **options)
    try:
        transport.declare([queue])
    finally:
        transport.close()


def mistakes_of(broker: Broker) -> list[Mistake]:
    def silent() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            use(broker.url(port=server.getsockname()[1], timeout_seconds=PROMPT_SECONDS))

    def closed() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            use(broker.url(port=unused.getsockname()[1], timeout_seconds=PROMPT_SECONDS))

    def receive_from_elsewhere() -> None:
        transport = open_transport(broker.url(login="milepost:wrong-secret"))
        try:
            transport.subscribe()
        finally:
            transport.close()

    elsewhere = broker.url(timeout_seconds=PROMPT_SECONDS).replace("127.0.0.1", "host.invalid")
    options: dict[str, Callable[[], object]] = {
        "no such keyword": lambda: open_transport(broker.url(), colour="red"),
        "no such option in the URL": lambda: open_transport(broker.url(colour="red")),
        "no duration": lambda: open_transport(broker.url(idle_seconds="soon")),
        "no such protocol": lambda: open_transport(broker.url(security_protocol="NONE")),
        "no such mechanism": lambda: use(broker.url(sasl_mechanism="SECRETLY")),
        "no such file": lambda: use(broker.url(security_protocol="SASL_SSL", ssl_ca="/nowhere/ca.pem")),
        "an assignment where all share": lambda: open_transport(broker.url(group_protocol="share", assignment="range")),
        "no prefix of a topic": lambda: open_transport(broker.url(prefix="a%20b")),
        "no address": lambda: open_transport("kafka://milepost:secret@/queues"),
    }
    return [
        Mistake("wrong password", lambda: use(broker.url(login="milepost:wrong-secret"))),
        Mistake("wrong password of a subscriber", receive_from_elsewhere),
        Mistake("no such user", lambda: use(broker.url(login="nobody:secret"))),
        Mistake("missing rights", lambda: use(broker.url(login=f"{STRANGER}:secret"))),
        Mistake("nobody listens", closed, Unavailable),
        Mistake("no such host", lambda: use(elsewhere), Unavailable),
        Mistake("a server that says nothing", silent, Unavailable),
        *(Mistake(name, make) for name, make in options.items()),
    ]


def _subject(
    request: pytest.FixtureRequest, capabilities: Capabilities, quick: Mapping[str, str], **hasty: str
) -> Iterator[Subject]:
    broker = Broker(request.getfixturevalue("kafka_url"), quick)
    program = Program(broker)
    hurry = {"timeout_seconds": PROMPT_SECONDS} if request.path.stem == "test_outages" else {}
    # Where the broker tells its clients to find it.
    proxy = Proxy("127.0.0.1", proxied_port(broker.port), proxy_port(broker.port))
    try:
        yield Subject(
            url=broker.url(port=proxy.port, **hurry),
            hasty_url=broker.url(port=proxy.port, **hurry, **hasty),
            capabilities=capabilities,
            outages=[Outage("connections cut", proxy.cut)],
            mistakes=mistakes_of(broker),
            conflict=broker.compacted,
            wipe=broker.wipe,
            foreign=Foreign(
                url=broker.url(port=proxy.port, group=f"{broker.prefix}triggers"),
                queue=program.queue,
                make=program.make,
                send=program.send,
                receive=program.receive,
                impossible="à la carte",
            ),
        )
    finally:
        proxy.close()
        broker.wipe()


@contextmanager
def classic(request: pytest.FixtureRequest) -> Iterator[Subject]:
    yield from _subject(request, CLASSIC, QUICK_CLASSIC, session_seconds="1", hold_seconds="4")


@contextmanager
def share(request: pytest.FixtureRequest) -> Iterator[Subject]:
    yield from _subject(request, SHARE, QUICK_SHARE, hold_seconds="4")
