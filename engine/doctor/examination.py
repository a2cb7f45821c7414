"""The examination: every check, in the order in which they depend on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.doctor.broker import look_at_broker
from engine.doctor.findings import Finding, Verdict
from engine.doctor.foreign import look_at_foreign
from engine.doctor.store import look_at_store, look_at_workers
from engine.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.config import Settings


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at the store, the broker, those of other programs and the workers; findings come as they are made.

    Raises ConfigError where the store's URL cannot be used at all.
    """
    database = Database(settings.store.url.reveal(), **settings.store.pool_options)
    try:
        sound = True
        for finding in look_at_store(database):
            # A file that is not there yet has no tables to look at either.
            sound = sound and (finding.verdict == Verdict.GOOD or finding.check != "reachable")
            sound = sound and finding.verdict != Verdict.BAD
            yield finding
        yield from look_at_broker(settings)
        yield from look_at_foreign(settings)
        if sound:
            yield from look_at_workers(database)
    finally:
        database.close()
