"""What goes wrong while something is measured is an error, and no figure."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import throughput
from benchmarks.harness.cluster import Cluster
from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.places import Place, opened
from benchmarks.harness.waiting import wait_until, wait_until_ended
from engine import Client


@pytest.fixture
def place(sqlite_url: str) -> Iterator[Place]:
    with opened(sqlite_url) as made:
        yield made


def test_a_worker_that_does_not_start_says_why(place: Place) -> None:
    cluster = Cluster(place, 1, {"worker.concurrency": "none"})
    with pytest.raises(BenchmarkError, match=r"(?s)worker 1 ended with 2: .*worker\.concurrency"), cluster:
        pass


def test_a_worker_that_dies_is_an_error(place: Place) -> None:
    def crash() -> None:
        with Cluster(place, 1) as cluster:
            cluster.signal_all(signal.SIGKILL)
            wait_until(lambda: False, "nothing", cluster, 10)

    with pytest.raises(BenchmarkError, match="worker 1 ended with -9"):
        crash()


def test_an_execution_that_fails_is_an_error(place: Place) -> None:
    with Cluster(place, 1) as cluster, Client(place.store) as client:
        execution = client.start("counting", steps="many")
        with pytest.raises(BenchmarkError, match=f"execution {execution.id} is "):
            wait_until_ended(place, cluster, 20)


def test_unfinished_work_would_be_measured_too(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    with Client(place.store) as client:
        client.start("counting", steps=1)
    assert throughput.main(["--store", place.store]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "unfinished" in captured.err


def test_there_is_no_such_store(capsys: pytest.CaptureFixture[str]) -> None:
    assert throughput.main(["--store", "oracle"]) == 1
    assert "give a URL" in capsys.readouterr().err


def test_nothing_is_left_of_workers(place: Place) -> None:
    with Cluster(place, 2) as cluster:
        pids = cluster.pids
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
