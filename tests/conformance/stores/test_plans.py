"""How the database looks for work: by the indexes on unfinished steps, however much is finished."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from engine.model.states import StepKind, StepState
from engine.model.work import Pointer
from engine.store.batches import BatchInsert
from engine.store.claim import claim_pointers, claim_ready
from engine.store.database import Transaction
from engine.store.executions import INSERT_EXECUTIONS, INSERT_STEPS
from engine.store.query import dead_letters, queue_depths, worker_list
from engine.store.signals import send_signal
from engine.store.sweep import adopt_unannounced, release_orphans, sweep_due
from engine.store.workers import declare_dead, owned_steps
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import ERROR, START_US

FINISHED_EXECUTIONS, STEPS_OF_EACH, UNFINISHED = 400, 12, 60
READY, DUE, OWNER = (f"ix_milepost_steps_{name}" for name in ("ready", "due", "owner"))


def insert(tx: Transaction, statement: BatchInsert, rows: list[dict[str, object]]) -> None:
    """Insert rows that name what they say; all else is empty."""
    tx.dialect.insert(tx.connection, statement, [tuple(row.get(name) for name in statement.columns) for row in rows])


def fill(store: Store) -> tuple[int, int]:
    """Fill the store with finished work and a little unfinished; return a living worker and a dead one."""
    alive, dead = store.worker().id, store.worker().id
    ids = [f"01jxt21q00{number:016}" for number in range(FINISHED_EXECUTIONS + UNFINISHED)]
    done, open_ids = ids[:FINISHED_EXECUTIONS], ids[FINISHED_EXECUTIONS:]

    def row(id: str, seq: int, state: str, **values: object) -> dict[str, object]:
        kind = StepKind.FLOW if seq == 0 else StepKind.STEP
        usual = {
            "execution_id": id, "seq": seq, "kind": kind, "name": "charge", "queue": "default", "priority": 5,
            "state": state, "attempt": 1, "max_attempts": 3, "dead_letter": 0, "input": "{}",
            "output": ERROR if state == StepState.DEAD else '"ok"', "created_us": START_US,
            "position": seq + 1 if state == StepState.COMPLETED else None,
            "finished_us": START_US if state == StepState.COMPLETED else None,
        }  # fmt: skip
        return usual | values

    rows = [row(id, seq, StepState.COMPLETED) for id in done for seq in range(STEPS_OF_EACH)]
    for id in open_ids:
        rows += [
            row(id, 0, StepState.WAITING),
            row(id, 1, StepState.READY, ready_queue="default", ready_us=START_US),
            row(id, 2, StepState.WAITING, due_at_us=START_US - 1),
            row(id, 3, StepState.CLAIMED, owner=alive),
            row(id, 4, StepState.CLAIMED, owner=dead),
            row(id, 5, StepState.DEAD, owner=0),
        ]
    finished = set(done)
    executions = [
        {
            "id": id, "flow": "order", "version": 1, "queue": "default", "priority": 5, "advanced": 1, "unread": 0,
            "state": "completed" if id in finished else "running", "created_us": START_US,
        }
        for id in ids
    ]  # fmt: skip
    with store.database.write() as tx:
        insert(tx, INSERT_EXECUTIONS, executions)
        insert(tx, INSERT_STEPS, rows)
        declare_dead(tx, [dead])
    with store.database.write() as tx:
        tx.connection.exec_driver_sql("ANALYZE")
    store.sound = False
    return alive, dead


def plans(store: Store, call: Callable[[Transaction], object]) -> list[str]:
    """Run a call, and return how each of its statements about steps is planned."""
    seen: list[tuple[str, Any]] = []

    def execute(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "milepost_steps" in statement:
            seen.append((statement, parameters))

    event.listen(store.database.engine, "before_cursor_execute", execute)
    try:
        store.write(call)
    finally:
        event.remove(store.database.engine, "before_cursor_execute", execute)
    explain = "EXPLAIN QUERY PLAN " if store.kind == "sqlite" else "EXPLAIN "
    found: list[str] = []
    with store.database.read() as tx:
        for statement, parameters in seen:
            if isinstance(parameters, list):
                parameters = parameters[0]  # noqa: PLW2901 - one row stands for all
            lines = tx.connection.exec_driver_sql(explain + statement, parameters).all()
            found.append("\n".join(str(line[-1]) for line in lines))
    return found


def scans(plan: str) -> bool:
    """Whether a plan looks at every step that there is."""
    return any(
        scan in line
        for line in plan.splitlines()
        for scan in ("Seq Scan on milepost_steps", "SCAN milepost_steps")
        if "USING" not in line
    )


LOOKS: dict[str, tuple[Callable[[Transaction, int], object], str]] = {
    "claim": (lambda tx, id: claim_ready(tx, id, ["default"], 10), READY),
    "sweep": (lambda tx, _id: sweep_due(tx, None), DUE),
    "owner": (owned_steps, OWNER),
    "orphans": (lambda tx, _id: release_orphans(tx, None), OWNER),
    "unannounced": (lambda tx, _id: adopt_unannounced(tx, 1), READY),
    "dead letters": (lambda tx, _id: dead_letters(tx), OWNER),
    "workers": (lambda tx, _id: worker_list(tx), OWNER),
}


@pytest.mark.parametrize("name", LOOKS)
def test_work_is_found_by_the_index_on_it(partial_store: Store, name: str) -> None:
    alive, _dead = fill(partial_store)
    look, index = LOOKS[name]
    found = plans(partial_store, lambda tx: look(tx, alive))
    assert index in found[0], found[0]
    # What was found is written by its key; for many rows of a table as small as this, a scan may be as good.
    for plan in (plan for plan in found if not plan.startswith("Update")):
        assert not scans(plan), plan


def test_depths_of_queues_are_counted_by_the_three_indexes(partial_store: Store) -> None:
    fill(partial_store)
    found = plans(partial_store, queue_depths)
    assert len(found) == 3
    for plan, index in zip(found, (READY, OWNER, DUE), strict=True):
        assert index in plan
        assert not scans(plan), plan


def test_a_step_that_is_named_is_found_by_its_key(partial_store: Store) -> None:
    store = partial_store
    fill(store)
    id = f"01jxt21q00{FINISHED_EXECUTIONS:016}"
    worker = store.worker()
    for call in (
        lambda tx: claim_pointers(tx, worker.id, [Pointer(id, 1, 1, "default")]),
        lambda tx: send_signal(tx, id, "approved", "1"),
    ):
        for plan in plans(store, call):
            assert not scans(plan), plan
            assert "pk_milepost_steps" in plan or "sqlite_autoindex_milepost_steps" in plan or "ready" in plan, plan


def test_the_indexes_on_work_hold_unfinished_steps_alone(partial_store: Store) -> None:
    with partial_store.database.read() as tx:
        catalogue = {
            "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index'",
            "postgresql": "SELECT indexname, indexdef FROM pg_indexes",
        }
        found = {row[0]: row[1] for row in tx.connection.exec_driver_sql(catalogue[partial_store.kind])}
    for index, column in [(READY, "ready_queue"), (DUE, "due_at_us"), (OWNER, "owner")]:
        assert f"{column} is not null" in found[index].lower()
