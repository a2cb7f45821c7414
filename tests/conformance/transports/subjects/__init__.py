"""The transports that the suite is run for. A new one adds a module and a line to ``SUBJECTS``, and no tests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.conformance.transports.subject import Subject
from tests.conformance.transports.subjects import azureservicebus, kafka, kombu, memory, rabbitmq, sql, sqs

SUBJECTS: dict[str, Callable[[pytest.FixtureRequest], AbstractContextManager[Subject]]] = {
    "azureservicebus": azureservicebus.azureservicebus,
    "kafka": kafka.classic,
    "kafka-share": kafka.share,
    "kombu-filesystem": kombu.filesystem,
    "memory": memory.memory,
    "rabbitmq": rabbitmq.quorum,
    "rabbitmq-classic": rabbitmq.classic,
    "redis": kombu.redis,
    "sql-sqlite": sql.sqlite,
    "sql-postgresql": sql.postgresql,
    "sql-mysql": sql.mysql,
    "sqs-elasticmq": sqs.elasticmq,
}
"""Every test of the suite runs for each of these."""

RESTARTING = {"sql-postgresql-crashing": sql.crashing_postgresql, "redis-crashing": kombu.crashing_redis}
"""Only the tests of outages run for these too."""

PARTLY = {"sqs-moto": sqs.moto}
"""Only the tests of these files run for these, whose transport is tried with all tests on another server."""
PARTLY_IN = {"test_broadcasts", "test_mistakes", "test_outages"}
