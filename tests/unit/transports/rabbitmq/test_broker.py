"""What is particular to RabbitMQ, against a real one."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.conformance.transports.helpers import batch, bodies, hear, patiently, take, texts, until
from tests.conformance.transports.proxy import Proxy
from tests.conformance.transports.subjects.rabbitmq import Place
from transports import Message, NotConfirmed, Refused, Transport, Unavailable, UnknownQueue, open_transport

pytestmark = pytest.mark.servers

Open = Callable[..., Transport]


@pytest.fixture
def place(rabbitmq_url: str) -> Iterator[Place]:
    place = Place(rabbitmq_url)
    try:
        yield place
    finally:
        place.remove()


@pytest.fixture
def opened(place: Place) -> Iterator[Open]:
    """Opens transports with options, which are closed when the test ends."""
    made: list[Transport] = []

    def make(url: str = "", **options: str) -> Transport:
        made.append(open_transport(url or place.url(**options)))
        return made[-1]

    try:
        yield make
    finally:
        for transport in made:
            transport.close()


@pytest.fixture
def plain(place: Place) -> Iterator[Any]:
    """A channel of another program."""
    connection = pika.BlockingConnection(pika.URLParameters(place.url().partition("?")[0]))
    try:
        yield connection.channel()
    finally:
        connection.close()


def test_a_message_of_another_program_is_received(opened: Open, plain: Any) -> None:
    consumer = opened(prefix="app.")
    consumer.declare(["work"])
    consumer.consume(["work"])
    properties = pika.BasicProperties(headers={"n": 1, "deep": {"a": [1]}}, message_id="theirs", content_type="text/x")
    plain.basic_publish("", "app.work", b"\x00\xff", properties)
    plain.basic_publish("", "app.work", b"bare")
    first, second = take(consumer, 2)
    assert first.message == Message("work", b"\x00\xff", {"n": "1", "content-type": "text/x"}, id="theirs")
    assert second.message == Message("work", b"bare")


def test_another_program_finds_what_was_sent(opened: Open, plain: Any) -> None:
    sender = opened()
    sender.declare(["work"])
    sender.send([Message("work", b"body", {"größe": "大"}, id="ours")]).raise_if_any()
    _method, properties, body = plain.basic_get("work", auto_ack=True)
    assert (body, properties.headers["größe"], properties.message_id) == (b"body", "大", "ours")
    assert properties.delivery_mode == 2


def test_a_queue_that_is_deleted_under_a_waiting_consumer_is_named(opened: Open, place: Place) -> None:
    consumer = opened()
    consumer.declare(["work", "other"])
    consumer.consume(["work", "other"])
    timer = threading.Timer(0.3, lambda: place.management.ask("DELETE", "queues", place.vhost, "work"))
    timer.start()
    with pytest.raises(UnknownQueue, match="work"):
        consumer.receive(4, 20.0)
    timer.join()
    consumer.declare(["work"])
    consumer.send(batch([1])).raise_if_any()
    assert bodies(take(consumer, 1)) == texts([1])


def test_a_channel_that_the_broker_closes_is_opened_anew(opened: Open) -> None:
    consumer = opened()
    consumer.declare(["work"])
    consumer.consume(["work"])
    consumer.send(batch([1, 2])).raise_if_any()
    held = take(consumer, 1, acknowledge=False)
    # A tag that was never given out: the broker closes the channel, and what it held is available again.
    lane: Any = held[0].token.lane  # type: ignore[attr-defined]
    lane.link.loop.call_soon_threadsafe(lane.channel.basic_ack, 4711)
    got: list[str] = []
    deadline = time.monotonic() + 20
    while sorted(got) != texts([1, 2]) and time.monotonic() < deadline:
        try:
            deliveries = consumer.receive(10, 0.2)
        except Refused:
            continue
        consumer.acknowledge(deliveries)
        got += bodies(deliveries)
    consumer.acknowledge(held)
    # The one that was in hand came again; the other was received once, on whichever channel.
    assert set(got) == set(texts([1, 2]))


def test_messages_that_come_when_nobody_receives_go_to_others(opened: Open) -> None:
    idle, other = opened(), opened()
    for each in (idle, other):
        each.declare(["work"])
        each.consume(["work"])
    # Its consumers are left for a moment, as it may ask again at once. It does not.
    assert idle.receive(10, 0.01) == []
    other.send(batch(range(5))).raise_if_any()
    assert sorted(bodies(take(other, 5))) == texts(range(5))
    assert idle.receive(10, 0) == []


def test_whoever_asks_again_at_once_gets_what_came_in_between(opened: Open) -> None:
    consumer = opened()
    consumer.declare(["work"])
    consumer.consume(["work"])
    for number in range(20):
        assert consumer.receive(10, 0.01) == []
        consumer.send(batch([number])).raise_if_any()
        [delivery] = take(consumer, 1)
        assert bodies([delivery]) == texts([number])


def test_less_room_than_queues_takes_no_more_than_that(opened: Open) -> None:
    names = [f"queue-{number}" for number in range(4)]
    consumer, other = opened(), opened()
    consumer.declare(names)
    for each in (consumer, other):
        each.consume(names)
    consumer.send([Message(name, name.encode()) for name in names]).raise_if_any()
    first = take(consumer, 1, acknowledge=False)
    assert len(first) == 1
    rest = take(other, 3)
    assert sorted(bodies(first) + bodies(rest)) == names
    # With one message, in any of the queues, it is found whichever queue comes first.
    for name in names:
        consumer.send([Message(name, b"x")]).raise_if_any()
        [delivery] = take(consumer, 1)
        assert delivery.message.queue == name


def test_priorities_are_those_of_classic_queues(opened: Open, place: Place) -> None:
    opened(queue_type="classic").declare(["work"])
    with pytest.raises(Refused, match="inequivalent"):
        opened().declare(["work"])
    [found] = place.management.ask("GET", "queues", place.vhost)
    assert (found["type"], found["arguments"]["x-max-priority"], found["durable"]) == ("classic", 9, True)


def test_passive_declares_nothing(opened: Open, place: Place) -> None:
    passive = opened(passive="yes")
    with pytest.raises(UnknownQueue, match="work"):
        passive.declare(["work"])
    with pytest.raises(UnknownQueue, match="exchange"):
        passive.subscribe()
    maker = opened()
    maker.declare(["work"])
    maker.subscribe()
    passive.declare(["work"])
    passive.subscribe()
    maker.broadcast(Message("rules", b"changed"))
    assert [message.body for message in hear(passive, 1)] == [b"changed"]


def test_a_subscription_whose_exchange_was_deleted_is_bound_again(opened: Open, plain: Any) -> None:
    listening = opened()
    listening.declare(["work"])
    listening.subscribe()
    plain.exchange_delete("milepost-broadcasts")
    # Workers declare every few seconds.
    listening.declare(["work"])
    opened().broadcast(Message("rules", b"changed"))
    assert [message.body for message in hear(listening, 1)] == [b"changed"]


def test_what_a_subscriber_leaves_behind_is_the_exchange(opened: Open, place: Place) -> None:
    listening = opened(prefix="app.")
    listening.subscribe()
    [queue] = place.management.ask("GET", "queues", place.vhost)
    assert (queue["exclusive"], queue["auto_delete"]) == (True, True)
    listening.close()
    until(lambda: place.management.ask("GET", "queues", place.vhost) == [], "its queue is gone")
    names = {exchange["name"] for exchange in place.management.ask("GET", "exchanges", place.vhost)}
    assert "app.milepost-broadcasts" in names


class Freezer(Proxy):
    """A proxy that can stop passing anything on, and closes nothing."""

    def __init__(self, host: str, port: int) -> None:
        self.frozen = threading.Event()
        super().__init__(host, port)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        while not self.frozen.is_set():
            try:
                data = source.recv(65536)
                if not data or self.frozen.is_set():
                    break
                sink.sendall(data)
            except OSError:
                break


def test_a_broker_that_falls_silent_is_given_up_and_found_again(opened: Open, place: Place) -> None:
    freezer = Freezer(place.host, place.port)
    transport = opened(place.url(port=freezer.port, timeout_seconds="0.5", connect_seconds="0.5"))
    # Half a second may be too short for a broker that is there, on a busy machine.
    patiently(lambda: transport.declare(["work"]))
    patiently(lambda: transport.consume(["work"]))
    freezer.frozen.set()
    began = time.monotonic()
    for call in (
        transport.ping,
        lambda: transport.send(batch([1])).raise_if_any(),
        lambda: transport.receive(1, 0.1),
        lambda: transport.depth("work"),
    ):
        with pytest.raises(Unavailable):
            call()
    assert time.monotonic() - began < 30
    freezer.frozen.clear()
    away = (Unavailable, NotConfirmed)
    patiently(lambda: transport.send(batch([2])).raise_if_any(), away=away)
    assert bodies(patiently(lambda: take(transport, 1))) == texts([2])
    transport.close()
    freezer.close()


# -- TLS -------------------------------------------------------------------------------------------------------------


def write_certificate(directory: Path) -> Path:
    """Make a certificate for 127.0.0.1 that vouches for itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "milepost test")])
    now = dt.datetime.fromtimestamp(0, dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "certificate.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


class TlsProxy(Proxy):
    """A proxy that speaks TLS with those who connect."""

    def __init__(self, host: str, port: int, certificate: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        super().__init__(host, port)

    def _welcome(self, client: socket.socket) -> socket.socket:
        return self._context.wrap_socket(client, server_side=True)


def test_tls_is_spoken_and_certificates_are_checked(opened: Open, place: Place, tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path)
    proxy = TlsProxy(place.host, place.port, certificate)

    def url(**options: str) -> str:
        return place.url(port=proxy.port, **options).replace("amqp://", "amqps://")

    transport = opened(url(ca_file=str(certificate)))
    transport.declare(["work"])
    transport.consume(["work"])
    transport.send(batch(range(200))).raise_if_any()
    assert len(take(transport, 200)) == 200
    transport.close()
    with pytest.raises(Refused, match="ca_file"):
        opened(url()).ping()
    with pytest.raises(Refused, match="server_name"):
        opened(url(ca_file=str(certificate), server_name="elsewhere.example")).ping()
    proxy.close()
