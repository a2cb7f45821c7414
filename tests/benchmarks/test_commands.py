"""Every measurement in a short form: what its figures are made of, and never how large they are."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as everything
from benchmarks import peers, throughput
from benchmarks.shapes import __main__ as shapes

Run = Callable[..., dict[str, Any]]
STORES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
each_store = pytest.mark.parametrize("kind", STORES)
PATIENT = ["--set", "worker.lease=1m", "--set", "broker.resend_after=1m"]
"""Where the machine stands still for a while, nothing is begun twice or sent twice on account of it."""
each_broker = pytest.mark.parametrize("broker", ["sql", "sql+store"])


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{kind}_url"))


@pytest.fixture
def run(url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as users do, and return the JSON that it prints."""

    def run(main: Callable[[list[str]], int], words: str) -> dict[str, Any]:
        code = main([*words.split(), *PATIENT, "--store", url, "--json"])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        return json.loads(captured.out)

    return run


def check_cost(figures: dict[str, Any], steps: int, kind: str, broker: str = "sql", workers: int = 2) -> None:
    """Every figure is there, and was made of something."""
    assert figures["steps_recorded"] == steps
    assert figures["steps_per_s"] > 0
    assert figures["cpu_parts"]["workers"] > 0
    assert figures["cpu_parts"]["client"] > 0
    if kind == "sqlite":
        assert figures["cpu_parts"]["servers"] == 0
        assert figures["transactions_per_step"] is None
    else:
        assert figures["transactions_per_step"] > 0
    total, servers = figures["cpu_s_per_1000_steps"], figures["cpu_parts"]["servers"]
    # A server that is given for the tests may be on another host.
    assert (total is None) == (servers is None)
    assert total is None or math.isclose(total, figures["cpu_parts"]["workers"] + servers, rel_tol=0.01)
    assert len(figures["rss_mb"]) == workers
    assert min(figures["rss_mb"]) > 1
    assert figures["commits_per_step"] > 0
    if broker == "sql":
        assert figures["messages_per_step"] is None
    else:
        # Each was sent, and hardly any twice.
        # A sequence needs few: a worker goes on with what follows from its own steps.
        assert 0 < figures["messages_per_step"] < 1.1
    check_facts(figures["facts"], kind)


def check_facts(facts: dict[str, Any], kind: str) -> None:
    assert facts["store"].startswith(kind)
    assert facts["cpus"] >= 1
    assert len(facts["load_at_start"]) == 3
    durable = {"sqlite": {"synchronous": "FULL", "journal_mode": "wal"}, "postgresql": {"fsync": "on"}}
    assert durable[kind].items() <= facts["durability"].items()


@each_store
@each_broker
def test_throughput(kind: str, broker: str, run: Run) -> None:
    words = f"--flows 20 --latency-flows 4 --baseline-seconds 0.1 --workers 1 --broker {broker}"
    figures = run(throughput.main, words)
    check_cost(figures, 200, kind, broker, workers=1)
    for name in ("latency_ms", "latency_inline_ms"):
        assert 0 < figures[name]["p50"] <= figures[name]["p95"]
    assert figures["latency_cpu_ms"]["workers"] > 0
    # The start of a flow and each of its steps are recorded before the next one begins; inline steps are not.
    assert figures["latency_commits_per_flow"] >= 11
    assert 0 < figures["latency_inline_commits_per_flow"] < figures["latency_commits_per_flow"]
    assert figures["baseline"] > 0
    assert figures["ratio"] > 0


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("steps", ["inline", "async"])
def test_throughput_of_other_steps(kind: str, steps: str, run: Run) -> None:
    figures = run(throughput.main, f"--{steps} --flows 20 --latency-flows 1 --baseline-seconds 0.1 --workers 1")
    check_cost(figures, 200, kind, workers=1)
    assert figures["kind"] == steps


@each_store
def test_fan_out(kind: str, run: Run) -> None:
    check_cost(run(shapes.main, "fan-out --steps 200"), 200, kind)


@each_store
def test_sequential(kind: str, run: Run) -> None:
    figures = run(shapes.main, "sequential --steps 60 --part 20 --workers 1")
    check_cost(figures, 60, kind, workers=1)
    assert figures["ms_per_step"]["first"] > 0
    assert figures["last_to_first"] > 0


@each_store
def test_sleeping(kind: str, run: Run) -> None:
    figures = run(shapes.main, "sleeping --flows 100 --settle 0.1 --window 1.5 --workers 1")
    assert figures["sleeping"] == 100
    assert 0 < figures["seconds_to_start"] <= figures["seconds_to_sleep"]
    assert figures["cpu_s_per_1000_flows"]["workers"] > 0
    for rest in (figures["at_rest"], figures["at_rest_when_empty"]):
        assert rest["cpu_s_per_s"]["workers"] >= 0
        assert min(rest["rss_mb"]) > 1
        # That something is counted, tests/benchmarks/test_harness.py sees: here a worker may stand still all the while.
        assert rest["system_calls_per_s"].keys() == {"read", "write"}
        assert (rest["transactions_per_s"] is None) == (kind == "sqlite")
    check_facts(figures["facts"], kind)


@each_store
@each_broker
def test_peers(kind: str, broker: str, run: Run) -> None:
    figures = run(peers.main, f"--workers 2 --changes 3 --lost-changes 1 --broker {broker}")
    assert (figures["workers"], figures["changes"]) == (2, 3)
    for name in ("all_workers_know_ms", "broadcasts_lost_ms"):
        times = figures[name]
        assert 0 < times["p50"] <= times["p95"] <= times["p99"] <= times["max"]
    check_facts(figures["facts"], kind)


@each_store
def test_backlog(kind: str, run: Run) -> None:
    figures = run(shapes.main, "backlog --steps 400 --width 100 --broker sql+store")
    check_cost(figures, 400, kind, "sql+store", workers=1)


def test_the_whole_set_as_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    assert everything.main(["--quick", "--stores", "sqlite", "--only", "side by side", "--json", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "|  | SQLite | SQLite, SQL transport |" in lines
    assert "| steps | 500 | 500 |" in lines
    figures = json.loads(file.read_text())
    assert figures["One flow, its steps side by side"]["SQLite"]["steps_recorded"] == 500
