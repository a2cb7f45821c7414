"""Looking at messages of other programs that no execution could get, and replaying or dropping them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.client.administration import PAGE, Administration
from engine.client.checks import whole_number
from engine.client.rules.bench import Bench
from engine.errors import MessageRefused, UnknownDefinition
from engine.messaging.intake import decide
from engine.messaging.judge import Means
from engine.model.messages import Dead
from engine.store.dead_messages import (
    count_dead_messages,
    drop_dead_message,
    find_dead_messages,
    get_dead_message,
)
from engine.store.intake import take_in

if TYPE_CHECKING:
    from engine.client.announcer import Announcer
    from engine.definitions.registry import Registry
    from engine.model.messages import DeadMessage, Decision
    from engine.store.database import Database


class DeadMessages(Administration):
    """What a client can do with dead messages, which go by their number."""

    def __init__(self, database: Database, limit_bytes: int, announcer: Announcer, registry: Registry | None) -> None:
        super().__init__(database, limit_bytes, announcer)
        self.registry = registry
        self._bench = Bench(self._access)

    def dead_messages(
        self, trigger: str | None = None, *, limit: int = PAGE, before: int | None = None
    ) -> list[DeadMessage]:
        """Return a page of dead messages, of one trigger or of all, the newest first.

        ``before`` is the last number of the page before. A page has 1000 at most.
        """
        whole_number("limit", limit)
        with self._access.read() as tx:
            return find_dead_messages(tx, trigger=trigger, limit=limit, before=before)

    def count_dead_messages(self, trigger: str | None = None) -> int:
        """Return how many dead messages there are, of one trigger or of all."""
        with self._access.read() as tx:
            return count_dead_messages(tx, trigger)

    def dead_message(self, number: int) -> DeadMessage:
        """Return one dead message. Raises MessageNotFound."""
        with self._access.read() as tx:
            return get_dead_message(tx, whole_number("the number of a message", number))

    def replay_message(self, number: int) -> list[str]:
        """Have a dead message do what its trigger says now; return the ids of the executions that got it.

        Where rules are asked, those that are active now decide; they may say that it starts many, or nothing. It is a
        dead message no more. The client needs a registry that has the trigger. Raises MessageRefused, which
        says why it still cannot be used, MessageNotFound and UnknownDefinition.
        """
        found = self.dead_message(number)
        decided = self._decided(found)
        if isinstance(decided, Dead):
            raise _refused(found, decided)
        with self._write() as tx:
            # First of all: of two who replay it, the second one finds it gone.
            drop_dead_message(tx, number)
            taken = take_in(tx, [(found.message, decided)], self._announcer.resend_us)
            for _, verdict in taken.dead:
                raise _refused(found, verdict)
        self._announcer.announce(taken.offered)
        return taken.executions

    def drop_message(self, number: int) -> None:
        """Delete a dead message for good. Raises MessageNotFound."""
        with self._write() as tx:
            drop_dead_message(tx, whole_number("the number of a message", number))

    def _decided(self, found: DeadMessage) -> Decision:
        if self.registry is None:
            raise UnknownDefinition(
                f"dead message {found.id} is for the trigger {found.message.trigger!r}, and this client knows no "
                f"triggers: give it a registry, as load_modules makes one"
            )
        trigger = self.registry.trigger(found.message.trigger)
        return decide(trigger, found.message, Means(self.registry, self._bench.judge(), self._limit_bytes))


def _refused(found: DeadMessage, verdict: Dead) -> MessageRefused:
    return MessageRefused(f"dead message {found.id} of {found.message.trigger!r} stays one: {verdict.reason}")
