"""The transport over tables of a SQL database, on each kind of database."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url, text

from tests.conformance.transports.proxy import Proxy
from tests.conformance.transports.subject import Mistake, Outage, Subject
from tests.servers.databases import with_driver
from tests.servers.running import RunningServer
from transports import Capabilities, Unavailable, open_transport

MiB = 1 << 20
SQL = Capabilities(
    durable=True,
    shared=True,
    redelivers=True,
    settles_singly=True,
    releases=True,
    broadcasts=True,
    priorities=True,
    depth=True,
    checks_queues=True,
    max_message_bytes=MiB,
)
_TABLES = ("milepost_messages", "milepost_queues", "milepost_broadcasts")


def with_options(url: str | URL, **options: str) -> str:
    """Return the URL of a transport on the database of this URL."""
    changed = make_url(url).update_query_dict(options)
    return f"sql+{changed.render_as_string(hide_password=False)}"


def use(url: str | URL, **options: str) -> None:
    """Open a transport and do the first thing that anybody does with it."""
    transport = open_transport(with_options(url, **options))
    try:
        transport.declare(["work"])
    finally:
        transport.close()


def statements(url: str, *lines: str) -> Callable[[], None]:
    """Return what runs these statements on the database."""

    def run() -> None:
        engine = create_engine(with_driver(url))
        with engine.begin() as connection:
            for line in lines:
                connection.execute(text(line))
        engine.dispose()

    return run


def sql_conflict(url: str) -> Callable[[], None]:
    """Return what meets a table of another application under our name."""

    def declare() -> None:
        statements(url, *(f"DROP TABLE IF EXISTS {table}" for table in _TABLES))()
        statements(url, "CREATE TABLE milepost_messages (id INTEGER PRIMARY KEY, stamp INTEGER)")()
        try:
            use(url)
        finally:
            statements(url, "DROP TABLE milepost_messages")()

    return declare


def sql_subject(
    url: str, outages: list[Outage], mistakes: list[Mistake], through: str | URL | None = None, **options: str
) -> Subject:
    reached = through or url
    return Subject(
        url=with_options(reached, **options),
        hasty_url=with_options(reached, **options, visibility_seconds="1"),
        capabilities=SQL,
        outages=outages,
        mistakes=[
            *mistakes,
            Mistake("no such keyword", lambda: open_transport(with_options(url), colour="red")),
            Mistake("no duration", lambda: open_transport(with_options(url, visibility_seconds="soon"))),
        ],
        conflict=sql_conflict(url),
        wipe=statements(url, *(f"DROP TABLE {table}" for table in _TABLES)),
    )


@contextmanager
def sqlite(request: pytest.FixtureRequest) -> Iterator[Subject]:
    url: str = request.getfixturevalue("sqlite_url")
    directory: Path = request.getfixturevalue("tmp_path")
    database = make_url(url).database
    assert database is not None

    @contextmanager
    def locked() -> Iterator[None]:
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout = 30000")
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    text_file = directory / "letter.txt"
    text_file.write_text("This is not a database. " * 100)
    mistakes = [
        Mistake("no such directory", lambda: use(f"sqlite:///{directory}/missing/milepost.db")),
        Mistake("not a database", lambda: use(f"sqlite:///{text_file}")),
        Mistake("in memory", lambda: use("sqlite://")),
        Mistake("read only", lambda: use(f"sqlite:///file:{database}?mode=ro&uri=true")),
        Mistake("no such database", lambda: open_transport("sql+oracle://host/database")),
        Mistake("unreadable", lambda: open_transport("sql+://")),
    ]
    # The read-only mistake needs a file to read.
    closing(sqlite3.connect(database)).__enter__().execute("CREATE TABLE other (id INTEGER)").connection.close()
    # An outage is to be noticed soon. Everywhere else, whoever writes may stand still for a while with the lock.
    options = {"busy_seconds": "0.3"} if request.path.stem == "test_outages" else {"busy_seconds": "60"}
    yield sql_subject(url, [Outage("locked by another process", locked)], mistakes, **options)


def server_mistakes(url: str, nobody: URL, patience: dict[str, str]) -> list[Mistake]:
    """Return what may be wrong with the address of a server. ``nobody`` is a user who may do nothing."""
    address = make_url(url)

    def silent() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            use(address.set(port=server.getsockname()[1]), **patience)

    def closed() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            use(address.set(port=unused.getsockname()[1]))

    return [
        Mistake("wrong password", lambda: use(address.set(password="wrong"))),
        Mistake("no such user", lambda: use(address.set(username="stranger"))),
        Mistake("no such database", lambda: use(address.set(database="milepost_test_missing"))),
        Mistake("missing rights", lambda: use(nobody)),
        Mistake("nobody listens", closed, Unavailable),
        Mistake("no such host", lambda: use(address.set(host="host.invalid")), Unavailable),
        Mistake("a server that says nothing", silent, Unavailable),
    ]


@contextmanager
def proxied(url: str) -> Iterator[tuple[URL, Outage]]:
    """Put a proxy before a server; return its address, and how to cut it."""
    address = make_url(url)
    assert address.host is not None
    assert address.port is not None
    proxy = Proxy(address.host, address.port)
    try:
        yield address.set(host="127.0.0.1", port=proxy.port), Outage("connections cut", proxy.cut)
    finally:
        proxy.close()


@contextmanager
def postgresql(request: pytest.FixtureRequest) -> Iterator[Subject]:
    # One database for all the tests: making one takes PostgreSQL longer than most of them take.
    url: str = request.getfixturevalue("transports_postgresql_url")
    statements(url, *(f"DROP TABLE IF EXISTS {table}" for table in _TABLES))()
    role = f"milepost_test_{secrets.token_hex(6)}"
    nobody = make_url(url).set(username=role, password="secret")
    statements(url, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")()
    try:
        with proxied(url) as (through, cut):
            mistakes = server_mistakes(url, nobody, {"connect_timeout": "2"})
            yield sql_subject(url, [cut], mistakes, through)
    finally:
        statements(url, f"DROP ROLE {role}")()


@contextmanager
def mysql(request: pytest.FixtureRequest) -> Iterator[Subject]:
    url: str = request.getfixturevalue("mysql_url")
    address = make_url(url)
    role = f"milepost_test_{secrets.token_hex(6)}"
    nobody = address.set(username=role, password="secret")
    statements(
        url, f"CREATE USER {role}@'%' IDENTIFIED BY 'secret'", f"GRANT SELECT ON {address.database}.* TO {role}@'%'"
    )()
    try:
        with proxied(url) as (through, cut):
            mistakes = server_mistakes(url, nobody, {"read_timeout": "2"})
            yield sql_subject(url, [cut], mistakes, through)
    finally:
        statements(url, f"DROP USER {role}@'%'")()


def private_database(server: RunningServer) -> str:
    """Make a database on a server that is there to be crashed, and which ends with the session; return its URL."""
    admin = create_engine(with_driver(server.url), isolation_level="AUTOCOMMIT")
    name = f"milepost_test_{secrets.token_hex(6)}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return make_url(server.url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def restarting_postgresql(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """The suite's own PostgreSQL server behind a proxy, so that it can be restarted while nobody gets through."""
    url = private_database(request.getfixturevalue("private_postgresql"))
    with proxied(url) as (through, cut):
        yield sql_subject(url, [cut], [], through)


@contextmanager
def crashing_postgresql(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """A PostgreSQL server of the suite's own, which restarts after a crash as often as a test wants."""
    server: RunningServer = request.getfixturevalue("private_postgresql")
    url = private_database(server)

    @contextmanager
    def crash() -> Iterator[None]:
        engine = create_engine(with_driver(server.url))
        with engine.connect() as connection:
            backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            # The server ends all sessions and recovers from its log, as after a power cut.
            os.kill(backend, signal.SIGKILL)
            connection.invalidate()
        engine.dispose()
        yield

    yield sql_subject(url, [Outage("crash and recovery", crash, total=False)], [])
