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

    def entries(attempt: int) -> list[Entry]:
        found = site.trace.entries("waits_for_file")
        return [entry for entry in found if entry.attempt == attempt and entry.execution_id in ids]

    wait_until(lambda: len(entries(1)) == HELD, "all steps being under way")
    pid = random.Random().choice(entries(1)).pid
    victim = next(member for member in site.workers.alive if member.pid == pid)
    held = {entry.execution_id for entry in entries(1) if entry.pid == pid}
    began = time.monotonic()
    what(victim)
    wait_until(lambda: {entry.execution_id for entry in entries(2)} >= held, "all steps being taken over")
    after = max(entry.at for entry in entries(2)) - began
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
