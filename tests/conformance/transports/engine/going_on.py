"""How soon work goes on after something has happened to it, as the store tells it, by the database's clock.

Two figures, in seconds, both from the moment at which it happened:

* ``goes_on_s``: until the first result is recorded that nobody could have recorded without having got over it. After a
  worker's death, that is a step that this worker held, at a later attempt. In all other cases it is a step that became
  ready after that moment and that a message brought to its worker.
* ``made_up_s``: until a result is recorded of each step that was under way then. After a worker's death, these are the
  steps that it held; in all other cases those that were ready, so that a message for each was in the broker or on its
  way.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.crash.fleet import Member
from tests.crash.site import Site
from tests.worker.serving import wait_until

_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
_FINISHED = "SELECT execution_id, seq, attempt, ready_us, finished_us FROM milepost_steps WHERE finished_us IS NOT NULL"


class Moment(NamedTuple):
    """A moment at which something happened."""

    at_us: int
    hit: dict[tuple[str, int], int]
    """The steps that were under way, each with its attempt then."""
    taken_over: bool = False
    """They were held by a worker that is dead."""


def moment(site: Site) -> Moment:
    """Return now, with the steps that are ready."""
    rows = site.store.rows(
        f"SELECT {_NOW} AS now, s.execution_id, s.seq, s.attempt FROM (SELECT 1) AS one "
        "LEFT JOIN milepost_steps s ON s.ready_queue IS NOT NULL"
    )
    return Moment(rows[0].now, {(row.execution_id, row.seq): row.attempt for row in rows if row.seq is not None})


def killed(site: Site, member: Member) -> Moment:
    """Kill a worker while it holds steps; return when, and which."""
    query = (
        f"SELECT {_NOW} AS now, s.execution_id, s.seq, s.attempt FROM milepost_steps s JOIN milepost_workers w "
        "ON w.id = s.owner WHERE s.kind = 'step' AND w.pid = :pid AND w.state = 'alive'"
    )

    def held() -> list[tuple[int, str, int, int]]:
        # What a process holds that stands still, it holds when it dies.
        member.stop()
        if found := site.store.rows(query, pid=member.pid):
            return found
        member.resume()
        if not site.store.rows("SELECT 1 FROM milepost_executions WHERE state = 'running' LIMIT 1"):
            # All was done before this test came to look.
            site.approve(site.start_lives(10))
        return []

    rows = wait_until(held, "the worker holding steps")
    member.kill()
    return Moment(rows[0][0], {(row[1], row[2]): row[3] for row in rows}, taken_over=True)


def figures(site: Site, since: Moment) -> dict[str, float | None]:
    """Return the figures, when everything has ended; None where there was nothing that could tell."""
    finished = {(row[0], row[1]): row for row in site.store.rows(_FINISHED)}
    # A worker that died in the middle of a commit may have recorded what it held.
    hit = [
        finished[step][4] for step, attempt in since.hit.items() if not since.taken_over or finished[step][2] > attempt
    ]
    if since.taken_over:
        proving = hit
    else:
        # A step that its worker kept as it made it was never ready, and needed no message.
        proving = [row[4] for row in finished.values() if row[3] is not None and row[3] > since.at_us]
    return {
        "goes_on_s": _seconds(min(proving, default=None), since),
        "made_up_s": _seconds(max(hit, default=None), since),
        "all_ended_s": _seconds(max(row[4] for row in finished.values()), since),
    }


def _seconds(at_us: int | None, since: Moment) -> float | None:
    return None if at_us is None else round((at_us - since.at_us) / 1_000_000, 2)
