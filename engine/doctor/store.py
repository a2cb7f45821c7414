"""Looking at the store: is it there, is it the right one, may it be written to, and how far away is it."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import false
from sqlalchemy.exc import DBAPIError

from engine.doctor.findings import Finding, Verdict
from engine.errors import MilepostError, SchemaMismatch
from engine.store.migrations.revisions import refuse_other, revision_of
from engine.store.query import queue_depths
from engine.store.schema import metadata
from engine.store.workers import living_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from engine.store.database import Database

PART = "store"
SAMPLES = 5
SLOW_SECONDS = 0.02
"""Beyond this, a flow of ten steps takes a second and more."""
MOST_OFFSET_SECONDS = 1.0


def look_at_store(database: Database) -> Iterator[Finding]:
    """Check the store. Ends early where later checks would only say the same."""
    if (path := _missing_file(database)) is not None:
        yield Finding(
            PART, "reachable", Verdict.DOUBTFUL, f"there is no file {path} yet",
            "start a worker or an execution to make it, or mend store.url",
        )  # fmt: skip
        return
    try:
        with database.connection() as connection:
            yield Finding(PART, "reachable", Verdict.GOOD, f"{database.url!r} answers")
            yield _round_trip(connection)
            yield _clock(database, connection)
    except MilepostError as error:
        yield Finding(
            PART, "reachable", Verdict.BAD, str(error),
            "see that the server runs, that its address, user and password in store.url are right, and that nothing "
            "between here and there blocks its port",
        )  # fmt: skip
        return
    tables = _tables(database)
    yield tables
    if tables.verdict != Verdict.BAD:
        yield _rights(database)


def _missing_file(database: Database) -> Path | None:
    """Return the file of an SQLite store that is not there: looking for it would make it."""
    name = database.url.database
    if database.dialect.name != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
        return None
    return None if Path(name).exists() else Path(name).resolve()


def look_at_workers(database: Database) -> Iterator[Finding]:
    """Check that somebody serves the queues on which something waits."""
    with database.read() as tx:
        alive = [worker for worker in living_workers(tx) if worker.expires_us > tx.now_us]
        depths = [depth for depth in queue_depths(tx) if depth.ready]
    served = {queue for worker in alive for queue in worker.queues}
    hosts = len({worker.host for worker in alive})
    yield Finding(
        "workers", "alive", Verdict.GOOD if alive else Verdict.DOUBTFUL,
        f"{len(alive)} on {hosts} host{'s' * (hosts != 1)}" if alive else "no worker is running",
        "" if alive else "start one with engine-worker, or see in its log why it ended",
    )  # fmt: skip
    for depth in depths:
        if alive and depth.name not in served:
            yield Finding(
                "workers", f"queue {depth.name!r}", Verdict.BAD,
                f"{depth.ready} steps are ready, and no worker serves it",
                f"start a worker with --queues {depth.name}",
            )  # fmt: skip


def _round_trip(connection: Connection) -> Finding:
    seconds = round_trip(lambda: connection.exec_driver_sql("SELECT 1").scalar())
    slow = seconds > SLOW_SECONDS
    return Finding(
        PART, "round trip", Verdict.DOUBTFUL if slow else Verdict.GOOD, f"{seconds * 1000:.1f} ms",
        "each step takes several: run workers near the database" if slow else "",
    )  # fmt: skip


def _clock(database: Database, connection: Connection) -> Finding:
    before = time.time()  # noqa: TID251 - this host's clock is what is compared
    there = database.dialect.now(connection) / 1e6
    offset = there - (before + time.time()) / 2  # noqa: TID251
    apart = abs(offset) > MOST_OFFSET_SECONDS
    return Finding(
        PART, "clock", Verdict.DOUBTFUL if apart else Verdict.GOOD,
        f"{abs(offset) * 1000:.0f} ms {'ahead of' if offset > 0 else 'behind'} this host",
        "only the database's clock decides about timers and leases, so nothing breaks; but times in logs will not "
        "agree: let a time service set both" if apart else "",
    )  # fmt: skip


def _tables(database: Database) -> Finding:
    try:
        found = revision_of(database)
        if found is None:
            raise SchemaMismatch("the tables are not there yet: run 'engine migrate' once")
        refuse_other(found)
    except MilepostError as error:
        return Finding(PART, "tables", Verdict.BAD, str(error), "engine migrate")
    return Finding(PART, "tables", Verdict.GOOD, f"revision {found}")


def _rights(database: Database) -> Finding:
    """Whether rows of every table may be read, written and deleted. Nothing is: no row has these conditions."""
    try:
        with database.write() as tx:
            connection = tx.connection
            for table in metadata.sorted_tables:
                column = next(iter(table.columns))
                connection.execute(table.update().where(false()).values({column: column}))
                connection.execute(table.delete().where(false()))
                nothing = table.select().where(false())
                connection.execute(table.insert().from_select([each.name for each in table.columns], nothing))
    except DBAPIError as error:
        return Finding(
            PART, "rights", Verdict.BAD, f"the user may not write: {database.dialect.message_of(error)}",
            "grant SELECT, INSERT, UPDATE and DELETE on the tables milepost_* to the user of store.url",
        )  # fmt: skip
    except MilepostError as error:
        return Finding(PART, "rights", Verdict.BAD, str(error), "see that the database takes writes")
    return Finding(PART, "rights", Verdict.GOOD, f"all {len(metadata.sorted_tables)} tables may be written")


def round_trip(ask: Callable[[], object]) -> float:
    """Return the median of the seconds that a question takes; the first one, which may connect, does not count."""
    ask()
    seconds: list[float] = []
    for _ in range(SAMPLES):
        before = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - before)
    return statistics.median(seconds)
