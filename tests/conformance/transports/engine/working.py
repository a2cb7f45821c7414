"""The work that is under way when something happens, and its end."""

from __future__ import annotations

from typing import Any, NamedTuple

from engine.store.signals import send_signal
from tests.crash.site import APPROVED, Site
from tests.worker.serving import wait_until

PATIENCE_SECONDS = 120.0


class Form(NamedTuple):
    """How much is run, and with which settings."""

    executions: int
    settings: dict[str, Any]
    long: bool


def begin(site: Site, executions: int) -> None:
    """Start executions and then two workers, and return while most of the work is still to be done."""
    handles = site.client.start_many("life", [{"n": number} for number in range(executions)])
    site.lives = {handle.id: number for number, handle in enumerate(handles)}
    # In one transaction: what is known before the first worker comes takes nothing of the time for the work.
    with site.store.database.write() as tx:
        for id in site.lives:
            send_signal(tx, id, "approved", str(APPROVED))
    site.workers.start(2)
    wait_until(lambda: _finished_steps(site) > 2 * executions, "the work being under way", PATIENCE_SECONDS)


def finish(site: Site) -> None:
    """Wait until everything has ended, and see that nothing is missing and nothing was recorded twice."""
    site.store.wait_for_all(PATIENCE_SECONDS)
    for member in site.workers.alive:
        member.terminate()
    for member in site.workers.alive:
        member.wait()
    site.check()


def _finished_steps(site: Site) -> int:
    return int(site.store.rows("SELECT count(*) FROM milepost_steps WHERE state = 'completed'")[0][0])
