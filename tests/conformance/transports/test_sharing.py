"""Several consumers on one queue: each message to one of them, and none kept from the others."""

from __future__ import annotations

from collections import Counter

from tests.conformance.transports.helpers import SECONDS, batch, bodies, take, texts, until
from tests.conformance.transports.peers import Team
from tests.conformance.transports.subject import Subject
from transports import Delivery


def test_05_consumers_share_the_work_and_each_message_comes_once(subject: Subject) -> None:
    sender = subject.open()
    sender.declare(["work"])
    sent = 0
    with Team(subject, limit=1) as team:
        team.join(3)

        def shared() -> bool:
            # Send on until each of them has had its share.
            nonlocal sent
            if sent - len(team.received) < 50:
                sender.send(batch(range(sent, sent + 50))).raise_if_any()
                sent += 50
            return all(worker.received for worker in team.workers)

        until(shared, "every consumer receives something")
        until(lambda: len(team.received) >= sent, "every message is received")
    assert Counter(team.received) == Counter(texts(range(sent)))
    late = subject.consumer()
    assert late.receive(10, 0) == []


def test_09_consumers_that_join_and_leave_lose_nothing(subject: Subject) -> None:
    sender = subject.open()
    sender.declare(["work"])
    sent = 0

    def send() -> None:
        nonlocal sent
        sender.send(batch(range(sent, sent + 40))).raise_if_any()
        sent += 40

    with Team(subject, limit=3) as team:
        team.join(1)
        send()
        until(lambda: len(team.received) >= 10, "the first consumer works")
        team.join(1)
        send()
        team.workers[0].leave()
        send()
        until(lambda: team.received and team.workers[1].received, "the second consumer works alone")
        # One that leaves with messages in hand.
        guest = subject.consumer()

        def in_hand() -> list[Delivery]:
            # The others may take all of them before the guest has one.
            send()
            return guest.receive(1, 1.0)

        until(in_hand, "the guest has a message")
        guest.close()
        until(lambda: len(set(team.received)) == sent, "every message is received")
    assert Counter(team.received) == Counter(texts(range(sent)))


def test_13_a_slow_consumer_does_not_hoard(subject: Subject) -> None:
    slow, quick = subject.consumer(), subject.consumer()
    slow.send(batch(range(10))).raise_if_any()
    held = take(slow, 2, acknowledge=False)
    rest = take(quick, 8)
    assert sorted(bodies(held) + bodies(rest)) == texts(range(10))
    slow.acknowledge(held)
    assert slow.receive(10, 0) == []


def test_13_no_more_is_received_than_asked_for(subject: Subject) -> None:
    consumer = subject.consumer()
    consumer.send(batch(range(20))).raise_if_any()
    assert consumer.receive(0, 0) == []
    for limit in (1, 3, 7):
        assert 1 <= len(consumer.receive(limit, SECONDS)) <= limit
