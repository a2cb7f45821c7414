"""Redis beside other programs: kombu's own, plain ones, and a server with TLS."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kombu
import pytest
import redis as client
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.conformance.transports.helpers import Background, take, until
from tests.conformance.transports.subjects.kombu import changed, fresh_database
from transports import Message, Refused, Transport, Unavailable, open_transport
from transports.kombu import redis_listener

pytestmark = pytest.mark.servers


@pytest.fixture
def url(redis_url: str) -> Iterator[str]:
    with fresh_database(redis_url) as url:
        yield url


def consumer(url: str, **options: object) -> Transport:
    transport = open_transport(url, timeout_seconds=30.0, **options)
    transport.declare(["work"])
    transport.consume(["work"])
    return transport


def test_what_a_program_with_kombu_sends_is_received(url: str) -> None:
    with closing(consumer(url, poll_seconds=0.1)) as transport, kombu.Connection(url) as connection:
        with connection.Producer(serializer="json") as producer:
            for priority in (9, 0, 3):
                producer.publish(
                    {"order": priority}, routing_key="milepost.work", priority=priority, headers={"tenant": "north"}
                )
        got = [delivery.message for delivery in take(transport, 3)]
        assert [json.loads(message.body) for message in got] == [{"order": 0}, {"order": 3}, {"order": 9}]
        assert [message.headers["tenant"] for message in got] == ["north"] * 3
        assert len({message.id for message in got}) == 3


def test_what_is_sent_is_received_by_a_program_with_kombu(url: str) -> None:
    with closing(consumer(url)) as transport:
        transport.send([Message("work", b"\x00\xff", {"tenant": "north"}, priority=0, id="7")]).raise_if_any()
    with kombu.Connection(url) as connection, closing(connection.channel()) as channel:
        message = channel.basic_get("milepost.work")
        assert (message.body, message.headers, message.properties["message_id"]) == (
            b"\x00\xff",
            {"tenant": "north"},
            "7",
        )
        message.ack()


@pytest.mark.parametrize("body", [b"plain", b'{"a":[],"b":{}}', b"\xff\x00", b'{"'])
def test_what_a_plain_program_puts_into_the_list_is_a_body_also_when_it_comes_back(url: str, body: bytes) -> None:
    with client.Redis.from_url(url) as direct:
        direct.lpush("milepost.work", body)
    with closing(consumer(url)) as first:
        [delivery] = take(first, 1, acknowledge=False)
        assert (delivery.message.body, dict(delivery.message.headers)) == (body, {})
    with closing(consumer(url)) as second:
        assert take(second, 1)[0].message.body == body


def test_a_plain_message_is_noticed_by_who_waits(url: str) -> None:
    with closing(consumer(url, poll_seconds=0.2)) as transport, client.Redis.from_url(url) as direct:
        receiving = Background(lambda: transport.receive(1, 30.0))
        direct.lpush("milepost.work", b"plain")
        assert [delivery.message.body for delivery in receiving.join()] == [b"plain"]


def test_who_waits_is_woken_without_looking(url: str) -> None:
    # It would look again only after an hour.
    with closing(consumer(url, poll_seconds=3600.0)) as transport, closing(open_transport(url)) as sender:
        for number in range(20):
            receiving = Background(lambda: transport.receive(1, 3600.0))
            sender.send([Message("work", str(number).encode())]).raise_if_any()
            got = receiving.join()
            assert [delivery.message.body for delivery in got] == [str(number).encode()]
            transport.acknowledge(got)


def test_a_silent_connection_is_asked_for_a_word(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(consumer(url, poll_seconds=0.05)) as transport:
        listener: Any = transport._link._listener  # type: ignore[attr-defined]
        transport.receive(1, 0)
        # Nothing was heard for a while, and whoever was away for as long has not asked yet.
        listener._spoke_at -= 1000.0
        assert transport.receive(1, 0) == []
        until(lambda: transport.receive(1, 0.1) or listener._asked_at is None, "the answer")
        assert time.monotonic() - listener._spoke_at < 1000.0
        # One that never answers is given up, and the next call makes another.
        monkeypatch.setattr(redis_listener, "_SILENCE_SECONDS", 0.2)
        monkeypatch.setattr(listener._pubsub, "ping", lambda: None)
        with pytest.raises(Unavailable, match="silent"):
            transport.receive(1, 60.0)
        monkeypatch.undo()
        transport.send([Message("work", b"1")]).raise_if_any()
        assert len(take(transport, 1)) == 1


def test_nothing_stays_behind(url: str) -> None:
    with closing(consumer(url)) as transport:
        transport.send([Message("work", b"", priority=number) for number in range(10)]).raise_if_any()
        take(transport, 10)
        transport.broadcast(Message("rules", b""))
    with client.Redis.from_url(url) as direct:
        assert direct.keys("*") == []


def test_an_answer_that_is_lost_holds_nothing_back(url: str) -> None:
    """What was handed out in an answer that did not arrive is given back with the next one, not after an hour."""
    with closing(consumer(url, visibility_seconds=3600.0)) as transport, client.Redis.from_url(url) as direct:
        transport.send([Message("work", b"1")]).raise_if_any()
        link = transport._link  # type: ignore[attr-defined]
        asked = link._incoming.run

        def lose(script: str, keys: object, arguments: object) -> object:
            asked(script, keys, arguments)
            raise client.ConnectionError("the answer was lost")

        link._incoming.run = lose
        with pytest.raises(Exception, match="the answer was lost"):
            transport.receive(1, 0)
        assert direct.hlen("milepost.unacked") == 1
        link._incoming.run = asked
        [delivery] = take(transport, 1)
        assert delivery.message.body == b"1"
        assert direct.hlen("milepost.unacked") == 0


def test_durable_is_refused_where_nothing_is_kept(url: str) -> None:
    with client.Redis.from_url(url) as direct:
        direct.config_set("appendonly", "no")
        try:
            with pytest.raises(Refused, match="appendonly"), closing(open_transport(url, durable=True)) as transport:
                transport.ping()
        finally:
            direct.config_set("appendonly", "yes")


def test_these_rights_are_enough(url: str) -> None:
    """Those that docs/brokers/redis.md names."""
    number = urlsplit(url).path.removeprefix("/")
    commands = "+ping +info +type +llen +publish +subscribe +unsubscribe +evalsha +script|load +time +exists +select"
    commands += " +lpush +rpush +rpop +hset +hget +hdel +zadd +zrem +zrangebyscore +client|setname"
    with client.Redis.from_url(url) as direct:
        keys, channels = ["milepost.*"], [f"/{number}.milepost.*"]
        direct.acl_setuser(
            "worker", enabled=True, reset=True, passwords=["+secret"], keys=keys, channels=channels,
            commands=commands.split(),
        )  # fmt: skip
        direct.script_flush()
    with closing(consumer(changed(url, user="worker", password="secret"), durable=True)) as transport:
        transport.subscribe()
        transport.ping()
        transport.send([Message("work", b"1"), Message("work", b"2")]).raise_if_any()
        transport.broadcast(Message("rules", b""))
        transport.acknowledge(take(transport, 1))
        take(transport, 1, acknowledge=False)
        assert transport.depth("work") == 0
    with closing(consumer(url)) as transport:
        assert len(take(transport, 1)) == 1


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for 127.0.0.1 that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "milepost test")])
    now = dt.datetime.fromtimestamp(1_700_000_000, dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    plain = serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def tls_url(url: str, certificate: Path) -> Iterator[str]:
    """The same Redis behind TLS."""
    address = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = threading.Thread(target=_serve, args=(listener, context, (address.hostname, address.port)))
        serving.start()
        try:
            yield f"rediss://:{address.password}@127.0.0.1:{port}{address.path}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            serving.join()


def _serve(listener: socket.socket, context: ssl.SSLContext, target: tuple[str | None, int | None]) -> None:
    with contextlib.suppress(OSError), contextlib.ExitStack() as open_sockets:
        while True:
            plain, _ = listener.accept()
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                near = open_sockets.enter_context(context.wrap_socket(plain, server_side=True))
                far = open_sockets.enter_context(socket.create_connection(target))  # type: ignore[arg-type]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)


def test_messages_and_broadcasts_go_through_tls(tls_url: str, certificate: Path) -> None:
    with closing(consumer(f"{tls_url}?ssl_ca_certs={certificate}", poll_seconds=3600.0)) as transport:
        transport.subscribe()
        body = b"x" * 200_000
        receiving = Background(lambda: transport.receive(1, 60.0))
        with closing(open_transport(tls_url, ssl_ca_certs=str(certificate))) as sender:
            sender.send([Message("work", body)]).raise_if_any()
            assert [delivery.message.body for delivery in receiving.join()] == [body]
            sender.broadcast(Message("rules", body))
        transport.receive(0, 30.0)
        assert [message.body for message in transport.broadcasts()] == [body]


def test_a_broadcast_that_arrives_in_parts_is_waited_for(url: str) -> None:
    """All but its beginning comes a while after the transport has looked."""
    address = urlsplit(url)
    body = b"x" * 100_000
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=_halting, args=(listener, (address.hostname, address.port)), daemon=True)
        serving.start()
        near = f"redis://:{address.password}@127.0.0.1:{listener.getsockname()[1]}{address.path}"
        with closing(consumer(near, poll_seconds=3600.0)) as transport, closing(open_transport(url)) as sender:
            transport.subscribe()
            sender.broadcast(Message("rules", body))
            transport.receive(0, 30.0)
            assert [message.body for message in transport.broadcasts()] == [body]
        listener.shutdown(socket.SHUT_RDWR)
        serving.join()


def _halting(listener: socket.socket, target: tuple[str | None, int | None]) -> None:
    """Pass everything on, but stop for half a second within all that is long."""
    with contextlib.suppress(OSError), contextlib.ExitStack() as open_sockets:
        while True:
            near, _ = listener.accept()
            open_sockets.enter_context(near)
            far = open_sockets.enter_context(socket.create_connection(target))  # type: ignore[arg-type]
            threading.Thread(target=_pump, args=(near, far), daemon=True).start()
            threading.Thread(target=_pump_halting, args=(far, near), daemon=True).start()


def _pump_halting(source: socket.socket, sink: socket.socket) -> None:
    never = threading.Event()
    with contextlib.suppress(OSError, ValueError):
        while data := source.recv(65536):
            sink.sendall(data[:1000])
            if len(data) > 1000:
                never.wait(0.5)
                sink.sendall(data[1000:])
        sink.shutdown(socket.SHUT_RDWR)


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_url: str) -> None:
    with pytest.raises(Refused, match="certificate"), closing(open_transport(tls_url)) as transport:
        transport.ping()


def test_a_certificate_for_another_host_is_refused_unless_names_are_not_checked(
    tls_url: str, certificate: Path
) -> None:
    elsewhere = tls_url.replace("127.0.0.1", "localhost") + f"?ssl_ca_certs={certificate}"
    with pytest.raises(Refused, match="certificate"), closing(open_transport(elsewhere)) as transport:
        transport.ping()
    with closing(open_transport(f"{elsewhere}&ssl_check_hostname=no")) as transport:
        transport.ping()


# -- queues of other programs ----------------------------------------------------------------------------------------


def test_a_plain_list_of_another_program_is_a_queue(url: str) -> None:
    with client.Redis.from_url(url) as direct, closing(open_transport(url, prefix="", passive=True)) as transport:
        direct.lpush("orders", b'{"order": 1}', b"\xff")
        transport.declare(["orders"])
        transport.consume(["orders"])
        taken = take(transport, 2, acknowledge=False)
        assert [each.message.body for each in taken] == [b'{"order": 1}', b"\xff"]
        # What is kept of them has names that kombu's own consumers do not use.
        assert set(direct.keys()) == {b"milepost.unacked", b"milepost.unacked_index"}
        transport.acknowledge(taken[:1])
        transport.close()
        assert direct.keys() == [b"orders"]
        assert direct.lrange("orders", 0, -1) == [b"\xff"]


def test_what_is_sent_to_another_program_is_in_the_list_that_everybody_reads(url: str) -> None:
    with client.Redis.from_url(url) as direct, closing(open_transport(url, prefix="", passive=True)) as transport:
        assert not transport.capabilities.priorities
        transport.send([Message("orders", b"x", priority=priority) for priority in range(10)]).raise_if_any()
        assert direct.keys() == [b"orders"]
        assert direct.llen("orders") == 10
