"""Broadcasts: to everybody who listens now, and to nobody else."""

from __future__ import annotations

import pytest

from tests.conformance.transports.helpers import Background, batch, bodies, hear, take, texts
from tests.conformance.transports.peers import start_peer
from tests.conformance.transports.subject import Subject
from transports import Message, TooLarge, Transport


@pytest.fixture(autouse=True)
def _broadcasts(subject: Subject) -> None:
    if not subject.capabilities.broadcasts:
        pytest.skip("declared: has no broadcasts")


def subscriber(subject: Subject) -> Transport:
    transport = subject.open()
    transport.subscribe()
    return transport


def test_12_every_live_subscriber_gets_each_broadcast_once(subject: Subject) -> None:
    subscribers = [subscriber(subject) for _ in range(3)]
    subject.open().broadcast(Message("rules", b"\x00changed\xff", {"größe": "大"}))
    subscribers[0].broadcast(Message("workers", b""))
    for each in subscribers:
        first, second = sorted(hear(each, 2), key=lambda message: message.queue)
        assert (first.queue, first.body, dict(first.headers)) == ("rules", b"\x00changed\xff", {"größe": "大"})
        assert (second.queue, second.body, dict(second.headers)) == ("workers", b"", {})
        assert each.receive(0, 0) == []
        assert each.broadcasts() == []


def test_12_one_that_was_away_is_not_owed_it(subject: Subject) -> None:
    early, leaving = subscriber(subject), subscriber(subject)
    leaving.close()
    sender = subject.open()
    sender.broadcast(Message("rules", b"before"))
    assert [message.body for message in hear(early, 1)] == [b"before"]
    late = subscriber(subject)
    sender.broadcast(Message("rules", b"after"))
    assert [message.body for message in hear(late, 1)] == [b"after"]
    assert [message.body for message in hear(early, 1)] == [b"after"]


def test_12_other_processes_hear_it_too(subject: Subject) -> None:
    if not subject.capabilities.shared:
        pytest.skip("declared: not shared with other processes")
    peers = [start_peer(subject, [], subscribe=True) for _ in range(2)]
    for peer in peers:
        peer.wait_ready()
    subject.open().broadcast(Message("rules", b"changed"))
    for peer in peers:
        heard: list[str] = []
        while not heard:
            heard = peer.ask("hear", wait=5.0)
        assert heard == ["changed"]
        peer.finish()


def test_one_that_did_not_subscribe_hears_nothing(subject: Subject) -> None:
    listening, deaf = subscriber(subject), subject.consumer()
    listening.broadcast(Message("rules", b"changed"))
    hear(listening, 1)
    assert deaf.receive(1, 0) == []
    assert deaf.broadcasts() == []


def test_a_broadcast_wakes_a_receive_that_waits(subject: Subject) -> None:
    waiting = subject.consumer()
    waiting.subscribe()
    receiving = Background(lambda: waiting.receive(10, 600.0))
    subject.open().broadcast(Message("rules", b"changed"))
    assert receiving.join() == []
    assert [message.body for message in waiting.broadcasts()] == [b"changed"]


def test_broadcasts_are_no_messages_and_messages_no_broadcasts(subject: Subject) -> None:
    both = subject.consumer()
    both.subscribe()
    both.send(batch(range(3))).raise_if_any()
    both.broadcast(Message("work", b"all"))
    got = bodies(take(both, 3))
    heard = both.broadcasts()
    while not heard:
        assert both.receive(5, 1.0) == []
        heard = both.broadcasts()
    assert sorted(got) == texts(range(3))
    assert [message.body for message in heard] == [b"all"]
    assert both.receive(5, 0) == []


def test_a_consumer_with_much_to_do_hears_broadcasts_as_well(subject: Subject) -> None:
    busy = subject.consumer()
    busy.subscribe()
    busy.broadcast(Message("rules", b"changed"))
    heard: list[Message] = []
    number = 0
    while not heard:
        assert number < 100_000
        number += 1
        busy.send(batch([number])).raise_if_any()
        busy.acknowledge(busy.receive(1, 1.0))
        heard = busy.broadcasts()
    assert [message.body for message in heard] == [b"changed"]


def test_a_broadcast_that_is_too_large_is_an_error(subject: Subject) -> None:
    transport = subscriber(subject)
    with pytest.raises(TooLarge):
        transport.broadcast(Message("rules", b"x" * (subject.capabilities.max_message_bytes + 1)))
    transport.broadcast(Message("rules", b"small"))
    assert [message.body for message in hear(transport, 1)] == [b"small"]


def test_subscribing_twice_is_subscribing_once(subject: Subject) -> None:
    transport = subscriber(subject)
    transport.broadcast(Message("rules", b"1"))
    transport.subscribe()
    transport.broadcast(Message("rules", b"2"))
    assert [message.body for message in hear(transport, 2)] == [b"1", b"2"]
    assert transport.receive(0, 0) == []
    assert transport.broadcasts() == []
