"""What goes wrong while partitions come and go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupState
from confluent_kafka.admin import AdminClient

from tests.conformance.transports.helpers import batch, bodies, patiently, take, texts, until
from transports import Transport, TransportError, open_transport
from transports.kafka import group, member
from transports.kafka.library import KafkaException, TopicPartition

pytestmark = pytest.mark.servers


class Untold(Consumer):
    """Is not told at first how far a partition has come."""

    failures = 0
    closing = False
    asked: list[bool]
    """Whether it was closing, each time that it asked."""

    def committed(self, partitions: Any, *args: Any, **more: Any) -> Any:
        Untold.asked.append(Untold.closing)
        if Untold.failures:
            Untold.failures -= 1
            # By the client itself, and caught by nobody on its way: only then the error comes out bare.
            return super().committed([TopicPartition("unknown", 0)], timeout=1e-6)
        return super().committed(partitions, *args, **more)

    def close(self) -> None:
        Untold.closing = True
        super().close()
        Untold.closing = False


@pytest.fixture
def transport(kafka_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Transport]:
    monkeypatch.setattr(member, "Consumer", Untold)
    monkeypatch.setattr(Untold, "asked", [], raising=False)
    with closing(open_transport(kafka_url, prefix=prefix, partitions=1, group=f"{prefix}group")) as made:
        made.declare(["work"])
        made.send(batch([1])).raise_if_any()
        yield made


@pytest.mark.parametrize("failures", [1, 3])
def test_a_member_that_is_not_told_how_far_a_partition_has_come_asks_again(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    monkeypatch.setattr(Untold, "failures", failures)
    transport.consume(["work"])
    assert bodies(patiently(lambda: take(transport, 1), away=(TransportError,))) == texts([1])
    assert Untold.failures == 0


def test_partitions_that_come_while_a_member_leaves_are_let_be(
    transport: Transport, prefix: str, admin: AdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nobody who would be told how far they have come, and to ask would take all the time that it may."""
    left: list[bool] = []
    fetch = group.GroupReceiver._fetch

    def has_joined() -> bool:
        described = admin.describe_consumer_groups([f"{prefix}group"])[f"{prefix}group"].result(10)
        return described.state == ConsumerGroupState.STABLE

    def leaves_at_once(receiver: group.GroupReceiver, consumer: Any) -> None:
        if not left:
            # The client joins by itself, and tells of its partitions when it is called next: as it is closed.
            left.append(True)
            until(has_joined, "it has joined")
            raise KafkaException("leaving")
        fetch(receiver, consumer)

    monkeypatch.setattr(group.GroupReceiver, "_fetch", leaves_at_once)
    transport.consume(["work"])
    assert bodies(patiently(lambda: take(transport, 1), away=(TransportError,))) == texts([1])
    assert left
    assert not any(Untold.asked)
