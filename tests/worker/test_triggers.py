"""Workers that take messages of other programs: each message once, whatever happens to it, to them and to the store."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from engine import Client, ConfigError, Registry, StoreUnavailable, load_modules, on_message
from engine.config import load_settings
from engine.definitions.trigger import Trigger
from engine.store.database import Database
from engine.worker.inlet import Inlet
from engine.worker.triggers import Triggers, by_broker
from tests.conformance.transports.chosen import chosen
from tests.unit.messaging.judges import Nobody
from tests.worker import trigger_flows
from tests.worker.foreign import ForeignQueue, queue_at_broker, queue_in_tables
from tests.worker.processes import Processes
from tests.worker.serving import Store, serving, wait_until
from transports import open_transport
from transports.errors import Unavailable
from transports.memory import FaultRates, MemoryBroker, RandomFaults, memory_broker
from transports.protocol import Delivery, Message, Transport

MODULE = trigger_flows.__name__
ORDERS, REQUESTS, DECISIONS = "orders", "requests", "decisions"
MANY = 1000


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    made = Store(sqlite_url)
    yield made
    made.close()


@contextmanager
def shop(url: str, *queues: str) -> Iterator[Transport]:
    """The other program: it has queues, and sends."""
    transport = open_transport(url, prefix="")
    try:
        transport.declare(queues)
        yield transport
    finally:
        transport.close()


def order(number: int, pieces: int = 1, **more: Any) -> Message:
    body = json.dumps({"id": f"o{number}", "pieces": pieces}).encode()
    return Message(ORDERS, **({"id": f"m{number}", "body": body} | more))


def settings(url: str, **more: Any) -> dict[str, Any]:
    return {"brokers.shop": url, "flows": [MODULE]} | more


def keys(store: Store) -> Counter[str]:
    return Counter(row[0] for row in store.rows("SELECT idempotency_key FROM milepost_executions"))


def dead(store: Store) -> Counter[str]:
    return Counter(row[0] for row in store.rows("SELECT message_id FROM milepost_dead_messages"))


def held(broker: MemoryBroker) -> int:
    """How many deliveries wait for their acknowledgement."""
    return len(broker._held)


def unsettled(broker: MemoryBroker, *queues: str) -> int:
    return held(broker) + sum(broker.depth(queue) for queue in queues)


def served(store: Store, url: str, **more: Any) -> Any:
    return serving(store.url, load_modules([MODULE]), settings(url, **more))


@pytest.mark.parametrize("engine_broker", ["sql", "memory"])
def test_messages_start_flows_and_are_signals(store: Store, name: str, engine_broker: str) -> None:
    url = f"memory://{name}"
    broker = memory_broker(name)
    own = "sql" if engine_broker == "sql" else f"memory://{name}"
    with shop(url, ORDERS, REQUESTS, DECISIONS) as other, served(store, url, **{"broker.url": own}):
        other.send([order(1), order(1), order(2, pieces=3), order(3, pieces=0), order(4, body=b"{")])
        other.send([Message(REQUESTS, b"leave", {"request": "7"}), Message(REQUESTS, b"no header")])
        wait_until(lambda: len(keys(store)) == 3)
        other.send([Message(DECISIONS, b'{"order": "7", "granted": true}', id="d1")] * 2)
        other.send([Message(DECISIONS, b'{"order": "8", "granted": true}', id="d2")])
        store.wait_for_all()
        wait_until(lambda: unsettled(broker, ORDERS, REQUESTS, DECISIONS) == 0, "all being acknowledged")
    with Client(store.database) as client:
        results = {client.get(one.id).idempotency_key: client.handle(one.id).result("1s") for one in client.find()}
        assert results == {"orders:m1": "1 of o1 by m1", "orders:m2": "3 of o2 by m2", "requests:7": True}
        reasons = {(one.message.trigger, one.message.info.id): one.reason for one in client.dead_messages()}
    assert reasons.keys() == {("orders", "m3"), ("orders", "m4"), ("requests", None), ("decide", "d2")}
    assert reasons["orders", "m3"] == "refused by filter"
    assert "no execution was started with the key 'requests:8'" in reasons["decide", "d2"]
    store.check()


def test_each_message_starts_once_over_a_broker_that_doubles_and_delays(store: Store, name: str) -> None:
    broker = memory_broker(name)
    rates = FaultRates(duplicate=0.3, delay=0.2, reorder=0.2, longest_delay_us=200_000)
    broker.faults = RandomFaults(random.Random(7), rates)
    with shop(f"memory://{name}", ORDERS, REQUESTS, DECISIONS) as other, served(store, f"memory://{name}"):
        for first in range(0, 300, 50):
            other.send([order(n, pieces=n % 10) for n in range(first, first + 50)])
        wait_until(lambda: len(keys(store)) == 270 and len(dead(store)) == 30)
        store.wait_for_all()
        wait_until(lambda: unsettled(broker, ORDERS) == 0, "all being acknowledged")
    assert set(keys(store).values()) == set(dead(store).values()) == {1}


class Forgetful:
    """A transport that loses acknowledgements: what it was told of comes again."""

    def __init__(self, inner: Transport, lost: int) -> None:
        self._inner = inner
        self._lost = lost

    def __getattr__(self, called: str) -> Any:
        return getattr(self._inner, called)

    def acknowledge(self, deliveries: list[Delivery]) -> None:
        if self._lost:
            self._lost -= 1
            self._inner.close()
            raise Unavailable("the connection broke before the acknowledgement was sent")
        self._inner.acknowledge(deliveries)


def test_a_lost_acknowledgement_changes_nothing(store: Store, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = memory_broker(name)
    opened: list[Forgetful] = []

    def forgetful(url: str) -> Any:
        opened.append(Forgetful(open_transport(url, passive=True, prefix=""), lost))
        return opened[-1]

    monkeypatch.setattr("engine.worker.triggers.open_foreign", forgetful)
    lost = 1
    with shop(f"memory://{name}", ORDERS, REQUESTS, DECISIONS) as other:
        with served(store, f"memory://{name}"):
            other.send([order(1), order(2, pieces=0)])
            wait_until(lambda: keys(store) and dead(store))
            wait_until(lambda: broker.depth(ORDERS) == 2, "both being given back")
        lost = 0
        with served(store, f"memory://{name}"):
            wait_until(lambda: broker.depth(ORDERS) == 0)
    assert (keys(store), dead(store)) == (Counter({"orders:m1": 1}), Counter({"m2": 1}))


def test_a_broker_that_is_away_and_a_queue_that_is_missing_keep_nothing_waiting_for_long(
    store: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.worker.triggers.LOOK_SECONDS", 0.05)
    broker = memory_broker(name)
    broker.set_down(True)
    with served(store, f"memory://{name}") as worker:
        assert worker.error is None
        broker.set_down(False)
        with shop(f"memory://{name}", ORDERS) as other:
            other.send([order(1)])
            wait_until(lambda: keys(store) == Counter({"orders:m1": 1}))
            broker.wipe()
            other.declare([ORDERS, REQUESTS])
            other.send([Message(REQUESTS, b"x", {"request": "r"}), order(2)])
            wait_until(lambda: len(keys(store)) == 3)


def test_the_batch_in_hand_waits_for_a_store_that_is_away(
    store: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = memory_broker(name)
    tried: list[int] = []
    take_in = Inlet.take_in

    def away(inlet: Inlet, batch: Any) -> set[int]:
        tried.append(held(broker))
        if len(tried) < 4:
            raise StoreUnavailable("away")
        return take_in(inlet, batch)

    monkeypatch.setattr(Inlet, "take_in", away)
    monkeypatch.setattr("engine.worker.triggers.FIRST_PAUSE_SECONDS", 0.01)
    with shop(f"memory://{name}", ORDERS, REQUESTS, DECISIONS) as other, served(store, f"memory://{name}"):
        other.send([order(1)])
        wait_until(lambda: keys(store) and unsettled(broker, ORDERS) == 0)
    assert tried == [1, 1, 1, 1], "nothing is acknowledged, and nothing is received twice"


def test_a_worker_that_stops_while_the_store_is_away_gives_messages_back(
    store: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_inlet: Inlet, _batch: Any) -> set[int]:
        raise StoreUnavailable("away")

    broker = memory_broker(name)
    with shop(f"memory://{name}", ORDERS, REQUESTS, DECISIONS) as other:
        with monkeypatch.context() as patched, served(store, f"memory://{name}"):
            patched.setattr(Inlet, "take_in", away)
            other.send([order(1)])
            wait_until(lambda: held(broker) == 1)
        assert (held(broker), broker.depth(ORDERS)) == (0, 1)
        with served(store, f"memory://{name}"):
            wait_until(lambda: unsettled(broker, ORDERS) == 0)
    assert keys(store) == Counter({"orders:m1": 1})


def test_a_message_that_the_store_will_not_take_is_dead_and_the_others_start(
    store: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.store.intake import take_in

    def picky(tx: Any, batch: Any, resend_us: int | None = None) -> Any:
        if any(getattr(decided, "key", "") == "orders:m2" for _, decided in batch):
            raise ValueError("value too long for the column")
        return take_in(tx, batch, resend_us)

    monkeypatch.setattr("engine.worker.inlet.take_in", picky)
    broker = memory_broker(name)
    with shop(f"memory://{name}", ORDERS, REQUESTS, DECISIONS) as other:
        other.send([order(1), order(2), order(3)])
        with served(store, f"memory://{name}"):
            wait_until(lambda: unsettled(broker, ORDERS) == 0)
    assert keys(store) == Counter({"orders:m1": 1, "orders:m3": 1})
    assert store.rows("SELECT message_id, reason FROM milepost_dead_messages") == [
        ("m2", "the store refused it: value too long for the column")
    ]


def test_a_worker_need_not_serve_triggers(store: Store, name: str) -> None:
    with shop(f"memory://{name}", ORDERS, REQUESTS, DECISIONS) as other:
        with served(store, f"memory://{name}", **{"worker.triggers": False}):
            other.send([order(1)])
            store.start("ask", what="anything")
            wait_until(lambda: store.rows("SELECT 1 FROM milepost_steps WHERE seq = 1"))
        assert memory_broker(name).depth(ORDERS) == 1


# -- settings ----------------------------------------------------------------------------------------------------------


def route(text: str) -> str:
    return text


def triggers(*urls: str) -> list[Trigger]:
    return [on_message(url, signal="s", name=f"t{place}")(route) for place, url in enumerate(urls)]


def test_one_thread_for_each_broker() -> None:
    brokers = {"shop": "memory://a"}
    made = triggers("broker://shop/x", "memory://a/y", "memory://b/x")
    found = by_broker(made, brokers)
    assert {broker: [*queues] for broker, queues in found.items()} == {"memory://a": ["x", "y"], "memory://b": ["x"]}


def test_what_cannot_be_served_is_refused_when_the_worker_starts(sqlite_url: str) -> None:
    made = load_settings(None, {"store.url": sqlite_url}, environment={})
    database = Database(sqlite_url)
    inlet = Inlet(database, lambda offered: None, None)
    for urls, said in (
        (["broker://shop/x"], "names the broker 'shop'"),
        (["nothing://host/x"], "cannot be used"),
        (["memory://a/x", "memory://a/x"], "both take from"),
    ):
        with pytest.raises(ConfigError, match=said):
            Triggers(made, Registry(triggers(*urls)), inlet, Nobody)
    database.close()


# -- worker processes --------------------------------------------------------------------------------------------------


def killing(store: Store, queue: ForeignQueue) -> Processes:
    environment = {
        "ENGINE_FLOWS": MODULE, "ENGINE_BROKERS__SHOP": queue.url, "ENGINE_WORKER__LEASE": "2s",
        "MILEPOST_TEST_ORDERS": quote(queue.name, safe=""),
    }  # fmt: skip
    return Processes(store.url, **environment)


def run_a_thousand(store: Store, queue: ForeignQueue) -> None:
    """Send a thousand messages, a tenth of them twice, to two workers of which one is killed in the middle."""
    numbers = [*range(MANY), *range(0, MANY, 10)]
    random.Random(11).shuffle(numbers)
    # Of each hundred, one is refused and one cannot be read.
    sent = [
        order(n, pieces=n % 100, **({"body": b"?"} if n % 100 == 50 else {}))
        for n in numbers
    ]  # fmt: skip
    sent = [Message(queue.name, one.body, id=one.id) for one in sent]
    with killing(store, queue) as processes:
        first, second = processes.start(2)
        for start in range(0, len(sent), 100):
            queue.send(sent[start : start + 100])
            if start == 500:
                wait_until(lambda: len(keys(store)) > 100, "some being started")
                first.kill()
        wait_until(lambda: len(keys(store)) == MANY * 98 // 100, "every start", 120)
        wait_until(lambda: len(dead(store)) == MANY * 2 // 100, "every dead message", 120)
        store.wait_for_all(120)
        queue.end(second, processes)
    assert set(keys(store).values()) == set(dead(store).values()) == {1}
    store.check()


@pytest.mark.slow
def test_a_thousand_messages_two_workers_and_a_kill_over_tables(store: Store, tmp_path: Path) -> None:
    url = f"sql+sqlite:///{tmp_path / 'shop.db'}?visibility_seconds=2"
    with shop(url, REQUESTS, DECISIONS), queue_in_tables(url, ORDERS) as queue:
        run_a_thousand(store, queue)


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("kind", chosen(["rabbitmq", "kafka", "redis", "sqs-elasticmq", "azureservicebus"]))
def test_a_thousand_messages_two_workers_and_a_kill(
    kind: str, postgresql_url: str, request: pytest.FixtureRequest
) -> None:
    with closing(Store(postgresql_url)) as store, queue_at_broker(kind, request) as queue:
        run_a_thousand(store, queue)
