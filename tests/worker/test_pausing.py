"""Queues that are paused: no worker takes steps from them, nothing is lost, and all goes on when they are resumed."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from engine.client import Client
from engine.messaging import Broker
from engine.worker.brokered import BrokerQueue
from engine.worker.embedded import EmbeddedQueue, Hints
from engine.worker.heartbeat import Heartbeat
from tests.worker.sample_flows import CALLS, CANCELLED, GATE
from tests.worker.serving import Served, Store, serving, wait_until
from transports.memory import MemoryBroker, forget_memory_broker, memory_broker

BEGUN = "SELECT count(*) FROM milepost_steps WHERE queue = 'default' AND attempt > 0"
BOTH = ("default", "special")
LONG = "10m"
T = TypeVar("T")


@pytest.fixture(params=["embedded", "memory", "sql"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """How workers learn of steps, and of pauses: the URL of a broker."""
    if request.param == "memory":
        name = uuid.uuid4().hex
        yield f"memory://{name}"
        forget_memory_broker(name)
    else:
        yield "sql" if request.param == "embedded" else f"sql+sqlite:///{tmp_path / 'broker.db'}"


@pytest.fixture
def memory() -> Iterator[tuple[str, MemoryBroker]]:
    """An in-memory broker of this test's own, and its URL."""
    name = uuid.uuid4().hex
    yield f"memory://{name}", memory_broker(name)
    forget_memory_broker(name)


def over(broker: str) -> dict[str, str]:
    """The settings of a worker. A message that was under way to it when its queue was paused is dropped, and its step
    is offered again after this time: by default, ten seconds."""
    return {"broker.url": broker, "broker.resend_after": "200ms"}


def takes_from(served: Served, *queues: str) -> None:
    """Wait until a worker takes steps from these queues and no others, also with what it had sent to the store before
    it heard of a pause."""
    assert served.worker is not None
    pipeline = served.worker._pipeline
    wait_until(lambda: pipeline.queues == queues and not pipeline._flushing, f"a worker taking steps from {queues}")


def queue_of(served: Served, kind: type[T]) -> T:
    """Return the work queue of a worker, which is of this kind."""
    assert served.worker is not None
    queue = served.worker._queue
    assert isinstance(queue, kind)
    return queue


def test_nothing_is_taken_from_a_paused_queue_until_it_is_resumed(store: Store, broker: str) -> None:
    with (
        serving(store.url, settings=over(broker), queues=list(BOTH)) as served,
        Client(store.database, broker=broker) as client,
    ):
        client.pause_queue("default", "to look at it")
        takes_from(served, "special")
        ids = [client.start("sequence", n=3).id for _ in range(5)]
        timed, waiting = client.start("timers", n=2).id, client.start("approval").id
        client.signal(waiting, "approved", "a signature")
        # What is on another queue goes on, before and after what waits.
        assert client.options(queue="special").start("sequence", n=5).result("30s") == 5
        assert store.rows(BEGUN) == [(0,)]
        shown = {view.name: (view.ready, view.reason) for view in client.queues()}
        assert shown["default"][1] == "to look at it"
        assert client.resume_queue("default") is True
        assert [store.result(id) for id in ids] == [3] * 5
        assert (store.result(timed), store.result(waiting)) == (2, "got a signature")
    store.check()


def test_what_runs_goes_on_to_its_end_and_the_next_step_waits(store: Store, broker: str) -> None:
    with (
        serving(store.url, settings=over(broker), queues=list(BOTH)) as served,
        Client(store.database, broker=broker) as client,
    ):
        id = client.start("gates", n=3).id
        wait_until(lambda: len(CALLS) == 3, "three steps being under way")
        client.pause_queue("default")
        takes_from(served, "special")
        GATE.set()
        # The flow belongs to what ran: it is driven to its end by the results.
        assert store.result(id) == 3
        client.resume_queue("default")
        client.pause_queue("special")
        takes_from(served, "default")
        waits = client.start("special").id
        row = store.wait_for_step(waits, "ready", seq=2)
        assert (row.queue, row.attempt) == ("special", 0)
        assert client.start("sequence", n=2).result("30s") == 2
        assert store.step(waits, 2).state == "ready"
        client.resume_queue("special")
        assert store.result(waits) is not None
    store.check()


def test_a_worker_that_starts_takes_nothing_from_a_queue_that_is_paused_already(store: Store, broker: str) -> None:
    with Client(store.database, broker=broker) as client:
        client.pause_queue("default")
        ids = [client.start("sequence", n=2).id for _ in range(3)]
        with serving(store.url, settings=over(broker), queues=list(BOTH)) as served:
            takes_from(served, "special")
            assert client.options(queue="special").start("only_inline", n=2).result("30s") == 2
            assert store.rows(BEGUN) == [(0,)]
            client.resume_queue("default")
            assert [store.result(id) for id in ids] == [2] * 3
    store.check()


def test_all_queues_of_a_worker_may_be_paused(store: Store, broker: str) -> None:
    with (
        serving(store.url, settings=over(broker)) as served,
        Client(store.database, broker=broker) as client,
    ):
        assert client.start("sequence", n=2).result("30s") == 2
        client.pause_queue("default")
        takes_from(served)
        id = client.start("sequence", n=2).id
        client.pause_queue("default", "another reason")
        client.resume_queue("default")
        assert store.result(id) == 2
    store.check()


def test_idle_workers_are_not_sent_to_look_for_what_is_paused(store: Store) -> None:
    """What stays ready would have them look at every change in the database: each time with a lock, for nothing."""
    store.start("sequence", n=1)
    looks: list[str] = []
    hints = Hints(store.database, BOTH, 1000, lambda: looks.append("look"), lambda _topics: None)
    try:
        hints.turn()
        assert looks == ["look"]
        hints.pause(["default"])
        for _ in range(5):
            store.start("sequence", n=1)
            hints.turn()
        assert looks == ["look"]
        hints.pause([])
        hints.turn()
        assert looks == ["look", "look"]
    finally:
        hints.close()
        hints.turn()


def test_a_broker_that_was_wiped_during_the_pause(store: Store, memory: tuple[str, MemoryBroker]) -> None:
    """Steps that had waited for long go on soon, though nobody knows of their messages any more."""
    url, broker = memory
    settings = {"broker.url": url, "broker.resend_after": "100ms"}
    with serving(store.url, settings=settings) as served, Client(store.database, broker=url) as client:
        client.pause_queue("default")
        takes_from(served)
        ids = [handle.id for handle in client.start_many("sequence", [{"n": 1}] * 20)]
        # As if they had waited for an hour.
        store.execute("UPDATE milepost_steps SET ready_us = ready_us - 3600000000, due_at_us = due_at_us - 3600000000")
        wait_until(lambda: all(store.step(id, 0).due_at_us > store.step(id, 0).created_us + 10**9 for id in ids))
        broker.wipe()
        client.resume_queue("default")
        assert [store.result(id) for id in ids] == [1] * 20
    store.check()


def test_messages_that_had_been_received_when_their_queue_was_paused(
    store: Store, memory: tuple[str, MemoryBroker]
) -> None:
    """They are dropped, and their steps are offered again: here by the sweeper, after the pause."""
    url, broker = memory
    settings = {"broker.url": url, "broker.resend_after": "100ms"}
    with serving(store.url, settings=settings) as served, Client(store.database, broker=url) as client:
        client.pause_queue("default")
        takes_from(served)
        receiving = queue_of(served, BrokerQueue)._receiving
        wait_until(lambda: receiving._paused == {"default"}, "the receiver having heard of the pause, too")
        # A worker that goes on receiving from a queue for a while after the pipeline has heard of the pause.
        receiving.pause(())
        ids = [handle.id for handle in client.start_many("sequence", [{"n": 1}] * 20)]
        wait_until(lambda: broker.depth("default") == 0, "all messages being received and dropped")
        assert {store.step(id, 0).attempt for id in ids} == {0}
        client.resume_queue("default")
        assert [store.result(id) for id in ids] == [1] * 20
    store.check()


def test_what_has_waited_for_a_resumed_queue_is_not_dropped(
    store: Store, memory: tuple[str, MemoryBroker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that received again before it claims again would drop messages, and their steps wait for long."""
    url, broker = memory
    dropped: list[Any] = []
    monkeypatch.setattr("engine.store.flush.postpone", lambda _tx, pointers, _resend_us: dropped.extend(pointers))
    pause = BrokerQueue.pause

    def slowly(queue: BrokerQueue, queues: Collection[str]) -> None:
        pause(queue, queues)
        if not queues:
            wait_until(lambda: broker.depth("default") == 0, "the messages being received")

    with serving(store.url, settings={"broker.url": url}) as served, Client(store.database, broker=url) as client:
        client.pause_queue("default")
        takes_from(served)
        receiving = queue_of(served, BrokerQueue)._receiving
        wait_until(lambda: receiving._consumed == [], "nothing being received any more")
        monkeypatch.setattr(BrokerQueue, "pause", slowly)
        id = client.start("sequence", n=1).id
        client.resume_queue("default")
        assert store.result(id) == 1
        assert dropped == []
    store.check()


def test_a_pause_is_heard_of_where_broadcasts_are_lost(
    store: Store, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.worker.peers.LOOK_SECONDS", 0.3)
    monkeypatch.setattr(Broker, "tell", lambda _broker, _topic: None)
    monkeypatch.setattr("engine.client.announcer.send_change", lambda _database, _topic: None)
    with (
        serving(store.url, settings=over(broker)) as served,
        Client(store.database, broker=broker) as client,
    ):
        takes_from(served, "default")
        client.pause_queue("default")
        takes_from(served)
        client.resume_queue("default")
        takes_from(served, "default")


def test_a_pause_is_told_of_at_once(store: Store, broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if broker == "sql" and "sqlite" in store.url:
        pytest.skip("SQLite tells nobody: workers look every half second")
    monkeypatch.setattr("engine.worker.peers.LOOK_SECONDS", 3600.0)
    with (
        serving(store.url, settings=over(broker)) as served,
        Client(store.database, broker=broker) as client,
    ):
        # Once something was received, the worker listens to a broker. To the database it may not: it claims by itself
        # when it starts.
        assert client.start("sequence", n=1).result("30s") == 1
        if broker == "sql":
            listener: Any = queue_of(served, EmbeddedQueue)._hints._listener
            wait_until(lambda: listener._raw is not None, "the worker listening")
        client.pause_queue("default")
        takes_from(served)
        client.resume_queue("default")
        takes_from(served, "default")


def test_a_step_that_another_worker_runs_is_broken_off_at_once(
    store: Store, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker that gives it up tells the one that runs it, which would find out by its next heartbeat."""
    if broker == "sql" and "sqlite" in store.url:
        pytest.skip("SQLite tells nobody")
    heartbeat = Heartbeat.turn

    def slowly(self: Heartbeat) -> float:
        heartbeat(self)
        return 3600.0

    monkeypatch.setattr(Heartbeat, "turn", slowly)
    settings = over(broker)
    with (
        serving(store.url, settings=settings, queues=["default"], lease=LONG),
        serving(store.url, settings=settings, queues=["special"], lease=LONG),
        Client(store.database, broker=broker) as client,
    ):
        assert client.start("special").result("30s") is not None
        id = client.start("waiting_elsewhere").id
        wait_until(lambda: CALLS[-1][0] == "waits_on_special_queue", "the step being under way")
        client.cancel(id)
        assert CANCELLED.wait(30)
        assert store.result(id, "cancelled") is not None
    store.check()
