"""The process between a test session and one server: it starts the server, and stops it whatever happens.

Its standard input is a pipe from the session. When that closes, because the session is done, was interrupted, crashed
or was killed, the server is stopped by its process id and its directory is removed. Should the supervisor itself be
killed, Linux stops the server (a parent death signal). One line of JSON on standard output says where the server is, or
why there is none. A line on standard input restarts the server, with its data and on its port; another line of JSON
says that it answers again. Run as ``python -m tests.servers.supervisor NAME``.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.servers.recipes import RECIPES, Account, Recipe, ServerError

START_SECONDS = 150.0
STOP_SECONDS = 20.0
PORT_ATTEMPTS = 3
_PORTS = range(10240, 32768 - 10_000, 4)
"""Below those that systems give to whoever asks for any port: nobody takes one while its server is being started, or
started again. A server may use the next three too, and RabbitMQ the one that is 10,000 higher."""
_PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """Return a port of the loopback that nobody has just now."""
    for _ in range(100):
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerError(f"no port of the loopback was found between {_PORTS[0]} and {_PORTS[-1]} that is free")


def signal_at_parents_death(number: int) -> Callable[[], None] | None:
    """Return what a new process calls to be sent ``number`` when its parent dies; None where that is not to be had."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, number)

    return arm


class Supervised:
    """One server process and its directory."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.password = secrets.token_hex(12)
        self.account = Account.choose(recipe.accounts)
        self.home = Path(tempfile.mkdtemp(prefix=f"milepost-{recipe.name}-")).resolve()
        self.account.own(self.home)
        self.process: subprocess.Popen[bytes] | None = None
        self._command: list[str] = []
        self.port = 0

    def start(self) -> None:
        """Prepare and start the server, and wait until it answers."""
        self.recipe.prepare(self.home, self.password, self.account)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            port = free_port()
            self.port = port
            try:
                self._command = self.recipe.command(self.home, port)
                self._run()
            except ServerError:
                is_alive = self.process is not None and self.process.poll() is None
                self.stop()
                # Somebody else may have taken the port in the meantime, and then it has ended.
                if is_alive or attempt == PORT_ATTEMPTS:
                    raise
            else:
                return

    def restart(self) -> None:
        """Stop the server in order, start it as it was, and wait until it answers."""
        self.stop()
        self._run()

    def _run(self) -> None:
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=signal_at_parents_death(self.recipe.stop_signal),  # noqa: PLW1509 - this process has one thread
                user=self.account.user,
                group=self.account.group,
                extra_groups=self.account.extra_groups,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.recipe.probe(self.port, self.password)
            except Exception as error:  # noqa: BLE001 - whatever a driver raises while nobody listens yet
                self._check_alive(deadline, error)
            else:
                return

    def _check_alive(self, deadline: float, error: Exception) -> None:
        assert self.process is not None
        try:
            code = self.process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            if time.monotonic() < deadline:
                return
            raise ServerError(f"it did not answer in {START_SECONDS:.0f} s ({error}); {self._log_tail()}") from error
        raise ServerError(f"it ended with {code} while starting; {self._log_tail()}") from error

    def _log_tail(self) -> str:
        lines = (self.home / "log").read_text(errors="replace").splitlines()
        return "its log ends: " + " | ".join(lines[-15:])

    def stop(self) -> None:
        """Stop exactly this server: in order if it can be, by force if it does not react."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(self.recipe.stop_signal)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        """Stop the server and remove its directory."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def watch(self) -> None:
        """Do what the session asks for, until it has closed its end of the pipe or the server has ended."""
        while self.process is not None and self.process.poll() is None:
            readable, _, _ = select.select([sys.stdin], [], [], 1.0)
            if not readable:
                continue
            if not os.read(sys.stdin.fileno(), 1024):
                return
            self.restart()
            self.tell()

    def tell(self) -> None:
        """Say where the server is, in one line on standard output."""
        assert self.process is not None
        url = self.recipe.url(self.port, self.password)
        print(json.dumps({"url": url, "pid": self.process.pid, "home": str(self.home)}), flush=True)


def main(name: str) -> int:
    """Serve one session, and return the exit code."""
    # A terminal's Ctrl-C is the session's affair; the pipe tells us when it is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    supervised: Supervised | None = None
    try:
        supervised = Supervised(RECIPES[name])
        supervised.start()
        supervised.tell()
        supervised.watch()
    except ServerError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    finally:
        if supervised is not None:
            supervised.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
