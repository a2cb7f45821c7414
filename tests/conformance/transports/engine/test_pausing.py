"""Queues are paused and resumed over each broker: peers hear of it, and no message that is lost meanwhile is missed."""

from __future__ import annotations

import time
from pathlib import Path

from engine.worker.peers import LOOK_SECONDS
from tests.conformance.transports.engine.carriers import Carrier
from tests.conformance.transports.engine.working import Form, begin, finish
from tests.crash.site import Site, site
from tests.worker.serving import wait_until

BEGUN = "SELECT count(*) FROM milepost_steps WHERE attempt > 0 AND execution_id = :id"


OWNED = "SELECT 1 FROM milepost_steps WHERE owner > 0 LIMIT 1"


def wait_for_rest(site: Site) -> None:
    """Wait until nobody has run anything for longer than it takes to find out about a pause by oneself."""
    busy_at = time.monotonic()

    def rests() -> bool:
        nonlocal busy_at
        if site.store.rows(OWNED):
            busy_at = time.monotonic()
        return time.monotonic() - busy_at > LOOK_SECONDS + 0.5

    wait_until(rests, "the end of what runs")


def test_work_rests_while_its_queue_is_paused_and_goes_on_though_the_broker_was_wiped(
    carrier: Carrier, postgresql_url: str, tmp_path: Path, form: Form
) -> None:
    with site(postgresql_url, carrier.url(patient=form.long), tmp_path, form.settings) as made:
        begin(made, form.executions)
        made.client.pause_queue("default")
        wait_for_rest(made)
        ids = made.start_lives(form.executions // 4)
        carrier.wipe()
        wait_for_rest(made)
        assert [made.store.rows(BEGUN, id=id) for id in ids] == [[(0,)]] * len(ids)
        made.client.resume_queue("default")
        made.approve(ids)
        finish(made)
