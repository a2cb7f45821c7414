"""Workers that the network cuts off from PostgreSQL: nothing is refused or reset, it just falls silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import make_url

from tests.crash.recovery import figures_of
from tests.crash.site import PATIENCE_SECONDS, SHORT_LEASE, Site, Sites
from tests.crash.stalling import StallingProxy
from tests.worker.serving import wait_until

pytestmark = pytest.mark.servers
LEASE_SECONDS, DEFAULT_LEASE_SECONDS = 1.0, 10.0
GENEROUS_SECONDS, GENEROUS_SECONDS_OF_THE_SHORT_FORM = 8.0, 20.0
"""Beyond what is measured; the short form is run where it may share its machine with anything."""


@contextmanager
def proxied(site: Site) -> Iterator[tuple[StallingProxy, dict[str, str]]]:
    """A proxy before the site's server, and the settings of a worker that reaches everything through it."""
    url = make_url(site.url)
    assert url.host is not None
    assert url.port is not None
    proxy = StallingProxy(url.host, url.port)
    through = url.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
    settings = {"store.url": through}
    if site.broker is not None:
        settings["broker.url"] = f"sql+{through}"
    try:
        yield proxy, settings
    finally:
        proxy.close()


def test_between_transactions(postgresql_sites: Sites, chaos_seconds: float | None, say: Callable[..., None]) -> None:
    """What it runs goes on at peers once its lease has run out."""
    long = chaos_seconds is not None
    lease = DEFAULT_LEASE_SECONDS if long else LEASE_SECONDS
    with postgresql_sites.open({} if long else SHORT_LEASE) as site, proxied(site) as (proxy, settings):
        if not long:
            # It may be cut off in the middle of a heartbeat's transaction.
            site.limit_idle_transactions()
        (victim,) = site.workers.start(**settings)
        ids, path = site.start_waiting(4)
        wait_until(lambda: len(site.trace.entries()) == 4, "all steps being under way")
        (old,) = site.identities_of(victim)
        site.workers.start()
        began = time.monotonic()
        with proxy.stalled():
            wait_until(lambda: len(site.trace.entries()) == 8, "all steps being taken over")
            taken_over = [entry.at - began for entry in site.trace.entries() if entry.pid != victim.pid]
            path.touch()
            for id in ids:
                site.store.result(id)
            before = site.steps()
        wait_until(lambda: site.identities_of(victim) > [old], "it coming back under a new identity")
        assert site.steps() == before, "it changed nothing (I4)"
        site.check()
    figures = figures_of(taken_over)
    say(test="recovery", what="cut off", sites=postgresql_sites.name, lease=lease, **figures)
    assert figures["max"] < lease + (GENEROUS_SECONDS if long else GENEROUS_SECONDS_OF_THE_SHORT_FORM)


@pytest.mark.parametrize("point", ["in-commit", "in-record"])
def test_in_the_middle_of_a_transaction(
    postgresql_sites: Sites, point: str, chaos_seconds: float | None, say: Callable[..., None]
) -> None:
    """It has locked rows, and peers do not wait for ever: the server ends what lies idle."""
    long = chaos_seconds is not None
    narrow = {"worker.concurrency": 4}
    with postgresql_sites.open(narrow | ({} if long else SHORT_LEASE)) as site, proxied(site) as (proxy, settings):
        if not long:
            site.limit_idle_transactions()
        site.approve(site.start_lives(8))
        victim, fired = site.start_with_failpoint(f"{point}:3:hold", **settings)
        wait_until(fired.exists, "the middle of a transaction")
        (old,) = site.identities_of(victim)
        began = time.monotonic()
        with proxy.stalled():
            # The COMMIT does not arrive.
            fired.with_suffix(".go").touch()
            site.workers.start()
            site.store.wait_for_all(PATIENCE_SECONDS)
            finished = time.monotonic() - began
            wait_until(lambda: not site.identities_of(victim), "it being declared dead")
            before = site.steps()
        wait_until(lambda: site.identities_of(victim) > [old], "it coming back under a new identity")
        assert site.steps() == before, "it changed nothing (I4)"
        site.check()
    lease = DEFAULT_LEASE_SECONDS if long else LEASE_SECONDS
    say(test="recovery", what=f"cut off {point}", sites=postgresql_sites.name, lease=lease, all_finished=finished)
    assert finished < lease + (GENEROUS_SECONDS if long else GENEROUS_SECONDS_OF_THE_SHORT_FORM)


def test_code_of_a_transactional_step_may_take_its_time(postgresql_sites: Sites) -> None:
    """Its transaction lies idle for longer than those of the engine may."""
    with postgresql_sites.open() as site:
        site.limit_idle_transactions()
        site.workers.start()
        # At whatever attempt: around that code its worker may stand still for too long itself.
        assert site.store.result(site.client.start("unhurried", seconds=1.6).id) >= 1
        limit = site.store.rows("SELECT current_setting('idle_in_transaction_session_timeout')")
        assert limit == [("10s",)], "sessions from before the change keep the engine's own limit"
        site.check()
