"""What goes wrong while partitions come and go."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Consumer

from tests.worker.serving import wait_until
from transports import Message, Transport, TransportError, open_transport
from transports.kafka import group, member
from transports.kafka.library import KafkaException, TopicPartition

pytestmark = pytest.mark.servers
SECONDS = 30.0


class Untold(Consumer):
    """Is not told at first how far a partition has come."""

    failures = 0

    def committed(self, partitions: Any, *args: Any, **more: Any) -> Any:
        if Untold.failures:
            Untold.failures -= 1
            # By the client itself, and caught by nobody on its way: only then the error comes out bare.
            return super().committed([TopicPartition("unknown", 0)], timeout=1e-6)
        return super().committed(partitions, *args, **more)


@pytest.fixture
def transport(kafka_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Transport]:
    monkeypatch.setattr(member, "Consumer", Untold)
    with closing(open_transport(kafka_url, prefix=f"t{secrets.token_hex(4)}.", partitions=1)) as made:
        made.declare(["work"])
        made.send([Message("work", b"1")]).raise_if_any()
        yield made


def taken(transport: Transport) -> list[bytes]:
    try:
        deliveries = transport.receive(1, 1.0)
    except TransportError:
        return []
    transport.acknowledge(deliveries)
    return [delivery.message.body for delivery in deliveries]


@pytest.mark.parametrize("failures", [1, 3])
def test_a_member_that_is_not_told_how_far_a_partition_has_come_asks_again(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    monkeypatch.setattr(Untold, "failures", failures)
    transport.consume(["work"])
    assert wait_until(lambda: taken(transport), "the message") == [b"1"]
    assert Untold.failures == 0


def test_partitions_that_come_while_a_member_leaves_do_not_end_it_for_good(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[bool] = []
    poll = group.GroupReceiver._fetch

    def leaves_at_once(receiver: group.GroupReceiver, consumer: Any) -> None:
        if not left:
            # The client joins by itself, and says so when it is called next: as it is closed.
            left.append(True)
            wait_until(consumer.memberid, "its being a member")
            monkeypatch.setattr(Untold, "failures", 1)
            raise KafkaException("leaving")
        poll(receiver, consumer)

    monkeypatch.setattr(group.GroupReceiver, "_fetch", leaves_at_once)
    transport.consume(["work"])
    monkeypatch.setattr(Untold, "failures", 0)
    assert wait_until(lambda: taken(transport), "the message") == [b"1"]
    assert left
