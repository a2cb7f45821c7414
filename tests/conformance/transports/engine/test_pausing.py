"""Queues are paused and resumed over each broker: peers hear of it, and no message that is lost meanwhile is missed."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from engine.worker.peers import LOOK_SECONDS
from tests.conformance.transports.engine.carriers import Carrier
from tests.conformance.transports.engine.working import Form, begin, finish
from tests.crash.site import Site, site
from tests.worker.serving import wait_until

BEGUN = "SELECT count(*) FROM milepost_steps WHERE attempt > 0 AND execution_id = :id"
HEARD = "paused queues"
"""What a worker logs once it takes nothing more from them."""
OWNED = "SELECT 1 FROM milepost_steps WHERE owner > 0 LIMIT 1"
REST_SECONDS = 1.0
LONG_REST_SECONDS = LOOK_SECONDS + 0.5
"""Longer than it takes to send messages again, or to look for pauses by oneself."""


def wait_for_rest(site: Site) -> None:
    """Wait until nobody has run anything for a while: what was claimed as the pause was heard of is run too."""
    busy_at = time.monotonic()

    def rests() -> bool:
        nonlocal busy_at
        if site.store.rows(OWNED):
            busy_at = time.monotonic()
        return time.monotonic() - busy_at > REST_SECONDS

    wait_until(rests, "the end of what runs")


def test_work_rests_while_its_queue_is_paused_and_goes_on_though_the_broker_was_wiped(
    carrier: Carrier, postgresql_url: str, tmp_path: Path, form: Form
) -> None:
    with site(postgresql_url, carrier.url(patient=form.long), tmp_path, form.settings) as made:
        begin(made, form.executions)
        made.client.pause_queue("default")
        wait_until(lambda: all(HEARD in member.log.read_text() for member in made.workers.alive), "all hearing of it")
        wait_for_rest(made)
        ids = made.start_lives(form.executions // 4)
        carrier.wipe()
        threading.Event().wait(LONG_REST_SECONDS)
        assert [made.store.rows(BEGUN, id=id) for id in ids] == [[(0,)]] * len(ids)
        made.client.resume_queue("default")
        made.approve(ids)
        finish(made)
