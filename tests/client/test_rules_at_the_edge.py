"""Starts that rules look at before anything is written, and events of which rules say what they start."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

from engine import AsyncClient, Client, MessageInfo, MessageRefused, StartRefused, UnknownDefinition, Unusable, rules
from engine.definitions.loading import load_modules
from engine.model.messages import Dead, Received
from engine.rules.errors import RuleError
from engine.store.dead_messages import bury
from engine.store.migrations import migrate
from tests.worker import edge_flows
from tests.worker.edge_flows import INTAKE, ROUTING, WAYS, Event, Order, fulfil, guarded, intake, parent, routing

REGISTRY = load_modules([edge_flows.__name__])
ROUTE = rules.route(ROUTING)


@pytest.fixture
def client(store_url: str) -> Iterator[Client]:
    with Client(store_url, registry=REGISTRY) as made:
        migrate(made.database)
        yield made


def allow(client: Client, least: int) -> None:
    client.import_rules(intake(least))
    client.activate_rules(INTAKE)


def way(client: Client, *rows: tuple[str, str, str, str]) -> None:
    client.import_rules(routing(*rows))
    client.activate_rules(ROUTING)


# -- guards ------------------------------------------------------------------------------------------------------------


def test_what_rules_let_in_is_started_and_says_by_which(client: Client) -> None:
    allow(client, 2)
    attributes = client.start(guarded, Order("a", 2)).get().attributes
    assert attributes == {"milepost.guard": "intake version 1"}
    started = client.options(attributes={"team": "blue"}).start_input("guarded", {"order": {"id": "b", "pieces": 3}})
    assert started.get().attributes == {"milepost.guard": "intake version 1", "team": "blue"}


def test_what_rules_refuse_is_not_started_and_the_error_says_all(client: Client) -> None:
    allow(client, 2)
    with pytest.raises(StartRefused) as caught:
        client.start(guarded, Order("a", 1))
    error = caught.value
    assert (error.flow, error.rule, error.version, error.reason) == ("guarded", INTAKE, 1, "fewer than 2")
    assert error.matched == ((INTAKE, (2,)),)
    assert str(error) == (
        "flow 'guarded' was not started, refused by version 1 of the rules 'intake' (rule 2 of 'intake'): fewer than 2"
        "; correct the input, or look at the rules: `engine rules show intake --version 1`"
    )
    assert client.find() == []


def test_of_many_starts_none_is_made_if_one_is_refused(client: Client) -> None:
    allow(client, 2)
    with pytest.raises(StartRefused):
        client.start_many(guarded, [(Order("a", 2),), (Order("b", 1),)])
    assert client.find() == []
    assert len(client.start_many(guarded, [(Order("a", 2),), (Order("b", 3),)])) == 2


def test_every_start_is_judged_by_what_is_active_then(client: Client) -> None:
    allow(client, 2)
    with Client(client.database) as other:
        assert client.start(guarded, Order("a", 2)).get().attributes["milepost.guard"] == "intake version 1"
        allow(other, 3)
        with pytest.raises(StartRefused, match="fewer than 3"):
            client.start(guarded, Order("a", 2))
        other.rollback_rules(INTAKE)
        assert client.start(guarded, Order("a", 2)).get().attributes["milepost.guard"] == "intake version 1"


def test_a_start_that_is_repeated_with_its_key_is_not_judged_again(client: Client) -> None:
    allow(client, 2)
    starter = client.options(key="a")
    first = starter.start(guarded, Order("a", 2))
    allow(client, 5)
    again = starter.start(guarded, Order("a", 2))
    assert (again.id, again.existed) == (first.id, True)
    assert [one.id for one in client.start_many(guarded, [(Order("a", 2),)], keys=["a"])] == [first.id]


def test_rules_that_cannot_decide_let_nothing_in(client: Client) -> None:
    with pytest.raises(RuleError, match="there are no rules 'intake': import them"):
        client.start(guarded, Order("a", 2))
    client.import_rules(intake(2))
    with pytest.raises(RuleError, match="no version of the rules 'intake' is active: activate one"):
        client.start(guarded, Order("a", 2))
    assert client.find() == []


def test_flows_without_a_guard_and_children_of_others_are_not_asked_about(client: Client) -> None:
    assert client.start(parent, Order("a", 0)).get().attributes == {}
    assert client.start(fulfil, Order("a", 0), MessageInfo(queue="q")).get().attributes == {}
    # Who does not know the flow does not know its guard either, as with its arguments.
    with Client(client.database) as other:
        assert other.start("guarded", order={"id": "a", "pieces": 0}).get().attributes == {}


def test_the_same_from_an_event_loop(client: Client) -> None:
    allow(client, 2)
    way(client, *WAYS)

    async def run() -> list[str]:
        async with AsyncClient(client.database, registry=REGISTRY) as other:
            with pytest.raises(StartRefused):
                await other.start(guarded, Order("a", 1))
            return [one.id for one in await other.emit(ROUTE, Event("e1", "tell"))]

    assert asyncio.run(run()) == [one.id for one in client.find()]


def test_programs_without_rules_do_not_load_them() -> None:
    code = (
        "import sys; from engine import Client; from engine.store.migrations import migrate;"
        "c = Client('sqlite://'); migrate(c.database); c.start('f', a=1);"
        "print([m for m in sys.modules if m.startswith(('engine.rulebook', 'engine.rules.feel'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


# -- events ------------------------------------------------------------------------------------------------------------


def test_an_event_starts_what_rules_say(client: Client) -> None:
    way(client, *WAYS)
    ship, tell = client.emit(ROUTE, Event("e1", "ship", 4))
    found = [client.get(one.id) for one in (ship, tell)]
    assert [(one.flow, one.idempotency_key) for one in found] == [("ship", None), ("tell", None)]
    assert found[0].input == '{"id":"e1","pieces":4}'
    assert found[0].attributes == {
        "milepost.route": "routing version 1", "milepost.route.matched": "rules 1 and 2 of 'routing'"
    }  # fmt: skip
    assert client.emit(ROUTE, {"id": "e2", "kind": "other"}) == []


def test_an_event_with_a_key_is_done_once_whatever_the_rules_become(client: Client) -> None:
    way(client, *WAYS)
    first = client.emit(ROUTE, Event("e1", "ship", 4), key="e1")
    assert [one.get().idempotency_key for one in first] == ["routing:e1#1", "routing:e1#2"]
    assert [one.id for one in client.emit(ROUTE, Event("e1", "ship", 4), key="e1")] == [one.id for one in first]
    way(client, ('"ship"', '"tell"', "null", "null"))
    assert [one.id for one in client.emit(ROUTE, Event("e1", "ship", 4), key="e1")] == [first[0].id]
    assert len(client.find()) == 2


def test_an_event_may_be_a_signal(client: Client) -> None:
    way(client, ('"begin"', '"waiting"', "id", "null"))
    (waiting,) = client.emit(ROUTE, Event("o7", "begin"))
    assert waiting.get().idempotency_key == "routing:o7"
    client.import_rules(routing(('"go"', '"go"', "id", '"now"'), does="signal"))
    client.activate_rules(ROUTING)
    for _ in range(2):
        assert [one.id for one in client.emit(ROUTE, Event("o7", "go"), key="x")] == [waiting.id]
    with client.database.read() as tx:
        assert tx.connection.exec_driver_sql("SELECT name, payload FROM milepost_signals").all() == [("go", '"now"')]
    with pytest.raises(Unusable, match="no execution was started with the key 'routing:o8'"):
        client.emit(ROUTE, Event("o8", "go"))


@pytest.mark.parametrize("event", [None, 5, "text"])
def test_an_event_has_entries(client: Client, event: object) -> None:
    way(client, *WAYS)
    with pytest.raises(RuleError, match=r"cannot be asked: a .* has no entries"):
        client.emit(ROUTE, event)


def test_what_rules_say_that_cannot_be_done_does_nothing(client: Client) -> None:
    way(client, ('"a"', '"tell"', "null", "null"), ('"a"', '"gone"', "null", "null"))
    with pytest.raises(Unusable, match="there is no flow 'gone' here"):
        client.emit(ROUTE, Event("e1", "a"))
    with Client(client.database) as other, pytest.raises(UnknownDefinition, match="give it a registry"):
        other.emit(ROUTE, Event("e1", "a"))
    assert client.find() == []


# -- dead messages -----------------------------------------------------------------------------------------------------


def test_a_dead_message_is_judged_again_by_what_is_active_when_it_is_replayed(client: Client) -> None:
    allow(client, 5)
    info = MessageInfo(queue="orders", id="m1")
    body = b'{"id": "o1", "pieces": 3, "kind": "other"}'
    for name in ("orders", "events"):
        message = Received(trigger=name, source="kafka://host/orders", info=info, body=body)
        with client.database.write() as tx:
            bury(tx, [(message, Dead("it was so"))])
    event, order = (one.id for one in client.dead_messages())
    with pytest.raises(MessageRefused, match=r"stays one: refused by version 1 of .*: fewer than 5"):
        client.replay_message(order)
    allow(client, 3)
    (started,) = client.replay_message(order)
    assert client.get(started).attributes == {"milepost.filter": "intake version 2"}
    with pytest.raises(MessageRefused, match="there are no rules 'routing'"):
        client.replay_message(event)
    way(client, *WAYS)
    assert client.replay_message(event) == []
    assert client.count_dead_messages() == 0
