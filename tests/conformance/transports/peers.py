"""The test's side of consumers that run beside it: in processes, or on threads where the broker is in this process."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Protocol

from tests.conformance.transports.helpers import SECONDS, bodies
from tests.conformance.transports.subject import Subject

ROOT = Path(__file__).resolve().parents[3]


class ProcessPeer:
    """A consumer in another process."""

    def __init__(self, url: str, queues: list[str], *, subscribe: bool = False) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.conformance.transports.peer"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answers: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ready = False
        self._tell(url=url, queues=queues, subscribe=subscribe)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def _tell(self, **values: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(values) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        line = self._answers.get(timeout=SECONDS)
        assert line, f"the other process ended with {self._process.wait(SECONDS)}"
        return json.loads(line)

    def wait_ready(self) -> None:
        """Return when it has connected; starting is left to run beside others until then."""
        if not self._ready:
            assert self._answer() == {"ready": True}
            self._ready = True

    def ask(self, do: str, **values: Any) -> list[str]:
        """Have something done, and return the bodies it answers with."""
        self.wait_ready()
        self._tell(do=do, **values)
        return self._answer().get("bodies", [])

    def start_work(self, limit: int) -> None:
        """Receive and acknowledge from now on."""
        self.wait_ready()
        self._tell(do="work", limit=limit)

    def told(self) -> list[str]:
        """Return the bodies that it has told of since the last call."""
        found: list[str] = []
        while not self._answers.empty():
            line = self._answers.get()
            if not line:
                # For whoever asks next, too.
                self._answers.put(line)
            assert line, f"the other process ended with {self._process.wait(SECONDS)}"
            found += json.loads(line)["bodies"]
        return found

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self.finish()

    def finish(self) -> list[str]:
        """End it in order, unless it has ended; return what it had still to tell."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._process.stdout.closed:
            return []
        self._process.stdin.close()
        self._process.wait(SECONDS)
        self._reader.join(SECONDS)
        self._process.stdout.close()
        found: list[str] = []
        while line := self._answers.get(timeout=SECONDS):
            found += json.loads(line).get("bodies", [])
        self._answers.put("")
        return found


def start_peer(subject: Subject, queues: list[str], *, hasty: bool = False, subscribe: bool = False) -> ProcessPeer:
    """Start a consumer in another process, which ends with the test at the latest."""
    peer = ProcessPeer((hasty and subject.hasty_url) or subject.url, queues, subscribe=subscribe)
    subject.ending.append(peer.kill)
    return peer


class Worker(Protocol):
    """A consumer that receives and acknowledges by itself. ``received`` grows as it does."""

    received: list[str]

    def update(self) -> None:
        """Bring ``received`` up to date."""
        ...

    def leave(self) -> None:
        """Close its transport in order."""
        ...


class ProcessWorker:
    """A worker in another process."""

    def __init__(self, subject: Subject, name: str, limit: int) -> None:
        self.received: list[str] = []
        self._limit = limit
        self._peer: ProcessPeer | None = start_peer(subject, [name])

    def start(self) -> None:
        assert self._peer is not None
        self._peer.start_work(self._limit)

    def update(self) -> None:
        if self._peer is not None:
            self.received += self._peer.told()

    def leave(self) -> None:
        if self._peer is not None:
            self.received += self._peer.finish()
            self._peer = None


class ThreadWorker:
    """A worker on another thread."""

    def __init__(self, subject: Subject, name: str, limit: int) -> None:
        self.received: list[str] = []
        self._transport = subject.consumer(name)
        self._limit = limit
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _work(self) -> None:
        while not self._stop.is_set():
            got = self._transport.receive(self._limit, 0.2)
            self._transport.acknowledge(got)
            self.received += bodies(got)

    def update(self) -> None:
        """It is up to date."""

    def leave(self) -> None:
        self._stop.set()
        self._thread.join(SECONDS)
        self._transport.close()


class Team:
    """Workers on one queue. Use as a context: they all leave at its end."""

    def __init__(self, subject: Subject, limit: int, name: str = "work") -> None:
        self._subject = subject
        self._limit = limit
        self._name = name
        self.workers: list[Worker] = []

    def join(self, count: int) -> None:
        """Have more workers join, and return when they work."""
        shared = self._subject.capabilities.shared
        joining = [
            ProcessWorker(self._subject, self._name, self._limit)
            if shared
            else ThreadWorker(self._subject, self._name, self._limit)
            for _ in range(count)
        ]
        self.workers += joining
        for worker in joining:
            worker.start()

    @property
    def received(self) -> list[str]:
        """What all of them have received so far."""
        for worker in self.workers:
            worker.update()
        return [body for worker in self.workers for body in worker.received]

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *_error: object) -> None:
        for worker in self.workers:
            worker.leave()
