"""The transport over RabbitMQ, on a virtual host of each test's own."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.conformance.transports.helpers import SECONDS, until
from tests.conformance.transports.proxy import Proxy
from tests.conformance.transports.subject import Foreign, Mistake, Native, Outage, Subject
from tests.servers.management import Management
from transports import Capabilities, Unavailable, open_transport

MiB = 1 << 20
PATIENCE = {"timeout_seconds": "30", "connect_seconds": "30"}
"""A busy machine may take long for an answer. That a connection is cut is noticed at once all the same."""


def capabilities(*, priorities: bool) -> Capabilities:
    return Capabilities(
        durable=True,
        shared=True,
        redelivers=True,
        settles_singly=True,
        releases=True,
        broadcasts=True,
        priorities=priorities,
        depth=True,
        checks_queues=True,
        max_message_bytes=MiB,
    )


def use(url: str) -> None:
    """Open a transport and do the first thing that anybody does with it."""
    transport = open_transport(url)
    try:
        transport.declare(["work"])
    finally:
        transport.close()


class Place:
    """A virtual host on the broker at ``url``."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        assert parts.username is not None
        assert parts.password is not None
        self.host, self.port = parts.hostname, parts.port
        self.user, self.password = parts.username, parts.password
        self.vhost = f"milepost_test_{secrets.token_hex(6)}"
        self.management = Management(url)
        self.management.make_vhost(self.vhost)

    def url(
        self, *, port: int = 0, user: str = "", password: str = "", host: str = "", vhost: str = "", **options: str
    ) -> str:
        """Return the URL of a transport, with some of it other than it should be."""
        login = f"{user or self.user}:{password or self.password}"
        place = f"{host or self.host}:{port or self.port}"
        return f"amqp://{login}@{place}/{vhost or self.vhost}?{urlencode(PATIENCE | options)}"

    def wipe(self) -> None:
        """Remove everything, as where a broker is replaced by an empty one; those who are connected are thrown out."""
        self.management.ask("DELETE", "vhosts", self.vhost)
        until(lambda: not self._connections(), "the broker has thrown out everybody")
        self.management.make_vhost(self.vhost)

    def _connections(self) -> list[dict[str, str]]:
        return [each for each in self.management.ask("GET", "connections") if each.get("vhost") == self.vhost]

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Have the broker close every connection, as an operator may; new ones can be made at once."""
        for connection in self._connections():
            # One may have ended by itself.
            with suppress(HTTPError):
                self.management.ask("DELETE", "connections", connection["name"])
        yield

    @contextmanager
    def nobody(self) -> Iterator[str]:
        """A user who may log in and do nothing."""
        name = f"milepost_test_{secrets.token_hex(6)}"
        self.management.ask("PUT", "users", name, password="secret", tags="")
        self.management.ask("PUT", "permissions", self.vhost, name, configure="", write="", read="")
        try:
            yield name
        finally:
            self.management.ask("DELETE", "users", name)

    def remove(self) -> None:
        self.management.ask("DELETE", "vhosts", self.vhost)


class Program:
    """Another program, which uses pika and a queue of its own."""

    queue = "orders_in.v1"

    def __init__(self, place: Place) -> None:
        self._url = f"amqp://{place.user}:{place.password}@{place.host}:{place.port}/{place.vhost}"

    @contextmanager
    def _channel(self) -> Iterator[BlockingChannel]:
        with pika.BlockingConnection(pika.URLParameters(self._url)) as connection:
            yield connection.channel()

    def make(self) -> None:
        with self._channel() as channel:
            channel.queue_declare(self.queue, durable=True)

    def send(self, body: bytes, headers: Mapping[str, str], name: str) -> str:
        properties = pika.BasicProperties(headers=dict(headers), message_id=name)
        with self._channel() as channel:
            channel.confirm_delivery()
            channel.basic_publish("", self.queue, body, properties, mandatory=True)
        return name

    def receive(self) -> Native:
        with self._channel() as channel:
            # One at a time: what else came would be lost with the channel.
            channel.basic_qos(prefetch_count=1)
            method, properties, body = next(channel.consume(self.queue, inactivity_timeout=SECONDS))
            assert body is not None, "no message came"
            channel.basic_ack(method.delivery_tag)
            return Native(body, properties.headers or {}, properties.message_id)


def mistakes(place: Place, nobody: str) -> list[Mistake]:
    def silent() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            use(place.url(port=server.getsockname()[1], connect_seconds="2"))

    def closed() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            use(place.url(port=unused.getsockname()[1]))

    def broadcast() -> None:
        transport = open_transport(place.url(user=nobody, password="secret"))
        try:
            transport.subscribe()
        finally:
            transport.close()

    tls = place.url().replace("amqp://", "amqps://")
    return [
        Mistake("wrong password", lambda: use(place.url(password="wrong"))),
        Mistake("no such user", lambda: use(place.url(user="stranger"))),
        Mistake("no such virtual host", lambda: use(place.url(vhost="missing"))),
        Mistake("no right to make queues", lambda: use(place.url(user=nobody, password="secret"))),
        Mistake("no right to subscribe", broadcast),
        Mistake("nobody listens", closed, Unavailable),
        Mistake("no such host", lambda: use(place.url(host="host.invalid")), Unavailable),
        Mistake("a server that says nothing", silent, Unavailable),
        Mistake("TLS where there is none", lambda: use(tls)),
        Mistake("no such file", lambda: use(f"{tls}&ca_file=/missing/ca.pem")),
        Mistake("a TLS option without TLS", lambda: use(place.url(ca_file="ca.pem"))),
        Mistake("no such option in the URL", lambda: open_transport(place.url(colour="red"))),
        Mistake("no such keyword", lambda: open_transport(place.url(), colour="red")),
        Mistake("no such kind of queue", lambda: open_transport(place.url(queue_type="round"))),
        Mistake("no duration", lambda: open_transport(place.url(timeout_seconds="soon"))),
        Mistake("unreadable", lambda: open_transport("amqp://user:secret@host:port/vhost")),
    ]


@contextmanager
def _subject(server: str, **options: str) -> Iterator[Subject]:
    place = Place(server)
    proxy = Proxy(place.host, place.port)
    program = Program(place)
    other = {"queue_type": "quorum" if options.get("queue_type") == "classic" else "classic"}

    def conflict() -> None:
        use(place.url(**options))
        use(place.url(**options | other))

    try:
        with place.nobody() as nobody:
            yield Subject(
                url=place.url(port=proxy.port, **options),
                capabilities=capabilities(priorities=options.get("queue_type") == "classic"),
                outages=[
                    Outage("connections cut", proxy.cut),
                    Outage("closed by the broker", place.closed, total=False),
                ],
                mistakes=mistakes(place, nobody),
                conflict=conflict,
                wipe=place.wipe,
                foreign=Foreign(
                    url=place.url(port=proxy.port, **options),
                    queue=program.queue,
                    make=program.make,
                    send=program.send,
                    receive=program.receive,
                    impossible="ö" * 200,
                ),
            )
    finally:
        proxy.close()
        place.remove()


@contextmanager
def quorum(request: pytest.FixtureRequest) -> Iterator[Subject]:
    with _subject(request.getfixturevalue("rabbitmq_url")) as subject:
        yield subject


@contextmanager
def classic(request: pytest.FixtureRequest) -> Iterator[Subject]:
    with _subject(request.getfixturevalue("rabbitmq_url"), queue_type="classic") as subject:
        yield subject
