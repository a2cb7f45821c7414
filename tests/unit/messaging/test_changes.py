"""Broadcasts name a topic, and nothing else comes out of any of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.messaging import change_of, message_of, topics_of
from engine.model.ids import new_execution_id
from engine.model.work import Pointer
from transports.protocol import Message


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=30)))
def test_topics_come_back_as_they_were(topics: list[str]) -> None:
    assert topics_of(change_of(topic) for topic in topics) == set(topics)


def test_a_broadcast_weighs_next_to_nothing() -> None:
    assert change_of("queues").size < 40


@given(st.binary(), st.dictionaries(st.text(max_size=8), st.text(max_size=8)))
def test_what_others_broadcast_is_passed_over(body: bytes, headers: dict[str, str]) -> None:
    assert topics_of([Message("queues", body, headers)]) == set()
    assert topics_of([message_of(Pointer(new_execution_id(0, b"0123456789"), 1, 0, "default"))]) == set()


@given(st.binary())
def test_any_body_is_read(body: bytes) -> None:
    change = change_of("queues")
    assert len(topics_of([Message(change.queue, body, change.headers)])) == 1
