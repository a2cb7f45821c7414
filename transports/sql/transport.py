"""The transport over tables of a SQL database."""

from __future__ import annotations

import contextlib
import random
import threading
from typing import TYPE_CHECKING, Any

from sqlalchemy import literal, select
from sqlalchemy.exc import SQLAlchemyError

from transports.checks import objection
from transports.errors import Closed, NotConfirmed, TransportError, UnknownQueue
from transports.options import count, seconds, take_options
from transports.prefixes import Prefix
from transports.protocol import Capabilities, NotTaken, SendOutcome
from transports.sql import broadcasts, messages
from transports.sql.database import Database
from transports.sql.receiving import Receiver
from transports.sql.register import Register

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from transports.protocol import Delivery, Message

_OPTIONS = {
    "visibility_seconds": seconds,
    "broadcast_seconds": seconds,
    "busy_seconds": seconds,
    "max_message_bytes": count,
}
_PRUNE_EVERY = 64
"""Old broadcasts are deleted with the first of every so many."""


class SqlTransport:
    """Queues and broadcasts in tables of a database: ``sql+sqlite:///file``, ``sql+postgresql://`` or ``sql+mysql://``.

    A message that is handed out stays in its table, hidden from others until it is acknowledged, its consumer closes,
    or ``visibility_seconds`` have passed by the database's clock. Options, as keywords or in the URL's query:
    ``prefix`` (default none; a subscriber hears what is broadcast with a prefix that begins with its own), ``passive``
    (default no): yes makes neither tables nor queues;
    ``visibility_seconds`` (default 60), ``broadcast_seconds``, how long broadcasts are kept (default 600),
    ``busy_seconds``, how long to wait for the write lock of an SQLite file (default 10), and ``max_message_bytes``
    (default 1 MiB).
    """

    def __init__(self, url: str, **options: Any) -> None:
        address, taken = take_options(url.removeprefix("sql+"), options, _OPTIONS)
        self._broadcast_us = int(taken.get("broadcast_seconds", 600.0) * 1e6)
        # Seeded by the system: every transport pauses in its own way.
        rng = random.Random()
        self._prefix = Prefix(taken.get("prefix", ""))
        self._database = Database(
            address, rng, taken.get("busy_seconds", 10.0), makes_tables=not taken.get("passive", False)
        )
        self._register = Register(self._database)
        self._receiver = Receiver(self._database, rng, int(taken.get("visibility_seconds", 60.0) * 1e6))
        self._capabilities = Capabilities(
            durable=True,
            shared=True,
            redelivers=True,
            settles_singly=True,
            releases=True,
            broadcasts=True,
            priorities=True,
            depth=True,
            checks_queues=True,
            max_message_bytes=taken.get("max_message_bytes", 1 << 20),
        )
        self._broadcasts_sent = 0
        self._closed = False
        self._closing = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """What this transport can do."""
        return self._capabilities

    def declare(self, queues: Iterable[str]) -> None:
        """Make sure that the tables and these queues exist."""
        self._check_open()
        self._register.declare(self._prefix.names(queues))

    def send(self, messages: Sequence[Message]) -> SendOutcome:
        """Send a batch in one transaction; return with the messages that were not taken."""
        self._check_open()
        named = [self._prefix.to_broker(message) for message in messages]
        errors = [objection(message, self._capabilities.max_message_bytes) for message in named]
        unknown = self._register.unknown(
            {message.queue for message, error in zip(named, errors, strict=True) if error is None}
        )
        not_taken: list[NotTaken] = []
        batch: list[Message] = []
        for index, (message, wrong) in enumerate(zip(named, errors, strict=True)):
            error = self._register.no_queue(message.queue) if wrong is None and message.queue in unknown else wrong
            if error is None:
                batch.append(message)
            else:
                not_taken.append(NotTaken(index, messages[index], error))
        if batch:
            self._send(batch)
        return SendOutcome(tuple(not_taken))

    def _send(self, batch: Sequence[Message]) -> None:
        self._database.write(lambda connection: messages.add(connection, batch), lost=NotConfirmed)
        self._notify({message.queue for message in batch})

    def _notify(self, queues: Iterable[str]) -> None:
        # A hint: whoever misses it looks again soon.
        with contextlib.suppress(SQLAlchemyError):
            self._database.dialect.notify(self._database.engine, queues)

    def consume(self, queues: Iterable[str]) -> None:
        """Choose the queues that ``receive`` takes from."""
        self._check_open()
        names = self._prefix.names(queues)
        self._register.require(names)
        self._receiver.consume(names)

    def receive(self, max_messages: int, max_wait: float) -> list[Delivery]:
        """Take up to ``max_messages``, waiting up to ``max_wait`` seconds for the first."""
        self._check_open()
        return [self._prefix.delivery(each) for each in self._receiver.receive(max_messages, max_wait)]

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Settle deliveries."""
        self._check_open()
        self._receiver.acknowledge({delivery.token for delivery in deliveries if isinstance(delivery.token, int)})

    def broadcast(self, message: Message) -> None:
        """Send a message to every subscriber."""
        self._check_open()
        named = self._prefix.to_broker(message)
        error = objection(named, self._capabilities.max_message_bytes)
        if error is not None:
            raise error
        try:
            self._broadcast(named)
        except UnknownQueue:
            # The tables were dropped since they were last used, and are made anew.
            self._broadcast(named)
        self._prune()

    def _broadcast(self, message: Message) -> None:
        self._database.make_tables()
        self._database.write(lambda connection: broadcasts.add(connection, message), lost=NotConfirmed)
        with contextlib.suppress(SQLAlchemyError):
            self._database.dialect.notify_broadcast(self._database.engine)

    def _prune(self) -> None:
        if self._broadcasts_sent % _PRUNE_EVERY == 0:
            # Whoever broadcasts next tries again.
            with contextlib.suppress(TransportError):
                self._database.write(lambda connection: broadcasts.prune(connection, self._broadcast_us))
        self._broadcasts_sent += 1

    def subscribe(self) -> None:
        """Collect broadcasts from now on."""
        self._check_open()
        self._database.make_tables()
        self._receiver.subscribe()

    def broadcasts(self) -> list[Message]:
        """Take the broadcasts that ``receive`` has collected."""
        self._check_open()
        return [self._prefix.from_broker(each) for each in self._receiver.broadcasts() if self._prefix.own(each)]

    def depth(self, queue: str) -> int | None:
        """Return how many messages wait in the queue."""
        self._check_open()
        name = self._prefix.name(queue)
        self._register.require([name])
        return self._database.read(lambda connection: messages.count_waiting(connection, name))

    def ping(self) -> None:
        """Ask the database for an answer."""
        self._check_open()
        self._database.read(lambda connection: connection.execute(select(literal(1))).scalar_one())

    def close(self) -> None:
        """Give back what was not acknowledged, and close every connection."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._database.stop.set()
            self._notify(self._receiver.close())
            self._database.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Closed(f"this transport to {self._database.url!r} has been closed; open another one")
