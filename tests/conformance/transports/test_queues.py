"""Queues: made once, kept apart, counted, and emptied in the order of priorities where there are any."""

from __future__ import annotations

import pytest

from tests.conformance.transports.helpers import Background, batch, bodies, take, texts, until
from tests.conformance.transports.subject import Subject
from transports import Message, Refused


def test_04_declaring_again_changes_nothing(subject: Subject) -> None:
    consumer = subject.consumer()
    sender = subject.open()
    sender.send(batch([1])).raise_if_any()
    for transport in (sender, consumer, subject.open()):
        transport.declare(["work", "other"])
        transport.declare(["work"])
        transport.declare([])
    assert bodies(take(consumer, 1)) == texts([1])


def test_04_many_may_declare_at_once(subject: Subject) -> None:
    names = [f"queue-{number}" for number in range(5)]
    transports = [subject.open() for _ in range(4)]
    for declaring in [Background(lambda transport=transport: transport.declare(names)) for transport in transports]:
        declaring.join()
    assert transports[0].send([Message(name, b"") for name in names]).not_taken == ()


def test_04_a_conflicting_declaration_is_a_clear_error(subject: Subject) -> None:
    with pytest.raises(Refused, match=r"\w{4}"):
        subject.conflict()


@pytest.mark.parametrize("name", ["", " work", "work\n", "w" * 201])
def test_a_name_that_no_queue_can_have_is_refused(subject: Subject, name: str) -> None:
    with pytest.raises(Refused, match="name of a queue"):
        subject.open().declare([name])


def test_one_string_is_not_taken_for_a_list_of_letters(subject: Subject) -> None:
    with pytest.raises(Refused, match="list"):
        subject.open().declare("work")


def test_queues_are_kept_apart(subject: Subject) -> None:
    # Names that a careless database would take for the same, or read as a pattern.
    names = ["work", "Work", "work%", "wörk", "work.eu-1", "work:2"]
    sender = subject.open()
    sender.declare(names)
    sender.send([Message(name, name.encode()) for name in names]).raise_if_any()
    for name in names:
        [delivery] = take(subject.consumer(name), 1)
        assert delivery.message.queue == name
        assert delivery.message.body == name.encode()


def test_a_consumer_of_several_queues_starves_none(subject: Subject) -> None:
    consumer = subject.open()
    consumer.declare(["first", "second", "third"])
    consumer.send(batch(range(50), "first") + batch(range(50), "second") + batch(range(2), "third")).raise_if_any()
    consumer.consume(["first", "second", "third"])
    seen = {delivery.message.queue for _ in range(9) for delivery in take(consumer, 3)}
    assert seen == {"first", "second", "third"}


def test_consuming_other_queues_replaces_the_choice(subject: Subject) -> None:
    consumer = subject.open()
    consumer.declare(["first", "second"])
    consumer.send(batch([1], "first") + batch([2], "second")).raise_if_any()
    consumer.consume(["first"])
    consumer.consume(["second"])
    assert bodies(take(consumer, 1)) == texts([2])
    consumer.consume([])
    assert consumer.receive(10, 0) == []
    consumer.consume(["first"])
    assert bodies(take(consumer, 1)) == texts([1])


def test_depth_counts_what_waits(subject: Subject) -> None:
    consumer = subject.consumer()
    if not subject.capabilities.depth:
        assert consumer.depth("work") is None
        pytest.skip("declared: cannot tell the depth of a queue")
    consumer.declare(["other"])
    consumer.send(batch(range(5)) + batch(range(2), "other")).raise_if_any()
    until(lambda: consumer.depth("work") == 5, "5 messages are counted")
    until(lambda: consumer.depth("other") == 2, "2 messages are counted")
    take(consumer, 5)
    until(lambda: consumer.depth("work") == 0, "no message is counted")
    assert consumer.depth("other") == 2


def test_lower_priorities_go_first(subject: Subject) -> None:
    if not subject.capabilities.priorities:
        pytest.skip("declared: knows no priorities")
    consumer = subject.consumer()
    order = [5, 9, 0, 3, 7, 0, 5, 1]
    consumer.send([Message("work", str(number).encode(), priority=number) for number in order]).raise_if_any()
    received = take(consumer, len(order))
    assert [delivery.message.priority for delivery in received] == sorted(order)
    assert bodies(received) == texts(sorted(order))
