"""Other programs on the same topics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from tests.worker.serving import wait_until
from transports import Delivery, Message, Refused, open_transport
from transports.kafka import KafkaTransport
from transports.kafka.settings import read_settings

pytestmark = pytest.mark.servers
SECONDS = 30.0


@pytest.fixture(params=["classic", "consumer"])
def transport(kafka_url: str, prefix: str, request: pytest.FixtureRequest) -> Iterator[KafkaTransport]:
    opened = open_transport(kafka_url, prefix=prefix, partitions=2, group_protocol=request.param)
    assert isinstance(opened, KafkaTransport)
    opened.declare(["work"])
    yield opened
    opened.close()


def test_a_message_of_another_program_is_received(
    transport: KafkaTransport, plain: dict[str, Any], prefix: str
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


def test_another_program_finds_what_was_sent(transport: KafkaTransport, plain: dict[str, Any], prefix: str) -> None:
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


def make(plain: dict[str, Any], topic: str, **config: str) -> None:
    admin = AdminClient(plain)
    for making in admin.create_topics([NewTopic(topic, 2, config=config)], operation_timeout=SECONDS).values():
        making.result(SECONDS)
    # Made is not yet known to whoever is asked.
    wait_until(lambda: topic in admin.list_topics(timeout=10).topics, "the topic being there")


def test_messages_in_a_topic_of_another_program_are_not_passed_on(
    kafka_url: str, plain: dict[str, Any], prefix: str
) -> None:
    topic = f"{prefix}orders"
    make(plain, topic)
    options = {"prefix": "", "passive": True, "group": f"{prefix}group", "idle_seconds": 0.5}
    with closing(open_transport(kafka_url, **options)) as holding:
        holding.consume([topic])
        messages = [Message(topic, str(number).encode(), key=str(number)) for number in range(20)]
        holding.send(messages).raise_if_any()
        held: list[Delivery] = []
        while len({str(each.message.id).split("/")[1] for each in held}) < 2:
            deliveries = holding.receive(1, SECONDS)
            assert deliveries
            held += deliveries
        holding.send(messages).raise_if_any()
        # Another member leaves it one partition, whichever, in which messages wait beside one that is held.
        with closing(open_transport(kafka_url, **options)) as helping:
            helping.consume([topic])
            helped = 0

            def help_out() -> bool:
                nonlocal helped
                deliveries = helping.receive(20, 0.5)
                helping.acknowledge(deliveries)
                helped += len(deliveries)
                return helped > 0

            wait_until(help_out, "a message for the other member", SECONDS)
            for _ in range(3):
                help_out()
        assert 0 < helped < 40
        holding.acknowledge(held)
    admin = AdminClient(plain)
    places = [TopicPartition(topic, number) for number in range(2)]
    ends = admin.list_offsets({place: OffsetSpec.latest() for place in places})
    assert sum(end.result(SECONDS).offset for end in ends.values()) == 40


def test_a_compacted_topic_of_another_program_is_read_from_its_beginning(
    kafka_url: str, plain: dict[str, Any], prefix: str
) -> None:
    topic = f"{prefix}customers"
    make(plain, topic, **{"cleanup.policy": "compact"})
    producer = Producer(plain)
    producer.produce(topic, b"body", key=b"customer-4")
    producer.produce(topic, None, key=b"customer-4")
    assert producer.flush(SECONDS) == 0
    with closing(open_transport(kafka_url, prefix="", passive=True, group=f"{prefix}group")) as transport:
        transport.declare([topic])
        transport.consume([topic])
        taken = transport.receive(2, SECONDS)
        while len(taken) < 2:
            taken += transport.receive(1, SECONDS)
        assert [(each.message.key, each.message.body) for each in taken] == [
            ("customer-4", b"body"),
            ("customer-4", b""),
        ]
        # Kafka takes nothing without a key there.
        [not_taken] = transport.send([Message(topic, b"body")]).not_taken
        assert isinstance(not_taken.error, Refused)


def test_the_group_has_a_name_of_its_own_where_there_is_no_prefix() -> None:
    assert read_settings("kafka://host?prefix=", {"passive": True}).group == "milepost"
    assert read_settings("kafka://host?prefix=&group=shop", {}).group == "shop"
    assert read_settings("kafka://host", {"passive": True}).group == "milepost.workers"
