"""The engine over each broker: whatever happens to workers, messages and broker, all work ends, and nothing twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.messaging import Broker
from engine.model.work import ANY_ATTEMPT, Pointer
from tests.conformance.transports.chosen import chosen
from tests.conformance.transports.subject import Subject
from tests.conformance.transports.subjects import SUBJECTS
from tests.crash.site import Site, site
from tests.worker.serving import wait_until

LEFT_OUT = {"memory", "rabbitmq-classic", "sql-sqlite", "sql-mysql"}
"""Transports that worker processes cannot meet over, and all but one of those over the same kind of broker."""
CARRIERS = [name for name in chosen(SUBJECTS) if name not in LEFT_OUT]
EXECUTIONS = 40
PATIENCE_SECONDS = 120.0
SETTINGS = {"worker.concurrency": 20, "broker.resend_after": "2s"}
AWAY_SECONDS = 1.0


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.servers) for name in CARRIERS])
def carrier(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """A transport that worker processes meet over, on a broker that is fresh for this test."""
    with SUBJECTS[request.param](request) as subject:
        try:
            yield subject
        finally:
            subject.close()


Happening = Callable[[Site, Subject], None]


def nothing(_site: Site, _carrier: Subject) -> None:
    """All goes well."""


def a_worker_is_killed(site: Site, _carrier: Subject) -> None:
    site.workers.alive[0].kill()
    site.workers.start()


def the_broker_is_away(_site: Site, carrier: Subject) -> None:
    with carrier.outages[0].during():
        threading.Event().wait(AWAY_SECONDS)


def the_broker_forgets_everything(_site: Site, carrier: Subject) -> None:
    carrier.wipe()


def messages_are_doubled(site: Site, carrier: Subject) -> None:
    """Also those of steps that are finished, or that others are at."""
    rows = site.store.rows("SELECT execution_id, seq, attempt, queue, priority FROM milepost_steps WHERE kind = 'step'")
    broker = Broker(carrier.url)
    try:
        for id, seq, attempt, queue, priority in rows:
            broker.publish([Pointer(id, seq, named, queue, priority) for named in (attempt, 0, ANY_ATTEMPT)])
    finally:
        broker.close()


HAPPENINGS: list[Happening] = [
    nothing,
    a_worker_is_killed,
    the_broker_is_away,
    the_broker_forgets_everything,
    messages_are_doubled,
]


@pytest.mark.parametrize("happening", HAPPENINGS, ids=lambda happening: happening.__name__)
def test_11_everything_ends_once_whatever_happens(
    carrier: Subject, happening: Happening, postgresql_url: str, tmp_path: Path
) -> None:
    with site(postgresql_url, carrier.url, tmp_path, SETTINGS) as made:
        made.workers.start(2)
        begin(made)
        happened_at = time.monotonic()
        happening(made, carrier)
        finish(made)
        print(f"all had ended {time.monotonic() - happened_at:.2f} s after {happening.__name__}")


def begin(site: Site) -> None:
    """Start executions, and return while most of their work is still to be done."""
    site.approve(site.start_lives(EXECUTIONS))
    wait_until(lambda: finished_steps(site) > 2 * EXECUTIONS, "the work being under way")


def finish(site: Site) -> None:
    site.store.wait_for_all(PATIENCE_SECONDS)
    for member in site.workers.alive:
        member.terminate()
    for member in site.workers.alive:
        member.wait()
    site.check()


def finished_steps(site: Site) -> int:
    return int(site.store.rows("SELECT count(*) FROM milepost_steps WHERE state = 'completed'")[0][0])
