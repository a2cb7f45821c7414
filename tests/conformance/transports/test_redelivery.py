"""What was not acknowledged comes again, and what was acknowledged does not."""

from __future__ import annotations

import time

import pytest

from tests.conformance.transports.helpers import Background, batch, bodies, take, texts
from tests.conformance.transports.peers import ProcessPeer, start_peer
from tests.conformance.transports.subject import HASTY_SECONDS, Subject
from transports import Closed


def require_deaths(subject: Subject) -> None:
    if not subject.capabilities.redelivers:
        pytest.skip("declared: does not redeliver")
    if not subject.capabilities.shared:
        pytest.skip("declared: not shared with other processes, so that no consumer can be killed")


def held_by(peer: ProcessPeer, count: int) -> dict[str, int]:
    """Have a peer receive so many messages; return the number of its last delivery of each."""
    held: dict[str, int] = {}
    received = 0
    while len(held) < count:
        for body in peer.ask("receive", limit=count - len(held), wait=5.0):
            # A hasty one may be handed the first again before it has the last.
            held[body] = received
            received += 1
    return held


def test_06_what_a_consumer_holds_goes_to_no_other(subject: Subject) -> None:
    holder, other = subject.consumer(), subject.consumer()
    other.send(batch(range(3))).raise_if_any()
    held = take(holder, 3, acknowledge=False)
    assert other.receive(3, 0.1) == []
    holder.acknowledge(held)
    assert other.receive(3, 0) == []


def test_06_what_a_killed_consumer_held_goes_to_another(subject: Subject) -> None:
    require_deaths(subject)
    other = subject.consumer()
    victim = start_peer(subject, ["work"], hasty=True)
    other.send(batch(range(3))).raise_if_any()
    held = held_by(victim, 3)
    victim.kill()
    again = take(other, 3)
    assert sorted(bodies(again)) == sorted(held) == texts(range(3))


def test_07_acknowledging_out_of_order_before_a_crash_loses_nothing(subject: Subject) -> None:
    require_deaths(subject)
    other = subject.consumer()
    victim = start_peer(subject, ["work"], hasty=True)
    other.send(batch(range(8))).raise_if_any()
    began = time.monotonic()
    held = held_by(victim, 8)
    settled = ["6", "1", "3"]
    victim.ask("acknowledge", which=[held[body] for body in settled])
    # What is acknowledged when its time is up may come again.
    in_time = not subject.hasty_url or time.monotonic() - began < HASTY_SECONDS
    victim.kill()
    left = sorted(held.keys() - settled)
    again = sorted(bodies(take(other, len(left))))
    if subject.capabilities.settles_singly and in_time:
        assert again == left
        assert other.receive(8, 0) == []
    else:
        while not set(left) <= set(again):
            again += bodies(take(other, 1))


def test_08_a_consumer_that_was_blocked_for_too_long_recovers(subject: Subject) -> None:
    """It was given up, its messages went to another, and it knows nothing of that when it wakes."""
    blocked = subject.consumer(hasty=True)
    late: set[str] = set()

    def take_one() -> str:
        while True:
            began = time.monotonic()
            [body] = bodies(take(blocked, 1))
            if body in late:
                continue
            if subject.hasty_url and time.monotonic() - began > HASTY_SECONDS:
                # It may have been acknowledged when its time was up, and come again.
                late.add(body)
            return body

    blocked.send(batch([1])).raise_if_any()
    stale = take(blocked, 1, acknowledge=False)
    other = subject.consumer()
    if subject.hasty_url:
        again = take(other, 1, acknowledge=False)
        assert bodies(again) == bodies(stale)
        # Its late acknowledgement does not take the message from whom it has gone to.
        blocked.acknowledge(stale)
        other.close()
        assert take_one() == "1"
    else:
        blocked.acknowledge(stale)
    blocked.send(batch([2])).raise_if_any()
    assert take_one() == "2"
    assert set(bodies(blocked.receive(1, 0))) <= late


def test_08_a_message_that_came_back_is_marked(subject: Subject) -> None:
    first = subject.consumer()
    first.send(batch([1])).raise_if_any()
    assert not take(first, 1, acknowledge=False)[0].redelivered
    first.close()
    second = subject.consumer()
    [delivery] = take(second, 1)
    # Some brokers cannot tell; none may say so of a message that was never handed out.
    assert delivery.redelivered or not subject.capabilities.settles_singly


def test_14_closing_gives_back_at_once_what_was_not_acknowledged(subject: Subject) -> None:
    if not subject.capabilities.releases:
        pytest.skip("declared: does not give back when it closes")
    leaving, staying = subject.consumer(), subject.consumer()
    leaving.send(batch(range(5))).raise_if_any()
    held = take(leaving, 5, acknowledge=False)
    leaving.acknowledge(held[1:3])
    leaving.close()
    got = staying.receive(5, 5.0)
    got += take(staying, 3 - len(got), acknowledge=False)
    assert sorted(bodies(got)) == sorted(bodies([held[0], *held[3:]]))


def test_14_closing_wakes_who_waits_for_what_it_gives_back(subject: Subject) -> None:
    if not subject.capabilities.releases:
        pytest.skip("declared: does not give back when it closes")
    leaving, waiting = subject.consumer(), subject.consumer()
    leaving.send(batch([1])).raise_if_any()
    take(leaving, 1, acknowledge=False)
    receiving = Background(lambda: take(waiting, 1))
    leaving.close()
    assert bodies(receiving.join()) == texts([1])


def test_15_settling_twice_is_safe(subject: Subject) -> None:
    consumer = subject.consumer()
    consumer.send(batch(range(3))).raise_if_any()
    deliveries = take(consumer, 3, acknowledge=False)
    consumer.acknowledge(deliveries[:2])
    consumer.acknowledge(deliveries[:2])
    consumer.acknowledge(deliveries)
    consumer.send(batch([9])).raise_if_any()
    assert bodies(take(consumer, 1)) == texts([9])
    consumer.close()
    assert subject.consumer().receive(5, 0) == []


def test_15_settling_and_sending_from_other_threads_is_safe(subject: Subject) -> None:
    """Other threads settle and send while this one waits in receive."""
    consumer = subject.consumer()
    consumer.send(batch(range(40))).raise_if_any()
    deliveries = take(consumer, 40, acknowledge=False)
    receiving = Background(lambda: take(consumer, 20, acknowledge=False))
    settling = [Background(lambda part=part: consumer.acknowledge(deliveries[part::4])) for part in range(4)]
    sending = [
        Background(lambda part=part: consumer.send(batch(range(100 + part * 5, 105 + part * 5))).raise_if_any())
        for part in range(4)
    ]
    for work in [*settling, *sending]:
        work.join()
    late = receiving.join()
    assert sorted(bodies(late)) == sorted(texts(range(100, 120)))
    consumer.acknowledge(late)
    consumer.close()
    assert subject.consumer().receive(100, 0) == []


def test_15_settling_on_another_transport_takes_nothing_from_the_holder(subject: Subject) -> None:
    holder, stranger = subject.consumer(), subject.consumer()
    holder.send(batch([1])).raise_if_any()
    held = take(holder, 1, acknowledge=False)
    stranger.acknowledge([])
    holder.close()
    assert bodies(take(stranger, 1)) == bodies(held)


def test_closing_ends_a_receive_that_waits(subject: Subject) -> None:
    started = subject.consumer("other")

    def closed_in_time() -> bool:
        consumer = subject.consumer()
        receiving = Background(lambda: consumer.receive(1, 600.0))
        # Let it get as far as waiting; wherever it is, closing has to end it.
        started.receive(1, 0.2)
        assert receiving.running
        consumer.close()
        try:
            assert receiving.join() == []
        except Closed:
            # Its thread stood still for so long that it came only now.
            return False
        return True

    assert any(closed_in_time() for _ in range(5))


def test_what_is_closed_says_so(subject: Subject) -> None:
    transport = subject.consumer()
    transport.subscribe()
    transport.send(batch([1])).raise_if_any()
    held = take(transport, 1, acknowledge=False)
    transport.close()
    transport.close()
    for call in (
        lambda: transport.send(batch([2])),
        lambda: transport.receive(1, 0),
        lambda: transport.acknowledge(held),
        lambda: transport.declare(["work"]),
        lambda: transport.consume(["work"]),
        lambda: transport.broadcast(batch([1])[0]),
        transport.subscribe,
        transport.broadcasts,
        lambda: transport.depth("work"),
        transport.ping,
    ):
        with pytest.raises(Closed, match="closed"):
            call()
