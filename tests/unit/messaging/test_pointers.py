"""Pointers come back from messages as they were, and nothing else comes out of any message (I4)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.messaging import NotAPointer, message_of, pointer_of
from engine.model.ids import new_execution_id
from engine.model.work import Pointer
from transports.protocol import Delivery, Message

pointers = st.builds(
    Pointer,
    execution_id=st.builds(new_execution_id, st.integers(0, 2**47), st.binary(min_size=10, max_size=10)),
    seq=st.integers(-1, 2**31 - 1),
    attempt=st.integers(-1, 2**31 - 1),
    queue=st.text(min_size=1, max_size=20),
    priority=st.integers(0, 9),
)


@given(pointers)
def test_a_pointer_comes_back_as_it_was(pointer: Pointer) -> None:
    assert pointer_of(Delivery(message_of(pointer), None)) == pointer


@given(pointers)
def test_a_message_holds_the_pointer_and_nothing_more(pointer: Pointer) -> None:
    message = message_of(pointer)
    assert json.loads(message.body) == {
        "execution": pointer.execution_id, "seq": pointer.seq, "attempt": pointer.attempt
    }  # fmt: skip
    assert message.size < 250
    assert (message.queue, message.priority) == (pointer.queue, pointer.priority)


@given(pointers, pointers)
def test_messages_spread_by_step(one: Pointer, other: Pointer) -> None:
    same_step = (one.execution_id, one.seq) == (other.execution_id, other.seq)
    assert (message_of(one).key == message_of(other).key) == same_step


@given(st.binary(max_size=200))
def test_any_bytes_are_a_pointer_or_refused(body: bytes) -> None:
    message = Message("default", body, message_of(Pointer("0" * 26, 1, 0, "default")).headers)
    try:
        pointer = pointer_of(Delivery(message, None))
    except NotAPointer:
        return
    assert json.loads(body)["execution"] == pointer.execution_id


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"execution": "0", "seq": 1, "attempt": 0}',
        b'{"execution": "00000000000000000000000000", "seq": "1", "attempt": 0}',
        b'{"execution": "00000000000000000000000000", "seq": 1}',
        b'{"execution": "00000000000000000000000000", "seq": 1, "attempt": 0, "code": "import os"}',
    ],
)
def test_what_is_no_pointer_is_refused(body: bytes) -> None:
    headers = message_of(Pointer("0" * 26, 1, 0, "default")).headers
    with pytest.raises(NotAPointer):
        pointer_of(Delivery(Message("default", body, headers), None))


def test_a_message_without_the_engines_header_is_refused() -> None:
    message = message_of(Pointer("0" * 26, 1, 0, "default"))
    with pytest.raises(NotAPointer, match="has no header"):
        pointer_of(Delivery(Message("default", message.body), None))
