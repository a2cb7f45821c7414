"""Messages whose starts rules have a say in: all that they come to or nothing, once, however the rules change."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from engine.errors import Unusable
from engine.model.messages import ByKey, Dead, Decision, Received, Routed, Signal, Start
from engine.store import intake
from engine.store.dead_messages import count_dead_messages, drop_dead_message, find_dead_messages
from engine.store.intake import act_once, take_in
from tests.conformance.stores.subject import Store
from tests.conformance.stores.test_intake import message
from tests.conformance.stores.values import SECOND, event
from tests.conformance.transports.helpers import Background

Batch = list[tuple[Received, Decision]]


def start(key: str, flow: str = "order", **more: int) -> Start:
    return Start(flow, 1, "{}", "shop", 5, key, attributes={"milepost.route": "routing version 1"}, **more)


def routed(id: str, *starts: Start, signals: tuple[Signal, ...] = ()) -> tuple[Received, Decision]:
    return message(id, "events"), Routed(starts, signals, f"events:{id}#1")


def executions(store: Store) -> int:
    return int(
        store.read(lambda tx: tx.connection.exec_driver_sql("SELECT COUNT(*) FROM milepost_executions").scalar())
    )


def test_all_that_a_message_comes_to_is_started_once(store: Store) -> None:
    batch = [
        routed("m1", start("events:m1#1"), start("events:m1#2", delay_us=SECOND)),
        routed("m2"),
        routed("m3", start("events:order-7")),
        routed("m4", start("events:order-7")),
    ]
    taken = store.write(take_in, batch, 10 * SECOND)
    assert (len(taken.executions), len(set(taken.executions)), len(taken.offered)) == (4, 3, 2)
    assert store.execution(taken.executions[0]).attributes == {"milepost.route": "routing version 1"}
    again = store.write(take_in, batch, 10 * SECOND)
    assert (sorted(set(again.executions)), again.offered) == (sorted(set(taken.executions)), [])
    assert (executions(store), store.read(count_dead_messages)) == (3, 0)


def test_a_message_may_start_an_execution_and_signal_it_and_others(store: Store) -> None:
    running = store.running(store.worker(), event(1, "paid"), idempotency_key="events:o7")
    signals = (
        Signal(ByKey("events:m1#1"), "go", "1", "events:m1#2"),
        Signal(ByKey("events:o7"), "paid", "2", "events:m1#3"),
    )
    batch = [routed("m1", start("events:m1#1"), signals=signals)]
    for _ in range(2):
        taken = store.write(take_in, batch)
        assert taken.dead == []
    assert executions(store) == 2
    assert store.step(running, 1).output == "2"
    sent = store.read(lambda tx: tx.connection.exec_driver_sql("SELECT name FROM milepost_signals ORDER BY name").all())
    assert [row[0] for row in sent] == ["go", "paid"]


def test_what_cannot_be_done_whole_is_not_done_and_the_others_go_on(store: Store) -> None:
    nobody = Signal(ByKey("events:nobody"), "paid", "2", "events:m1#2")
    batch = [
        routed("m1", start("events:m1#1"), signals=(nobody,)),
        routed("m2", start("events:m2#1")),
        (message("m3"), start("orders:m3")),
    ]
    assert [one.info.id for one, _ in store.write(take_in, batch).dead] == ["m1"]
    assert store.write(take_in, batch).dead == []
    assert executions(store) == 2
    (dead,) = store.read(find_dead_messages)
    assert "no execution was started with the key 'events:nobody'" in dead.reason
    # Once there is somebody, it is done as a whole.
    store.start(idempotency_key="events:nobody")
    store.write(drop_dead_message, dead.id)
    assert len(store.write(take_in, batch[:1]).executions) == 2
    assert executions(store) == 4


def test_rules_that_change_between_two_deliveries_change_nothing(store: Store) -> None:
    first = [
        routed("m1", start("events:m1#1")),
        (message("m2"), start("orders:m2")),
        (message("m3"), Dead("no", "orders:m3")),
    ]
    taken = store.write(take_in, first)
    other: Batch = [
        routed("m1", start("events:m1#1", "refund"), start("events:m1#2")),
        (message("m2"), Dead("refused", "orders:m2")),
        (message("m3"), start("orders:m3")),
    ]
    again = store.write(take_in, other)
    assert (sorted(again.executions), again.offered, again.dead) == (sorted(taken.executions), [], [])
    assert store.write(take_in, [(message("m1", "events"), Dead("refused", "events:m1#1"))]).dead == []
    assert [one.reason for one in store.read(find_dead_messages)] == ["no"]
    assert executions(store) == 2
    # Whoever replays it has it judged again.
    store.write(drop_dead_message, store.read(find_dead_messages)[0].id)
    assert len(store.write(take_in, other[2:]).executions) == 1


def test_an_event_without_a_message_is_done_once_or_not_at_all(store: Store) -> None:
    event = Routed((start("e#1"), start("e#2")), (), "e#1")
    first = store.write(act_once, event)
    assert store.write(act_once, event).executions == first.executions
    assert (
        store.write(act_once, Routed((start("e#1", "refund"), start("e#3")), (), "e#1")).executions
        == first.executions[:1]
    )
    with pytest.raises(Unusable, match="cannot be delivered"):
        store.write(act_once, Routed((start("f#1"),), (Signal(ByKey("nobody"), "s", "1", "f#2"),), "f#1"))
    assert executions(store) == 2
    without_key = Routed((Start("order", 1, "{}", "shop", 5, None),))
    for _ in range(2):
        store.write(act_once, without_key)
    assert executions(store) == 4


def test_two_deliveries_at_once_that_rules_judge_otherwise(
    server_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = server_store
    looked = threading.Event()
    start_executions = intake.start_executions

    def starting(*args: Any) -> Any:
        looked.set()
        return start_executions(*args)

    def there() -> Any:
        with store.open().write() as tx:
            other = routed("m1", start("events:m1#1", "refund"), start("events:m1#2"))
            signal = Signal(ByKey("events:m2#1"), "go", "1", "events:m2#2")
            return take_in(tx, [other, routed("m2", start("events:m2#1", "refund"), signals=(signal,))])

    with store.database.write() as tx:
        first = take_in(tx, [routed("m1", start("events:m1#1")), routed("m2", start("events:m2#1"))])
        monkeypatch.setattr(intake, "start_executions", starting)
        other = Background(there)
        assert looked.wait(10), "it has found nothing that was recorded by then"
    second = other.join()
    assert (sorted(second.executions), second.offered) == (sorted(first.executions), [])
    assert executions(store) == 2
    assert store.read(lambda tx: tx.connection.exec_driver_sql("SELECT COUNT(*) FROM milepost_signals").scalar()) == 0
