"""Redis."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import redis

from tests.servers.recipes import programs
from tests.servers.recipes.recipe import Account


class Redis:
    """Redis with a password and an append-only log, as somebody sets it up who means to keep what is in it."""

    name = "redis"
    title = "Redis"
    variable = "MILEPOST_TEST_REDIS"
    advice = "install it (Debian: apt-get install redis-server; macOS: brew install redis)"
    accounts: Sequence[str] = ("redis",)
    stop_signal: int = signal.SIGTERM

    _patterns = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/opt/redis*/bin", "/usr/local/opt/redis*/bin")

    def missing(self) -> str | None:
        return "redis-server" if programs.find_program("redis-server", *self._patterns) is None else None

    def prepare(self, home: Path, password: str, account: Account) -> None:
        data = home / "data"
        data.mkdir()
        # In a file: a command line can be read by everybody on the machine.
        configuration = home / "redis.conf"
        configuration.touch(0o600)
        configuration.write_text(
            "\n".join(
                [
                    "bind 127.0.0.1",
                    f"requirepass {password}",
                    f"dir {data}",
                    "appendonly yes",
                    "save ''",
                    "databases 1024",
                    # Tests have it crash, and come back.
                    "enable-debug-command local",
                    "",
                ]
            )
        )
        account.own(data)
        account.own(configuration)

    def command(self, home: Path, port: int) -> list[str]:
        server = programs.find_program("redis-server", *self._patterns)
        assert server is not None
        # By its own name, which tells the program what it is. Absolute, as a crashed server starts itself anew by it.
        return [str(Path(server).absolute()), str(home / "redis.conf"), "--port", str(port)]

    def url(self, port: int, password: str) -> str:
        return f"redis://:{password}@127.0.0.1:{port}/0"

    def probe(self, port: int, password: str) -> None:
        with redis.Redis(port=port, password=password, socket_timeout=5) as client:
            client.ping()
