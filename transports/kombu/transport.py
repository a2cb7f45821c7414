"""The transport over one of kombu's."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from transports.checks import checked_names, objection
from transports.errors import Closed, Refused, Unavailable
from transports.kombu.opening import open_link
from transports.pacing import Pacing
from transports.protocol import BROADCAST_BACKLOG, Capabilities, NotTaken, SendOutcome

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from transports.errors import TransportError
    from transports.protocol import Delivery, Message


class KombuTransport:
    """Messages over Redis, ``redis://user:password@host:port/number`` or ``rediss://`` for TLS, and over what else
    kombu speaks, ``kombu+SCHEME://``.

    Options, as keywords or in the URL's query, for every kind: ``prefix``, which the names of all queues get in the
    broker (default ``milepost.``); ``passive`` (no): yes makes no queues, and takes their names as they are;
    ``timeout_seconds`` for connecting and for every answer (4); ``poll_seconds``, how often queues are looked
    into by who waits (Redis: 1, for what comes without a word; else 0.2, for everything); ``max_message_bytes``
    (1 MiB).

    For Redis: ``visibility_seconds``, after which a message that was handed out and not acknowledged is given to
    another (60); ``durable`` (no): yes says that Redis keeps a log, which is checked; ``client_name`` (milepost); for
    TLS ``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile`` (paths) and ``ssl_check_hostname`` (yes);
    ``sentinel_master``, with ``kombu+sentinel://``.

    For other kinds, ``option.NAME=value`` is an option of kombu's transport, and the rest of the query is kombu's.
    """

    def __init__(self, url: str, **options: Any) -> None:
        opened = open_link(url, options)
        self._link = opened.link
        self._where = opened.where
        self._max_bytes = opened.capabilities.max_message_bytes
        self._capabilities = opened.capabilities
        # Seeded by the system: every transport pauses in its own way.
        self._pacing = Pacing(random.Random())
        self._heard: deque[Message] = deque(maxlen=BROADCAST_BACKLOG)
        self._receiving = threading.Lock()
        self._closing = threading.Lock()
        self._stop = threading.Event()

    @property
    def capabilities(self) -> Capabilities:
        """What this transport can do."""
        return self._capabilities

    def declare(self, queues: Iterable[str]) -> None:
        """Make sure that these queues can be used."""
        names = checked_names(queues)
        with self._asking():
            self._link.declare(names)

    def send(self, messages: Sequence[Message]) -> SendOutcome:
        """Send a batch; return with the messages that were not taken."""
        errors = [self._objection(message) for message in messages]
        fit = [message for message, error in zip(messages, errors, strict=True) if error is None]
        with self._asking():
            if fit:
                self._link.put(fit)
        return SendOutcome(
            tuple(NotTaken(index, messages[index], error) for index, error in enumerate(errors) if error is not None)
        )

    def _objection(self, message: Message) -> TransportError | None:
        wrong = objection(message, self._max_bytes)
        if wrong is not None:
            return wrong
        try:
            self._link.name(message.queue)
        except Refused as error:
            return error
        return None

    def consume(self, queues: Iterable[str]) -> None:
        """Choose the queues that ``receive`` takes from."""
        names = checked_names(queues)
        with self._asking():
            self._link.consume(names)

    def receive(self, max_messages: int, max_wait: float) -> list[Delivery]:
        """Take up to ``max_messages``, waiting up to ``max_wait`` seconds for the first."""
        with self._receiving:
            deadline = time.monotonic() + max_wait
            # Being sent away is no other failure: it must not make the pause longer.
            self._check_open()
            self._leave_alone(max_wait)
            if self._stop.is_set():
                return []
            try:
                with self._asking():
                    taken = self._receive_until(deadline, max_messages)
            except Unavailable:
                self._pacing.failed()
                raise
            self._pacing.succeeded()
            return taken

    def _leave_alone(self, max_wait: float) -> None:
        """Give a broker that was away some time before it is asked again."""
        pause = self._pacing.remaining_seconds()
        if pause > 0 and not self._stop.wait(min(pause, max_wait)) and pause > max_wait:
            raise Unavailable(f"{self._where} was away and is asked again in {pause - max_wait:.1f} s")

    def _receive_until(self, deadline: float, limit: int) -> list[Delivery]:
        while not self._stop.is_set():
            self._heard.extend(self._link.heard())
            taken = self._link.take(limit)
            remaining = deadline - time.monotonic()
            if taken or self._heard or remaining <= 0:
                return taken
            self._link.wait(remaining)
        return []

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Settle deliveries."""
        settled = list(deliveries)
        with self._asking():
            if settled:
                self._link.settle(settled)

    def broadcast(self, message: Message) -> None:
        """Send a message to every subscriber."""
        error = objection(message, self._max_bytes)
        with self._asking():
            if error is not None:
                raise error
            self._link.publish(message)

    def subscribe(self) -> None:
        """Collect broadcasts from now on."""
        with self._asking():
            self._link.subscribe()

    def broadcasts(self) -> list[Message]:
        """Take the broadcasts that ``receive`` has collected."""
        with self._asking():
            heard = list(self._heard)
            self._heard.clear()
            return heard

    def depth(self, queue: str) -> int | None:
        """Return how many messages wait in the queue."""
        [name] = checked_names([queue])
        with self._asking():
            return self._link.depth(name)

    def ping(self) -> None:
        """Ask the broker for an answer."""
        with self._asking():
            self._link.ping()

    def close(self) -> None:
        """Give back what was not acknowledged, and close every connection."""
        with self._closing:
            if self._stop.is_set():
                return
            self._stop.set()
            self._link.wake()
            with self._receiving, contextlib.suppress(Exception):
                self._link.close()

    @contextlib.contextmanager
    def _asking(self) -> Generator[None]:
        """Turn the errors of a client into the transport's own."""
        self._check_open()
        try:
            yield
        except Exception as error:
            if self._stop.is_set():
                raise Closed(f"this transport to {self._where} was closed meanwhile; open another one") from error
            problem = self._link.problem(error)
            if problem is error:
                raise
            raise problem from error

    def _check_open(self) -> None:
        if self._stop.is_set():
            raise Closed(f"this transport to {self._where} has been closed; open another one")
