"""Queues of other programs: what they send is received, and they can read what is sent to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.conformance.transports.helpers import bodies, take, texts, until
from tests.conformance.transports.subject import Foreign, Subject
from transports import Delivery, Message, Refused, Transport, UnknownQueue

BODY = '{"order": 17,\r\n\t"note": "Grüße 大"}'.encode()
HEADERS = {"trace": "00-4bf9", "size": "大きい", "x.dotted_name-1": "yes"}


@pytest.fixture
def foreign(subject: Subject) -> Foreign:
    """The queue of another program, which has made it."""
    if subject.foreign is None:
        pytest.skip("no other program has queues there")
    subject.foreign.make()
    return subject.foreign


@contextmanager
def consumer(foreign: Foreign) -> Iterator[Transport]:
    """Take from the queue as a trigger does."""
    with closing(foreign.open()) as transport:
        transport.declare([foreign.queue])
        transport.consume([foreign.queue])
        yield transport


def test_what_another_program_sends_is_received_once(foreign: Foreign) -> None:
    name = foreign.send(BODY, HEADERS, "order-17")
    with consumer(foreign) as transport:
        [delivery] = take(transport, 1)
        assert delivery.message.body == BODY
        assert dict(delivery.message.headers).items() >= HEADERS.items()
        assert delivery.message.queue == foreign.queue
        assert delivery.message.id == name
        assert not delivery.redelivered
    with consumer(foreign) as transport:
        assert transport.receive(10, 1.0) == []


def test_another_program_reads_what_is_sent(foreign: Foreign) -> None:
    with closing(foreign.open()) as transport:
        transport.send([Message(foreign.queue, BODY, HEADERS, key="customer-4", id="order-17")]).raise_if_any()
    native = foreign.receive()
    assert native.body == BODY
    assert native.headers.items() >= HEADERS.items()
    assert native.id == "order-17"


def test_bytes_are_carried_or_refused(foreign: Foreign) -> None:
    body = bytes(range(256))
    with closing(foreign.open()) as transport:
        outcome = transport.send([Message(foreign.queue, body), Message(foreign.queue, b"text")])
    if foreign.bytes:
        assert outcome.not_taken == ()
        assert {foreign.receive().body, foreign.receive().body} == {body, b"text"}
    else:
        [not_taken] = outcome.not_taken
        assert not_taken.index == 0
        assert isinstance(not_taken.error, Refused)
        assert foreign.receive().body == b"text"


def test_what_is_sent_comes_back_as_it_was(foreign: Foreign) -> None:
    message = Message(foreign.queue, BODY, HEADERS, key="customer-4", id="order-17")
    with consumer(foreign) as transport:
        transport.send([message]).raise_if_any()
        [delivery] = take(transport, 1)
    assert delivery.message == message
    assert dict(delivery.message.headers) == HEADERS


def test_two_consumers_share_the_messages(foreign: Foreign) -> None:
    sent = 0
    with consumer(foreign) as first, consumer(foreign) as second:
        taken: dict[Transport, list[Delivery]] = {first: [], second: []}

        def shared() -> bool:
            # Send on until each of them has had its share.
            nonlocal sent
            if not all(taken.values()) and sent - sum(map(len, taken.values())) < 6:
                for number in range(sent, sent + 12):
                    foreign.send(str(number).encode(), {}, f"message-{number}")
                sent += 12
            for transport, got in taken.items():
                fresh = transport.receive(3, 0.2)
                transport.acknowledge(fresh)
                got.extend(fresh)
            return all(taken.values()) and sum(map(len, taken.values())) >= sent

        until(shared, "each has had some, and all have come")
        assert sorted(bodies(taken[first] + taken[second]), key=int) == texts(range(sent))


def test_what_is_not_acknowledged_comes_again(foreign: Foreign) -> None:
    foreign.send(b"1", HEADERS, "order-17")
    with consumer(foreign) as transport:
        [first] = take(transport, 1, acknowledge=False)
    with consumer(foreign) as transport:
        [second] = take(transport, 1)
        assert second.message == first.message


def test_a_queue_that_is_missing_is_not_made(subject: Subject) -> None:
    if subject.foreign is None or not subject.capabilities.checks_queues:
        pytest.skip("declared: does not check queues")
    queue = subject.foreign.queue
    with closing(subject.foreign.open()) as transport:
        for _ in range(2):
            with pytest.raises(UnknownQueue, match="queue"):
                transport.declare([queue])
            with pytest.raises(UnknownQueue):
                transport.consume([queue])
            [not_taken] = transport.send([Message(queue, b"lost")]).not_taken
            assert isinstance(not_taken.error, UnknownQueue)


def test_a_name_is_never_spelled_in_another_way(foreign: Foreign) -> None:
    if foreign.impossible is None:
        pytest.skip("every name can be that of a queue")
    with closing(foreign.open()) as transport:
        for call in (transport.declare, transport.consume):
            with pytest.raises(Refused, match="queue") as refused:
                call([foreign.impossible])
            assert not isinstance(refused.value, UnknownQueue)
        outcome = transport.send([Message(foreign.impossible, b""), Message(foreign.queue, b"1")])
        assert [(each.index, type(each.error)) for each in outcome.not_taken] == [(0, Refused)]
