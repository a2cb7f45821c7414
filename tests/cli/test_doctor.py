"""``engine doctor``: what is wrong, and what to do about it."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from engine.config import load_settings
from engine.doctor import store
from engine.doctor.broker import look_at_broker
from engine.store.database import Database
from engine.store.migrations import migrate
from engine.store.start import NewExecution, start_executions
from tests.cli.calling import engine
from tests.servers.databases import with_driver
from tests.worker.serving import serving, wait_until
from transports import Message, Unavailable, UnknownQueue, open_transport
from transports.memory import MemoryTransport


def found(*words: str, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run it, and return its code and its findings by part and check."""
    done = engine("doctor", "--json", *words, **environment)
    return done.code, {f"{each['part']} {each['check']}": each for each in done.json}


def made(url: str) -> Database:
    database = Database(url)
    migrate(database)
    return database


def test_all_is_well(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A busy machine is no fault of the store's.
    monkeypatch.setattr(store, "SLOW_SECONDS", 60.0)
    made(store_url).close()
    with serving(store_url, lease="5m") as worker:
        wait_until(lambda: worker.worker_id, "the worker")
        code, findings = found("--store", store_url, ENGINE_BROKER=f"sql+sqlite:///{tmp_path / 'queue.db'}")
    assert code == 0
    assert {name: each["verdict"] for name, each in findings.items() if name != "store clock"} == {
        "store reachable": "good", "store round trip": "good", "store tables": "good", "store rights": "good",
        "broker reachable": "good", "broker round trip": "good", "broker queue 'default'": "good",
        "workers alive": "good",
    }  # fmt: skip
    assert findings["broker queue 'default'"]["detail"] == "0 messages wait"
    assert findings["workers alive"]["detail"] == "1 on 1 host"
    assert "ms" in findings["store clock"]["detail"]


def test_a_store_that_is_far_away(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made(sqlite_url).close()
    monkeypatch.setattr(store, "SLOW_SECONDS", 0.0)
    code, findings = found("--store", sqlite_url)
    assert (code, findings["store round trip"]["verdict"]) == (0, "doubtful")
    assert "run workers near the database" in findings["store round trip"]["advice"]


def test_it_is_for_reading(sqlite_url: str) -> None:
    made(sqlite_url).close()
    done = engine("doctor", "--store", sqlite_url)
    assert done.code == 0
    assert done.out.splitlines()[0].startswith(" ok  store    reachable")
    assert " hm  workers  alive            no worker is running" in done.out
    assert "start one with engine-worker" in done.out


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "nothing.db"
    code, findings = found("--store", f"sqlite:///{path}")
    assert code == 0
    assert (findings["store reachable"]["verdict"], [*findings]) == ("doubtful", ["store reachable", "broker kind"])
    assert not path.exists()


def test_a_server_that_is_away() -> None:
    url = "postgresql://milepost:secret@127.0.0.1:1/milepost"
    code, findings = found("--store", url, ENGINE_BROKER=f"sql+{url}")
    assert code == 1
    for part in ("store", "broker"):
        assert findings[f"{part} reachable"]["verdict"] == "bad"
        assert "secret" not in str(findings)
        assert "see that the" in findings[f"{part} reachable"]["advice"]


def test_tables_that_are_missing_or_of_another_release(sqlite_url: str) -> None:
    database = made(sqlite_url)
    with database.write() as tx:
        tx.connection.execute(text("UPDATE milepost_schema SET version_num = '9999'"))
    database.close()
    assert found("--store", sqlite_url)[1]["store tables"]["verdict"] == "bad"
    path = make_url(sqlite_url).database or ""
    sqlite3.connect(path).execute("DROP TABLE milepost_schema").connection.close()
    code, findings = found("--store", sqlite_url)
    assert (code, findings["store tables"]["advice"]) == (1, "engine migrate")


@pytest.mark.servers
def test_missing_rights(postgresql_url: str) -> None:
    made(postgresql_url).close()
    role = f"milepost_test_{secrets.token_hex(6)}"
    admin = create_engine(with_driver(postgresql_url))
    with admin.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
    try:
        url = make_url(postgresql_url).set(username=role, password="secret")
        code, findings = found("--store", url.render_as_string(hide_password=False))
        assert code == 1
        assert findings["store rights"]["verdict"] == "bad"
        assert "permission denied" in findings["store rights"]["detail"]
        assert "grant SELECT, INSERT, UPDATE and DELETE" in findings["store rights"]["advice"]
    finally:
        with admin.begin() as connection:
            connection.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
        admin.dispose()


def test_a_queue_that_nobody_serves(sqlite_url: str) -> None:
    database = made(sqlite_url)
    with database.write() as tx:
        start_executions(tx, [NewExecution("any", 1, "{}", queue="gpu")])
    database.close()
    with serving(sqlite_url, lease="5m") as worker:
        wait_until(lambda: worker.worker_id, "the worker")
        code, findings = found("--store", sqlite_url)
    assert code == 1
    assert findings["workers queue 'gpu'"]["advice"] == "start a worker with --queues gpu"


def test_a_broker_that_is_none() -> None:
    code, findings = found(ENGINE_BROKER="carrier-pigeon://roof")
    assert code == 1
    assert findings["broker kind"]["verdict"] == "bad"


def test_a_broker_that_stops_answering_is_a_finding_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def depth(_self: MemoryTransport, _queue: str) -> int:
        raise Unavailable("the coordinator is away")

    monkeypatch.setattr(MemoryTransport, "depth", depth)
    *_, last = look_at_broker(load_settings(None, {"broker.url": "memory://doctor"}, environment={}))
    assert (last.check, last.verdict, last.detail) == ("queue 'default'", "bad", "the coordinator is away")


def test_the_brokers_of_other_programs_and_the_queues_of_triggers(tmp_path: Path) -> None:
    shop = f"sql+sqlite:///{tmp_path / 'shop.db'}"
    with closing(open_transport(shop, prefix="")) as theirs:
        theirs.declare(["orders", "requests"])
        theirs.send([Message("orders", b"{}")]).raise_if_any()
    settings = tmp_path / "engine.toml"
    settings.write_text(
        'flows = ["tests.worker.trigger_flows"]\n\n[brokers]\n'
        f'shop = "{shop}"\naway = "amqp://eva:secret@127.0.0.1:1/x?connect_seconds=0.5"\n'
    )
    code, findings = found("--config", str(settings), "--store", f"sqlite:///{tmp_path / 'none.db'}")
    assert code == 1
    about = {name: each["verdict"] for name, each in findings.items() if name.startswith(("brokers", "triggers"))}
    assert about == {
        "brokers shop": "good", "brokers away": "bad", "triggers queue 'orders'": "good",
        "triggers queue 'requests'": "good", "triggers queue 'decisions'": "bad",
    }  # fmt: skip
    assert "secret" not in str(findings)
    assert findings["triggers queue 'decisions'"]["advice"].startswith("make the queue")
    with closing(open_transport(shop, prefix="")) as theirs:
        assert theirs.depth("orders") == 1, "nothing was taken"
        with pytest.raises(UnknownQueue):
            theirs.depth("decisions")


def test_flows_that_cannot_be_loaded_and_a_broker_that_nobody_named(tmp_path: Path) -> None:
    settings = tmp_path / "engine.toml"
    settings.write_text('flows = ["tests.worker.trigger_flows"]\n')
    code, findings = found("--config", str(settings), "--store", f"sqlite:///{tmp_path / 'none.db'}")
    assert code == 1
    assert "names the broker 'shop'" in findings["triggers orders"]["detail"]
    settings.write_text('flows = ["tests.worker.no_such_flows"]\n')
    code, findings = found("--config", str(settings), "--store", f"sqlite:///{tmp_path / 'none.db'}")
    assert (code, findings["triggers flows"]["verdict"]) == (1, "bad")
