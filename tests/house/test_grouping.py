"""Tests that run side by side: whoever needs the same broker is in one process."""

from __future__ import annotations

import pytest

from tests.conformance.transports.subjects import PARTLY, RESTARTING, SUBJECTS
from tests.servers.grouping import BROKERS, server_of


@pytest.mark.parametrize(
    "fixtures, parameters, server",
    [
        (["kafka_url", "tmp_path"], [], "kafka"),
        (["outage_subject", "request"], ["redis-crashing"], "redis"),
        (["subject"], ["rabbitmq-classic"], "rabbitmq"),
        (["move", "postgresql_url"], [("azureservicebus", "redis")], "servicebus"),
        (["store_url", "sqlite_url"], ["sqlite", 3, ()], None),
        ([], [], None),
    ],
)
def test_a_broker_that_is_needed_is_known(fixtures: list[str], parameters: list[object], server: str | None) -> None:
    assert server_of(fixtures, parameters) == server


def test_every_transport_that_is_tried_has_its_place() -> None:
    without = {name for name in [*SUBJECTS, *PARTLY, *RESTARTING] if not name.startswith(tuple(BROKERS))}
    assert without == {"memory", "sql-sqlite", "sql-postgresql", "sql-mysql", "sql-postgresql-crashing"}
