"""Names of topics: readable, allowed, and never the same for two queues."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.kafka.names import BROADCASTS, is_topic, topic_of

queues = st.text(st.sampled_from("ab.-_x5f2 éß%"), min_size=1, max_size=12)


@pytest.mark.parametrize(
    "queue, topic",
    [
        ("my_orders.eu-1", "milepost.my_orders.eu-1"),
        ("à la carte", "milepost._xe0__x20_la_x20_carte"),
        ("work%", "milepost.work_x25_"),
        ("work_x25_", "milepost.work_x5f_x25_"),
    ],
)
def test_a_queue_that_can_be_a_topic_is_one(queue: str, topic: str) -> None:
    assert topic_of("milepost.", queue) == topic


@given(queues, queues)
def test_two_queues_never_share_a_topic(one: str, other: str) -> None:
    assert (topic_of("p.", one) == topic_of("p.", other)) is (one == other)


@given(st.text(min_size=1, max_size=200))
def test_every_queue_has_a_topic_that_kafka_allows(queue: str) -> None:
    topic = topic_of("milepost.", queue)
    assert is_topic(topic)
    assert topic != f"milepost.{BROADCASTS}"


def test_long_names_differ_to_the_end() -> None:
    assert topic_of("p.", "é" * 199 + "a") != topic_of("p.", "é" * 199 + "b")
    # Not even a queue that is called as the topic of broadcasts is shares it.
    assert topic_of("p.", BROADCASTS) != f"p.{BROADCASTS}"
