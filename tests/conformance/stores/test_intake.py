"""Messages of other programs: each starts once, signals once or is dead once, whatever comes with it or comes again."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from engine.errors import MessageNotFound
from engine.model.ids import new_execution_id
from engine.model.messages import ByKey, Dead, Decision, MessageInfo, Received, Signal, Start
from engine.model.work import Checkpoint
from engine.store.dead_messages import (
    bury,
    count_dead_messages,
    drop_dead_message,
    find_dead_messages,
    get_dead_message,
)
from engine.store.intake import take_in
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import DONE, SECOND, START_US, drive, event, first_drive
from tests.conformance.transports.helpers import Background

NOBODY = new_execution_id(0)


def message(id: str | None = "m1", trigger: str = "orders", body: bytes = b"{}", **info: Any) -> Received:
    """A message as it came."""
    return Received(
        trigger=trigger, source="kafka://host/orders", info=MessageInfo(queue="orders", id=id, **info), body=body
    )


def start(key: str) -> Start:
    return Start("order", 2, '{"a":1}', "shop", 3, key)


def signal(target: str | ByKey, key: str = "s1", payload: str = "1") -> Signal:
    return Signal(target, "approved", payload, key)


def test_a_message_starts_an_execution_once(store: Store) -> None:
    batch: list[tuple[Received, Decision]] = [(message(f"m{n}"), start(f"orders:{n}")) for n in (2, 1, 2)]
    taken = store.write(take_in, batch, 10 * SECOND)
    assert len(set(taken.executions)) == 2
    assert taken.executions[0] == taken.executions[2]
    assert [pointer.queue for pointer in taken.offered] == ["shop", "shop"]
    assert taken.dead == []
    again = store.write(take_in, batch, 10 * SECOND)
    assert (again.executions, again.offered) == (taken.executions, [])
    view = store.execution(taken.executions[0])
    assert (view.flow, view.version, view.queue, view.priority, view.input) == ("order", 2, "shop", 3, '{"a":1}')
    assert view.idempotency_key == "orders:2"


def test_a_message_is_a_signal_once_by_id_or_by_key(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, event(1, "approved"), event(2, "approved"), idempotency_key="orders:7")
    batch: list[tuple[Received, Decision]] = [
        (message("m1", "route"), signal(id, "s1", '"one"')),
        (message("m2", "route"), signal(ByKey("orders:7"), "s2", '"two"')),
        (message("m1", "route"), signal(id, "s1", '"one"')),
    ]
    for _ in range(2):
        taken = store.write(take_in, batch)
        assert (taken.executions, taken.dead) == ([id] * 3, [])
    assert [store.step(id, seq).output for seq in (1, 2)] == ['"one"', '"two"']


def test_a_start_and_a_signal_to_it_may_come_together(store: Store) -> None:
    taken = store.write(take_in, [(message("m2"), signal(ByKey("orders:1"))), (message("m1"), start("orders:1"))])
    assert len(set(taken.executions)) == 1
    assert taken.dead == []


def test_a_signal_that_nobody_can_get_is_dead_and_the_others_go_on(store: Store) -> None:
    worker = store.worker()
    ended = store.start()
    worker.flush(first_drive(worker.claim_one(ended, 0), ending=DONE))
    batch: list[tuple[Received, Decision]] = [
        (message("m1"), signal(NOBODY)),
        (message("m2"), start("orders:2")),
        (message("m3"), signal(ByKey("nobody"))),
        (message("m4"), Dead("refused by filter")),
        (message("m5"), signal(ended)),
    ]
    for _ in range(2):
        taken = store.write(take_in, batch)
        assert len(taken.executions) == 1
        assert {one.info.id: verdict.reason.partition(":")[0] for one, verdict in taken.dead} == {
            "m1": "the signal 'approved' cannot be delivered",
            "m3": "the signal 'approved' cannot be delivered",
            "m4": "refused by filter",
            "m5": "the signal 'approved' cannot be delivered",
        }
    found = store.read(find_dead_messages)
    assert sorted(one.message.info.id or "" for one in found) == ["m1", "m3", "m4", "m5"]
    reasons = {one.message.info.id: one.reason for one in found}
    assert f"there is no execution '{NOBODY}'" in reasons["m1"]
    assert "no execution was started with the key 'nobody'" in reasons["m3"]
    assert f"execution {ended} is completed" in reasons["m5"]


def test_a_signal_that_was_delivered_may_come_again_after_the_end(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, event(1, "approved"))
    assert store.write(take_in, [(message(), signal(id))]).dead == []
    worker.flush(Checkpoint(id, (), drive(id, 1, (1,), ending=DONE, flow_attempt=worker.claim_one(id, 0).attempt)))
    assert store.write(take_in, [(message(), signal(id))]).dead == []
    assert store.read(count_dead_messages) == 0


# -- dead messages -----------------------------------------------------------------------------------------------------

ODD = "\0 'quoted' \n ü 𝄞 \ud800"


def test_a_dead_message_comes_back_as_it_was(store: Store) -> None:
    kept = message(body=bytes(range(256)), key=ODD, headers={ODD: ODD, "plain": "text"})
    assert store.write(bury, [(kept, Dead("why"))]) == 1
    (found,) = store.read(find_dead_messages)
    assert (found.message, found.reason, found.received_us) == (kept, "why", START_US)
    assert store.read(get_dead_message, found.id) == found


def test_a_dead_message_is_kept_once_for_each_trigger(store: Store) -> None:
    batch = [
        (message("m1"), Dead("first")),
        (message("m1"), Dead("second")),
        (message("m1", "other"), Dead("third")),
        (message("m1 "), Dead("with a blank")),
        (message("M1"), Dead("in capitals")),
    ]
    assert store.write(bury, batch) == 4
    assert store.write(bury, [(message("m1"), Dead("again")), (message("m2"), Dead("new"))]) == 1
    assert store.read(count_dead_messages) == 5
    assert store.read(count_dead_messages, "orders") == 4
    first = store.read(find_dead_messages, trigger="other")
    assert [one.reason for one in first] == ["third"]


def test_messages_without_an_id_are_kept_each_time(store: Store) -> None:
    for _ in range(2):
        assert store.write(bury, [(message(None), Dead("no id"))] * 2) == 2
    assert store.read(count_dead_messages) == 4


def test_dead_messages_come_in_pages_the_newest_first(store: Store) -> None:
    for n in range(5):
        store.write(bury, [(message(f"m{n}"), Dead("why"))])
    pages: list[list[str | None]] = []
    before: int | None = None
    while page := store.read(find_dead_messages, limit=2, before=before):
        pages.append([one.message.info.id for one in page])
        before = page[-1].id
    assert pages == [["m4", "m3"], ["m2", "m1"], ["m0"]]


def test_a_dropped_message_is_gone(store: Store) -> None:
    store.write(bury, [(message(), Dead("why"))])
    (found,) = store.read(find_dead_messages)
    store.write(drop_dead_message, found.id)
    assert store.read(count_dead_messages) == 0
    for call in (drop_dead_message, get_dead_message):
        with pytest.raises(MessageNotFound, match=f"there is no dead message {found.id}"):
            store.write(call, found.id)


def test_the_same_messages_at_two_workers_at_once(server_store: Store) -> None:
    store = server_store
    here: list[tuple[Received, Decision]] = [
        (message("m1"), Dead("why")), (message("m2"), start("orders:2")), (message("m3"), start("orders:3")),
        (message("m4"), Dead("why")),
    ]  # fmt: skip
    entered = threading.Event()

    def there() -> Any:
        with store.open().write() as tx:
            entered.set()
            return take_in(tx, [*reversed(here), (message("m5"), Dead("why"))])

    with store.database.write() as tx:
        first = take_in(tx, here)
        other = Background(there)
        assert entered.wait(10)
    second = other.join()
    assert set(second.executions) == set(first.executions)
    assert second.offered == []
    assert store.read(count_dead_messages) == 3
