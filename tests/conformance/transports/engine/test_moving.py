"""A broker is replaced by one of another kind while executions are in flight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.transports.engine.test_end_to_end import CARRIERS, SETTINGS, begin, finish
from tests.conformance.transports.subject import Subject
from tests.conformance.transports.subjects import SUBJECTS
from tests.crash.site import site

MOVES = list(zip(CARRIERS, CARRIERS[1:] + CARRIERS[:1], strict=True))
"""From each kind to the next one."""


@pytest.fixture(params=[pytest.param(move, marks=pytest.mark.servers, id="-to-".join(move)) for move in MOVES])
def move(request: pytest.FixtureRequest) -> Iterator[tuple[Subject, Subject]]:
    before, after = request.param
    with SUBJECTS[before](request) as old, SUBJECTS[after](request) as new:
        try:
            yield old, new
        finally:
            old.close()
            new.close()


def test_work_goes_on_over_another_kind_of_broker(
    move: tuple[Subject, Subject], postgresql_url: str, tmp_path: Path
) -> None:
    old, new = move
    with site(postgresql_url, old.url, tmp_path, SETTINGS) as made:
        made.workers.start(2)
        begin(made)
        # As a rollout does it: workers with the new setting come, those with the old one go.
        first, second = made.workers.alive
        made.workers.start(1, **{"broker.url": new.url})
        first.terminate()
        first.wait()
        made.workers.start(1, **{"broker.url": new.url})
        second.terminate()
        second.wait()
        finish(made)
