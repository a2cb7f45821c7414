"""The page about rules at the edge: its rules, its flows, its commands, and what they are said to do."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from engine import Client, load_modules
from engine.logs import configure_logging
from tests.cli.calling import Done, engine
from tests.docs.pages import blocks
from tests.docs.running import messages_in, wait_until, worker_beside
from tests.house.sources import ROOT
from transports import open_transport
from transports.protocol import Message

PAGE = ROOT / "docs" / "rules" / "edge.md"
URL = "sqlite:///milepost.db"


def message(queue: str, name: str, **body: Any) -> Message:
    return Message(queue, json.dumps(body).encode(), id=name)


def run(line: str) -> Done:
    return engine("--store", URL, "--flows", "shop", *shlex.split(line)[1:])


def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    intake, routing = blocks(PAGE, "csv")
    flows, starting, filtering, emitting = blocks(PAGE, "python")
    commands, listing = [block.text.splitlines() for block in blocks(PAGE, "shell")]
    refusal, reason = [block.text.rstrip() for block in blocks(PAGE, "text")]
    Path("order-intake.csv").write_text(intake.text)
    Path("event-routing.csv").write_text(routing.text)
    Path("shop.py").write_text(flows.text)
    broker = f"sql+sqlite:///{tmp_path}/broker.db"
    shop = open_transport(broker, prefix="")
    shop.declare(["orders", "events"])
    registry = load_modules(["shop"])
    with worker_beside(URL, registry, ["shop"], {"shop": broker}) as database, Client(database) as client:
        *prepare, start = [run(line) for line in commands]
        assert [done.code for done in prepare] == [0] * len(prepare)
        assert (start.code, start.err.rstrip()) == (1, refusal)
        exec(compile(starting.text, str(PAGE), "exec"), {})  # noqa: S102 - the page's own program
        for words in ("import event-routing.csv", "activate event-routing"):
            assert run(f"engine rules {words}").code == 0
        exec(compile(emitting.text, str(PAGE), "exec"), {})  # noqa: S102 - the page's own program
        # The commands have had it written where they were to write.
        configure_logging("error", "console")
        shop.send(
            [message("orders", "1", customer="Bea", amount="5"), message("orders", "2", customer="Cy", amount="50")]
        )
        event = {"id": "e7", "kind": "return", "order": 18, "amount": "7"}
        shop.send([message("events", "3", **event), message("events", "4", **event | {"id": "e9", "kind": "other"})])
        wait_until(lambda: client.count_dead_messages() == 1 and sum(client.count().values()) == 6, "all messages")
        results = {one.idempotency_key: client.handle(one.id).result("30s") for one in client.find()}
        assert results.pop(None) == "15 for Ada"
        assert results == {
            "fulfil:Cy": "50 for Cy", "event-routing:17": "5 back for order 17",
            "event-routing:e8#2": "return of order 17", "events:18": "7 back for order 18",
            "events:e7#2": "return of order 18",
        }  # fmt: skip
        (dead,) = client.dead_messages()
        assert reason in run(f"engine messages show {dead.id}").out.splitlines()
        assert len(run(f"{listing[0]} --json").json) == 4
        # What is recorded is acknowledged a moment later, and not at all by a worker that ends meanwhile.
        wait_until(lambda: messages_in(tmp_path / "broker.db") == 0, "the last acknowledgement")
    shop.close()
    given = "from dataclasses import dataclass\nfrom engine import ByKey, by_key, on_message, rules\n"
    given += "@dataclass\nclass Payment:\n    customer: str\n"
    Path("payments.py").write_text(given + filtering.text)
    assert load_modules(["payments"]).trigger("paid").asks_rules
    sys.modules.pop("payments")
    sys.modules.pop("shop")
