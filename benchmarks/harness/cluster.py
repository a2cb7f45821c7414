"""Workers: so many processes of ``engine-worker``, with the settings that users have."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.places import Place
from benchmarks.harness.processes import rss_mb

ROOT = Path(__file__).resolve().parents[2]
FLOWS = ROOT / "benchmarks" / "flows.py"
READY_SECONDS = 60.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.02
LAST_WORDS = 3000
"""How much of what a dead worker said is shown."""


class Cluster:
    """Workers that live as long as the ``with`` block, which begins when they are registered in the store.

    ``settings`` are those that are not to have their defaults, as in ``{"worker.concurrency": "10"}``.
    """

    def __init__(self, place: Place, count: int, settings: Mapping[str, str] | None = None) -> None:
        self._place = place
        self._count = count
        here = {"store.url": place.store, "broker.url": place.broker, "flows": str(FLOWS)}
        self._settings = here | dict(settings or {})
        self._workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Cluster:
        # An engine.toml of whoever measures would be read from the current directory.
        self._directory = tempfile.TemporaryDirectory(prefix="milepost-workers-")
        self._home = Path(self._directory.name)
        try:
            for number in range(self._count):
                self._workers.append(self._start(number))
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        try:
            if kind is None:
                self.check()
                self._stop()
        finally:
            self._end()

    @property
    def pids(self) -> list[int]:
        """The processes."""
        return [worker.pid for worker in self._workers]

    @property
    def logs(self) -> list[Path]:
        """What each of them logs."""
        return [self._log(number) for number in range(self._count)]

    def rss_mb(self) -> list[float]:
        """Return how much memory each of them uses."""
        return [rss_mb(pid) for pid in self.pids]

    def signal_all(self, number: int) -> None:
        """Send a signal to each of them."""
        for worker in self._workers:
            worker.send_signal(number)

    def check(self) -> None:
        """Raise BenchmarkError, with what it said, if a worker has ended."""
        for number, worker in enumerate(self._workers):
            if worker.poll() is not None:
                raise BenchmarkError(f"worker {number + 1} ended with {worker.returncode}: {self._said(number)}")

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ENGINE_")}
        for name, value in self._settings.items():
            environment["ENGINE_" + name.upper().replace(".", "__")] = value
        # The engine that is measured is the one beside this file, whatever else is installed.
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), environment.get("PYTHONPATH"))))
        with self._log(number).open("wb") as log:
            return subprocess.Popen(
                [*_bound(), sys.executable, "-m", "engine.cli.worker"],
                cwd=self._home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        query = "SELECT name FROM milepost_workers WHERE state = 'alive'"
        wanted = {f"{socket.gethostname()}:{pid}" for pid in self.pids}
        while True:
            self.check()
            with self._place.database.read() as tx:
                if wanted <= set(tx.connection.exec_driver_sql(query).scalars()):
                    return
            if time.monotonic() > deadline:
                said = " | ".join(self._said(number) for number in range(self._count))
                raise BenchmarkError(f"the workers were not ready within {READY_SECONDS:.0f} s: {said}")
            time.sleep(POLL_SECONDS)

    def _stop(self) -> None:
        self.signal_all(signal.SIGTERM)
        for number, worker in enumerate(self._workers):
            try:
                code = worker.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                raise BenchmarkError(f"worker {number + 1} did not stop: {self._said(number)}") from None
            if code != 0:
                raise BenchmarkError(f"worker {number + 1} stopped with {code}: {self._said(number)}")

    def _end(self) -> None:
        for worker in self._workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
        self._directory.cleanup()

    def _log(self, number: int) -> Path:
        return self._home / f"worker-{number}.log"

    def _said(self, number: int) -> str:
        return self._log(number).read_text(errors="replace")[-LAST_WORDS:].strip() or "it said nothing"


def _bound() -> list[str]:
    """Return what makes Linux stop a worker when its parent is killed, and cannot do so itself."""
    return ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
