"""Worker processes that are killed, stopped and let go on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.crash import failpoints, process
from tests.worker.forks import Fork
from tests.worker.serving import Trace


class Member(Fork):
    """One worker process."""

    def __init__(self, settings: dict[str, Any], environment: dict[str, str], log: Path) -> None:
        super().__init__(os.environ | environment, process.run, settings, log)
        self.log = log

    def wait_until_ready(self) -> None:
        try:
            super().wait_until_ready()
        except AssertionError as error:
            error.add_note(self.log.read_text())
            raise


class Fleet:
    """The workers of one test, all with the same settings; they end with the test."""

    def __init__(self, trace: Trace, directory: Path, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._environment = {Trace.VARIABLE: str(trace.path)}
        self._directory = directory
        self.members: list[Member] = []

    def start(
        self, count: int = 1, *, failpoint: str | None = None, fired: Path | None = None, ready: bool = True,
        **settings: Any,
    ) -> list[Member]:  # fmt: skip
        """Start workers; each has registered, unless it may be dead before that."""
        environment = dict(self._environment)
        if failpoint is not None:
            environment |= {failpoints.VARIABLE: failpoint, failpoints.FIRED: str(fired)}
        started: list[Member] = []
        for _ in range(count):
            log = self._directory / f"worker-{len(self.members)}.log"
            member = Member(self._settings | settings, environment, log)
            self.members.append(member)
            started.append(member)
        for member in started if ready else ():
            member.wait_until_ready()
        return started

    @property
    def alive(self) -> list[Member]:
        return [member for member in self.members if member.exit_code is None]

    def close(self) -> None:
        for member in self.members:
            member.close()


@contextmanager
def fleet(trace: Trace, directory: Path, settings: dict[str, Any]) -> Iterator[Fleet]:
    made = Fleet(trace, directory, settings)
    try:
        yield made
    finally:
        made.close()
