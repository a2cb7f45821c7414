"""What the guide's example of messages in does with messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine import Client, load_modules
from tests.docs.running import messages_in, wait_until, worker_beside
from tests.docs.test_guide import block_with
from transports import open_transport
from transports.protocol import Message


def message(queue: str, name: str, **body: Any) -> Message:
    return Message(queue, json.dumps(body).encode(), id=name)


def test_messages_start_the_flow_and_signal_it(tmp_path: Path) -> None:
    file = tmp_path / "guide_messages_in.py"
    file.write_text(block_with("deliver").text)
    url = f"sql+sqlite:///{tmp_path}/shop.db"
    shop = open_transport(url, prefix="")
    shop.declare(["orders", "payments"])
    order = {"id": 17, "customer": "Ada", "cents": 500}
    registry = load_modules([str(file)])
    with (
        worker_beside(f"sqlite:///{tmp_path}/guide.db", registry, [str(file)], {"shop": url}) as database,
        Client(database, registry=registry) as client,
    ):
        shop.send([message("orders", "1", **order), message("orders", "2", **order)])
        shop.send(
            [message("orders", "3", **order | {"id": 18, "cents": 0}), message("payments", "4", order=1, cents=1)]
        )
        wait_until(lambda: client.find() and client.count_dead_messages() == 2, "the start")
        shop.send([message("payments", "5", order=17, cents=500)])
        (execution,) = client.find()
        assert client.handle(execution.id).result("30s") == "order 17 packed for Ada, 500 cents paid"
        assert client.get(execution.id).idempotency_key == "deliver:17"
        reasons = {one.message.trigger: one.reason for one in client.dead_messages()}
        assert reasons["deliver"] == "refused by filter"
        assert "no execution was started with the key 'deliver:1'" in reasons["paid"]
        # What is recorded is acknowledged a moment later, and not at all by a worker that ends meanwhile.
        wait_until(lambda: messages_in(tmp_path / "shop.db") == 0, "the last acknowledgement")
    shop.close()
