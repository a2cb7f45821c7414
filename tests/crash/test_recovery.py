"""How soon the work of a worker goes on that was killed, or stands still: from that moment to the entry of the code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.crash.fleet import Member
from tests.crash.recovery import figures_of, taken_over_after
from tests.crash.site import PATIENCE_SECONDS, SHORT_LEASE, Sites
from tests.worker.serving import wait_until

KILLS, KILLS_OF_THE_SHORT_FORM = 20, 2
STOPS = 5
GENEROUS_SECONDS, GENEROUS_SECONDS_OF_THE_SHORT_FORM = 5.0, 20.0
"""Far beyond what is measured: the machine that runs the tests may be busy."""
LONG_LEASE = {"worker.lease": "1m"}
PROMISED_SECONDS = 1.0
DEFAULT_LEASE_SECONDS = 10.0


def test_after_a_kill(sites: Sites, chaos_seconds: float | None, say: Callable[..., None]) -> None:
    """With default settings in the long form; in the short form, long before the lease runs out."""
    kills = KILLS_OF_THE_SHORT_FORM if chaos_seconds is None else KILLS
    with sites.open(LONG_LEASE if chaos_seconds is None else {}) as site:
        found = [taken_over_after(site, Member.kill) for _ in range(kills)]
        site.check()
    figures = figures_of(found)
    say(test="recovery", what="kill", sites=sites.name, peers="idle", kills=kills, **figures)
    if chaos_seconds is None:
        assert figures["max"] < GENEROUS_SECONDS_OF_THE_SHORT_FORM
    else:
        assert figures["max"] < GENEROUS_SECONDS
        assert figures["p95"] < PROMISED_SECONDS


@pytest.mark.servers
def test_after_a_kill_on_mariadb(mysql_sites: Sites, chaos_seconds: float | None, say: Callable[..., None]) -> None:
    test_after_a_kill(mysql_sites, chaos_seconds, say)


def test_after_a_kill_under_load(sites: Sites, chaos_seconds: float | None, say: Callable[..., None]) -> None:
    if chaos_seconds is None:
        pytest.skip("measured in the long form")
    with sites.open() as site:
        with site.load():
            found = [taken_over_after(site, Member.kill) for _ in range(KILLS)]
        site.store.wait_for_all(PATIENCE_SECONDS)
        site.check()
    figures = figures_of(found)
    say(test="recovery", what="kill", sites=sites.name, peers="loaded", kills=KILLS, **figures)
    assert figures["p95"] < PROMISED_SECONDS


def test_after_a_stop(embedded_sites: Sites, chaos_seconds: float | None, say: Callable[..., None]) -> None:
    """A host that falls silent: its lease has to run out."""
    long = chaos_seconds is not None
    lease = DEFAULT_LEASE_SECONDS if long else 1.0
    with embedded_sites.open({} if long else SHORT_LEASE) as site:
        found = [taken_over_after(site, site.stop_between_transactions) for _ in range(STOPS if long else 1)]
        site.check()
    figures = figures_of(found)
    say(test="recovery", what="stop", sites=embedded_sites.name, lease=lease, stops=len(found), **figures)
    assert figures["max"] < lease + (GENEROUS_SECONDS if long else GENEROUS_SECONDS_OF_THE_SHORT_FORM)


def test_taken_over_work_keeps_its_place(embedded_sites: Sites) -> None:
    """Behind a backlog that came after it, it would wait for all of that once more."""
    with embedded_sites.open({"worker.concurrency": 2}) as site:
        (first,) = site.workers.start()
        early, path = site.start_waiting(2)
        wait_until(lambda: len(site.trace.entries()) == 2, "both steps being under way")
        first.kill()
        for _ in range(20):
            site.client.start("child", n=1)
        path.touch()
        # The backlog is not begun before the first sweep, which takes over what the dead one held.
        site.client.pause_queue("default")
        site.workers.start()
        for id in early:
            site.store.wait_for_step(id, "ready")
        site.client.resume_queue("default")
        site.store.wait_for_all(PATIENCE_SECONDS)
        assert {site.store.step(id).attempt for id in early} == {2}
        claimed = "SELECT {}(s.started_us) FROM milepost_steps s JOIN milepost_executions e ON e.id = s.execution_id "
        last = site.store.rows(claimed.format("max") + "WHERE s.name = 'waits_for_file'")
        first = site.store.rows(claimed.format("min") + "WHERE e.flow = 'child'")
        assert last <= first, "taken over work comes before the backlog"
        site.check()
