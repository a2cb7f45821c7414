"""``engine messages``: dead messages listed, shown, replayed and dropped."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Client, MessageInfo
from engine.model.messages import Dead, Received
from engine.store.dead_messages import bury
from engine.store.migrations import migrate
from tests.cli.calling import engine

MODULE = "tests.client.test_messages"


class Shop:
    """A store with dead messages of the triggers of another test's module."""

    def __init__(self, directory: Path) -> None:
        self.url = f"sqlite:///{directory / 'shop.db'}"
        self.config = str(directory / "engine.toml")
        Path(self.config).write_text(f'flows = ["{MODULE}"]\n\n[store]\nurl = "{self.url}"\n')
        self.client = Client(self.url)
        migrate(self.client.database)

    def put(self, body: bytes, trigger: str = "fulfil", id: str = "m1", reason: str = "refused by filter") -> None:
        info = MessageInfo(queue="orders", id=id, key="k", headers={"tenant": "eu\x1b[31m"})
        message = Received(trigger=trigger, source="kafka://host/orders", info=info, body=body)
        with self.client.database.write() as tx:
            bury(tx, [(message, Dead(reason))])

    def run(self, *words: str) -> tuple[int, str, str]:
        done = engine("--config", self.config, "messages", *words)
        return done.code, done.out, done.err

    def numbers(self) -> list[int]:
        return [one.id for one in self.client.dead_messages()]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    made.put(b'{"id": 7}')
    made.put(b"\x00\xff" * 12, id="m2", reason="the body cannot be read as Order: " + "it is malformed " * 20)
    made.put(b"00000000000000000000000000", "paid", id="m3", reason="nobody")
    yield made
    made.client.close()


def test_the_list_says_what_came_and_why_it_is_there(shop: Shop) -> None:
    code, out, err = shop.run("list")
    lines = out.splitlines()
    assert (code, err, len(lines)) == (0, "", 4)
    assert lines[0].split() == ["number", "came", "trigger", "id", "reason"]
    assert re.fullmatch(r"3 +(now|\d+[sm] ago) +paid +m3 +nobody *", lines[1])
    assert lines[3].rstrip().endswith("refused by filter")
    assert max(map(len, lines)) <= 100
    assert [line.split()[0] for line in shop.run("list", "--trigger", "paid")[1].splitlines()[1:]] == ["3"]
    assert "there are more: --before 2" in shop.run("list", "--limit", "2")[1]
    assert len(shop.run("list", "--before", "2")[1].splitlines()) == 2
    assert shop.run("list", "--trigger", "none")[1] == "no dead messages\n"


def test_a_message_is_shown_as_text_or_in_hexadecimal_digits(shop: Shop) -> None:
    text = shop.run("show", "1")[1]
    for said in ("refused by filter", "kafka://host/orders", "header tenant", "eu?[31m", 'bytes\n{"id": 7}\n'):
        assert said in text
    assert "\x1b" not in text
    shown = shop.run("show", "2")[1]
    assert "00000000  00 ff 00 ff" in shown
    assert "00000010  00 ff 00 ff 00 ff 00 ff\n" in shown
    assert shop.run("show", "9")[0] == 3


def test_json_has_everything(shop: Shop) -> None:
    done = engine("--config", shop.config, "messages", "list", "--json")
    assert [one["number"] for one in done.json] == [3, 2, 1]
    shown = engine("--config", shop.config, "messages", "show", "2", "--json").json
    assert base64.b64decode(shown["body_base64"]) == b"\x00\xff" * 12
    first = engine("--config", shop.config, "messages", "show", "1", "--json").json
    assert (first["body"], first["trigger"], first["id"], first["headers"]["tenant"]) == (
        '{"id": 7}', "fulfil", "m1", "eu\x1b[31m"
    )  # fmt: skip


def test_messages_are_replayed_by_number(shop: Shop) -> None:
    code, out, err = shop.run("replay", "1", "2")
    (execution,) = shop.client.find()
    assert (code, out) == (1, f"replayed: 1 to {execution.id}\n")
    assert err.startswith("engine: dead message 2 of 'fulfil' stays one: the body cannot be read as Order: ")
    assert shop.numbers() == [3, 2]


def test_all_of_a_trigger_are_replayed_after_a_question(shop: Shop) -> None:
    code, _, err = shop.run("replay", "--all")
    assert (code, "replay 3 messages? Nobody can be asked here: add --yes" in err) == (2, True)
    done = engine("--config", shop.config, "messages", "replay", "--all", "--trigger", "fulfil", "--yes", "--json")
    (execution,) = shop.client.find()
    assert (done.code, done.json) == (1, {"done": "replay", "refused": 1, "executions": {"1": [execution.id]}})
    assert shop.numbers() == [3, 2]


def test_messages_are_dropped(shop: Shop) -> None:
    assert shop.run("drop", "1")[:2] == (0, "dropped: 1 message\n")
    assert shop.run("drop", "1")[0] == 3
    assert shop.run("drop", "--all", "--yes")[:2] == (0, "dropped: 2 messages\n")
    assert shop.numbers() == []
    assert shop.run("drop", "--all", "--yes")[:2] == (0, "no dead messages match\n")


def test_what_is_meant_must_be_said(shop: Shop) -> None:
    for words in (["drop"], ["drop", "--trigger", "fulfil"], ["replay", "1", "--all"], ["drop", "1", "--trigger", "x"]):
        assert shop.run(*words)[0] == 2
    assert shop.numbers() == [3, 2, 1]
