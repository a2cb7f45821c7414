"""Workers that are killed and stopped at random moments under load, again and again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from tests.crash.fleet import Member
from tests.crash.site import PATIENCE_SECONDS, SHORT_LEASE, Site, Sites

SHORT_FORM_SECONDS = 4.0
ROUND_SECONDS = 20.0
"""In the long form, after so long everything is checked, and goes on with an empty store."""
WORKERS = 3
LONGEST_STOP_SECONDS = 2.0
"""Longer than the lease, and shorter than what a writer waits for SQLite's lock."""


def test_everything_finishes_whatever_is_killed(
    sites: Sites, seed: int, chaos_seconds: float | None, say: Callable[..., None]
) -> None:
    rounds = 1 if chaos_seconds is None else max(int(chaos_seconds / ROUND_SECONDS), 1)
    seconds = SHORT_FORM_SECONDS if chaos_seconds is None else min(chaos_seconds, ROUND_SECONDS)
    for number in range(rounds):
        # Each round by itself can be had again: as the first one with its seed.
        say(test="chaos", sites=sites.name, round=number, MILEPOST_TEST_SEED=seed + number)
        with sites.open(SHORT_LEASE | {"worker.concurrency": 20}) as site:
            site.limit_idle_transactions()
            chaos = Chaos(site, random.Random(seed + number))
            with site.load():
                chaos.reign(seconds)
                # Now, as somebody who is stopped may hold the lock that the load waits for.
                chaos.end()
            site.store.wait_for_all(PATIENCE_SECONDS)
            site.check()
            attempts, steps = len(site.trace.entries()), len(site.steps())
            say(executions=len(site.lives), steps=steps, attempts=attempts, **chaos.done)


class Chaos:
    """Chooses what happens to which worker, and when."""

    def __init__(self, site: Site, rnd: random.Random) -> None:
        self._site = site
        self._rnd = rnd
        self._stopped: dict[Member, float] = {}
        self.done = {"kills": 0, "stops": 0, "starts": 0}

    def reign(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        pause = threading.Event()
        self._start(WORKERS)
        while time.monotonic() < ends:
            pause.wait(self._rnd.uniform(0.02, 0.4))
            self._resume(until=time.monotonic())
            victim = self._rnd.choice(self._site.workers.alive)
            if self._rnd.random() < 0.5:
                victim.kill()
                self._stopped.pop(victim, None)
                self.done["kills"] += 1
                # One that was stopped while it registered may have ended by itself: it had lost its session.
                self._start(WORKERS - len(self._site.workers.alive))
            elif victim not in self._stopped:
                victim.stop()
                self._stopped[victim] = time.monotonic() + self._rnd.uniform(0.0, LONGEST_STOP_SECONDS)
                self.done["stops"] += 1

    def end(self) -> None:
        """Let everything run that is there."""
        self._resume(until=float("inf"))
        self._start(WORKERS - len(self._site.workers.alive))

    def _start(self, count: int) -> None:
        self._site.workers.start(count, ready=False)
        self.done["starts"] += count

    def _resume(self, until: float) -> None:
        for member in [member for member, when in self._stopped.items() if when <= until]:
            del self._stopped[member]
            member.resume()
