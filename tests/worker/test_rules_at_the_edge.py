"""Workers whose messages rules judge: each by exactly one version, once, whatever happens to workers and the store."""

from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine import Client, Registry, StoreUnavailable, load_modules
from engine.rulebook.rulebook import Rulebook
from tests.conformance.transports.chosen import chosen
from tests.worker import edge_flows
from tests.worker.edge_flows import INTAKE, WAYS, intake, routing
from tests.worker.foreign import ForeignQueue, queue_at_broker, queue_in_tables
from tests.worker.processes import Processes
from tests.worker.serving import Store, serving, wait_until
from tests.worker.test_triggers import held, shop, unsettled
from transports.memory import memory_broker
from transports.protocol import Message

MODULE = edge_flows.__name__
ORDERS, EVENTS = "orders", "events"
MANY = 500


class Rules:
    """The store with rules in it, and a client of it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.registry: Registry = load_modules([MODULE])
        self.client = Client(store.url, registry=self.registry)

    def activate(self, model: Any) -> None:
        version, _ = self.client.import_rules(model)
        self.client.activate_rules(model.name, version.number)

    def serving(self, url: str) -> Any:
        return serving(self.store.url, self.registry, {"brokers.shop": url, "flows": [MODULE]})

    def dead(self) -> dict[str | None, str]:
        return {one.message.info.id: one.reason for one in self.client.dead_messages(limit=1000)}

    def started(self) -> dict[str, dict[str, str]]:
        """The attributes of executions by their keys."""
        found = {one.idempotency_key or "": dict(one.attributes) for one in self.client.find_all(limit=10_000)}
        assert len(found) == self.count()
        return found

    def count(self) -> int:
        return int(self.store.rows("SELECT COUNT(*) FROM milepost_executions")[0][0])


@pytest.fixture
def rules(store: Store) -> Iterator[Rules]:
    made = Rules(store)
    yield made
    made.client.close()


def order(number: int, pieces: int) -> Message:
    return Message(ORDERS, json.dumps({"id": f"o{number}", "pieces": pieces}).encode(), id=f"m{number}")


def event(number: int, kind: str, queue: str = EVENTS) -> Message:
    return Message(queue, json.dumps({"id": f"e{number}", "kind": kind, "pieces": 2}).encode(), id=f"e{number}")


def test_rules_let_messages_in_and_say_what_they_start(rules: Rules, name: str) -> None:
    rules.activate(intake(2))
    rules.activate(routing(*WAYS))
    url = f"memory://{name}"
    with shop(url, ORDERS, EVENTS) as other, rules.serving(url):
        other.send([order(1, 1), order(2, 2), event(1, "ship"), event(1, "ship"), event(2, "tell"), event(3, "none")])
        wait_until(lambda: rules.count() == 4 and len(rules.dead()) == 1)
        rules.store.wait_for_all()
        wait_until(lambda: unsettled(memory_broker(name), ORDERS, EVENTS) == 0, "all being acknowledged")
    results = {one.idempotency_key: rules.client.handle(one.id).result("1s") for one in rules.client.find()}
    assert results == {
        "orders:m2": "2 of o2 by m2", "events:e1#1": "2 of e1", "events:e1#2": "ship", "events:e2#1": "tell"
    }  # fmt: skip
    assert rules.dead() == {"m1": "refused by version 1 of the rules 'intake' (rule 2 of 'intake'): fewer than 2"}
    rules.store.check()


def test_each_message_is_judged_by_one_version_while_rules_change(rules: Rules, name: str) -> None:
    rules.activate(intake(5))
    rules.activate(routing(*WAYS))
    url = f"memory://{name}"
    with shop(url, ORDERS, EVENTS) as other, rules.serving(url), rules.serving(url):
        for first in range(0, 200, 40):
            numbers = range(first, first + 40)
            other.send([order(n, n % 10) for n in numbers] + [event(n, "ship") for n in numbers])
            rules.activate(intake(5 if first % 80 else 3))
            rules.activate(routing(*WAYS, (f'"{first}"', '"tell"', "null", "null")))
        wait_until(lambda: unsettled(memory_broker(name), ORDERS, EVENTS) == 0, "all being acknowledged")
    started, dead = rules.started(), rules.dead()
    versions = rules.client.rules()[INTAKE].versions
    least = {
        number: 5 if "fewer than 5" in str(rules.client.rule_version(INTAKE, number).content) else 3
        for number in versions
    }
    for n in range(200):
        by = started.get(f"orders:m{n}")
        assert (by is None) is (f"m{n}" in dead), "it is started or dead, and not both"
        said = by["milepost.filter"] if by is not None else dead[f"m{n}"]
        version = int(re.findall(r"version (\d+)", said)[0])
        assert (n % 10 >= least[version]) is (by is not None), "by the version that is recorded"
        pair = [started[f"events:e{n}#{place}"]["milepost.route"] for place in (1, 2)]
        assert len(set(pair)) == 1, "what a message comes to is of one version"
    assert rules.count() == len([one for one in started if one.startswith("orders:")]) + 400


def test_messages_wait_for_a_store_that_is_away_while_they_are_judged(
    rules: Rules, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules.activate(intake(1))
    broker = memory_broker(name)
    tried: list[int] = []
    look = Rulebook.look

    def away(rulebook: Rulebook) -> int:
        tried.append(held(broker))
        if len(tried) < 4:
            raise StoreUnavailable("away")
        return look(rulebook)

    monkeypatch.setattr(Rulebook, "look", away)
    monkeypatch.setattr("engine.worker.triggers.FIRST_PAUSE_SECONDS", 0.01)
    with shop(f"memory://{name}", ORDERS, EVENTS) as other, rules.serving(f"memory://{name}"):
        other.send([order(1, 1)])
        wait_until(lambda: rules.count() == 1 and unsettled(broker, ORDERS) == 0)
    assert tried == [1, 1, 1, 1], "nothing is acknowledged, and nothing is received twice"
    assert rules.dead() == {}


def test_without_rules_messages_are_dead_until_there_are_some(rules: Rules, name: str) -> None:
    with shop(f"memory://{name}", ORDERS, EVENTS) as other, rules.serving(f"memory://{name}"):
        other.send([order(1, 1), event(1, "ship"), event(2, "bad")])
        wait_until(lambda: len(rules.dead()) == 3)
        reasons = rules.dead()
        assert "there are no rules 'intake': import them with `engine rules import`" in reasons["m1"]
        assert "there are no rules 'routing'" in reasons["e1"]
        rules.activate(intake(1))
        rules.activate(routing(*WAYS, ('"bad"', '"gone"', "null", "null")))
        # One that comes again stays what it is; whoever replays it has it judged again.
        other.send([order(1, 1), order(2, 1)])
        wait_until(lambda: rules.count() == 1 and memory_broker(name).depth(ORDERS) == 0)
        for one in rules.client.dead_messages():
            if one.message.info.id != "e2":
                rules.client.replay_message(one.id)
    assert sorted(rules.started()) == ["events:e1#1", "events:e1#2", "orders:m1", "orders:m2"]
    assert [*rules.dead()] == ["e2"]


# -- worker processes --------------------------------------------------------------------------------------------------


@contextmanager
def killing(store: Store, queue: ForeignQueue) -> Iterator[Processes]:
    environment = {
        "ENGINE_FLOWS": MODULE, "ENGINE_BROKERS__SHOP": queue.url, "ENGINE_WORKER__LEASE": "2s",
        "MILEPOST_TEST_EVENTS": queue.name,
    }  # fmt: skip
    with Processes(store.url, **environment) as processes:
        yield processes


KINDS = ("ship", "tell", "none", "bad", "tell")


def run_many(rules: Rules, queue: ForeignQueue) -> None:
    """Send events, a tenth of them twice, to two workers of which one is killed in the middle, while rules change."""
    bad = ('"bad"', '"gone"', "null", "null")
    rules.activate(routing(*WAYS, bad))
    numbers = [*range(MANY), *range(0, MANY, 10)]
    random.Random(5).shuffle(numbers)
    sent = [event(n, KINDS[n % 5], queue.name) for n in numbers]
    with killing(rules.store, queue) as processes:
        first, second = processes.start(2)
        for start in range(0, len(sent), 50):
            queue.send(sent[start : start + 50])
            rules.activate(routing(*(WAYS[0], WAYS[1]) if start % 100 else (WAYS[1], WAYS[0]), bad))
            if start == 250:
                wait_until(lambda: rules.count() > 50, "some being started")
                first.kill()
        wait_until(lambda: rules.count() >= MANY * 4 // 5, "every start", 120)
        wait_until(lambda: len(rules.dead()) >= MANY // 5, "every dead message", 120)
        rules.store.wait_for_all(120)
        queue.end(second, processes)
    check(rules)


def check(rules: Rules) -> None:
    started = rules.started()
    places: defaultdict[int, list[str]] = defaultdict(list)
    for key, by in started.items():
        number, _ = key.removeprefix("events:e").split("#")
        places[int(number)].append(by["milepost.route"])
    expected = Counter({n: 2 if n % 5 == 0 else 1 for n in range(MANY) if n % 5 in (0, 1, 4)})
    assert Counter({n: len(found) for n, found in places.items()}) == expected, "each is started once"
    assert all(len(set(found)) == 1 for found in places.values()), "by one version"
    assert sorted(rules.dead(), key=str) == sorted((f"e{n}" for n in range(3, MANY, 5)), key=str)
    assert all("there is no flow 'gone'" in reason for reason in rules.dead().values())
    rules.store.check()


@pytest.mark.slow
def test_events_two_workers_and_a_kill_while_rules_change_over_tables(rules: Rules, tmp_path: Path) -> None:
    url = f"sql+sqlite:///{tmp_path / 'shop.db'}?visibility_seconds=2"
    with shop(url, ORDERS), queue_in_tables(url, EVENTS) as queue:
        run_many(rules, queue)


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("kind", chosen(["rabbitmq", "kafka"]))
def test_events_two_workers_and_a_kill_while_rules_change(
    kind: str, postgresql_url: str, request: pytest.FixtureRequest
) -> None:
    with closing(Store(postgresql_url)) as store, queue_at_broker(kind, request) as queue:
        rules = Rules(store)
        with closing(rules.client):
            run_many(rules, queue)
