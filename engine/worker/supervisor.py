"""Several worker processes on one host: started together, started again when they die, and told to end together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)

RESTART_SECONDS = 1.0
"""A process that dies as soon as it runs is started again this often, and not more."""
POLL_SECONDS = 0.05
UNUSABLE = 2
"""The exit code of a process that could not use its configuration; neither could another one."""
LIFELINE = "MILEPOST_LIFELINE"
"""The variable that names the file by whose end a worker process learns that its supervisor is no more."""
STOPPED_AS_TOLD = (0, -signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGINT)
"""A process that is told before it can listen, or once more when it has done listening, is ended by the signal itself:
it has not begun anything, or it has ended it. The last of these codes is that of a command that was interrupted."""


class _Child:
    """One worker process, and how many of the signals so far were passed on to it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.told = 0
        self.started = time.monotonic()


def supervise(count: int) -> int:
    """Run ``count`` processes of this very program until a signal, and return the exit code for all of them.

    Every signal is passed on to all; the workers themselves take several that come together for one.
    """
    signals: list[int] = []
    # Only this process holds the writing end: however it ends, the kernel closes it.
    read_end, _held = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: signals.append(number))

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "engine.cli.worker", *sys.argv[1:], "--processes", "1"]
        environment = os.environ | {LIFELINE: str(read_end)}
        return subprocess.Popen(command, pass_fds=[read_end], env=environment)  # noqa: S603 - this very program

    return _watch([_Child(start()) for _ in range(count)], signals, start)


def lifeline() -> int | None:
    """Return the file that ends with this process's supervisor; None if it has none."""
    number = os.environ.get(LIFELINE)
    return None if number is None else int(number)


def _watch(children: list[_Child], signals: list[int], start: Callable[[], subprocess.Popen[bytes]]) -> int:
    pause = threading.Event()
    while True:
        # Compared on every turn, and not sent by the handler: it may run while a child is only just being started.
        for child in children:
            for number in signals[child.told :]:
                child.told += 1
                if child.process.poll() is None:
                    child.process.send_signal(number)
        ended = [index for index, child in enumerate(children) if child.process.poll() is not None]
        if signals and len(ended) == len(children):
            return max(_code_of(child.process) for child in children)
        for index in ended if not signals else ():
            process = children[index].process
            if process.returncode == UNUSABLE:
                signals.append(signal.SIGTERM)
            elif time.monotonic() - children[index].started >= RESTART_SECONDS:
                log.warning("worker process ended; starting another", pid=process.pid, exit_code=process.returncode)
                children[index] = _Child(start())
        pause.wait(POLL_SECONDS)


def _code_of(process: subprocess.Popen[bytes]) -> int:
    return 0 if process.returncode in STOPPED_AS_TOLD else abs(process.returncode)
