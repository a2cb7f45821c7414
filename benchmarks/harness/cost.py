"""What a stretch of time has cost: on the clock, and in processor time of workers, servers and the client."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.harness.cluster import Cluster
from benchmarks.harness.figures import per
from benchmarks.harness.places import Place
from benchmarks.harness.processes import cpu_seconds


@dataclass(frozen=True)
class Cost:
    """Seconds. ``servers`` is None where the server's processes cannot be seen."""

    wall: float
    workers: float
    servers: float | None
    client: float

    @property
    def total(self) -> float | None:
        """The processor time of workers and servers. The client is whoever asks, and counts for itself."""
        return None if self.servers is None else self.workers + self.servers

    def per(self, count: float) -> dict[str, float | None]:
        """Return the processor time for each of ``count``, and its parts."""
        return {
            "total": per(self.total, count),
            "workers": per(self.workers, count),
            "servers": per(self.servers, count),
            "client": per(self.client, count),
        }


class Meter:
    """Measures from when it is made."""

    def __init__(self, place: Place, cluster: Cluster) -> None:
        self._servers = place.servers
        self._workers = cluster.pids
        self._before = self._now()

    def read(self) -> Cost:
        """Return the cost so far."""
        now, before = self._now(), self._before
        servers = None if now.servers is None or before.servers is None else now.servers - before.servers
        return Cost(now.wall - before.wall, now.workers - before.workers, servers, now.client - before.client)

    def _now(self) -> Cost:
        servers = None if self._servers is None else cpu_seconds(self._servers)
        return Cost(time.perf_counter(), cpu_seconds(self._workers), servers, time.process_time())
