"""Recorded decisions: the newest first, a part at a time, by the keys of steps."""

from __future__ import annotations

from engine.definitions.deciding import DECIDE
from engine.model.states import StepKind, StepState
from engine.store.database import Transaction
from engine.store.executions import INSERT_STEPS
from engine.store.rules.decisions import read_decisions
from tests.conformance.stores.subject import Store
from tests.conformance.stores.test_plans import insert, plans, scans
from tests.conformance.stores.values import START_US

EXECUTIONS, STEPS = 40, 12
IDS = [f"01jxt21q00{number:016}" for number in range(EXECUTIONS)]


def fill(store: Store) -> None:
    """Fill the store with executions, of which every third step is a decision, and every sixth was not taken yet."""
    rows: list[dict[str, object]] = [
        {
            "execution_id": id, "seq": seq, "kind": StepKind.STEP, "name": DECIDE if seq % 3 == 0 else "charge",
            "queue": "default", "priority": 5, "attempt": 1, "max_attempts": 3, "dead_letter": 0,
            "state": StepState.COMPLETED if seq % 6 else StepState.FAILED, "input": f'"{id} {seq}"', "output": str(seq),
            "created_us": START_US,
        }
        for id in IDS for seq in range(1, STEPS + 1)
    ]  # fmt: skip
    with store.database.write() as tx:
        insert(tx, INSERT_STEPS, rows)
    with store.database.write() as tx:
        tx.connection.exec_driver_sql(
            "ANALYZE TABLE milepost_steps" if store.kind in ("mysql", "mariadb") else "ANALYZE"
        )
    store.sound = False


def test_decisions_are_read_the_newest_first_and_part_by_part(store: Store) -> None:
    fill(store)
    page = IDS[10:20]
    expected = [(id, seq) for id in reversed(page) for seq in (9, 3)]
    whole = store.read(read_decisions, page, 100)
    assert [(one.execution_id, one.seq) for one in whole] == expected
    assert (whole[0].input, whole[0].output) == (f'"{page[-1]} 9"', "9")
    for size in (1, 3, 7):
        found: list[tuple[str, int]] = []
        before: tuple[str, int] | None = None
        while part := store.read(read_decisions, page, size, before):
            found += [(one.execution_id, one.seq) for one in part]
            before = found[-1]
        assert found == expected


def test_only_the_executions_of_the_page_are_looked_at(store: Store) -> None:
    fill(store)
    found = store.read(read_decisions, [IDS[3], IDS[30]], 100)
    assert [one.execution_id for one in found] == [IDS[30]] * 2 + [IDS[3]] * 2
    assert store.read(read_decisions, [], 100) == []


def test_decisions_are_found_by_the_key_of_steps(partial_store: Store) -> None:
    fill(partial_store)

    def look(tx: Transaction) -> object:
        return read_decisions(tx, IDS[10:12], 5, (IDS[11], 9))

    (plan,) = plans(partial_store, look)
    assert not scans(plan), plan
    assert "pk_milepost_steps" in plan or "sqlite_autoindex_milepost_steps" in plan, plan
