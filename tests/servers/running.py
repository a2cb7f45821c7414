"""The session's side: start a server through a supervisor, know where it is, and let go of it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.recipes import Recipe, ServerError

_ROOT = Path(__file__).resolve().parents[2]
_STOP_SECONDS = 120.0


@dataclass
class RunningServer:
    """A server that this process asked for. ``url`` is that of its administrative database, password included."""

    url: str
    pid: int
    home: Path
    supervisor: subprocess.Popen[str]

    def restart(self) -> None:
        """Have the server stopped in order and started again with its data, and wait until it answers."""
        assert self.supervisor.stdin is not None
        self.supervisor.stdin.write("restart\n")
        self.supervisor.stdin.flush()
        answer = _answer_of(self.supervisor)
        if "error" in answer:
            raise ServerError(f"the server at {self.home} does not come back: {answer['error']}")
        self.pid = answer["pid"]

    def stop(self) -> None:
        """Have the server stopped and its directory removed, and wait for it."""
        assert self.supervisor.stdin is not None
        assert self.supervisor.stdout is not None
        self.supervisor.stdin.close()
        self.supervisor.wait(timeout=_STOP_SECONDS)
        self.supervisor.stdout.close()


def start(recipe: Recipe) -> RunningServer:
    """Start a fresh server of that kind. It ends with :meth:`RunningServer.stop`, or with this process."""
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.supervisor", recipe.name],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    try:
        answer = _answer_of(supervisor)
    except BaseException:
        supervisor.stdin.close()
        supervisor.stdout.close()
        supervisor.wait()
        raise
    if "error" in answer:
        supervisor.stdin.close()
        supervisor.stdout.close()
        supervisor.wait(timeout=_STOP_SECONDS)
        raise ServerError(f"{recipe.title} is installed but cannot be started: {answer['error']}")
    return RunningServer(answer["url"], answer["pid"], Path(answer["home"]), supervisor)


def _answer_of(supervisor: subprocess.Popen[str]) -> dict[str, Any]:
    assert supervisor.stdout is not None
    line = supervisor.stdout.readline()
    return json.loads(line) if line else {"error": "its supervisor ended without a word"}
