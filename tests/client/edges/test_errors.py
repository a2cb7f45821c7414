"""Whatever goes wrong with the store is a MilepostError: one clear line, and no password in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from engine import ArgumentsError, ConfigError, MilepostError, SchemaMismatch, StoreError, StoreUnavailable
from engine.client import Client, Filter
from engine.store.migrations.revisions import REVISIONS
from tests.client.edges.stores import made

SECRET = "geheim-4711"


def refusal(url: str) -> MilepostError:
    """Return the error of a client's first use, after checks that all errors must pass."""
    with pytest.raises(MilepostError) as caught, Client(url) as client:
        client.start("any", n=1)
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    assert 10 < len(message) < 400
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        f"postgresql://u:{SECRET}@host:port/db",
        f"oracle://u:{SECRET}@host/db",
        f"nosuch://u:{SECRET}@host/db",
        f"postgresql://u:{SECRET}@127.0.0.1/db?nosuch=1",
        f"mysql://u:{SECRET}@127.0.0.1/db?nosuch=1",
    ],
)
def test_urls_that_cannot_be_used(url: str) -> None:
    assert isinstance(refusal(url), ConfigError | StoreError)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_is_not_there(scheme: str) -> None:
    assert isinstance(refusal(f"{scheme}://u:{SECRET}@127.0.0.1:1/db"), StoreUnavailable)


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_wrong_credentials_and_databases(kind: str, request: pytest.FixtureRequest) -> None:
    url = make_url(request.getfixturevalue(f"{kind}_url"))
    shown = url.set(username="nobody", password=SECRET).render_as_string(hide_password=False)
    assert "nobody" in str(refusal(shown))
    missing = refusal(url.set(database="no_such_database").render_as_string(hide_password=False))
    assert "no_such_database" in str(missing)
    assert str(url.password) not in str(missing)


def test_tables_that_are_missing(empty_url: str) -> None:
    with Client(empty_url) as client:
        for attempt in (
            lambda: client.start("any", n=1), lambda: client.get("0" * 26), lambda: client.signal("0" * 26, "go"),
            client.find, client.count, client.queues, client.workers, lambda: client.prune(0),
            lambda: client.cancel_many(Filter()), lambda: client.wait_for("0" * 26), lambda: client.find_id("0" * 9),
        ):  # fmt: skip
            with pytest.raises(SchemaMismatch, match="run 'engine migrate'") as caught:
                attempt()
            assert "\n" not in str(caught.value)
        made(empty_url)
        assert client.start("any", n=1).state() == "running", "and the client goes on once they are there"


def test_tables_of_another_release(store_url: str) -> None:
    made(store_url)
    with Client(store_url) as client, client.database.write() as tx:
        tx.connection.execute(text("UPDATE milepost_schema SET version_num = '9999'"))
    assert isinstance(refusal(store_url), SchemaMismatch)
    with Client(store_url) as client:
        with pytest.raises(SchemaMismatch, match="upgrade Milepost"):
            client.find()
        with client.database.write() as tx:
            tx.connection.execute(text(f"UPDATE milepost_schema SET version_num = '{REVISIONS[-1]}'"))
        assert client.find() == [], "nothing was written, and the client looks again"


def test_files_that_are_no_database(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear Ada,\n" * 1000)
    assert "letter.txt" in str(refusal(f"sqlite:///{file}"))
    assert "nowhere" in str(refusal(f"sqlite:///{tmp_path}/nowhere/milepost.db"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_only_be_read(sqlite_url: str, tmp_path: Path) -> None:
    made(sqlite_url)
    (tmp_path / "milepost.db").chmod(0o400)
    assert isinstance(refusal(sqlite_url), StoreError)


def test_numbers_that_no_step_can_have(lite: Client) -> None:
    started = lite.start("any", n=1)
    for number in (10**30, 2**31, "1", 1.0, True, -2):
        for attempt in (
            started.rerun, started.retry, lambda seq: started.history(after=seq)
        ):  # fmt: skip
            with pytest.raises(ArgumentsError, match="no number of a step"):
                attempt(number)
    for limit in (-1, 10**30, "5"):
        for read in (lite.find, started.history):
            with pytest.raises(ArgumentsError, match="whole number"):
                read(limit=limit)  # type: ignore[arg-type]


def test_what_the_database_refuses_is_told_in_one_line(client: Client) -> None:
    with client.database.write() as tx:
        tx.connection.execute(text("ALTER TABLE milepost_executions RENAME COLUMN flow TO flow_now"))
    with pytest.raises(StoreError, match="refused") as caught:
        client.find()
    assert "\n" not in str(caught.value)
