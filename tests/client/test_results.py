"""Results: of the declared type, soon after the end, for several at once, and through outages of the store."""

from __future__ import annotations

import threading
import time
from statistics import median
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from engine import Client, ExecutionFailed, ResultTimeout, StoreUnavailable
from engine.client import deadline, waiter
from engine.errors import MilepostError
from engine.model.history import ErrorInfo
from engine.store.migrations import migrate
from tests.client.client_flows import Order, approval, counting, failing, short_sleep, sums, total
from tests.worker.serving import serving, wait_until

TRIES = 10
SLEEP_SECONDS = 0.3


def test_a_result_is_what_the_flow_declares(client: Client, store_url: str) -> None:
    with serving(store_url, client.registry):
        typed = client.start(total, Order(1, ("lamp", "chair")))
        assert typed.result("20s") == Order(2, ("lamp", "chair", "paid"))
        assert client.handle(typed.id, total).result() == Order(2, ("lamp", "chair", "paid"))
        assert client.handle(typed.id).result() == {"id": 2, "lines": ["lamp", "chair", "paid"]}
        assert client.start("total", order=Order(3, ())).result(20) == Order(4, ("paid",))
        continued = client.start(counting, 0)
        assert continued.result("20s") == 2
        assert continued.get().state == "continued"
        assert continued.state() == "completed"

        failed = client.start(failing, "no good")
        with pytest.raises(ExecutionFailed, match="no good") as caught:
            failed.result("20s")
        assert (caught.value.execution_id, caught.value.state) == (failed.id, "failed")
        assert caught.value.error_type == "StepFailed"
        error = failed.get().error
        assert isinstance(error, ErrorInfo)
        assert error.type == "StepFailed"

        handles = [client.start(short_sleep, 1), client.start(sums, 3)]
        assert client.results(handles, "20s") == [1, 6]
        assert client.results([]) == []
        with pytest.raises(ExecutionFailed):
            client.results([handles[0], failed], "20s")


def test_a_wait_ends_at_its_timeout_and_the_execution_goes_on(client: Client) -> None:
    handle = client.start(sums, 1)
    for timeout in (0, "0s", 0.05, "50ms"):
        began = time.monotonic()
        with pytest.raises(ResultTimeout, match="still running"):
            handle.result(timeout)
        assert time.monotonic() - began < 20
    with pytest.raises(ResultTimeout):
        client.results([handle, handle], 0.05)
    assert handle.state() == "running"


def test_the_store_wakes_whoever_waits(client: Client, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait lasts longer than the waiter's thread needs to begin, and ends at an end that nobody could foresee."""
    # What is only found by looking is found that late.
    monkeypatch.setattr(waiter, "LOOK_SECONDS", 20.0)
    monkeypatch.setattr(deadline, "LOOK_SECONDS", 20.0)
    late: list[float] = []
    with serving(store_url, client.registry):
        client.start(sums, 1).result("20s")
        for number in range(TRIES):
            handle = client.start(approval)
            answered: list[float] = []

            def wait(handle: Any = handle, answered: list[float] = answered) -> None:
                handle.result("60s")
                answered.append(time.monotonic())

            waiting = threading.Thread(target=wait)
            waiting.start()
            # Unlike any period of a poll, so that polls cannot look good by chance.
            time.sleep(0.11 + 0.037 * number)  # noqa: TID251 - the time to pass is the point
            handle.signal("approved", "now")
            wait_until(lambda handle=handle: handle.state() == "completed", "the end")
            ended = time.monotonic()
            waiting.join(60)
            late.append(answered[0] - ended)
    assert median(late) < 2.5, f"seconds from the end to the answer: {late}"


@pytest.mark.servers
def test_a_wait_outlives_the_connections_it_began_with(postgresql_url: str, flows: Any) -> None:
    with Client(postgresql_url, registry=flows) as client:
        migrate(client.database)
        handle = client.start(approval)
        answers: list[Any] = []
        waiting = threading.Thread(target=lambda: answers.append(handle.result("120s")))
        waiting.start()
        admin = create_engine(make_url(postgresql_url).set(drivername="postgresql+psycopg"))
        listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"

        def count() -> int:
            with admin.connect() as connection:
                return connection.execute(text(listening)).scalar_one()

        kill = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        for _ in range(3):
            wait_until(lambda: count() == 1, "the client listening")
            with admin.connect() as connection:
                connection.execute(text(kill))
        admin.dispose()
        with serving(postgresql_url, flows), Client(postgresql_url) as other:
            other.signal(handle.id, "approved", "still there")
            waiting.join(120)
        assert answers == ["still there"]


def test_an_outage_while_waiting_is_waited_out(client: Client, monkeypatch: pytest.MonkeyPatch, store_url: str) -> None:
    handle = client.start(approval)
    real, away = client.outcome, threading.Event()
    asked: list[int] = []

    def outcome(execution_id: str) -> Any:
        asked.append(1)
        # The first answer is the one with which the wait begins.
        if away.is_set() and len(asked) > 1:
            raise StoreUnavailable("away")
        return real(execution_id)

    monkeypatch.setattr(client, "outcome", outcome)
    away.set()
    with pytest.raises(StoreUnavailable):
        handle.result("200ms")
    asked.clear()
    timer = threading.Timer(0.3, away.clear)
    timer.start()
    with serving(store_url, client.registry):
        client.signal(handle.id, "approved", "back")
        assert handle.result("20s") == "back"
    timer.join()
    asked.append(1)
    away.set()
    with pytest.raises(StoreUnavailable):
        handle.result("20s")


def test_a_store_that_cannot_be_reached_is_said_at_once() -> None:
    with Client("postgresql://nobody:secret@127.0.0.1:1/nothing") as client:
        with pytest.raises(StoreUnavailable) as caught:
            client.handle("0" * 26).result("20s")
        assert "secret" not in str(caught.value)


def test_closing_a_client_ends_its_waits(client: Client) -> None:
    handle = client.start(sums, 1)
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            handle.result()
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    wait_until(lambda: client._waiter._expected, "the wait")
    client.close()
    waiting.join(30)
    assert not waiting.is_alive()
    assert isinstance(errors[0], MilepostError)
