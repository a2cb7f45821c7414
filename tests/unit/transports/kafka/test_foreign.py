"""Other programs on the same topics."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from confluent_kafka import Consumer, Producer

from transports import Message, open_transport
from transports.kafka import KafkaTransport

pytestmark = pytest.mark.servers
SECONDS = 30.0


@pytest.fixture
def prefix() -> str:
    return f"t{secrets.token_hex(4)}."


@pytest.fixture
def plain(kafka_url: str) -> dict[str, object]:
    address = urlsplit(kafka_url)
    return {
        "bootstrap.servers": f"127.0.0.1:{address.port}",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": address.username,
        "sasl.password": address.password,
    }


@pytest.fixture(params=["classic", "consumer"])
def transport(kafka_url: str, prefix: str, request: pytest.FixtureRequest) -> Iterator[KafkaTransport]:
    opened = open_transport(kafka_url, prefix=prefix, partitions=2, group_protocol=request.param)
    assert isinstance(opened, KafkaTransport)
    opened.declare(["work"])
    yield opened
    opened.close()


def test_a_message_of_another_program_is_received(
    transport: KafkaTransport, plain: dict[str, object], prefix: str
) -> None:
    producer = Producer(plain)
    producer.produce(f"{prefix}work", b"body", key=b"\xff", headers=[("text", "ü"), ("raw", b"\xff"), ("none", None)])
    producer.produce(f"{prefix}work", None)
    assert producer.flush(SECONDS) == 0
    transport.consume(["work"])
    taken = transport.receive(2, SECONDS)
    while len(taken) < 2:
        taken += transport.receive(1, SECONDS)
    transport.acknowledge(taken)
    empty, full = sorted((delivery.message for delivery in taken), key=lambda message: message.body)
    assert (empty.body, empty.key, dict(empty.headers)) == (b"", None, {})
    assert (full.body, full.key, dict(full.headers)) == (b"body", None, {"text": "ü", "none": ""})
    assert full.id is not None
    assert full.id.startswith(f"{prefix}work/")


def test_another_program_finds_what_was_sent(transport: KafkaTransport, plain: dict[str, object], prefix: str) -> None:
    transport.send([Message("work", b"body", {"größe": "1"}, key="order", id="17")]).raise_if_any()
    consumer = Consumer({**plain, "group.id": f"{prefix}others", "auto.offset.reset": "earliest"})
    consumer.subscribe([f"{prefix}work"])
    record = consumer.poll(SECONDS)
    consumer.close()
    assert record is not None
    assert (record.value(), record.key()) == (b"body", b"order")
    assert record.headers() == [("größe", b"1"), ("milepost.id", b"17")]


def test_what_waits_beside_a_held_message_goes_to_others(kafka_url: str, prefix: str) -> None:
    options = {"prefix": prefix, "partitions": 2, "idle_seconds": 1.0, "group_protocol": "consumer"}
    holding, helping = open_transport(kafka_url, **options), open_transport(kafka_url, **options)
    holding.declare(["work"])
    for each in (holding, helping):
        each.consume(["work"])
    holding.send([Message("work", str(number).encode(), id=str(number)) for number in range(20)]).raise_if_any()
    [held] = holding.receive(1, SECONDS)
    got = set()
    while len(got) < 19:
        deliveries = helping.receive(20, SECONDS)
        assert deliveries
        helping.acknowledge(deliveries)
        got |= {delivery.message.id for delivery in deliveries}
    assert held.message.id not in got
    holding.acknowledge([held])
    assert holding.depth("work") == 0
    holding.close()
    helping.close()
