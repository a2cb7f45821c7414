"""Steering at its edges: signals with keys, ids that are too short, frozen steps, very many, and no broker."""

from __future__ import annotations

import uuid

import pytest
from structlog.testing import capture_logs

from engine import (
    ArgumentsError,
    CodecError,
    DefinitionError,
    ExecutionFinished,
    ExecutionNotFound,
    StoreError,
)
from engine.client import Client, Filter
from engine.config import load_settings
from tests.worker import sample_flows as flows
from tests.worker.serving import serving, wait_until
from transports.memory import forget_memory_broker, memory_broker

NOBODY = "0" * 26


def test_signals_before_and_after_the_wait(served: Client) -> None:
    early = served.options(delay="300ms").start(flows.two_signals)
    assert early.signal("named", {"a": 1}, key="first")
    assert not early.signal("named", {"a": 9}, key="first"), "the same key is delivered once"
    wait_until(lambda: any(step.state == "waiting" and step.seq == 2 for step in early.history()), "the second wait")
    assert early.signal("named", {"b": 2}, key="second")
    assert early.result("20s") == [{"a": 1}, {"b": 2}]
    assert not early.signal("named", {"a": 9}, key="first"), "a sender that repeats itself needs to know no more"
    with pytest.raises(ExecutionFinished, match="completed"):
        early.signal("named", {"c": 3})


def test_what_is_refused_before_it_is_sent(lite: Client) -> None:
    started = lite.start(flows.approval)
    for name, key in (("", None), ("n" * 191, None), ("a\x00", None), ("go", ""), ("go", "k" * 191)):
        with pytest.raises(DefinitionError):
            started.signal(name, key=key)
    with pytest.raises(CodecError):
        started.signal("go", object())
    with pytest.raises(ArgumentsError, match="mapping"):
        started.retry(1, [7, 2])


def test_a_failed_step_is_frozen_and_run_again_with_rerun(served: Client) -> None:
    started = served.start(flows.outcome, "always_fails")
    assert started.result("20s") == ["ValueError", 3]
    with pytest.raises(ExecutionFinished, match="engine rerun"):
        started.retry(1)
    again = started.rerun()
    assert again.result("20s") == ["ValueError", 3], "the handle knows the flow"
    assert again.get().rerun_of == started.id

    four = served.start(flows.sequence, 4)
    assert four.result("20s") == 4
    flows.CALLS.clear()
    assert four.rerun(3).result("20s") == 4
    assert len(flows.CALLS) == 2, "steps 1 and 2 keep their results"
    with pytest.raises(StoreError, match="no step 9"):
        four.rerun(9)


def test_a_short_id_is_told_how_to_become_whole(client: Client) -> None:
    started = client.start(flows.sequence, 1)
    short = started.id[:20]
    for attempt in (
        client.get, client.history, client.cancel, client.pause, client.resume, client.retry, client.rerun,
        client.outcome, client.wait_for, lambda id: client.signal(id, "go"), lambda id: client.handle(id).result(),
    ):  # fmt: skip
        with pytest.raises(ExecutionNotFound, match=rf"client.find_id\('{short}'\)"):
            attempt(short)
        with pytest.raises(ExecutionNotFound, match="there is no execution"):
            attempt(NOBODY)
        for nonsense in ("", "a\x00" * 13, "x" * 1000, None, 7):
            with pytest.raises(ExecutionNotFound, match="no id"):
                attempt(nonsense)
    assert client.find_id(short) == client.find_id(short.upper() + " ") == started.id


def test_a_great_many_in_small_transactions(lite: Client) -> None:
    """Each execution is paused in a transaction of its own, so that nobody waits long for a lock."""
    lite.start_many(flows.sequence, [(1,)] * 1100)
    seen: list[int] = []

    def told(count: int) -> None:
        seen.append(count)
        if count == 500:
            assert lite.count() == {"paused": 500, "running": 600}
            lite.start(flows.sequence, 1)

    assert lite.pause_many(Filter(), limit=10_000, told=told) == 1100
    assert seen == list(range(1, 1101))
    assert lite.count() == {"paused": 1100, "running": 1}, "what was started meanwhile was not there when it began"


def test_starting_and_steering_with_a_broker_that_is_down(lite: Client, sqlite_url: str) -> None:
    name = uuid.uuid4().hex
    broker = memory_broker(name)
    broker.set_down(True)
    settings = {"broker.url": f"memory://{name}", "broker.resend_after": "200ms"}
    own = load_settings(None, {"store.url": sqlite_url, **settings}, environment={})
    try:
        with Client(own) as client:
            with capture_logs() as logs:
                started = client.start(flows.sequence, 3)
                signalled = client.start(flows.approval)
                signalled.signal("approved", "yes")
                rerun = started.rerun()
            assert {entry["log_level"] for entry in logs} == {"warning"}
            assert len(logs) >= 3
            assert all(step.due_us is not None for step in rerun.history()), "the sweeper offers it again (I1)"
            with serving(sqlite_url, settings=settings):
                broker.set_down(False)
                assert client.results([started, rerun], "30s") == [3, 3]
                assert signalled.result("30s") == "got yes"
    finally:
        forget_memory_broker(name)
