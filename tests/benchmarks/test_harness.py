"""The tools that measurements are made with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from benchmarks.harness.baseline import commits_per_second
from benchmarks.harness.counters import messages_sent, transactions_of
from benchmarks.harness.figures import percentile, rounded, spread
from benchmarks.harness.markdown import table
from benchmarks.harness.places import opened
from benchmarks.harness.processes import cpu_seconds, io_of, rss_mb, stat_of, tree_of
from engine.store.database import Database
from tests.servers.databases import with_driver
from tests.servers.recipes import POSTGRESQL
from tests.worker.serving import wait_until

BURN = "import time\nwhile time.process_time() < 0.2: pass\n"


def test_percentiles() -> None:
    assert percentile([3, 1, 2], 50) == 2
    assert percentile(range(1, 101), 95) == 95
    assert percentile([7], 95) == 7
    assert spread([0.001, 0.002, 0.003]) == {"p50": 2.0, "p95": 3.0}


def test_figures_have_as_many_digits_as_mean_something() -> None:
    assert rounded({"a": [0.0123456, 12345.67], "b": None, "c": 7}) == {"a": [0.01235, 12345.7], "b": None, "c": 7}


def test_the_processor_time_of_a_child_that_has_ended_is_counted() -> None:
    before = cpu_seconds([os.getpid()])
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert cpu_seconds([os.getpid()]) - before > 0.15


def test_a_tree_holds_what_descends_from_it() -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        tree: set[int] = set()
        while len(tree) < 2:
            tree = set(tree_of([child.pid]))
        assert child.pid in tree
        assert tree < set(tree_of([os.getpid()]))
        assert rss_mb(child.pid) > 1
    finally:
        child.communicate(b"\n")
    assert tree_of([child.pid]) == {}
    assert stat_of(child.pid) is None


def test_what_a_process_writes_is_counted(tmp_path: Path) -> None:
    before = io_of([os.getpid()])
    for _ in range(3):
        (tmp_path / "file").write_text("text")
    assert io_of([os.getpid()]).writes - before.writes >= 3


@pytest.mark.servers
def test_transactions_are_counted_once_their_session_has_ended(postgresql_url: str) -> None:
    database, other = Database(postgresql_url), Database(postgresql_url)
    before = transactions_of(database)
    assert before is not None
    for _ in range(3):
        with other.connection() as connection:
            connection.exec_driver_sql("SELECT 1")
    other.close()
    looks = 0

    def reported() -> bool:
        nonlocal looks
        # Each look is a transaction too.
        looks += 1
        return (transactions_of(database) or 0) - before - looks >= 3

    wait_until(reported, "the session's report")
    database.close()


def test_tables() -> None:
    columns = {"A": {"x": 1200.0, "y": {"z": [1, 2]}}, "B": {"x": None, "y": {"z": [3]}}}
    assert table({"x": "ex", "y.z": "why", "nothing": "left out"}, columns).splitlines() == [
        "|  | A | B |",
        "| --- | --- | --- |",
        "| ex | 1,200.0 |  |",
        "| why | 1, 2 | 3 |",
    ]


def test_single_commits_leave_nothing_behind(store_url: str) -> None:
    database = Database(store_url)
    try:
        assert commits_per_second(database, 0.05) > 0
        assert commits_per_second(database, 0.05) > 0
    finally:
        database.close()


def test_messages_are_counted_though_they_are_gone(store_url: str) -> None:
    from transports.loading import open_transport
    from transports.protocol import Message

    engine = create_engine(with_driver(store_url))
    transport = open_transport(f"sql+{store_url}")
    try:
        assert messages_sent(engine) == 0
        transport.declare(["q"])
        for _ in range(3):
            transport.send([Message("q", b"x")])
        transport.consume(["q"])
        transport.acknowledge(transport.receive(10, 1.0))
        assert messages_sent(engine) == 3
    finally:
        transport.close()
        engine.dispose()


@pytest.mark.servers
@pytest.mark.skipif(POSTGRESQL.variable in os.environ, reason="a server that is given may be on another host")
def test_a_server_on_this_host_is_found(postgresql_url: str) -> None:
    with opened(postgresql_url, "sql+store") as place:
        assert place.servers is not None
        (postmaster,) = place.servers
        assert len(tree_of([postmaster])) > 3
        assert cpu_seconds([postmaster]) > 0
        with place.database.connection() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            assert pid in tree_of([postmaster])


def test_servers_that_cannot_be_seen_are_not_guessed_at(sqlite_url: str) -> None:
    with opened(sqlite_url, "amqp://elsewhere") as place:
        assert place.servers is None
    with opened(sqlite_url, "amqp://elsewhere", [os.getpid()]) as place:
        assert place.servers == {os.getpid()}
    with opened(sqlite_url) as place:
        assert place.servers == set()
