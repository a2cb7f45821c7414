"""What rules refuse, as commands say it; and dead messages that are replayed once the rules are others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Client, MessageInfo
from engine.model.messages import Dead, Received
from engine.store.dead_messages import bury
from engine.store.migrations import migrate
from tests.cli.calling import engine
from tests.worker import edge_flows
from tests.worker.edge_flows import INTAKE, ROUTING, WAYS, intake, routing

REFUSED = "refused by version 1 of the rules 'intake' (rule 2 of 'intake'): fewer than 2"


class Shop:
    """A store with rules, and a configuration that names flows which ask them."""

    def __init__(self, directory: Path) -> None:
        url = f"sqlite:///{directory / 'shop.db'}"
        self.config = str(directory / "engine.toml")
        Path(self.config).write_text(f'flows = ["{edge_flows.__name__}"]\n\n[store]\nurl = "{url}"\n')
        self.client = Client(url)
        migrate(self.client.database)
        self.client.import_rules(intake(2))
        self.client.activate_rules(INTAKE)

    def put(self, trigger: str, body: bytes, reason: str) -> int:
        info = MessageInfo(queue="orders", id="m1")
        message = Received(trigger=trigger, source="kafka://host/orders", info=info, body=body)
        with self.client.database.write() as tx:
            bury(tx, [(message, Dead(reason))])
        return self.client.dead_messages(limit=1)[0].id

    def run(self, *words: str) -> tuple[int, str, str]:
        done = engine("--config", self.config, *words)
        return done.code, done.out, done.err


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.client.close()


def test_a_start_that_rules_refuse_is_an_error_of_one_line(shop: Shop) -> None:
    code, out, err = shop.run("start", "guarded", "--arg", 'order={"id": "a", "pieces": 1}')
    hint = "correct the input, or look at the rules: `engine rules show intake --version 1`"
    assert (code, out, err) == (1, "", f"engine: flow 'guarded' was not started, {REFUSED}; {hint}\n")
    code, out, err = shop.run("start", "guarded", "--arg", 'order={"id": "a", "pieces": 2}')
    assert (code, err) == (0, "")
    assert [one.id for one in shop.client.find()] == [out.strip()]
    assert "milepost.guard=intake version 1" in shop.run("show", out.strip())[1]


def test_a_refused_message_says_by_which_rules_and_is_judged_again_when_it_is_replayed(shop: Shop) -> None:
    number = shop.put("orders", b'{"id": "o1", "pieces": 1}', REFUSED)
    assert f"reason    {REFUSED}" in shop.run("messages", "show", str(number))[1].splitlines()
    code, _, err = shop.run("messages", "replay", str(number))
    assert (code, err) == (1, f"engine: dead message {number} of 'orders' stays one: {REFUSED}\n")
    shop.client.import_rules(intake(1))
    shop.client.activate_rules(INTAKE)
    assert shop.run("messages", "replay", str(number))[1].startswith(f"replayed: {number} to ")
    (started,) = shop.client.find()
    assert started.attributes == {"milepost.filter": "intake version 2"}


def test_a_replay_tells_all_that_rules_start_or_that_it_is_nothing(shop: Shop) -> None:
    shop.client.import_rules(routing(*WAYS))
    shop.client.activate_rules(ROUTING)
    number = shop.put("events", b'{"id": "e1", "kind": "other"}', "it was so")
    assert shop.run("messages", "replay", str(number))[1] == f"replayed: {number} to no execution, as the rules say\n"
    number = shop.put("events", b'{"id": "e1", "kind": "ship"}', "it was so")
    done = engine("--config", shop.config, "messages", "replay", str(number), "--json").json
    assert sorted(done["executions"][str(number)]) == sorted(one.id for one in shop.client.find())
    assert len(shop.client.find()) == 2
