"""Workers whose steps travel over a broker: the same flows, whatever happens to the messages (I1, I6, I7)."""

from __future__ import annotations

import json
import math
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.client import Client
from engine.config import load_settings
from engine.messaging import Broker, message_of
from engine.model.work import Pointer
from engine.worker import receiving
from engine.worker.executor import Attempt, Executor, RecordedInStep, Recording
from tests.worker import sample_flows
from tests.worker.processes import Processes
from tests.worker.serving import MODULE, Store, serving, wait_until
from transports.errors import TransportError, Unavailable
from transports.memory import Fate, FaultRates, MemoryBroker, MemoryTransport, NoFaults, RandomFaults, memory_broker
from transports.protocol import Message

QUICK_RESEND = "200ms"
VERY_QUICK_RESEND = "50ms"
"""Where a quarter of all messages is lost: each loss in a row doubles the wait, and seven in a row do happen."""


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    made = Store(sqlite_url)
    sample_flows.CALLS.clear()
    sample_flows.GATE.clear()
    yield made
    sample_flows.GATE.set()
    made.close()


class Counting(NoFaults):
    """A broker that does everything right, and counts the messages about steps."""

    messages = 0

    def fate(self, message: Message) -> Fate:
        self.messages += message.queue == "default"
        return super().fate(message)


def broker_settings(url: str, resend_after: str = "10s") -> dict[str, Any]:
    return {"broker.url": url, "broker.resend_after": resend_after}


def run_everything(store: Store, broker: str) -> None:
    with serving(store.url, settings=broker_settings(broker)), Client(store.database, broker=broker) as client:

        def run(flow: str, **arguments: Any) -> Any:
            return client.start(flow, **arguments).result(timeout="30s")

        assert run("sequence", n=7) == 7
        assert run("fan", n=20) == 190
        assert run("racing") == [1, 2]
        assert run("retried", attempt=3) == 3
        assert run("inlined") == [2, 2, 4, 5]
        assert run("timers", n=3) == 3
        assert run("parent", n=3) == [0, 1, 2, "LookupError"]
        assert run("approval", timeout="50ms") == "timeout"
    store.check()


def test_every_kind_of_step_over_an_in_memory_broker(store: Store, name: str) -> None:
    run_everything(store, f"memory://{name}")


def test_every_kind_of_step_over_tables_of_sqlite(store: Store, tmp_path: Path) -> None:
    run_everything(store, f"sql+sqlite:///{tmp_path / 'broker.db'}")


@pytest.mark.servers
def test_every_kind_of_step_over_tables_of_postgresql(postgresql_url: str) -> None:
    store = Store(postgresql_url)
    try:
        # The transport's tables may share the store's database: their names differ.
        run_everything(store, "sql+" + postgresql_url)
    finally:
        store.close()


def test_a_transactional_step_wakes_its_flow(store: Store, name: str) -> None:
    store.execute("CREATE TABLE app_rows (name VARCHAR(20))")
    with serving(store.url, settings=broker_settings(f"memory://{name}")):
        assert store.run("transactional", names=["a", "b"], fail_until=2) == [2, 2]
    assert sorted(row[0] for row in store.rows("SELECT name FROM app_rows")) == ["a", "b"]
    store.check()


def test_a_transactional_step_wakes_its_flow_though_it_is_its_worker_s_no_more(
    store: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its commit and its end, a heartbeat finds that the worker owns the step no more: it is recorded."""
    store.execute("CREATE TABLE app_rows (name VARCHAR(20))")
    in_transaction = Executor.in_transaction

    with serving(store.url, settings=broker_settings(f"memory://{name}", "1h")) as served:

        def looked_after(executor: Executor, attempt: Attempt, recording: Recording) -> str:
            try:
                return in_transaction(executor, attempt, recording)
            except RecordedInStep:
                assert served.worker is not None
                seen = threading.Event()
                served.worker._post(served.worker._running.still_owned, set[tuple[str, int, int]](), math.inf)
                served.worker._post(seen.set)
                assert seen.wait(30)
                raise

        monkeypatch.setattr(Executor, "in_transaction", looked_after)
        assert store.run("transactional", names=["a", "b"]) == [1, 1]
    store.check()


def test_two_workers_share_what_the_broker_carries(store: Store, name: str) -> None:
    settings = broker_settings(f"memory://{name}")
    with serving(store.url, settings=settings, concurrency=4), serving(store.url, settings=settings, concurrency=4):
        wait_until(lambda: len(store.rows("SELECT id FROM milepost_workers WHERE state = 'alive'")) == 2)
        (execution_id,) = store.start("gates", n=8)
        both = "SELECT owner, count(*) FROM milepost_steps WHERE kind = 'step' AND state = 'claimed' GROUP BY owner"
        owners = wait_until(lambda: [row for row in store.rows(both) if row[1] == 4][1:] and store.rows(both))
        assert [row[1] for row in owners] == [4, 4], "nobody takes more than it has room for"
        sample_flows.GATE.set()
        assert store.result(execution_id) == 28
    store.check()


def test_a_sequence_of_steps_stays_with_the_worker_that_began_it(store: Store, name: str) -> None:
    """Its first step, too, costs no message, so that brokers which take turns do not send it back and forth."""
    # What nobody takes for ten seconds would be offered again by default, by another message.
    broker, settings = memory_broker(name), broker_settings(f"memory://{name}", "1h")
    with serving(store.url, settings=settings), serving(store.url, settings=settings):
        wait_until(lambda: len(store.rows("SELECT id FROM milepost_workers WHERE state = 'alive'")) == 2)
        broker.faults = counting = Counting()
        with Client(load_settings(None, {"store.url": store.url, **settings}, environment={})) as client:
            handles = [client.start("sequence", n=10) for _ in range(4)]
            assert [handle.result(timeout="30s") for handle in handles] == [10] * 4
        assert counting.messages == 4, "one for each flow that was started"
    store.check()


def test_no_more_is_received_than_there_is_room(store: Store, name: str) -> None:
    broker = memory_broker(name)
    with serving(store.url, settings=broker_settings(f"memory://{name}", "1h"), concurrency=3):
        (execution_id,) = store.start("gates", n=10)
        claimed = "SELECT 1 FROM milepost_steps WHERE kind = 'step' AND state = 'claimed'"
        wait_until(lambda: len(store.rows(claimed)) == 3)
        wait_until(lambda: broker.depth("default") == 7, "the rest to wait at the broker")
        sample_flows.GATE.set()
        assert store.result(execution_id) == 45
    store.check()


def test_a_message_is_acknowledged_once_its_claim_is_committed(store: Store, name: str) -> None:
    broker = memory_broker(name)
    with serving(store.url, settings=broker_settings(f"memory://{name}")):
        (execution_id,) = store.start("gates", n=2)
        claimed = "SELECT 1 FROM milepost_steps WHERE kind = 'step' AND state = 'claimed'"
        wait_until(lambda: len(store.rows(claimed)) == 2)
        wait_until(lambda: not broker._held, "both steps run, and the broker holds nothing any more")
        sample_flows.GATE.set()
        store.result(execution_id)


@pytest.mark.parametrize("seed", range(5))
def test_lost_doubled_delayed_and_reordered_messages_cost_time_only(store: Store, name: str, seed: int) -> None:
    rates = FaultRates(
        drop=0.2, duplicate=0.2, delay=0.2, reorder=0.2, refuse=0.05, unconfirmed=0.1, longest_delay_us=300_000
    )
    memory_broker(name).faults = RandomFaults(random.Random(seed), rates)
    settings = broker_settings(f"memory://{name}", VERY_QUICK_RESEND)
    with serving(store.url, settings=settings), serving(store.url, settings=settings):
        ids = store.start("mixed", count=10, n=2)
        assert {store.result(execution_id) for execution_id in ids} == {2 + 2 + 2 + 2 + 2 + 1}
    store.check()
    recorded = store.rows("SELECT sum(attempt) FROM milepost_steps WHERE kind = 'step' AND name = 'add_on_loop'")
    ran = [call for call in sample_flows.CALLS if call[0] == "add_on_loop"]
    assert len(ran) == recorded[0][0], "no step ran without a claim, however many messages pointed at it"


def test_a_broker_that_is_away_at_first_and_wiped_later(store: Store, name: str) -> None:
    broker: MemoryBroker = memory_broker(name)
    broker.set_down(True)
    with serving(store.url, settings=broker_settings(f"memory://{name}", QUICK_RESEND)):
        ids = store.start("sequence", count=5, n=5)
        broker.set_down(False)
        assert {store.result(execution_id) for execution_id in ids} == {5}
        ids = store.start("timers", count=5, n=10)
        for _ in range(5):
            broker.wipe()
            wait_until(lambda: broker._queues, "the queues to be declared again")
        assert {store.result(execution_id) for execution_id in ids} == {10}
    store.check()


def test_work_goes_on_when_the_broker_is_back_and_not_when_steps_fall_due(store: Store, name: str) -> None:
    broker = memory_broker(name)
    with serving(store.url, settings=broker_settings(f"memory://{name}", "10m")):
        broker.set_down(True)
        ids = store.start("sequence", count=3, n=3)
        # The worker has found them, and could send no message for them.
        wait_until(lambda: len(store.rows("SELECT 1 FROM milepost_steps WHERE due_at_us IS NOT NULL")) == 3)
        broker.set_down(False)
        assert {store.result(id) for id in ids} == {3}
    store.check()


def test_from_the_embedded_queue_to_a_broker_to_another_and_back(store: Store, name: str, tmp_path: Path) -> None:
    """Executions that are under way go on, whatever carries their steps next."""
    ids = store.start("approval", count=3)
    with serving(store.url):
        open_waits = "SELECT 1 FROM milepost_steps WHERE kind = 'event' AND state = 'waiting'"
        wait_until(lambda: len(store.rows(open_waits)) == 3)
    ids += store.start("sequence", count=3, n=3)
    with Client(store.database) as client:
        client.signal(ids[0], "approved", "a")
        with serving(store.url, settings=broker_settings(f"memory://{name}", QUICK_RESEND)):
            assert [store.result(ids[0]), *(store.result(each) for each in ids[3:])] == ["got a", 3, 3, 3]
        client.signal(ids[1], "approved", "b")
        with serving(store.url, settings=broker_settings(f"sql+sqlite:///{tmp_path / 'b.db'}", QUICK_RESEND)):
            assert store.result(ids[1]) == "got b"
        client.signal(ids[2], "approved", "c")
        with serving(store.url):
            assert store.result(ids[2]) == "got c"
    store.check()


def test_work_does_not_wait_for_broadcasts_that_cannot_be_heard(
    store: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe, refused, heard = MemoryTransport.subscribe, threading.Event(), threading.Event()

    def at_the_second_try(transport: MemoryTransport) -> None:
        if not refused.is_set():
            refused.set()
            raise Unavailable("no rights to the exchange")
        subscribe(transport)
        heard.set()

    monkeypatch.setattr(MemoryTransport, "subscribe", at_the_second_try)
    monkeypatch.setattr(receiving, "DECLARE_SECONDS", 0.2)
    broker = f"memory://{name}"
    with serving(store.url, settings=broker_settings(broker)), Client(store.database, broker=broker) as client:
        assert client.start("sequence", n=3).result(timeout="20s") == 3
        assert refused.is_set()
        assert heard.wait(20)
    store.check()


def test_messages_that_are_not_the_engines_are_dropped(store: Store, name: str) -> None:
    broker = Broker(f"memory://{name}")
    broker.declare(["default"])
    pointer = message_of(Pointer("0" * 26, 1, 0, "default"))
    foreign = [
        Message("default", b"hello"),
        Message("default", b"\xff\x00", pointer.headers),
        Message("default", b'{"execution": "x", "seq": 1, "attempt": 0}', pointer.headers),
        Message("default", json.dumps({"__reduce__": "os.system"}).encode(), pointer.headers),
        pointer,  # of an execution that does not exist
    ]
    broker.transport.send(foreign).raise_if_any()
    with serving(store.url, settings=broker_settings(f"memory://{name}")):
        assert store.run("sequence", n=2) == 2
        wait_until(lambda: broker.transport.depth("default") == 0 and not memory_broker(name)._held)
    broker.close()
    store.check()


def test_a_message_cannot_make_a_finished_step_run_again(store: Store, name: str) -> None:
    broker = Broker(f"memory://{name}")
    with serving(store.url, settings=broker_settings(f"memory://{name}")):
        (execution_id,) = store.start("sequence", n=1)
        assert store.result(execution_id) == 1
        calls = len(sample_flows.CALLS)
        broker.declare(["default"])
        broker.publish([Pointer(execution_id, seq, attempt, "default") for seq in (0, 1) for attempt in (-1, 0, 1, 2)])
        wait_until(lambda: broker.transport.depth("default") == 0 and not memory_broker(name)._held)
        assert store.run("sequence", n=1) == 1
        assert len(sample_flows.CALLS) == calls + 1
    broker.close()
    store.check()


def test_a_draining_worker_leaves_its_messages_to_others(store: Store, name: str) -> None:
    settings = broker_settings(f"memory://{name}")
    with serving(store.url, settings=settings, concurrency=2):
        (execution_id,) = store.start("gates", n=6)
        claimed = "SELECT 1 FROM milepost_steps WHERE kind = 'step' AND state = 'claimed'"
        wait_until(lambda: len(store.rows(claimed)) == 2)
        sample_flows.GATE.set()
    with serving(store.url, settings=settings):
        assert store.result(execution_id) == 15
    store.check()


def test_a_client_publishes_what_it_starts(store: Store, name: str) -> None:
    """Without its message the step would wait until it falls due, here for an hour."""
    settings = load_settings(
        None, {"store.url": store.url, **broker_settings(f"memory://{name}", "1h"), "flows": [MODULE]}, environment={}
    )
    with serving(store.url, settings=broker_settings(f"memory://{name}", "1h")), Client(settings) as client:
        assert client.start("sequence", n=2).result(timeout="20s") == 2
        waiting = client.start("approval")
        client.signal(waiting.id, "approved", "yes")
        assert waiting.result(timeout="20s") == "got yes"
    store.check()


@pytest.mark.servers
def test_workers_killed_while_messages_travel(postgresql_url: str) -> None:
    store = Store(postgresql_url)
    environment = {"ENGINE_BROKER": "sql+" + postgresql_url, "ENGINE_BROKER__RESEND_AFTER": "1s"}
    with Processes(postgresql_url, **environment) as processes:
        first, _second = processes.start(2)
        ids = store.start("mixed", count=20, n=1)
        wait_until(lambda: store.rows("SELECT 1 FROM milepost_executions WHERE state = 'completed' LIMIT 1"))
        first.kill()
        assert {store.result(execution_id) for execution_id in ids} == {1 + 2 + 2 + 2 + 2 + 1}
    store.check()
    store.close()


def test_an_unknown_broker_is_a_clear_error() -> None:
    from engine.errors import ConfigError

    with pytest.raises(ConfigError, match="no transport for nothing://"):
        Broker("nothing://host")
    with pytest.raises(ConfigError, match=r"broker\.url cannot be used"):
        Broker("memory://")


def test_what_a_broker_does_not_take_is_left_to_the_sweeper(name: str) -> None:
    memory = memory_broker(name)
    broker = Broker(f"memory://{name}")
    pointers = [Pointer("0" * 26, seq, 0, "default") for seq in range(1, 4)]
    assert broker.publish(pointers) == []
    memory.wipe()
    assert broker.publish(pointers) == [], "queues are declared again"
    memory.set_down(True)
    assert broker.publish(pointers) == pointers, "they may be sent later"
    with pytest.raises(TransportError):
        broker.transport.ping()
    broker.close()
    assert broker.publish(pointers) == [], "and are not, by one that is closed"
