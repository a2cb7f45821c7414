"""The servers of the tests: fresh databases, and no process left behind whatever becomes of the session."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from tests.servers.databases import PREFIX, DatabaseServer, with_driver
from tests.servers.fixtures import servers_are_required
from tests.servers.recipes import MARIADB, POSTGRESQL, Recipe
from tests.servers.running import start

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60

# Starts a server, tells where it is, and then waits for ever.
SESSION = """
import json, sys, threading
from tests.servers.recipes import RECIPES
from tests.servers.running import start
server = start(RECIPES[sys.argv[1]])
print(json.dumps({"pid": server.pid, "home": str(server.home), "supervisor": server.supervisor.pid}), flush=True)
threading.Event().wait()
"""


def wait_for_end(pid_fd: int) -> bool:
    """Wait until the process behind this descriptor has ended."""
    readable, _, _ = select.select([pid_fd], [], [], SECONDS)
    return bool(readable)


def require(recipe: Recipe) -> None:
    if recipe.missing() is not None:
        pytest.skip(f"{recipe.title} is not installed here")
    if sys.platform != "linux":
        pytest.skip("waits for processes of others by a descriptor, which only Linux has")


def test_each_test_gets_an_empty_database_of_its_own(store_url: str) -> None:
    engine = create_engine(store_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE seen (id INTEGER)"))
        connection.execute(text("INSERT INTO seen VALUES (1)"))
        assert connection.execute(text("SELECT count(*) FROM seen")).scalar_one() == 1
    engine.dispose()


@pytest.mark.servers
@pytest.mark.parametrize("fixture", ["postgresql_server", "mysql_server"])
def test_a_database_is_dropped_although_a_session_still_uses_it(fixture: str, request: pytest.FixtureRequest) -> None:
    server: DatabaseServer | None = request.getfixturevalue(fixture)
    if server is None:
        pytest.skip("not installed here")
    with server.fresh_database() as url:
        name = make_url(url).database
        assert name is not None
        assert name.startswith(PREFIX)
        engine = create_engine(url)
        connection = engine.connect()
        connection.execute(text("CREATE TABLE held (id INTEGER)"))
        connection.commit()
        connection.execute(text("SELECT * FROM held"))  # an open transaction, with a lock on the table
    names = "SELECT datname FROM pg_database" if "postgresql" in url else "SHOW DATABASES"
    assert name not in server._admin.execute(text(names)).scalars().all()
    connection.invalidate()
    connection.close()
    engine.dispose()


@pytest.mark.servers
def test_a_server_that_is_restarted_is_where_it_was_with_its_data() -> None:
    require(POSTGRESQL)
    server = start(POSTGRESQL)
    try:
        engine = create_engine(with_driver(server.url), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text("CREATE TABLE kept (id INTEGER)"))
        before = server.pid
        server.restart()
        assert server.pid != before
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM kept")).scalar_one() == 0
    finally:
        server.stop()


@pytest.mark.servers
@pytest.mark.parametrize("victim", ["session", "supervisor"])
@pytest.mark.parametrize("recipe", [POSTGRESQL, MARIADB], ids=lambda recipe: recipe.name)
def test_a_server_ends_with_its_session_even_if_that_is_killed(recipe: Recipe, victim: str) -> None:
    require(recipe)
    session = subprocess.Popen(
        [sys.executable, "-c", SESSION, recipe.name], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with session:
        assert session.stdout is not None
        where = json.loads(session.stdout.readline())
        server = os.pidfd_open(where["pid"])
        supervisor = os.pidfd_open(where["supervisor"])
        try:
            os.kill(session.pid if victim == "session" else where["supervisor"], signal.SIGKILL)
            assert wait_for_end(server)
            assert wait_for_end(supervisor)
        finally:
            session.kill()
            os.close(server)
            os.close(supervisor)
    home = Path(where["home"])
    if victim == "session":
        assert not home.exists()
    else:
        subprocess.run(["rm", "-rf", str(home)], check=True)


@pytest.mark.servers
def test_the_command_prints_a_url_and_stops_on_interrupt() -> None:
    require(POSTGRESQL)
    command = [sys.executable, "-m", "tests.servers", "postgresql"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        server = DatabaseServer(process.stdout.readline().strip())
        assert server.url.database == "milepost"
        server.check()
        server.close()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, errors
    assert POSTGRESQL.variable in errors


@pytest.mark.parametrize(
    "environment, required",
    [
        ({}, False),
        ({"CI": ""}, False),
        ({"CI": "false"}, False),
        ({"CI": "true"}, True),
        ({"MILEPOST_REQUIRE_SERVERS": "1"}, True),
        ({"MILEPOST_REQUIRE_SERVERS": "0"}, False),
    ],
)
def test_when_a_missing_server_is_a_failure(environment: dict[str, str], required: bool) -> None:
    assert servers_are_required(environment) is required


@pytest.mark.parametrize("required", [False, True])
def test_without_servers_a_run_is_loud_or_fails(tmp_path: Path, required: bool) -> None:
    """Run a session of its own in which neither server can be found."""
    (tmp_path / "conftest.py").write_text(
        "from tests.servers.recipes import programs\nprograms.find_program = lambda name, *patterns: None\n"
        'pytest_plugins = ["tests.servers.fixtures"]\n'
    )
    (tmp_path / "test_it.py").write_text("def test_store(store_url):\n    assert store_url\n")
    dropped = {"CI", "MILEPOST_REQUIRE_SERVERS", POSTGRESQL.variable, MARIADB.variable}
    environment = {key: value for key, value in os.environ.items() if key not in dropped}
    environment |= {"PYTHONPATH": str(ROOT), "MILEPOST_REQUIRE_SERVERS": str(int(required))}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, "-W", "ignore", "."]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS)
    if required:
        assert done.returncode == 1
        assert "PostgreSQL is not installed here" in done.stdout
        assert "apt-get install mariadb-server" in done.stdout
        assert "1 passed, 2 errors" in done.stdout
    else:
        assert done.returncode == 0
        assert "1 passed, 2 skipped" in done.stdout
        assert "NOT TRIED: PostgreSQL" in done.stdout
        assert "NOT TRIED: MariaDB" in done.stdout
