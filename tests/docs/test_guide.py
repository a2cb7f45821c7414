"""Every Python example of the guide runs on a worker and does what the text around it says."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine import load_modules
from engine.client import Client
from tests.docs.pages import Block, blocks
from tests.docs.running import DEADLINE_SECONDS, step_names, wait_until, worker_beside
from tests.house.sources import ROOT
from tests.worker.receiver import Receiver

BLOCKS = [block for block in blocks(ROOT / "docs" / "guide.md", "python") if "@flow" in block.text]


@dataclass
class Run:
    """One execution of a flow that the guide shows, and what it ends with."""

    flow: str
    arguments: dict[str, Any]
    output: Any
    state: str = "completed"
    sent: dict[str, Any] = field(default_factory=dict)
    cancel_at: str | None = None
    steps: list[tuple[str, str]] | None = None
    messages: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    """What comes to the queues of the broker that the settings call ``shop``."""


RUNS = [
    Run("order", {"item": "lamp", "pieces": 2}, "lamp: 80.00"),
    Run("order", {"item": "chair"}, "chair: 90.00"),
    Run("checkout", {"cents": 5}, "paid 5 on attempt 1, key of 28 characters"),
    Run(
        "book",
        {"booking": {"guest": "Ada", "day": "2026-03-01", "price": "50.00"}},
        {"guest": "Ada", "day": "2026-03-01", "price": "45.00"},
    ),
    Run("retrying", {}, ["flaky succeeded on attempt 3", "check failed after 1 attempt: ValueError"]),
    Run("timed", {}, ["StepTimeout", 3]),
    Run("reminders", {}, ["first", "second", "gave up waiting"]),
    Run("request_leave", {"days": 3}, "3 days granted by Grace", sent={"approval": {"by": "Grace", "granted": True}}),
    Run(
        "ship",
        {"lines": ["lamp", "chair"]},
        ["lamp reserved", "chair reserved", "item 4 reserved", "1: van will do it"],
    ),
    Run("whole", {}, ["49", "only from zero", "started 26 characters of id"]),
    Run(
        "travel",
        {"card": "x"},
        "nothing was booked: the card was refused",
        steps=[
            ("reserve_seat", "completed"),
            ("reserve_seat", "completed"),
            ("charge", "failed"),
            ("release_seat", "completed"),
            ("release_seat", "completed"),
        ],
    ),
    Run(
        "long_job",
        {},
        {"type": "FlowCancelled", "message": "the execution was cancelled"},
        state="cancelled",
        cancel_at="sleep",
        steps=[("sleep", "cancelled"), ("tidy_up", "completed")],
    ),
    Run("watch", {}, "stopped after 4 rounds"),
    Run("lottery", {}, True),
    Run("parcel", {}, ["packed", "insured"]),
    Run("article", {"title": "A Day Out"}, "/a-day-out"),
    Run("transfer", {"cents": 500}, [-500, 500]),
    Run(
        "bill",
        {"customer": "Ada", "cents": 500},
        None,
        messages={queue: [{"customer": "Ada", "cents": 500}] for queue in ("ledger", "invoices")},
    ),
    Run(
        "deliver",
        {"order": {"id": 7, "customer": "Ada", "cents": 500}},
        "order 7 packed for Ada, 500 cents paid",
        sent={"paid": {"order": 7, "cents": 500}},
    ),
    Run("report", {"pages": 3}, ["page 1", "page 2", "page 3"]),
]


def block_with(flow: str) -> Block:
    (found,) = [block for block in BLOCKS if f"async def {flow}(" in block.text]
    return found


@pytest.fixture
def clean_imports() -> Any:
    """Forget the modules that a test imports, and where they were found."""
    path, known = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - known:
        if name.startswith("guide_"):
            del sys.modules[name]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.flow)
def test_the_flow_does_what_the_guide_says(run: Run, tmp_path: Path, clean_imports: None) -> None:
    block = block_with(run.flow)
    file = tmp_path / f"{block.name}.py"
    file.write_text(block.text)
    registry = load_modules([str(file)])
    shop = f"sql+sqlite:///{tmp_path}/shop.db"
    there = {queue: Receiver(shop, queue) for queue in run.messages}
    with worker_beside(f"sqlite:///{tmp_path}/guide.db", registry, [str(file)], {"shop": shop}) as database:
        with Client(database) as client:
            execution = client.options().start_input(registry.flow(run.flow), run.arguments)
            for name, payload in run.sent.items():
                assert execution.signal(name, payload)
            if run.cancel_at is not None:
                waiting = (run.cancel_at, "waiting")
                wait_until(lambda: waiting in step_names(database, execution.id), f"{run.cancel_at} to wait")
                execution.cancel()
            outcome = client.wait_for(execution.id, DEADLINE_SECONDS)
        output = None if outcome.output is None else json.loads(outcome.output)
        assert (outcome.state, output) == (run.state, run.output)
        if run.steps is not None:
            assert step_names(database, execution.id) == run.steps
        for queue, events in run.messages.items():
            assert [json.loads(message.body) for message in there[queue].take(len(events))] == events
            there[queue].transport.close()


def test_every_block_of_the_guide_that_shows_a_flow_is_run() -> None:
    covered = {block_with(run.flow).line for run in RUNS}
    assert {block.line for block in BLOCKS} == covered
    assert len(BLOCKS) > 10
