"""How soon all workers know of a change, with broadcasts and where every broadcast is lost.

    python -m benchmarks.peers --store sqlite --workers 3
    python -m benchmarks.peers --store postgresql --broker amqp://guest:guest@localhost:5672 --changes 200 --json

A queue that nobody serves is paused and resumed as a client does it, one change after the other. The clock runs from
where the commit of a change begins to the moment at which the last worker has read it. Workers log that moment; all
processes are on one host, so they share its clock.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.harness.cluster import Cluster
from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.facts import facts_of
from benchmarks.harness.figures import percentile
from benchmarks.harness.options import add_options, cluster_of, place_of
from benchmarks.harness.output import report
from benchmarks.harness.places import Place
from engine.client.announcer import Announcer
from engine.model.topics import QUEUES
from engine.store.pauses import pause_queue, resume_queue

QUEUE = "benchmark-of-peers"
EVENT = "paused queues"
WARM_UP_CHANGES = 4
"""What is done once, such as the declaring of what broadcasts need, is not measured."""
LONGEST_PAUSE_SECONDS = 0.1
"""Between two changes: so that they come at any moment between two looks."""
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.002


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print."""
    options = parser().parse_args(arguments)
    return report(lambda: measure(options), as_json=options.json)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=(__doc__ or "").splitlines()[0])
    add_options(made, workers=3)
    made.add_argument("--changes", type=int, default=200, metavar="N", help=(
        "changes that are told of (default: %(default)s)"
    ))  # fmt: skip
    made.add_argument("--lost-changes", type=int, default=30, metavar="N", help=(
        "changes of which all broadcasts are lost, so that workers find out by themselves (default: %(default)s)"
    ))  # fmt: skip
    return made


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return every figure."""
    options.set.append("logging.format=json")
    with place_of(options) as place:
        facts = facts_of(place.database)
        announcer = Announcer(place.database, place.broker)
        try:
            with cluster_of(options, place) as cluster:
                changes = Changes(place, cluster, announcer)
                for _ in range(WARM_UP_CHANGES):
                    changes.make()
                told = [changes.make() for _ in range(options.changes)]
                lost = [changes.make(lost=True) for _ in range(options.lost_changes)]
        finally:
            announcer.close()
    return {
        "benchmark": "peers",
        "broker": place.transport,
        "workers": options.workers,
        "changes": options.changes,
        "all_workers_know_ms": _spread(told),
        "broadcasts_lost_ms": _spread(lost),
        "facts": facts,
    }


class Changes:
    """Makes changes, and finds out when each worker has seen them."""

    def __init__(self, place: Place, cluster: Cluster, announcer: Announcer) -> None:
        self._database = place.database
        self._cluster = cluster
        self._announcer = announcer
        self._logs = [Log(path) for path in cluster.logs]
        self._random = random.Random(1)
        self._paused = False

    def make(self, *, lost: bool = False) -> float:
        """Make a change; return after how many seconds all workers knew."""
        time.sleep(self._random.uniform(0, LONGEST_PAUSE_SECONDS))
        change = resume_queue if self._paused else pause_queue
        self._paused = not self._paused
        with self._database.write() as tx:
            change(tx, QUEUE)
            commits_at = time.time()
        if not lost:
            self._announcer.tell(QUEUES)
        return max(self._seen_at(log) for log in self._logs) - commits_at

    def _seen_at(self, log: Log) -> float:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (moment := log.next_moment()) is None:
            self._cluster.check()
            if time.monotonic() > deadline:
                raise BenchmarkError(f"a worker did not see a change within {PATIENCE_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        return moment


class Log:
    """What one worker logs: the moments at which it has seen a change."""

    def __init__(self, path: Path) -> None:
        self._lines = self._follow(path)

    def next_moment(self) -> float | None:
        """Return when it saw the next change, in seconds since 1970; None if it has not yet."""
        for line in self._lines:
            if line is None:
                return None
            if EVENT.encode() in line:
                logged: dict[str, Any] = msgspec.json.decode(line)
                return datetime.fromisoformat(logged["timestamp"]).timestamp()
        return None

    def _follow(self, path: Path) -> Iterator[bytes | None]:
        """Yield whole lines for ever, and None where there is none at the moment."""
        with path.open("rb") as file:
            begun = b""
            while True:
                begun += file.readline()
                if begun.endswith(b"\n"):
                    yield begun
                    begun = b""
                else:
                    yield None


def _spread(seconds: list[float]) -> dict[str, float] | None:
    if not seconds:
        return None
    ms = [one * 1e3 for one in seconds]
    return {f"p{percent}": percentile(ms, percent) for percent in (50, 95, 99)} | {"max": max(ms)}


if __name__ == "__main__":
    sys.exit(main())
