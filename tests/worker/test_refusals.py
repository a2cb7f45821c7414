"""What the database refuses for good concerns the execution that it is of, and nothing else."""

from __future__ import annotations

import json

import pytest

from engine.store.retries import retry_step
from tests.worker.serving import Store, serving, wait_until

POISON = "poison"


def refuse(store: Store, condition: str) -> None:
    """Have the database refuse rows of steps of which a condition holds: a rule that somebody else has set up."""
    if store.url.startswith("sqlite"):
        for event in ("INSERT", "UPDATE"):
            store.execute(
                f"CREATE TRIGGER refuse_{event} BEFORE {event} ON milepost_steps WHEN {condition} "
                "BEGIN SELECT RAISE(ABORT, 'not in this house'); END"
            )
    else:
        store.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'not in this house' USING ERRCODE = 'check_violation'; END $$"
        )
        store.execute(
            "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON milepost_steps FOR EACH ROW "
            f"WHEN ({condition}) EXECUTE FUNCTION refuse()"
        )


def allow(store: Store) -> None:
    """Take the rule away again."""
    if store.url.startswith("sqlite"):
        store.execute("DROP TRIGGER refuse_INSERT")
        store.execute("DROP TRIGGER refuse_UPDATE")
    else:
        store.execute("DROP TRIGGER refuse ON milepost_steps")


def test_a_result_that_is_refused_becomes_a_dead_letter(store: Store) -> None:
    refuse(store, f"NEW.state = 'completed' AND NEW.output LIKE '%{POISON}%'")
    with serving(store.url):
        (bad,) = store.start("recorded", what=POISON)
        good = store.start("recorded", count=20, what="well")
        assert [store.result(execution_id) for execution_id in good] == ["well"] * 20
        row = store.wait_for_step(bad, "dead")
        assert json.loads(row.output)["type"] == "RefusedByStore"
        assert "not in this house" in json.loads(row.output)["message"]
        # Once its cause is gone, an operator has it tried again.
        allow(store)
        with store.database.write() as tx:
            retry_step(tx, bad)
        assert store.result(bad) == POISON
        assert len(store.rows("SELECT id FROM milepost_workers")) == 1, "the worker kept its identity"
    store.check()


@pytest.mark.parametrize("live", [False, True])
def test_a_decision_that_is_refused_parks_its_execution(store: Store, *, live: bool) -> None:
    # With its first decision the worker holds the flow's own step; later ones it takes from its cache.
    refuse(store, f"NEW.kind = 'step' AND NEW.input LIKE '%{POISON}%'")
    with serving(store.url):
        names = ["first", POISON, "last"] if live else [POISON, "last"]
        (bad,) = store.start("recorded_in_turn", names=names)
        good = store.start("recorded", count=20, what="well")
        assert [store.result(execution_id) for execution_id in good] == ["well"] * 20
        wait_until(lambda: store.state(bad) == "parked", "the execution being parked")
        error = store.rows("SELECT error FROM milepost_executions WHERE id = :id", id=bad)[0][0]
        assert json.loads(error)["type"] == "RefusedByStore"
        done = store.rows("SELECT count(*) FROM milepost_steps WHERE execution_id = :id AND kind = 'step'", id=bad)
        assert done[0][0] == (1 if live else 0), "what was recorded before is kept"
        allow(store)
        store.resume(bad)
        assert store.result(bad) == names
        assert len(store.rows("SELECT id FROM milepost_workers")) == 1, "the worker kept its identity"
    store.check()
