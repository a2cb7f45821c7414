"""A broker is replaced by one of another kind while executions are in flight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.transports.engine.carriers import CARRIERS, Carrier, opened
from tests.conformance.transports.engine.going_on import figures, moment
from tests.conformance.transports.engine.working import Form, begin, finish
from tests.crash.site import site

NEXT = {
    "azureservicebus": "redis", "kafka": "sql-postgresql", "kafka-share": "redis", "kombu-filesystem": "rabbitmq",
    "rabbitmq": "kafka", "redis": "sqs-elasticmq", "sql-postgresql": "azureservicebus", "sqs-elasticmq": "rabbitmq",
}  # fmt: skip
"""Where the work of each goes: each server is left once, and come to."""


def _after(before: str) -> str:
    """Return where the work of one goes: to the next of those that are tried, if not all are."""
    return NEXT[before] if NEXT[before] in CARRIERS else CARRIERS[(CARRIERS.index(before) + 1) % len(CARRIERS)]


def _server(name: str) -> str:
    return name.partition("-")[0]


# Two transports over one server would each put a proxy at its one port for proxies.
MOVES = [(before, _after(before)) for before in CARRIERS if _server(_after(before)) != _server(before)]


@pytest.fixture(params=[pytest.param(move, marks=pytest.mark.servers, id="-to-".join(move)) for move in MOVES])
def move(request: pytest.FixtureRequest) -> Iterator[tuple[Carrier, Carrier]]:
    before, after = request.param
    with opened(before, request) as old, opened(after, request) as new:
        yield old, new


def test_work_goes_on_over_another_kind_of_broker(
    move: tuple[Carrier, Carrier], postgresql_url: str, tmp_path: Path, form: Form,
    measured: Callable[[str, str, dict[str, float | None]], None],
) -> None:  # fmt: skip
    old, new = move
    url = new.url(patient=form.long)
    with site(postgresql_url, old.url(patient=form.long), tmp_path, form.settings) as made:
        begin(made, form.executions)
        # As a rollout does it: workers with the new setting come, those with the old one go.
        first, second = made.workers.alive
        made.workers.start(1, **{"broker.url": url})
        first.terminate()
        first.wait()
        made.workers.start(1, **{"broker.url": url})
        second.terminate()
        second.wait()
        since = moment(made)
        finish(made)
        measured(old.name, f"moved to {new.name}", figures(made, since))
