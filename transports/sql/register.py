"""Which queues were declared: asked once, then remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transports.errors import Refused, UnknownQueue
from transports.sql import messages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transports.sql.database import Database


class Register:
    """The declared queues. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: frozenset[str] = frozenset()
        self._losses = 0

    def declare(self, names: Iterable[str]) -> None:
        """Make sure that the tables and these queues exist. Raises UnknownQueue where none are to be made."""
        if not self._database.makes_tables:
            self._known = frozenset()
            self.require(names)
            return
        # Somebody may have dropped the tables since they were last looked for: whoever declares wants to be sure.
        self._database.make_tables(again=True)
        names = list(names)
        there = self._read(names)
        for name in names:
            if name not in there:
                self._declare_one(name)
        self._known |= frozenset(names)

    def _declare_one(self, name: str) -> None:
        try:
            self._database.write(lambda connection: messages.add_queue(connection, name))
        except Refused:
            # Another process may have been faster.
            if not self._read([name]):
                raise

    def unknown(self, names: Iterable[str]) -> frozenset[str]:
        """Return those of the queues that were not declared."""
        self._database.make_tables()
        if self._losses != self._database.losses:
            self._losses = self._database.losses
            self._known = frozenset()
        unsure = frozenset(names) - self._known
        if not unsure:
            return unsure
        there = self._read(unsure)
        self._known |= there
        return unsure - there

    def require(self, names: Iterable[str]) -> None:
        """Raise UnknownQueue for a queue that was not declared."""
        for name in sorted(self.unknown(names)):
            raise self.no_queue(name)

    def no_queue(self, name: str) -> UnknownQueue:
        """Return the error for a queue that was not declared."""
        return UnknownQueue(f"there is no queue {name!r} in {self._database.url!r}: declare it first")

    def _read(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset(self._database.read(lambda connection: messages.known_queues(connection, names)))
