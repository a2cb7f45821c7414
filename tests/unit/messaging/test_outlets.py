"""Sending to brokers of other programs: one transport each, shared by all threads, and each message's own outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.messaging.outlets import OpenOutlets
from engine.model.outgoing import Outgoing
from tests.worker.serving import wait_until
from transports.errors import Closed, NotConfirmed, TooLarge, TransportError, Unavailable
from transports.protocol import Message, NotTaken, SendOutcome


class Recorder:
    """A transport that remembers its batches, and can be made to wait or to fail."""

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.batches: list[list[Message]] = []
        self.go = threading.Event()
        self.go.set()
        self.error: BaseException | None = None
        self.refuses: Callable[[Message], TransportError | None] = lambda message: None
        self.closed = 0

    def send(self, messages: Sequence[Message]) -> SendOutcome:
        self.batches.append(list(messages))
        assert self.go.wait(30)
        if self.error is not None:
            raise self.error
        found = [(index, message, self.refuses(message)) for index, message in enumerate(messages)]
        return SendOutcome(tuple(NotTaken(i, message, error) for i, message, error in found if error is not None))

    def close(self) -> None:
        self.closed += 1


def outgoing(number: int, url: str = "any://host/queue") -> Outgoing:
    return Outgoing(url, str(number).encode(), {"content-type": "text/plain"}, f"key {number}", f"id-{number}")


class Senders:
    """Threads that send, of which the first is held up at the broker until the others wait for it."""

    def __init__(self, transport: Recorder, count: int) -> None:
        opened: Any = lambda url: transport  # noqa: E731
        self.outlets = OpenOutlets({}, opened)
        self.transport = transport
        transport.go.clear()
        self._threads = ThreadPoolExecutor(count)
        self.sent = [self._threads.submit(self.outlets.send, outgoing(0))]
        wait_until(lambda: transport.batches, "the first being at the broker")
        self.sent += [self._threads.submit(self.outlets.send, outgoing(number)) for number in range(1, count)]
        waiting = self.outlets._outlets["any://host"]._waiting
        wait_until(lambda: len(waiting) == count - 1, "the others waiting")

    def finish(self) -> list[BaseException | None]:
        self.transport.go.set()
        self._threads.shutdown()
        return [future.exception() for future in self.sent]


def test_who_waits_for_the_broker_shares_the_next_batch() -> None:
    transport = Recorder()
    assert Senders(transport, 20).finish() == [None] * 20
    assert [len(batch) for batch in transport.batches] == [1, 19]
    first = transport.batches[0][0]
    assert first == Message("queue", b"0", {"content-type": "text/plain"}, "key 0", id="id-0")
    assert sorted(message.id or "" for batch in transport.batches for message in batch) == sorted(
        f"id-{number}" for number in range(20)
    )


@settings(max_examples=20)
@given(refused=st.sets(st.integers(0, 7)))
def test_each_gets_the_outcome_of_its_own_message(refused: set[int]) -> None:
    transport = Recorder()
    transport.refuses = lambda message: TooLarge(str(message.id)) if int(message.body) in refused else None
    errors = Senders(transport, 8).finish()
    assert [error is not None for error in errors] == [number in refused for number in range(8)]
    assert all(error is None or str(error) == f"id-{number}" for number, error in enumerate(errors))


def test_a_broker_that_is_away_is_tried_once_for_all_who_wait() -> None:
    transport = Recorder()
    senders = Senders(transport, 10)
    transport.error = Unavailable("away")
    assert [type(error) for error in senders.finish()] == [Unavailable] * 10
    assert len(transport.batches) == 1
    transport.error = None
    senders.outlets.send(outgoing(99))
    assert len(transport.batches) == 2, "the next one tries again"


def test_a_batch_that_was_not_confirmed_leaves_those_who_came_later_alone() -> None:
    transport = Recorder()
    senders = Senders(transport, 5)

    def send(messages: Sequence[Message]) -> SendOutcome:
        transport.batches.append(list(messages))
        return SendOutcome()

    transport.error = NotConfirmed("perhaps")
    transport.send = send  # type: ignore[method-assign]
    errors = senders.finish()
    assert [type(error) for error in errors] == [NotConfirmed] + [type(None)] * 4


def test_a_transport_that_breaks_leaves_nobody_waiting() -> None:
    transport = Recorder()
    transport.error = RuntimeError("a bug")
    errors = Senders(transport, 4).finish()
    assert isinstance(errors[0], RuntimeError)
    assert all(isinstance(error, RuntimeError | TransportError) for error in errors)


def test_there_is_one_transport_for_each_broker() -> None:
    opened: list[Recorder] = []
    lock = threading.Lock()

    def open_broker(url: str) -> Any:
        with lock:
            opened.append(Recorder(url))
            return opened[-1]

    outlets = OpenOutlets({"shop": "any://user:pw@host", "other": "any://other"}, open_broker)
    urls = ["broker://shop/a", "any://user:pw@host/b", "broker://other/c", "any://other/d?"]
    with ThreadPoolExecutor(8) as threads:
        sent: list[Future[None]] = [threads.submit(outlets.send, outgoing(n, urls[n % 3])) for n in range(24)]
        for future in sent:
            future.result()
    assert sorted(each.url for each in opened) == ["any://other", "any://user:pw@host"]
    outlets.close()
    assert [each.closed for each in opened] == [1, 1]
    with pytest.raises(Closed):
        outlets.send(outgoing(1, "broker://shop/a"))


def test_a_url_that_cannot_be_used_is_said_without_secrets() -> None:
    outlets = OpenOutlets({})
    for url in ("broker://shop/a", "nowhere://user:SECRET@host/a", "a queue", "memory:///x"):
        with pytest.raises(ConfigError) as caught:
            outlets.send(outgoing(1, url))
        assert "SECRET" not in str(caught.value)
