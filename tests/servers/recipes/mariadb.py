"""MariaDB."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pymysql

from tests.servers.recipes import programs
from tests.servers.recipes.recipe import USER, Account


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
        return next((name for name in names if programs.find_program(name, *self._patterns) is None), None)

    def prepare(self, home: Path, password: str, account: Account) -> None:
        install = programs.find_program("mariadb-install-db", *self._patterns)
        assert install is not None
        # Its own folder for temporary files: a MariaDB that starts removes those of every other in the same folder.
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", f"--tmpdir={home}"]
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
        server = programs.find_program("mariadbd", *self._patterns)
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
        # PyMySQL reads the certificates of the whole world for each connection (35 ms of the processor), unless it is
        # told that it needs none.
        return f"mysql://{USER}:{password}@127.0.0.1:{port}/mysql?ssl_disabled=true"

    def probe(self, port: int, password: str) -> None:
        with closing(
            pymysql.connect(host="127.0.0.1", port=port, user=USER, password=password, connect_timeout=5)
        ) as connection:
            connection.ping(reconnect=False)
