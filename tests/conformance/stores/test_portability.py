"""Nothing in the store rules out SQL Server and Oracle: its tables and its queries can be written for them too."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Dialect
from sqlalchemy import event as events
from sqlalchemy.dialects import mssql, oracle
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql import ClauseElement

from engine.model.policy import RulePolicy, RuleScenario
from engine.model.states import FLOW_SEQ
from engine.model.work import Pointer
from engine.store import (
    claim,
    commands,
    commit,
    endings,
    executions,
    flush,
    holds,
    retries,
    schema,
    signals,
    sweep,
    workers,
)
from engine.store.batches import BatchUpdate
from engine.store.cancels import cancel
from engine.store.history import load_histories
from engine.store.holds import pause, resume
from engine.store.prune import prune, prune_workers
from engine.store.query import (
    dead_letters,
    find_executions,
    get_execution,
    get_history,
    get_results,
    queue_depths,
    worker_list,
)
from engine.store.retries import retry_step
from engine.store.rules import policies, scenarios, versions
from engine.store.signals import send_signal
from engine.store.sweep import adopt_unannounced, find_dead
from engine.store.workers import flushes_of, owned_steps
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import DONE, ERROR, back, child, event, first_drive, step

MOST_CHARACTERS = 128
"""Of a name, on SQL Server and on Oracle from 12.2 on."""
DIALECTS: dict[str, Callable[[], Dialect]] = {"mssql": mssql.dialect, "oracle": oracle.dialect}
# Types that every database has under one name or another; a variant is for one database and none of these two.
PORTABLE = {"String", "Text", "Integer", "BigInteger", "SmallInteger"}
NO_COLUMN_OF_ORACLE = {"number", "level", "size", "date", "mode", "start", "comment", "access", "file", "index"}


@pytest.fixture(params=list(DIALECTS))
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """The dialect of a database that the store is not run on yet."""
    return DIALECTS[request.param]()


def test_the_tables_can_be_made(dialect: Dialect) -> None:
    for table in schema.metadata.sorted_tables:
        made = str(CreateTable(table).compile(dialect=dialect))
        assert f"CREATE TABLE {table.name}" in made
        for index in table.indexes:
            assert table.name in str(CreateIndex(index).compile(dialect=dialect))


def test_names_are_short_enough() -> None:
    for table in schema.metadata.sorted_tables:
        names = [table.name, *table.columns.keys(), *(str(index.name) for index in table.indexes)]
        names += [str(constraint.name) for constraint in table.constraints]
        assert all(len(name) <= MOST_CHARACTERS for name in names)
        assert not NO_COLUMN_OF_ORACLE & set(table.columns.keys())


def test_types_are_those_that_every_database_has() -> None:
    for table in schema.metadata.sorted_tables:
        for column in table.columns:
            assert type(column.type).__name__ in PORTABLE, f"{table.name}.{column.name}: {column.type!r}"


def test_keys_of_indexes_are_within_what_databases_allow() -> None:
    # SQL Server allows 1700 bytes, and InnoDB 3072; a character is up to 4 bytes there.
    for table in schema.metadata.sorted_tables:
        for index in table.indexes:
            characters = sum(getattr(column.type, "length", None) or 2 for column in index.columns)
            assert characters * 4 <= 3072, index.name


def test_partial_indexes_are_unique_only_where_there_is_a_value() -> None:
    """Where there are no partial indexes, more than one row without a value must be allowed by a unique index.

    SQL Server has them; Oracle leaves out of an index what has no value at all, so its column comes alone or first.
    """
    for table in schema.metadata.sorted_tables:
        for index in (one for one in table.indexes if one.unique and any(column.nullable for column in one.columns)):
            assert index.dialect_options["mssql"]["where"] is not None, index.name


def everything_that_reads_or_writes(store: Store) -> None:
    """Call what builds its SQL with SQLAlchemy, so that it is seen on its way to the database."""
    worker = store.worker()
    parent = store.running(
        worker, step(1, dead_letter=True), event(2), child(3, "01jxt21q000000000000000001"), attributes={"a": "b"}
    )
    worker.claim()
    worker.flush(pointers=[Pointer(parent, FLOW_SEQ, 0, "default")])
    letter = store.running(worker, step(1, dead_letter=True))
    worker.flush(reschedules=[back(worker.claim_one(letter, 1), error=ERROR, dead=True)])
    store.write(retry_step, letter, 1)
    store.sweep(1)
    store.write(adopt_unannounced, 1)
    store.read(find_dead, 0)
    store.write(send_signal, parent, "approved", json.dumps("yes"), "key")
    for steer in (pause, resume, cancel):
        store.write(steer, parent)
    store.read(load_histories, {parent: 0})
    store.read(load_histories, {parent: 1})
    store.read(get_execution, parent)
    store.read(get_results, [parent])
    store.read(get_history, parent, after_seq=0, limit=5)
    store.read(
        find_executions, state="running", flow="order", attributes={"a": "b"}, created_from_us=1,
        created_until_us=2**60, after_id="z" * 26,
    )  # fmt: skip
    for read in (dead_letters, queue_depths, worker_list):
        store.read(read)  # type: ignore[arg-type]
    store.read(flushes_of, worker.id)
    store.read(owned_steps, worker.id)
    done = store.start()
    worker.flush(first_drive(worker.claim_one(done, 0), ending=DONE))
    scenario = RuleScenario(rule="credit", name="large", inputs="{}", expected="1")
    store.write(versions.add_version, "credit", "a", "b")
    store.write(scenarios.add_scenarios, "credit", [scenario], replace=True, admit=lambda _there: None)
    store.write(policies.require, "credit", RulePolicy(tested=True))
    store.write(versions.activate, "credit", 1)
    store.read(policies.read_guard, "credit")
    store.write(scenarios.remove_scenarios, "credit", ["large"])
    store.write(policies.require, "credit", None)
    store.write(prune, store.clock.now_us + 1)
    store.write(prune_workers, store.clock.now_us)


def statements(store: Store, call: Callable[[Store], None]) -> list[ClauseElement]:
    """Return the statements built with SQLAlchemy that a call executes."""
    seen: list[ClauseElement] = []

    def execute(_connection: Any, clause: Any, *_rest: Any) -> None:
        if isinstance(clause, ClauseElement):
            seen.append(clause)

    events.listen(store.database.engine, "before_execute", execute)
    try:
        call(store)
    finally:
        events.remove(store.database.engine, "before_execute", execute)
    return seen


def test_every_query_can_be_written(sqlite_store: Store, dialect: Dialect) -> None:
    seen = statements(sqlite_store, everything_that_reads_or_writes)
    assert len({str(statement) for statement in seen}) > 25
    for statement in seen:
        try:
            statement.compile(dialect=dialect)
        except CompileError as error:
            pytest.fail(f"{error}: {statement}")


def test_sql_that_is_written_by_hand_is_plain() -> None:
    """What the batches are made of: assignments and conditions that every database understands as they are."""
    modules = (claim, commands, commit, endings, executions, flush, holds, retries, signals, sweep, workers)
    batches = {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, BatchUpdate)
    }
    assert len(batches) > 20
    for name, batch in batches.items():
        text = f"{batch.fixed} {batch.guard}"
        for sign in ("::", "`", '"', "ILIKE", "RETURNING", "LIMIT", "ON CONFLICT", "||", "NOW(", "TRUE", "FALSE"):
            assert sign not in text.upper(), f"{name}: {text}"
        assert set(batch.columns) <= set(batch.table.columns.keys()), name
