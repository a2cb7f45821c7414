"""How each kind of server is found, prepared, started and asked whether it is ready."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
import pymysql

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


def find_program(name: str, *patterns: str) -> str | None:
    """Find a program on PATH, else in the directories that match ``patterns``, the highest version first."""
    if found := shutil.which(name):
        return found
    directories: list[str] = []
    for pattern in patterns:
        directories += sorted((str(path) for path in Path("/").glob(pattern.lstrip("/"))), key=_version, reverse=True)
    return shutil.which(name, path=os.pathsep.join(directories)) if directories else None


def _version(path: str) -> list[int]:
    return [int(digits) for digits in "".join(c if c.isdigit() else " " for c in path).split()]


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
        found = find_program("initdb", *self._patterns)
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


class MariaDB:
    """MariaDB with its default durability; any version from 10.6 on."""

    name = "mysql"
    title = "MariaDB"
    variable = "MILEPOST_TEST_MYSQL"
    advice = "install it (Debian: apt-get install mariadb-server; macOS: brew install mariadb)"
    accounts: Sequence[str] = ("mysql",)
    stop_signal: int = signal.SIGTERM

    _patterns = (
        "/usr/sbin",
        "/usr/bin",
        "/usr/local/bin",
        "/usr/local/mysql/bin",
        "/opt/homebrew/opt/mariadb*/bin",
        "/usr/local/opt/mariadb*/bin",
    )

    def missing(self) -> str | None:
        names = ("mariadb-install-db", "mariadbd")
        return next((name for name in names if find_program(name, *self._patterns) is None), None)

    def prepare(self, home: Path, password: str, account: Account) -> None:
        install = find_program("mariadb-install-db", *self._patterns)
        assert install is not None
        options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        account.run([install, "--no-defaults", f"--datadir={home / 'data'}", *options], home)
        # Run by the server before it accepts connections, so that it is never open without a password. The names that
        # root has depend on the version; only those that exist are locked.
        statements = f"""\
            CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{password}';
            GRANT ALL ON *.* TO {USER}@'127.0.0.1' WITH GRANT OPTION;
            DELETE FROM mysql.global_priv WHERE User <> '{USER}' AND User <> 'mariadb.sys';
            FLUSH PRIVILEGES;
            CREATE DATABASE {USER} CHARACTER SET utf8mb4;
        """
        secret = home / "init.sql"
        secret.write_text("".join(f"{line.strip()}\n" for line in statements.splitlines()))
        secret.chmod(0o600)
        account.own(secret)

    def command(self, home: Path, port: int) -> list[str]:
        server = find_program("mariadbd", *self._patterns)
        assert server is not None
        return [
            server,
            "--no-defaults",  # must come first: the machine's own configuration is none of ours
            f"--datadir={home / 'data'}",
            f"--tmpdir={home}",
            f"--socket={home / 's'}",
            f"--pid-file={home / 'pid'}",
            f"--init-file={home / 'init.sql'}",
            "--bind-address=127.0.0.1",
            f"--port={port}",
            "--skip-name-resolve",
            "--max-connections=200",
        ]

    def url(self, port: int, password: str) -> str:
        return f"mysql://{USER}:{password}@127.0.0.1:{port}/mysql"

    def probe(self, port: int, password: str) -> None:
        with closing(
            pymysql.connect(host="127.0.0.1", port=port, user=USER, password=password, connect_timeout=5)
        ) as connection:
            connection.ping(reconnect=False)


POSTGRESQL: Recipe = PostgreSQL()
MARIADB: Recipe = MariaDB()
RECIPES: dict[str, Recipe] = {"postgresql": POSTGRESQL, "mysql": MARIADB, "mariadb": MARIADB}
