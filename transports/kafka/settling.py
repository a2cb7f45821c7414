"""Settling: who acknowledges waits until the member of the group has committed how far its partitions have come."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transports.errors import TransportError
from transports.kafka.library import KafkaException, TopicPartition
from transports.kafka.stash import Token
from transports.kafka.troubles import STALE, UNKNOWN_TOPIC, code_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Iterable

    from transports.kafka.progress import Progress
    from transports.kafka.settings import Settings
    from transports.kafka.troubles import Health

_STALE_SECONDS = 2.0
"""How long to try to commit while the members of the group are counted."""


@dataclass(eq=False)
class _Ticket:
    """Somebody who waits until what was acknowledged is committed."""

    touched: set[Progress]
    until: float
    """When to give up trying, as partitions move."""
    done: bool = False
    error: TransportError | None = None


class Settling:
    """What was acknowledged and is still to be committed. ``changed`` guards it, as everything about receiving."""

    def __init__(self, settings: Settings, health: Health, changed: threading.Condition) -> None:
        self._settings = settings
        self._health = health
        self._changed = changed
        self._tickets: list[_Ticket] = []

    def acknowledge(self, tokens: Iterable[object]) -> None:
        """Settle deliveries. Raises Unavailable if the broker cannot be told; then they may come again."""
        with self._changed:
            touched = {
                token.progress for token in tokens if isinstance(token, Token) and token.progress.settle(token.offset)
            }
            if not touched:
                return
            ticket = self.note(touched)
            self._changed.notify_all()
            self._changed.wait_for(lambda: ticket.done, self._settings.timeout + _STALE_SECONDS)
            if ticket.error is not None:
                raise ticket.error

    def note(self, touched: set[Progress]) -> _Ticket:
        """Have the next commit include these partitions; held."""
        ticket = _Ticket(touched, time.monotonic() + _STALE_SECONDS)
        self._tickets.append(ticket)
        return ticket

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for a commit; held."""
        return bool(self._tickets)

    @property
    def is_due(self) -> bool:
        """Whether there is something to commit for those who wait; held."""
        return any(each.is_due for ticket in self._tickets for each in ticket.touched)

    def commit(self, consumer: Any, partitions: Iterable[Progress], leaving: Collection[Progress] = ()) -> bool:
        """Commit how far partitions have come, for all who wait for that; tell whether their topic is still there.

        On the member's own thread, as the library makes every other one wait until its poll is over.
        """
        with self._changed:
            tickets, self._tickets = self._tickets, []
            touched = set(leaving).union(partitions)
            due = {each: each.version for each in touched if not each.gone and (each in leaving or each.is_due)}
            places = [_place(each) for each in due]
        error: Any = None
        if places:
            error = self._health.problem() if self._health.lost else _try_commit(consumer, places)
        with self._changed:
            if error is None:
                for each, version in due.items():
                    each.committed_version = version
            self._answer(tickets, error, again=not leaving)
            self._changed.notify_all()
        return code_of(error) not in UNKNOWN_TOPIC

    def _answer(self, tickets: list[_Ticket], error: Any, *, again: bool) -> None:
        if code_of(error) in STALE:
            # Members are being counted just now, or the partitions have moved already.
            now = time.monotonic()
            waiting = [ticket for ticket in tickets if again and now < ticket.until]
            self._tickets = waiting + self._tickets
            tickets, error = [ticket for ticket in tickets if ticket not in waiting], None
        for ticket in tickets:
            ticket.done = True
            ticket.error = error if error is None or isinstance(error, TransportError) else self._health.problem(error)


def _place(progress: Progress) -> Any:
    offset, text = progress.snapshot()
    return TopicPartition(progress.topic, progress.partition, offset, text)


def _try_commit(consumer: Any, places: list[Any]) -> Any:
    try:
        answers = consumer.commit(offsets=places, asynchronous=False)
    except KafkaException as error:
        return error
    return next((answer.error for answer in answers or () if answer.error is not None), None)
