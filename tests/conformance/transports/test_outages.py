"""The broker goes away, comes back, or comes back empty."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest

from tests.conformance.transports.helpers import SECONDS, Background, batch, bodies, patiently, take, texts, until
from tests.conformance.transports.subject import Outage, Subject
from transports import Delivery, Message, NotConfirmed, Transport, TransportError, Unavailable

PROMPT_SECONDS = 15.0
"""How long a clear error may take."""


def test_02_a_broker_that_is_away_is_an_error_and_nothing_is_silently_lost(subject: Subject) -> None:
    consumer = subject.consumer()
    sender = subject.open()
    unconfirmed = 0
    sender.send(batch([1])).raise_if_any()
    assert [outage for outage in subject.outages if outage.total]
    for outage in subject.outages:
        if outage.total:
            with outage.during():
                began = time.monotonic()
                # Of what goes into a connection that has just been cut a client may not know whether it arrived.
                with suppress(NotConfirmed), pytest.raises(Unavailable):
                    sender.send(batch([2]))
                with pytest.raises(Unavailable, match=r"\w{4}"):
                    sender.send(batch([2]))
                came = _refused(consumer)
                with pytest.raises(Unavailable):
                    sender.broadcast(Message("rules", b""))
                # Who was never connected hears the same.
                with pytest.raises(Unavailable):
                    subject.open().declare(["unknown"])
                assert time.monotonic() - began < PROMPT_SECONDS
            assert bodies(_after_all(consumer, came)) == texts([1])
            unconfirmed += _sent_at_last(sender)
    assert bodies(patiently(lambda: take(consumer, 1))) == texts([1])
    # What a broker that is coming back did not confirm was sent again, and it may have taken both.
    doubled = bodies(consumer.receive(10, 0))
    assert doubled == texts([1]) * len(doubled)
    assert len(doubled) <= unconfirmed


def _sent_at_last(sender: Transport) -> int:
    """Send a message until that is confirmed; return how often it was not."""
    unconfirmed = 0

    def send() -> None:
        nonlocal unconfirmed
        try:
            sender.send(batch([1])).raise_if_any()
        except Unavailable:
            unconfirmed += 1
            raise

    patiently(send)
    return unconfirmed


def _refused(consumer: Transport) -> list[Delivery]:
    """Receive until that is refused; return what had come before the outage, which may be handed out first."""
    came: list[Delivery] = []
    for _ in range(10):
        try:
            came += consumer.receive(1, 0.1)
        except Unavailable:
            return came
    return pytest.fail("receiving goes on while the broker is away")


def _after_all(consumer: Transport, came: list[Delivery]) -> list[Delivery]:
    """Acknowledge the message that has come already, or else take it now that the broker is back."""
    if came:
        patiently(lambda: consumer.acknowledge(came))
        return came
    return patiently(lambda: take(consumer, 1))


def test_02_receiving_from_a_broker_that_is_away_paces_itself(subject: Subject) -> None:
    """Whoever calls again and again does not turn an outage into a busy loop."""
    consumer = subject.consumer()
    consumer.send(batch([1])).raise_if_any()
    outage = next(outage for outage in subject.outages if outage.total)
    with outage.during():
        came = _refused(consumer)
        began = time.monotonic()
        failures = 0
        while time.monotonic() - began < 1.5:
            with pytest.raises(Unavailable):
                consumer.receive(1, 0.3)
            failures += 1
        assert failures < 25
    assert bodies(_after_all(consumer, came)) == texts([1])


def test_closing_while_the_broker_is_away_raises_nothing(subject: Subject) -> None:
    consumer = subject.consumer()
    consumer.send(batch([1])).raise_if_any()
    take(consumer, 1, acknowledge=False)
    outage = next(outage for outage in subject.outages if outage.total)
    with outage.during():
        began = time.monotonic()
        consumer.close()
        assert time.monotonic() - began < PROMPT_SECONDS


class Traffic:
    """Somebody sends and somebody receives, all the time; both carry on whatever the broker does."""

    def __init__(self, sender: Transport, consumer: Transport) -> None:
        self.confirmed: set[str] = set()
        self.received: set[str] = set()
        self.troubles = {"send": 0, "receive": 0}
        self._stop_sending = threading.Event()
        self._stop_receiving = threading.Event()
        self._sending = Background(lambda: self._send(sender))
        self._receiving = Background(lambda: self._receive(consumer))

    def _send(self, sender: Transport) -> None:
        number = 0
        while not self._stop_sending.is_set():
            messages = batch(range(number, number + 5))
            number += 5
            while not self._try("send", lambda messages=messages: sender.send(messages).raise_if_any()):
                # The same again: better twice than never.
                self._stop_sending.wait(0.02)
            self.confirmed |= {message.body.decode() for message in messages}
            self._stop_sending.wait(0.002)

    def _receive(self, consumer: Transport) -> None:
        while not self._stop_receiving.is_set():
            self._try("receive", lambda: self._receive_once(consumer))

    def _receive_once(self, consumer: Transport) -> None:
        got = consumer.receive(20, 0.5)
        self.received |= set(bodies(got))
        consumer.acknowledge(got)

    def _try(self, what: str, call: object) -> bool:
        try:
            call()  # type: ignore[operator]
        except (Unavailable, NotConfirmed):
            self.troubles[what] += 1
            return False
        return True

    def until_flowing(self) -> None:
        """Wait until something that is confirmed from now on has been received."""
        before = set(self.confirmed)
        until(lambda: (self.confirmed - before) & self.received or self._dead(), "messages flow")
        self._raise_if_dead()

    def until_troubled(self) -> None:
        """Wait until the sender has noticed that the broker is away."""
        before = self.troubles["send"]
        until(lambda: self.troubles["send"] > before or self._dead(), "the outage is noticed")
        self._raise_if_dead()

    def finish(self) -> None:
        """Stop sending, and wait until everything that was confirmed has been received."""
        self._stop_sending.set()
        self._sending.join()
        until(lambda: self.confirmed <= self.received or self._dead(), "what was confirmed is received")
        self._stop_receiving.set()
        self._receiving.join()

    def _dead(self) -> bool:
        return not self._receiving.running or not (self._sending.running or self._stop_sending.is_set())

    def _raise_if_dead(self) -> None:
        for work in (self._sending, self._receiving):
            if not work.running:
                work.join()


def test_10_nothing_confirmed_is_lost_when_the_broker_restarts(outage_subject: Subject) -> None:
    consumer = outage_subject.consumer(hasty=True)
    traffic = Traffic(outage_subject.open(hasty=True), consumer)
    traffic.until_flowing()
    for _ in range(3):
        for outage in outage_subject.outages:
            with outage.during():
                if outage.total:
                    traffic.until_troubled()
            traffic.until_flowing()
    traffic.finish()
    assert len(traffic.confirmed) > 0
    assert traffic.confirmed <= traffic.received


def test_10_a_receive_that_waits_survives_an_outage_or_says_so(outage_subject: Subject) -> None:
    consumer = outage_subject.consumer()
    sender = outage_subject.open()

    def receive_on() -> list[str]:
        while True:
            try:
                if got := consumer.receive(1, 20.0):
                    return bodies(got)
            except Unavailable:
                continue

    receiving = Background(receive_on)
    for outage in outage_subject.outages:
        with outage.during():
            if outage.total:
                with pytest.raises(Unavailable):
                    sender.send(batch([0]))
    assert receiving.running
    patiently(lambda: sender.send(batch([1])).raise_if_any())
    assert receiving.join() == texts([1])


def test_10_a_subscriber_hears_again_after_an_outage(outage_subject: Subject) -> None:
    if not outage_subject.capabilities.broadcasts:
        pytest.skip("declared: has no broadcasts")
    listening = outage_subject.open()
    listening.subscribe()
    sender = outage_subject.open()
    for outage in outage_subject.outages:
        with outage.during():
            pass
    deadline = time.monotonic() + SECONDS
    heard: list[Message] = []
    while not heard:
        assert time.monotonic() < deadline
        # One may be missed while connections are made anew; the next is not.
        patiently(lambda: sender.broadcast(Message("rules", b"again")))
        patiently(lambda: listening.receive(0, 1.0))
        heard = listening.broadcasts()
    assert heard[0].body == b"again"


def test_11_a_wiped_broker_is_of_use_again_once_the_queues_are_declared(subject: Subject) -> None:
    """What was in it is gone; the engine above sends again what its store still wants done."""
    consumer = subject.consumer()
    sender = subject.open()
    listening = subject.open()
    listening.subscribe()
    sender.send(batch([1, 2])).raise_if_any()
    held = take(consumer, 1, acknowledge=False)
    subject.wipe()

    def recover(call: object) -> None:
        # As a worker does: whatever is wrong, declare and go on.
        for _ in range(5):
            try:
                call()  # type: ignore[operator]
            except TransportError:
                sender.declare(["work"])
                consumer.declare(["work"])
            else:
                return
        pytest.fail("the transport does not recover")

    recover(lambda: consumer.acknowledge(held))
    recover(lambda: sender.send(batch([3])).raise_if_any())
    got: list[str] = []
    recover(lambda: got.extend(bodies(take(consumer, 1))))
    assert got == texts([3])
    if subject.capabilities.broadcasts:
        recover(lambda: listening.receive(0, 0))
        recover(lambda: sender.broadcast(Message("rules", b"new")))
        heard: list[Message] = []
        until(lambda: listening.receive(0, 0.1) or heard.extend(listening.broadcasts()) or heard, "a broadcast")
        assert [message.body for message in heard] == [b"new"]


def test_the_subject_has_an_outage(subject: Subject) -> None:
    """Guards the tests above: without one they would try nothing."""
    assert any(isinstance(outage, Outage) and outage.total for outage in subject.outages)
