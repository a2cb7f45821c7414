"""A worker that dies while it tells another program something: the message comes, each time with the same id."""

from __future__ import annotations

import json
import signal
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.crash.failpoints import MAIL_POINTS
from tests.crash.site import PATIENCE_SECONDS, Sites
from tests.worker.receiver import QUEUE, receiver

TOLD = 4
NARROW = {"worker.concurrency": 2}
POINTS = (*MAIL_POINTS, "in-transaction", "in-record", "after-record")


def test_a_worker_dies_and_no_message_is_lost(sites: Sites, subtests: pytest.Subtests, tmp_path: Path) -> None:
    with ThreadPoolExecutor(len(POINTS)) as threads:
        tried = {point: threads.submit(killed_at, sites, point, tmp_path / f"{point}.db") for point in POINTS}
    for point, done in tried.items():
        with subtests.test(point):
            done.result()


def killed_at(sites: Sites, point: str, file: Path) -> None:
    shop = f"sql+sqlite:///{file}"
    with receiver(shop) as there, sites.open(NARROW | {"brokers.shop": shop}) as site:
        started = [site.client.start("tells", url=f"broker://shop/{QUEUE}", n=n).id for n in range(TOLD)]
        victim, fired = site.start_with_failpoint(f"{point}:2:kill")
        assert victim.wait(PATIENCE_SECONDS) == -signal.SIGKILL, victim.log.read_text()
        assert fired.read_text() == f"{point} 2 {victim.pid}\n"
        site.workers.start()
        site.store.wait_for_all(PATIENCE_SECONDS)
        site.check()
        ids = {id: n for n, execution in enumerate(started) for id in site.store.result(execution)}
        messages = there.take(len(ids)) + there.rest()
    told: dict[str | None, list[int]] = defaultdict(list)
    for message in messages:
        told[message.id].append(json.loads(message.body))
    assert {id: set(numbers) for id, numbers in told.items()} == {id: {n} for id, n in ids.items()}
    if point == "after-mail":
        assert len(messages) > len(ids), "what was sent and not recorded is sent again"
