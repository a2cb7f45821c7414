"""Very many flows that sleep: how long it takes until they do, and what they cost at rest."""

from __future__ import annotations

import argparse
import time
from typing import Any

from benchmarks import flows
from benchmarks.harness.cluster import Cluster
from benchmarks.harness.cost import Meter
from benchmarks.harness.counters import transactions_of
from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.facts import facts_of
from benchmarks.harness.figures import per
from benchmarks.harness.options import cluster_of, place_of
from benchmarks.harness.places import Place
from benchmarks.harness.processes import io_of
from benchmarks.harness.waiting import require_well, wait_until
from engine import Client

WORKERS = 2
BATCH = 5000
"""Flows that are started in one call: there is no need to hold handles of all."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this shape."""
    add = parser.add_argument
    add("--flows", type=int, default=100_000, metavar="N", help="executions (default: %(default)s)")
    add("--settle", type=float, default=10.0, metavar="SECONDS", help=(
        "how long the database has for what it puts off, before rest is measured (default: %(default)s)"
    ))  # fmt: skip
    add("--window", type=float, default=20.0, metavar="SECONDS", help="how long rest is measured (default: 20)")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return every figure."""
    with place_of(options) as place, cluster_of(options, place) as cluster:
        facts = facts_of(place.database)
        empty = _rest(place, cluster, options)
        meter = Meter(place, cluster)
        with Client(place.store, broker=place.broker) as client:
            for first in range(0, options.flows, BATCH):
                client.start_many(flows.resting, [()] * min(BATCH, options.flows - first))
            started = meter.read()
            wait_until(lambda: _at_rest(place), "sleep", cluster, options.timeout)
        made = meter.read()
        require_well(place)
        sleeping = _sleeping(place)
        if sleeping != options.flows:
            raise BenchmarkError(f"{sleeping} flows sleep, and not {options.flows}")
        rest = _rest(place, cluster, options)
    return {
        "benchmark": "sleeping",
        "flows": options.flows,
        "workers": options.workers,
        "sleeping": sleeping,
        "seconds_to_start": started.wall,
        "seconds_to_sleep": made.wall,
        "flows_per_s": options.flows / made.wall,
        "cpu_s_per_1000_flows": made.per(options.flows / 1000),
        "at_rest": rest,
        "at_rest_when_empty": empty,
        "facts": facts,
    }


def _rest(place: Place, cluster: Cluster, options: argparse.Namespace) -> dict[str, Any]:
    """Return what workers and servers do in a second in which nothing happens."""
    time.sleep(options.settle)
    transactions, io, meter = transactions_of(place.database), io_of(cluster.pids), Meter(place, cluster)
    time.sleep(options.window)
    cost, done, later = meter.read(), io_of(cluster.pids), transactions_of(place.database)
    return {
        "cpu_s_per_s": cost.per(cost.wall),
        # Sessions report what they did about once a second, so the window is to be longer.
        "transactions_per_s": None if later is None or transactions is None else (later - transactions) / cost.wall,
        "written_kb_per_s": per(done.written_bytes - io.written_bytes, cost.wall * 1024),
        "system_calls_per_s": {
            "read": (done.reads - io.reads) / cost.wall,
            "write": (done.writes - io.writes) / cost.wall,
        },
        "rss_mb": cluster.rss_mb(),
    }


def _at_rest(place: Place) -> bool:
    """Tell whether nobody runs anything, and nobody could."""
    queries = (
        "SELECT 1 FROM milepost_steps WHERE ready_queue IS NOT NULL LIMIT 1",
        "SELECT 1 FROM milepost_steps WHERE owner IS NOT NULL LIMIT 1",
    )
    with place.database.read() as tx:
        return all(tx.connection.exec_driver_sql(query).first() is None for query in queries)


def _sleeping(place: Place) -> int:
    query = "SELECT count(*) FROM milepost_steps WHERE kind = 'timer' AND state = 'waiting'"
    with place.database.read() as tx:
        return tx.connection.exec_driver_sql(query).scalar_one()
