"""Named places in the life of a step at which a worker process ends, stops or holds still, by a signal to itself.

The engine knows nothing of them. In a process whose environment names one, as in ``in-commit:2:kill``, functions at the
edges to the store and to the broker are wrapped, so that the second passing of that place is the process's last. Before
it acts, a line in a file tells the test that it was there.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Final

from engine.messaging.outlets import OpenOutlets
from engine.store.database import Database, Transaction
from engine.store.flush import run_flush
from engine.store.transactional import record_in_transaction
from engine.worker.embedded import EmbeddedQueue
from engine.worker.executor import Attempt, Executor
from transports.loading import open_transport

VARIABLE: Final = "MILEPOST_TEST_FAILPOINT"
FIRED: Final = "MILEPOST_TEST_FIRED"
"""The file that tells that the place was reached. A process that holds goes on once there is one of this name and
``.go``."""
BEGUN: Final = ".begun"
"""The suffix of the file beside it with a line for each attempt whose worker was about to look at its lease for the
last time: what stops the process after that look lets the step's code run once it goes on."""

STORE_POINTS: Final = (
    "before-claim",  # its transaction has begun, nothing is written
    "in-claim",  # every statement is sent, and COMMIT is not
    "after-claim",  # it is committed, and the worker has not been told
    "before-execute",
    "after-execute",
    "before-commit",
    "in-commit",
    "after-commit",
    "in-transaction",  # in the middle of a transactional step, which has written a row
    "in-record",  # the same, with its result written too
    "after-record",
    "before-publish",
    "after-publish",
)
BROKER_POINTS: Final = (
    "before-receive",
    "after-receive",
    "before-acknowledge",
    "after-acknowledge",
)
MAIL_POINTS: Final = (
    "before-mail",  # a message for another program is about to be sent
    "after-mail",  # the broker has confirmed it, and nothing is recorded
)


class Failpoint:
    """One place, and what happens at its so many-th passing: ``kill``, ``stop`` or ``hold``."""

    def __init__(self, spec: str, fired: Path) -> None:
        self.point, nth, self.action = spec.split(":")
        assert self.point in STORE_POINTS + BROKER_POINTS + MAIL_POINTS, spec
        self._nth = int(nth)
        self._fired = fired
        self._passings = 0
        self._lock = threading.Lock()

    def passing(self, point: str) -> None:
        if point != self.point:
            return
        with self._lock:
            self._passings += 1
            if self._passings != self._nth:
                return
        self._fired.write_text(f"{self.point} {self._passings} {os.getpid()}\n")
        if self.action == "hold":
            go, pause = self._fired.with_suffix(".go"), threading.Event()
            while not go.exists():
                pause.wait(0.005)
            return
        os.kill(os.getpid(), signal.SIGKILL if self.action == "kill" else signal.SIGSTOP)
        # This thread may run on for a moment before the signal stops the whole process.
        threading.Event().wait(0.05)


_armed: list[Failpoint] = []


def passing(point: str) -> None:
    """Pass a place; where it is the armed one, and it is time, what is armed happens."""
    for failpoint in _armed:
        failpoint.passing(point)


def install() -> None:
    """Arm what the environment names, and wrap what leads past the places."""
    if spec := os.environ.get(VARIABLE):
        _armed.append(Failpoint(spec, Path(os.environ[FIRED])))
        _wrap_store()
        _wrap_queues()
        _wrap_beginning(Path(os.environ[FIRED]).with_suffix(BEGUN))
        OpenOutlets.send = _around("mail", OpenOutlets.send)  # type: ignore[method-assign]


class _Work(threading.local):
    """What the write transaction of this thread does."""

    def __init__(self) -> None:
        self.kinds: list[str] = []


_work = _Work()


def _wrap_store() -> None:
    original = Database.write

    @contextlib.contextmanager
    def write(database: Database) -> Generator[Transaction]:
        _work.kinds = kinds = []
        with original(database) as tx:
            yield tx
            for kind in kinds:
                passing(f"in-{kind}")
        for kind in kinds:
            passing(f"after-{kind}")

    Database.write = write  # type: ignore[method-assign]
    _replace(run_flush, _flushing)
    _replace(record_in_transaction, _recording)


def _flushing(tx: Transaction, flush: Any) -> Any:
    commits = any(checkpoint.outcomes for checkpoint in flush.checkpoints)
    if commits:
        passing("before-commit")
    if flush.pointers or flush.claim_due:
        passing("before-claim")
    flushed = run_flush(tx, flush)
    _work.kinds += ["commit"] * commits + ["claim"] * bool(flushed.claimed)
    return flushed


def _recording(tx: Transaction, *arguments: Any) -> Any:
    offered = record_in_transaction(tx, *arguments)
    _work.kinds.append("record")
    return offered


def _wrap_queues() -> None:
    EmbeddedQueue.announce = _around("publish", EmbeddedQueue.announce)  # type: ignore[method-assign]

    def opened(*arguments: Any, **options: Any) -> Any:
        transport: Any = open_transport(*arguments, **options)
        transport.send = _around("publish", transport.send)
        transport.acknowledge = _around("acknowledge", transport.acknowledge)
        transport.receive = _receiving(transport.receive)
        return transport

    _replace(open_transport, opened)


def _wrap_beginning(file: Path) -> None:
    original = Executor._begin
    file.touch()

    def begin(executor: Executor, attempt: Attempt) -> None:
        with file.open("a") as begun:
            begun.write(f"{attempt.claim.execution_id} {attempt.claim.seq} {attempt.claim.attempt}\n")
        original(executor, attempt)

    Executor._begin = begin  # type: ignore[method-assign]


def _around(what: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def wrapped(*arguments: Any) -> Any:
        passing(f"before-{what}")
        result = original(*arguments)
        passing(f"after-{what}")
        return result

    return wrapped


def _receiving(original: Callable[..., Any]) -> Callable[..., Any]:
    def receive(max_messages: int, max_wait: float) -> Any:
        if max_messages:
            passing("before-receive")
        deliveries = original(max_messages, max_wait)
        if deliveries:
            passing("after-receive")
        return deliveries

    return receive


def _replace(original: Any, wrapper: Any) -> None:
    """Put a wrapper wherever a module of the engine has imported this function."""
    found = [
        (module, name)
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("engine.")
        for name, value in list(vars(module).items())
        if value is original
    ]
    assert found, original
    for module, name in found:
        setattr(module, name, wrapper)
