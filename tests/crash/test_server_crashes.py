"""The database server itself crashes under load, and comes back: everything finishes, and nothing happens twice."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.crash.postmaster import crashing_server
from tests.crash.site import PATIENCE_SECONDS, SHORT_LEASE, site
from tests.servers.recipes import POSTGRESQL

LIVES = 40


@pytest.mark.servers
def test_postgresql_is_killed_and_started_again(
    postgresql_url: str, queue: str, chaos_seconds: float | None, tmp_path: Path
) -> None:
    """``postgresql_url`` skips or fails the test where there is no PostgreSQL."""
    if POSTGRESQL.missing() is not None:
        pytest.skip("this PostgreSQL is not one that can be killed")
    pause = threading.Event()
    with crashing_server() as server:
        broker = None if queue == "embedded" else f"sql+{server.url}"
        with site(server.url, broker, tmp_path, SHORT_LEASE | {"worker.concurrency": 10}) as made:
            ids = made.start_lives(LIVES)
            made.workers.start(2)
            for number in range(2 if chaos_seconds is None else 10):
                # Some go on between two crashes, and the others only after the last one.
                made.approve(ids[number * 5 : number * 5 + 5])
                pause.wait(0.3)
                server.crash()
                pause.wait(0.2)
                server.restart()
                made.wait_for_the_store()
            made.approve(ids[(number + 1) * 5 :])
            made.store.wait_for_all(PATIENCE_SECONDS)
            made.check()
            assert len(made.workers.alive) == 2, "a worker waits for its store to come back"
