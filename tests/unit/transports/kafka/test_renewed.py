"""Topics that are removed and made anew under their names while consumers do not know of it."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from tests.worker.serving import wait_until
from transports import Message, TransportError, open_transport

pytestmark = pytest.mark.servers
SECONDS = 30.0


def remove(admin: AdminClient, topic: str) -> None:
    for removing in admin.delete_topics([topic], operation_timeout=SECONDS).values():
        removing.result(SECONDS)
    wait_until(lambda: topic not in admin.list_topics(timeout=10).topics, "the topic being gone")


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_what_was_settled_in_a_topic_says_nothing_of_the_next_one(
    kafka_url: str, prefix: str, admin: AdminClient, protocol: str
) -> None:
    """Who does not know yet settles more than the new topic has; who comes later is not to believe it."""
    options: dict[str, Any] = {"prefix": prefix, "partitions": 1, "group_protocol": protocol}
    with closing(open_transport(kafka_url, **options)) as old, closing(open_transport(kafka_url, **options)) as new:
        old.declare(["work"])
        old.send([Message("work", b"old") for _ in range(20)]).raise_if_any()
        old.consume(["work"])
        taken = []
        while len(taken) < 20:
            taken += old.receive(20 - len(taken), SECONDS)
        remove(admin, f"{prefix}work")
        new.declare(["work"])
        new.send([Message("work", b"new") for _ in range(3)]).raise_if_any()
        # What becomes of this is told or not; either way nothing of the new topic is settled by it.
        with suppress(TransportError):
            old.acknowledge(taken)
        old.close()
        new.consume(["work"])
        fresh = []
        while len(fresh) < 3:
            deliveries = new.receive(3, SECONDS)
            assert deliveries, f"{len(fresh)} of 3 came"
            fresh += deliveries
        assert {delivery.message.body for delivery in fresh} == {b"new"}
        new.acknowledge(fresh)
        assert new.depth("work") == 0


def test_who_reads_on_gets_what_is_in_the_next_topic(kafka_url: str, prefix: str, admin: AdminClient) -> None:
    """Without choosing queues again, as workers do every 10 seconds."""
    options: dict[str, Any] = {"prefix": prefix, "partitions": 1}
    with closing(open_transport(kafka_url, **options)) as reading, closing(open_transport(kafka_url, **options)) as new:
        reading.declare(["work"])
        reading.send([Message("work", b"old") for _ in range(20)]).raise_if_any()
        reading.consume(["work"])
        taken = []
        while len(taken) < 20:
            taken += reading.receive(20 - len(taken), SECONDS)
        reading.acknowledge(taken)
        remove(admin, f"{prefix}work")
        new.declare(["work"])
        new.send([Message("work", b"new")]).raise_if_any()

        def come() -> list[bytes]:
            try:
                deliveries = reading.receive(1, 1.0)
            except TransportError:
                return []
            reading.acknowledge(deliveries)
            return [delivery.message.body for delivery in deliveries]

        assert wait_until(come, "the message in the new topic") == [b"new"]
