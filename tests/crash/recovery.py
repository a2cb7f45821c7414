"""Measuring how soon the work of a worker goes on elsewhere: until the code of its steps is entered again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.crash.fleet import Member
from tests.crash.site import Site
from tests.worker.serving import Entry, wait_until

HELD = 6
"""Steps under way when it happens."""


def taken_over_after(site: Site, what: Callable[[Member], object]) -> float:
    """Do something to a worker that holds steps; return after how long a peer had entered the last of them."""
    while len(site.workers.alive) < 2:
        site.workers.start()
    ids, path = site.start_waiting(HELD)

    def under_way() -> list[Entry]:
        # Whose lease is short may have lost it once already: what counts is the attempt that the store knows.
        claimed = {
            (row[0], row[1])
            for row in site.store.rows("SELECT execution_id, attempt FROM milepost_steps WHERE state = 'claimed'")
        }
        entries = site.trace.entries("waits_for_file")
        found = [entry for entry in entries if (entry.execution_id, entry.attempt) in claimed]
        return found if {entry.execution_id for entry in found} >= set(ids) else []

    entered: list[Entry] = wait_until(under_way, "all steps being under way")
    pid = random.Random().choice(entered).pid
    victim = next(member for member in site.workers.alive if member.pid == pid)
    held = {entry.execution_id: entry.attempt for entry in entered if entry.pid == pid}

    def taken_over() -> dict[str, float]:
        first: dict[str, float] = {}
        for entry in site.trace.entries("waits_for_file"):
            if entry.attempt > held.get(entry.execution_id, entry.attempt):
                first.setdefault(entry.execution_id, entry.at)
        return first if first.keys() == held.keys() else {}

    began = time.monotonic()
    what(victim)
    after = max(wait_until(taken_over, "all steps being taken over").values()) - began
    path.touch()
    for id in ids:
        site.store.result(id)
    victim.kill()
    return after


def figures_of(found: list[float]) -> dict[str, float]:
    """The median, the value that 95 of 100 do not exceed, and the greatest, in seconds."""
    ordered = sorted(found)
    ranks = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    return {name: round(ordered[max(-int(-share * len(ordered) // 1), 1) - 1], 3) for name, share in ranks.items()}
