"""The queue inside the store: hints that something is ready, sent and heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.store.claim import is_any_ready
from engine.store.wakeups import (
    CHANGED_CHANNEL,
    READY_CHANNEL,
    changes_in,
    hints_say_what,
    open_listener,
    send_change,
    send_hint,
)
from engine.worker.background import Background

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from engine.model.work import Pointer
    from engine.store.database import Database
    from engine.worker.receiving import Arrival


class Hints:
    """Waits for hints of ready steps on some queues, and of changes, and passes them on."""

    def __init__(
        self, database: Database, queues: Sequence[str], poll_us: int, on_hint: Callable[[], None],
        on_heard: Callable[[Collection[str]], None],
    ) -> None:  # fmt: skip
        self._database = database
        self._served = self._queues = frozenset(queues)
        self._listener = open_listener(database, [READY_CHANNEL, CHANGED_CHANNEL])
        self._poll = poll_us / 1e6
        self._on_hint = on_hint
        self._on_heard = on_heard
        self._closed = False

    def turn(self) -> float:
        """Wait for one hint, or for the poll interval."""
        heard = self._listener.wait(self._poll)
        if self._closed:
            return 60.0
        if topics := changes_in(heard):
            self._on_heard(topics)
        if heard & self._queues or self._is_any_ready():
            self._on_hint()
        return 0.0

    def pause(self, queues: Collection[str]) -> None:
        """Pass on nothing about these queues: what is ready there, and stays so, would have the worker look for it."""
        self._queues = self._served.difference(queues)

    def _is_any_ready(self) -> bool:
        """Look for oneself, where a hint does not say what it is about: a claim takes locks that others wait for."""
        with self._database.connection() as connection:
            return is_any_ready(connection, self._queues)

    def close(self) -> None:
        """End the wait."""
        self._closed = True
        self._listener.close()


class EmbeddedQueue:
    """Steps are claimed from the steps table; see :class:`engine.worker.workqueue.WorkQueue`."""

    embedded = True

    def __init__(
        self, database: Database, queues: Sequence[str], poll_us: int, on_hint: Callable[[], None],
        on_heard: Callable[[Collection[str]], None],
    ) -> None:  # fmt: skip
        self.resend_us: int | None = None
        self.told = hints_say_what(database)
        self._database = database
        self._on_hint = on_hint
        self._hints = Hints(database, queues, poll_us, on_hint, on_heard)
        self._listening = Background("milepost-hints", self._hints.turn)

    def start(self) -> None:
        """Begin to listen for hints."""
        self._listening.start()

    def announce(self, offered: Sequence[Pointer]) -> None:
        """Tell the workers that listen on the queues of these steps."""
        send_hint(self._database, READY_CHANNEL, sorted({pointer.queue for pointer in offered}))

    def swept(self, offered: Sequence[Pointer]) -> None:
        """Wake this worker alone: every peer sweeps for itself."""
        self._on_hint()

    def tell(self, topic: str) -> None:
        """Tell every worker, where the database can."""
        send_change(self._database, topic)

    def pause(self, queues: Collection[str]) -> None:
        """Claim nothing from these queues on account of hints."""
        self._hints.pause(queues)

    def settle(self, arrivals: Sequence[Arrival]) -> None:
        """Nothing arrives here."""

    def room_changed(self) -> None:
        """The worker claims by itself."""

    def stop(self) -> None:
        """The worker claims no more by itself."""

    def close(self) -> None:
        """End the listening."""
        self._hints.close()
        self._listening.close()
        # A closed listener gives its connection back at its next wait, to which that thread need not have come.
        self._hints.turn()
