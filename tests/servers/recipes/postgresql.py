"""PostgreSQL."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import psycopg

from tests.servers.recipes import programs
from tests.servers.recipes.recipe import USER, Account


class PostgreSQL:
    """PostgreSQL with its default durability; any version from 13 on."""

    name = "postgresql"
    title = "PostgreSQL"
    variable = "MILEPOST_TEST_POSTGRESQL"
    advice = "install it (Debian: apt-get install postgresql; macOS: brew install postgresql@16)"
    accounts: Sequence[str] = ("postgres",)
    stop_signal: int = signal.SIGINT

    _patterns = (
        "/usr/lib/postgresql/*/bin",
        "/usr/local/bin",
        "/usr/pgsql-*/bin",
        "/opt/homebrew/opt/postgresql*/bin",
        "/usr/local/opt/postgresql*/bin",
        "/Applications/Postgres.app/Contents/Versions/*/bin",
    )

    def _program(self, name: str) -> str | None:
        # A link on PATH may be alone there; the programs beside what it points to are of one version.
        found = programs.find_program("initdb", *self._patterns)
        return shutil.which(name, path=Path(found).resolve().parent) if found else None

    def missing(self) -> str | None:
        return next((name for name in ("initdb", "postgres") if self._program(name) is None), None)

    def prepare(self, home: Path, password: str, account: Account) -> None:
        secret = home / "password"
        secret.write_text(password)
        account.own(secret)
        initdb = self._program("initdb")
        assert initdb is not None
        options = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--username={USER}"]
        account.run([initdb, f"--pgdata={home / 'data'}", f"--pwfile={secret}", *options], home)
        secret.unlink()

    def command(self, home: Path, port: int) -> list[str]:
        postgres = self._program("postgres")
        assert postgres is not None
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",  # the path of a temporary directory may be too long for a socket
            "max_connections": 200,
        }
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [postgres, "-D", str(home / "data"), *arguments]

    def url(self, port: int, password: str) -> str:
        return f"postgresql://{USER}:{password}@127.0.0.1:{port}/postgres"

    def probe(self, port: int, password: str) -> None:
        with psycopg.connect(self.url(port, password), autocommit=True, connect_timeout=5) as connection:
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [USER]).fetchone()
            if exists is None:
                connection.execute(f"CREATE DATABASE {USER}")
