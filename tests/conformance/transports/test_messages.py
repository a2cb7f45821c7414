"""What is sent is what arrives: contents, limits, and word of what was not taken."""

from __future__ import annotations

import pytest

from tests.conformance.transports.helpers import batch, bodies, take, texts
from tests.conformance.transports.subject import Subject
from transports import Message, Refused, TooLarge, TransportError, UnknownQueue

EVERY_BYTE = bytes(range(256))
CONTENTS = {
    "empty": Message("work", b""),
    "every byte": Message("work", EVERY_BYTE * 5),
    "unicode headers": Message("work", b"x", {"größe": "大きい", "emoji": "🜚 \u0301", "plain": "yes"}),
    "empty header": Message("work", b"x", {"nothing": ""}),
    "control characters in a header": Message("work", b"x", {"lines": 'one\ntwo\t"three"\\', "null": "a\0b"}),
    "many headers": Message("work", b"x", {f"header-{number}": str(number) for number in range(50)}),
    "a key": Message("work", b"x", key="order-17/ü"),
    "an id": Message("work", b"x", id="9f2c-17"),
}


def test_the_transport_can_do_what_is_declared(subject: Subject) -> None:
    assert subject.open().capabilities == subject.capabilities
    assert subject.open(hasty=True).capabilities == subject.capabilities


@pytest.mark.parametrize("content", CONTENTS)
def test_01_contents_arrive_as_they_were(subject: Subject, content: str) -> None:
    consumer = subject.consumer()
    message = CONTENTS[content]
    subject.open().send([message]).raise_if_any()
    [delivery] = take(consumer, 1)
    assert delivery.message.body == message.body
    assert dict(delivery.message.headers) == dict(message.headers)
    assert delivery.message.queue == "work"
    assert delivery.message.key == message.key
    assert message.id in (None, delivery.message.id)
    assert not delivery.redelivered


def test_01_the_largest_message_arrives_and_one_byte_more_is_too_large(subject: Subject) -> None:
    consumer = subject.consumer()
    sender = subject.open()
    headers = {"grüße": "an alle"}
    overhead = Message("work", b"", headers).size
    assert overhead == 14
    limit = subject.capabilities.max_message_bytes
    largest = (EVERY_BYTE * (limit // 256 + 1))[: limit - overhead]
    outcome = sender.send([Message("work", largest + b"x", headers), Message("work", largest, headers)])
    [not_taken] = outcome.not_taken
    assert not_taken.index == 0
    assert isinstance(not_taken.error, TooLarge)
    assert str(limit) in str(not_taken.error)
    [delivery] = take(consumer, 1)
    assert delivery.message.body == largest
    assert consumer.receive(1, 0) == []


def test_02_a_message_is_there_once_send_has_returned(subject: Subject) -> None:
    consumer = subject.consumer()
    sender = subject.open()
    for number in range(20):
        assert sender.send(batch([number])).not_taken == ()
        # Without waiting: what was confirmed can be received.
        assert bodies(take(consumer, 1)) == texts([number])


def test_02_a_queue_that_was_never_declared_is_an_error(subject: Subject) -> None:
    if not subject.capabilities.checks_queues:
        pytest.skip("declared: does not check queues")
    transport = subject.open()
    transport.declare(["work"])
    outcome = transport.send([Message("wrok", b"")])
    assert [type(missed.error) for missed in outcome.not_taken] == [UnknownQueue]
    assert "wrok" in str(outcome.not_taken[0].error)
    with pytest.raises(UnknownQueue):
        outcome.raise_if_any()
    with pytest.raises(UnknownQueue):
        transport.consume(["work", "wrok"])
    with pytest.raises(UnknownQueue):
        transport.depth("wrok")
    # Asking for it did not make it.
    assert transport.send([Message("wrok", b"")]).not_taken != ()


@pytest.mark.parametrize(
    "message",
    [
        Message("", b""),
        Message(" work", b""),
        Message("wo\0rk", b""),
        Message("w" * 201, b""),
        Message("work", b"", {"half": "\ud800"}),
        Message("work", b"", key="\ud800"),
        Message("work", b"", priority=10),
        Message("work", b"", priority=-1),
    ],
    ids=["no queue", "space", "null", "long", "surrogate header", "surrogate key", "priority 10", "priority -1"],
)
def test_a_message_that_cannot_be_sent_is_refused_and_the_others_go(subject: Subject, message: Message) -> None:
    consumer = subject.consumer()
    outcome = subject.open().send([*batch([1]), message, *batch([2])])
    [not_taken] = outcome.not_taken
    assert not_taken.index == 1
    assert not_taken.message is message
    assert isinstance(not_taken.error, Refused)
    assert sorted(bodies(take(consumer, 2))) == texts([1, 2])


def test_03_a_batch_that_half_fails_says_which_half(subject: Subject) -> None:
    consumer = subject.consumer()
    messages = batch(range(100))
    expected: dict[int, type[TransportError]] = {}
    for index in range(0, 100, 7):
        messages[index] = Message("work", b"x" * (subject.capabilities.max_message_bytes + 1))
        expected[index] = TooLarge
    if subject.capabilities.checks_queues:
        for index in range(3, 100, 14):
            messages[index] = Message("nowhere", b"lost")
            expected[index] = UnknownQueue
    outcome = subject.open().send(messages)
    assert {missed.index: type(missed.error) for missed in outcome.not_taken} == expected
    assert all(missed.message is messages[missed.index] for missed in outcome.not_taken)
    taken = [number for number in range(100) if number not in expected]
    assert sorted(bodies(take(consumer, len(taken)))) == sorted(texts(taken))
    assert consumer.receive(100, 0) == []


def test_an_empty_batch_is_no_work(subject: Subject) -> None:
    transport = subject.consumer()
    assert transport.send([]).not_taken == ()
    transport.acknowledge([])
    assert transport.receive(10, 0) == []


def test_a_large_batch_arrives_whole(subject: Subject) -> None:
    consumer = subject.consumer()
    assert subject.open().send(batch(range(3000))).not_taken == ()
    assert sorted(bodies(take(consumer, 3000)), key=int) == texts(range(3000))
    assert consumer.receive(1, 0) == []
