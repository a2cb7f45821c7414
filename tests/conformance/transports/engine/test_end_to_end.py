"""The engine over each broker: whatever happens to workers, messages and broker, all work ends, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.messaging import Broker
from engine.model.work import ANY_ATTEMPT, Pointer
from tests.conformance.transports.engine.carriers import Carrier
from tests.conformance.transports.engine.going_on import Moment, figures, killed, moment
from tests.conformance.transports.engine.working import Form, begin, finish
from tests.crash.site import Site, site

Happening = Callable[[Site, Carrier], Moment]


def nothing(site: Site, _carrier: Carrier) -> Moment:
    """All goes well."""
    return moment(site)


def a_worker_is_killed(site: Site, _carrier: Carrier) -> Moment:
    since = killed(site, site.workers.alive[0])
    site.workers.start()
    return since


def the_broker_is_restarted(site: Site, carrier: Carrier) -> Moment:
    """Its process ends, and comes back with what it keeps on disk; in the meantime it refuses connections."""
    with carrier.away():
        since = moment(site)
        carrier.restart()
    return since


def the_broker_forgets_everything(site: Site, carrier: Carrier) -> Moment:
    since = moment(site)
    carrier.wipe()
    return since


def messages_are_doubled(site: Site, carrier: Carrier) -> Moment:
    """Also those of steps that are finished, or that others are at."""
    rows = site.store.rows("SELECT execution_id, seq, attempt, queue, priority FROM milepost_steps WHERE kind = 'step'")
    since = moment(site)
    broker = Broker(site.broker)
    try:
        for id, seq, attempt, queue, priority in rows:
            broker.publish([Pointer(id, seq, named, queue, priority) for named in (attempt, 0, ANY_ATTEMPT)])
    finally:
        broker.close()
    return since


HAPPENINGS: list[Happening] = [
    nothing,
    a_worker_is_killed,
    the_broker_is_restarted,
    the_broker_forgets_everything,
    messages_are_doubled,
]


@pytest.mark.parametrize("happening", HAPPENINGS, ids=lambda happening: happening.__name__)
def test_11_everything_ends_once_whatever_happens(
    carrier: Carrier, happening: Happening, postgresql_url: str, tmp_path: Path, form: Form,
    measured: Callable[[str, str, dict[str, float | None]], None],
) -> None:  # fmt: skip
    if happening is nothing and not form.long:
        pytest.skip("the long form measures it; until something happens, all the others go well too")
    with site(postgresql_url, carrier.url(patient=form.long), tmp_path, form.settings) as made:
        begin(made, form.executions)
        since = happening(made, carrier)
        finish(made)
        measured(carrier.name, happening.__name__, figures(made, since))
