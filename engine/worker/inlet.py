"""Where messages of other programs go in: the store, and word of the steps that are ready by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from engine.errors import StoreUnavailable
from engine.messaging.intake import dead
from engine.store.intake import take_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.model.messages import Decision, Received
    from engine.model.work import Pointer
    from engine.store.database import Database

log = structlog.get_logger(__name__)


class Inlet:
    """Records what messages do. Used by several threads."""

    def __init__(
        self, database: Database, announce: Callable[[Sequence[Pointer]], None], resend_us: int | None
    ) -> None:
        self._database = database
        self._announce = announce
        self._resend_us = resend_us

    def take_in(self, batch: Sequence[tuple[Received, Decision]]) -> set[int]:
        """Record a batch; return the places of those that cannot be recorded in any way, and must not be acknowledged.

        Raises StoreUnavailable; recording the same batch again then changes nothing that is recorded already.
        """
        try:
            self._record(batch)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the database has against one of them, the others go on
            if len(batch) > 1:
                return {place for place, one in enumerate(batch) if self.take_in([one])}
            return self._bury(batch[0][0], error)
        return set()

    def _bury(self, message: Received, error: Exception) -> set[int]:
        try:
            self._record([(message, dead(f"the store refused it: {error}"))])
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("a message can neither be used nor recorded", trigger=message.trigger, id=message.info.id)
            return {0}
        return set()

    def _record(self, batch: Sequence[tuple[Received, Decision]]) -> None:
        with self._database.write() as tx:
            taken = take_in(tx, batch, self._resend_us)
        if taken.offered:
            self._announce(taken.offered)
        for message, verdict in taken.dead:
            log.warning("dead message", trigger=message.trigger, message=message.info.id, reason=verdict.reason)
