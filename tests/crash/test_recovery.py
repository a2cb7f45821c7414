"""How soon the work of a worker goes on that was killed, or stands still: from that moment to the entry of the code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.crash.fleet import Member
from tests.crash.recovery import figures_of, taken_over_after
from tests.crash.site import SHORT_LEASE, Sites
from tests.worker.serving import wait_until

KILLS, KILLS_OF_THE_SHORT_FORM = 20, 2
STOPS = 5
GENEROUS_SECONDS = 5.0
"""Far beyond what is measured: the machine that runs the tests may be busy."""
PROMISED_SECONDS = 1.0
DEFAULT_LEASE_SECONDS = 10.0


def test_after_a_kill(sites: Sites, chaos_seconds: float | None, say: Callable[..., None]) -> None:
    """With default settings."""
    kills = KILLS_OF_THE_SHORT_FORM if chaos_seconds is None else KILLS
    with sites.open() as site:
        found = [taken_over_after(site, Member.kill) for _ in range(kills)]
        site.check()
    figures = figures_of(found)
    say(test="recovery", what="kill", sites=sites.name, peers="idle", kills=kills, **figures)
    assert figures["max"] < GENEROUS_SECONDS
    if chaos_seconds is not None:
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
        site.store.wait_for_all(60)
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
    assert figures["max"] < lease + GENEROUS_SECONDS


def test_taken_over_work_keeps_its_place(embedded_sites: Sites) -> None:
    """Behind a backlog that came after it, it would wait for all of that once more."""
    with embedded_sites.open({"worker.concurrency": 2}) as site:
        (first,) = site.workers.start()
        early, path = site.start_waiting(2)
        wait_until(lambda: len(site.trace.entries()) == 2, "both steps being under way")
        first.kill()
        for _ in range(100):
            site.client.start("child", n=1)
        path.touch()
        site.workers.start()
        for id in early:
            site.store.result(id)
        site.store.wait_for_all()
        order = [entry.step for entry in site.trace.entries()]
        again = [index for index, name in enumerate(order) if name == "waits_for_file"][2:]
        # The new worker may begin with the backlog: it takes over what the dead one held with its first sweep.
        assert len(again) == 2
        assert max(again) < len(order) - 50, f"taken over work came at places {again} of {len(order)}"
        site.check()
