"""Waiting for executions to end, and finding out if they did not end well."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.harness.cluster import Cluster
from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.places import Place

POLL_SECONDS = 0.025
_UNFINISHED = "SELECT id FROM milepost_executions WHERE state = 'running' LIMIT 1"
_UNWELL = "SELECT id, state, error FROM milepost_executions WHERE state NOT IN ('running', 'completed') LIMIT 1"
_REPEATED = "SELECT count(*) FROM milepost_steps WHERE attempt > 1 AND seq > 0"


def wait_until_ended(place: Place, cluster: Cluster, timeout: float) -> None:
    """Wait until nothing is running any more. Raises BenchmarkError if anything ended otherwise than completed."""

    def ended() -> bool:
        with place.database.read() as tx:
            return tx.connection.exec_driver_sql(_UNFINISHED).first() is None

    wait_until(ended, "the end of all executions", cluster, timeout)
    require_well(place)


def wait_until(condition: Callable[[], bool], what: str, cluster: Cluster, timeout: float) -> None:
    """Wait for a condition while the workers live."""
    deadline = time.monotonic() + timeout
    while not condition():
        cluster.check()
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{what} did not come within {timeout:.0f} s")
        time.sleep(POLL_SECONDS)


def require_well(place: Place) -> None:
    """Raise BenchmarkError if an execution failed, or a step was begun more than once."""
    with place.database.read() as tx:
        unwell = tx.connection.exec_driver_sql(_UNWELL).first()
        repeated = tx.connection.exec_driver_sql(_REPEATED).scalar_one()
    if unwell is not None:
        raise BenchmarkError(f"execution {unwell[0]} is {unwell[1]}: {unwell[2]}")
    if repeated:
        raise BenchmarkError(f"{repeated} steps were begun more than once: a worker was taken for dead")
