"""What every kind of server says of itself: how it is found, prepared, started and asked whether it is ready."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

USER = "milepost"


class ServerError(Exception):
    """A server is installed, but it could not be prepared or started."""


class Recipe(Protocol):
    """One kind of server. Everything is per process: a recipe holds no state."""

    name: str
    title: str
    variable: str
    """The environment variable that may give the URL of a running server, to be used instead of starting one."""
    advice: str
    """What to install where the server is missing."""
    accounts: Sequence[str]
    """Users to run it as when started by root, in order of preference."""
    stop_signal: int
    """Stops it quickly and in order, whoever is connected."""

    def missing(self) -> str | None:
        """Name the first program that cannot be found, or None if all are there."""
        ...

    def prepare(self, home: Path, password: str, account: Account) -> None:
        """Make the data directory in ``home``."""
        ...

    def command(self, home: Path, port: int) -> list[str]:
        """Return the command that runs the server in the foreground."""
        ...

    def url(self, port: int, password: str) -> str:
        """Return the URL of the server's own administrative database."""
        ...

    def probe(self, port: int, password: str) -> None:
        """Connect once, and make the development database on the way; raises while the server is not ready."""
        ...


@dataclass(frozen=True)
class Account:
    """The user a server runs as, in the terms of :mod:`subprocess`; all None: as whoever runs the tests."""

    user: int | None = None
    group: int | None = None
    extra_groups: tuple[int, ...] | None = None

    @classmethod
    def choose(cls, candidates: Sequence[str]) -> Account:
        """Pick the first candidate that exists when running as root, whom servers refuse; otherwise stay who we are."""
        if os.geteuid() != 0:
            return cls()
        for name in (*candidates, "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid, ())
        raise ServerError(f"running as root, and none of the users {', '.join(candidates)}, nobody exists")

    def own(self, path: Path) -> None:
        """Give ``path`` to this user."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)

    def run(self, command: list[str], home: Path) -> None:
        """Run a preparing command in ``home`` to its end; its output becomes the error if it fails."""
        done = subprocess.run(
            command,
            cwd=home,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            user=self.user,
            group=self.group,
            extra_groups=self.extra_groups,
        )
        if done.returncode != 0:
            raise ServerError(f"{command[0]} failed with {done.returncode}: {(done.stderr or done.stdout).strip()}")
