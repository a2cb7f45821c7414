"""What the tests of this suite do again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from transports import Delivery, Message, Transport, TransportError, Unavailable

SECONDS = 60.0
"""How long anything may take on a busy machine before the test gives up."""


def batch(numbers: Iterable[int], queue: str = "work") -> list[Message]:
    """Make messages whose bodies are numbers."""
    return [Message(queue, str(number).encode()) for number in numbers]


def bodies(deliveries: Iterable[Delivery]) -> list[str]:
    """Return what the messages say."""
    return [delivery.message.body.decode("latin-1") for delivery in deliveries]


def texts(numbers: Iterable[int]) -> list[str]:
    """Return what messages with these numbers say."""
    return [str(number) for number in numbers]


def until(condition: Callable[[], Any], what: str) -> None:
    """Wait until the condition holds; fail, naming it, if it never does."""
    deadline = time.monotonic() + SECONDS
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"waited {SECONDS:.0f} s in vain: {what}"
        pause.wait(0.01)


def take(transport: Transport, count: int, *, acknowledge: bool = True) -> list[Delivery]:
    """Receive until there are so many deliveries; fail if they do not come."""
    deadline = time.monotonic() + SECONDS
    taken: list[Delivery] = []
    while len(taken) < count:
        assert time.monotonic() < deadline, f"got {len(taken)} of {count} messages"
        got = transport.receive(count - len(taken), 1.0)
        if acknowledge:
            transport.acknowledge(got)
        taken += got
    return taken


def hear(transport: Transport, count: int) -> list[Message]:
    """Receive until so many broadcasts were heard; fail if they do not come."""
    deadline = time.monotonic() + SECONDS
    heard: list[Message] = []
    while len(heard) < count:
        assert time.monotonic() < deadline, f"heard {len(heard)} of {count} broadcasts"
        assert transport.receive(0, 1.0) == []
        heard += transport.broadcasts()
    return heard


def patiently(call: Callable[[], Any], *, away: tuple[type[TransportError], ...] = (Unavailable,)) -> Any:
    """Make a call again and again while the broker is away, as these errors tell."""
    deadline = time.monotonic() + SECONDS
    pause = threading.Event()
    while True:
        try:
            return call()
        except away:
            assert time.monotonic() < deadline, "the broker never came back"
            pause.wait(0.02)


class Background:
    """A call on another thread, whose error or result the test gets when it joins."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._call()
        except BaseException as error:  # noqa: BLE001 - the test raises it again when it joins
            self._error = error

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> Any:
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "the call on the other thread does not return"
        if self._error is not None:
            raise self._error
        return self._result
