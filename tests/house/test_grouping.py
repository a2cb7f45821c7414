"""Tests that run side by side: whoever needs the same broker is in one process."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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


def test_tests_that_belong_together_are_given_to_one_process(tmp_path: Path) -> None:
    together = "import pytest\n\n@pytest.mark.parametrize('n', range(20))\ndef test_one(n):\n    pass\n"
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / name).write_text(together)
    arguments = [
        "-p",
        "tests.servers.grouping",
        "--rootdir",
        str(tmp_path),
        "--numprocesses",
        "2",
        "--dist",
        "loadgroup",
    ]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", *arguments, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    ran = set(re.findall(r"\[(gw\d)\].* PASSED \S*(test_[ab]\.py)", run.stdout))
    assert sorted(file for _, file in ran) == ["test_a.py", "test_b.py"], "each file is run by one process"
