"""A worker that dies or stands still at each place in the life of a step: others finish its work, and once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.crash.failpoints import BEGUN, BROKER_POINTS, STORE_POINTS
from tests.crash.site import PATIENCE_SECONDS, SHORT_LEASE, Sites
from tests.worker.serving import wait_until

LIVES = 3
NARROW = {"worker.concurrency": 2}
"""Less than there is to do, so that some of it is offered to others."""
AT_ONCE = 4
"""Most of the time of each is waiting."""
STANDSTILL_SECONDS = 1.3
"""Longer than the lease."""
STOPS_OF_THE_SHORT_FORM = ("after-claim", "in-commit", "after-commit", "in-record", "before-acknowledge")


def at_each_point(
    sites: Sites, subtests: pytest.Subtests, what: Callable[[Sites, str], None], among: Sequence[str] | None = None
) -> None:
    there = STORE_POINTS + (BROKER_POINTS if sites.queue == "broker" else ())
    points = [point for point in there if among is None or point in among]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        tried = {point: threads.submit(what, sites, point) for point in points}
    for point, done in tried.items():
        with subtests.test(point):
            done.result()


def test_killed(sites: Sites, subtests: pytest.Subtests) -> None:
    at_each_point(sites, subtests, killed_at)


def test_stopped(sites: Sites, subtests: pytest.Subtests, chaos_seconds: float | None) -> None:
    """What comes back after its peers have finished everything changes nothing (I4), and begins nothing (I6)."""
    at_each_point(sites, subtests, stopped_at, STOPS_OF_THE_SHORT_FORM if chaos_seconds is None else None)


@pytest.mark.servers
def test_stopped_on_mariadb(mysql_sites: Sites, subtests: pytest.Subtests, chaos_seconds: float | None) -> None:
    """The server ends a transaction that lies idle, but not before ten seconds: for the long form."""
    if chaos_seconds is None:
        pytest.skip("tried in the long form")
    at_each_point(mysql_sites, subtests, stopped_at)


def killed_at(sites: Sites, point: str) -> None:
    with sites.open(NARROW) as site:
        ids = site.start_lives(LIVES)
        site.approve(ids[: LIVES // 2])
        victim, fired = site.start_with_failpoint(f"{point}:2:kill")
        assert victim.wait(PATIENCE_SECONDS) == -signal.SIGKILL, victim.log.read_text()
        assert fired.read_text() == f"{point} 2 {victim.pid}\n"
        site.workers.start()
        site.approve(ids[LIVES // 2 :])
        site.store.wait_for_all(PATIENCE_SECONDS)
        site.check()


def stopped_at(sites: Sites, point: str) -> None:
    with sites.open(NARROW | SHORT_LEASE) as site:
        site.limit_idle_transactions()
        ids = site.start_lives(LIVES)
        site.approve(ids)
        victim, fired = site.start_with_failpoint(f"{point}:2:stop")
        wait_until(
            lambda: victim.stopped or victim.exit_code is not None, "the worker standing still", PATIENCE_SECONDS
        )
        assert fired.read_text() == f"{point} 2 {victim.pid}\n"
        (old,) = site.identities_of(victim)
        if site.locked_files():
            # The one write lock of SQLite is the stopped process's, and nobody else can do anything but wait.
            site.workers.start(ready=False)
            threading.Event().wait(STANDSTILL_SECONDS)
            victim.resume()
            site.store.wait_for_all(PATIENCE_SECONDS)
            site.check()
            return
        (peer,) = site.workers.start()
        site.store.wait_for_all(PATIENCE_SECONDS)
        wait_until(lambda: not site.identities_of(victim), "it being declared dead")
        site.check()
        before, entries = site.steps(), len(site.trace.entries())
        # Any of its threads may have been stopped between its look at the lease and the step's code.
        entering = fired.with_suffix(BEGUN).read_text().splitlines()
        victim.resume()
        wait_until(lambda: site.identities_of(victim) > [old], "it coming back under a new identity")
        assert site.steps() == before
        late = [f"{entry.execution_id} {entry.seq} {entry.attempt}" for entry in site.trace.entries()[entries:]]
        assert [one for one in late if one not in entering] == [], "no code runs of steps whose results are recorded"
        peer.kill()
        site.approve(site.start_lives(1))
        site.store.wait_for_all(PATIENCE_SECONDS)
        site.check()


def test_steps_that_were_taken_over_are_not_begun(embedded_sites: Sites) -> None:
    """I6: a worker that stood still for longer than its lease held steps that it had not begun."""
    with embedded_sites.open(SHORT_LEASE) as site:
        (zombie,) = site.workers.start(**{"worker.threads": 1})
        ids, path = site.start_waiting(4)
        wait_until(lambda: site.owned_by(zombie) == 4, "all steps being claimed")
        wait_until(site.trace.entries, "one of them being under way")
        (old,) = site.identities_of(zombie)
        site.stop_between_transactions(zombie)
        site.workers.start()
        path.touch()
        for id in ids:
            site.store.result(id)
        entries = len(site.trace.entries())
        zombie.resume()
        wait_until(lambda: site.identities_of(zombie) > [old], "it coming back under a new identity")
        assert site.trace.entries()[entries:] == [], "no code runs of steps whose results are recorded"
        site.check()
