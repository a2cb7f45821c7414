"""Messages out, from end to end: what another program receives, whatever happens on the way."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine import Registry, Retry, StepFailed, flow, gather, publish, step, step_context
from engine.client import Client
from tests.worker.receiver import QUEUE, Receiver, receiver
from tests.worker.serving import Served, Store, serving, wait_until
from transports.memory import memory_broker


@step(transactional=True, retry=Retry(attempts=3, backoff="10ms"))
def book(url: str, numbers: list[int], fails: bool) -> int:
    """Publish, and then fail at the first attempt, or at every one."""
    for number in numbers:
        publish(url, {"number": number, "attempt": step_context().attempt}, key="book")
    if fails or step_context().attempt == 1:
        raise ValueError("not now")
    return len(numbers)


@step(transactional=True)
def publish_many(url: str, n: int) -> int:
    for number in range(n):
        publish(url, number)
    return n


@step
def publish_in_step(url: str) -> None:
    publish(url, "never")


@flow
async def say(url: str, event: Any) -> str:
    return await publish(url, event, key="k", headers={"tenant": "a"})


@flow
async def say_raw(url: str) -> str:
    return await publish(url, b"\x00\xff")


@flow
async def say_many(url: str, n: int) -> list[str]:
    return await gather(*(publish(url, number) for number in range(n)))


@flow
async def say_twice_at_most(url: str) -> str:
    try:
        return await publish(url, 1, retry=Retry(attempts=2, backoff="10ms"))
    except StepFailed as error:
        return f"{error.error_type} after {error.attempts}"


@flow
async def book_all(url: str, numbers: list[int], fails: bool = False) -> int:
    return await book(url, numbers, fails)


@flow
async def publish_many_of_step(url: str, n: int) -> int:
    return await publish_many(url, n)


@flow
async def wrong_place(url: str) -> None:
    await publish_in_step(url)


URL = f"broker://shop/{QUEUE}"

REGISTRY = Registry(
    [
        say, say_raw, say_many, say_twice_at_most, book_all, publish_many_of_step, wrong_place, book, publish_many,
        publish_in_step,
    ]
)  # fmt: skip


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    made = Store(sqlite_url)
    yield made
    made.close()


@contextmanager
def shop(store: Store, url: str, **worker: Any) -> Iterator[Served]:
    """A worker whose settings call the broker ``shop``."""
    with serving(store.url, REGISTRY, {"brokers.shop": url}, **worker) as served:
        yield served


def everything_arrives(store: Store, there: Receiver, queue: str = QUEUE) -> None:
    """Publish from a flow, from several branches, and from a transactional step."""
    url = f"broker://shop/{queue}"
    with shop(store, there.url):
        id = store.run("say", url=url, event={"total": "1.50"})
        (message,) = there.take(1)
        assert (message.queue, json.loads(message.body), message.id) == (queue, {"total": "1.50"}, id)
        assert message.headers == {"content-type": "application/json", "tenant": "a"}
        assert message.key == "k"
        store.run("say_raw", url=url)
        assert [message.body for message in there.take(1)] == [b"\x00\xff"]
        ids = store.run("say_many", url=url, n=20)
        assert {message.id: json.loads(message.body) for message in there.take(20)} == dict(
            zip(ids, range(20), strict=True)
        )
        assert store.run("book_all", url=url, numbers=[1, 2, 3]) == 3
        booked = there.take(3)
        assert sorted(json.loads(message.body)["number"] for message in booked) == [1, 2, 3]
        assert {json.loads(message.body)["attempt"] for message in booked} == {2}, "what was rolled back was not sent"
        store.wait_for_all()
    assert there.rest() == []
    store.check()


def test_over_an_in_memory_broker(store: Store, name: str) -> None:
    with receiver(f"memory://{name}") as there:
        everything_arrives(store, there)


def test_over_tables_of_sqlite(store: Store, tmp_path: Path) -> None:
    with receiver(f"sql+sqlite:///{tmp_path / 'shop.db'}") as there:
        everything_arrives(store, there)


@pytest.mark.servers
def test_over_rabbitmq(store: Store, rabbitmq_url: str) -> None:
    queue = f"invoices-{uuid.uuid4().hex}"
    with receiver(rabbitmq_url, queue) as there:
        everything_arrives(store, there, queue)


@pytest.mark.servers
def test_over_kafka(store: Store, kafka_url: str) -> None:
    queue = f"invoices-{uuid.uuid4().hex}"
    with receiver(kafka_url, queue, prefix="", group=queue) as there:
        everything_arrives(store, there, queue)


def test_workers_over_a_broker_send_too(store: Store, name: str, tmp_path: Path) -> None:
    """The flows that send are offered by messages of their own, and nobody has to come upon them."""
    settings = {
        "brokers.shop": f"sql+sqlite:///{tmp_path / 'shop.db'}",
        "broker.url": f"memory://{name}",
        "broker.resend_after": "1h",
        "worker.sweep_interval": "1h",
    }
    with receiver(settings["brokers.shop"]) as there, serving(store.url, REGISTRY, settings, concurrency=3):
        with Client(store.database, broker=settings["broker.url"]) as client:
            client.start("publish_many_of_step", url=URL, n=40)
        assert sorted(json.loads(message.body) for message in there.take(40)) == list(range(40))


def test_two_hundred_messages_of_one_transactional_step(store: Store, name: str) -> None:
    with receiver(f"memory://{name}") as there, shop(store, there.url):
        (execution,) = store.start("publish_many_of_step", url=URL, n=200)
        messages = there.take(200)
        assert store.result(execution) == 200
        store.wait_for_all()
        assert there.rest() == []
    assert {message.id: json.loads(message.body) for message in messages} == {
        f"{execution}-1-{number + 1}": number for number in range(200)
    }
    store.check()


def test_a_transactional_step_that_fails_sends_nothing(store: Store, name: str) -> None:
    with receiver(f"memory://{name}") as there, shop(store, there.url):
        store.run("book_all", "failed", url=URL, numbers=[1, 2], fails=True)
        assert store.rows("SELECT id FROM milepost_executions WHERE flow = 'milepost.publish'") == []
        assert there.rest() == []
    store.check()


def test_what_sends_runs_on_the_queue_of_the_flow(store: Store, name: str) -> None:
    with receiver(f"memory://{name}") as there, shop(store, there.url, queues=["mine"]):
        for named, arguments in (("say", {"event": 1}), ("publish_many_of_step", {"n": 3})):
            (execution,) = store.start(named, queue="mine", priority=2, url=URL, **arguments)
            store.result(execution)
        there.take(4)
        store.wait_for_all()
    places = store.rows("SELECT DISTINCT queue, priority FROM milepost_steps WHERE name = 'milepost.publish'")
    assert [tuple(row) for row in places] == [("mine", 2)]


def test_a_broker_that_is_down_gets_it_once_it_is_up(store: Store, name: str) -> None:
    broker = memory_broker(name)
    with receiver(f"memory://{name}") as there:
        broker.set_down(True)
        with shop(store, there.url):
            (said,) = store.start("say", url=URL, event=1)
            (booked,) = store.start("publish_many_of_step", url=URL, n=1)
            assert store.result(booked) == 1, "the step does not wait for the broker"
            tried = "SELECT 1 FROM milepost_steps WHERE name = 'milepost.publish' AND seq = 1 AND attempt > 1"
            wait_until(lambda: len(store.rows(tried)) == 2, "both being tried again")
            assert store.run("say_twice_at_most", url=URL) == "Unavailable after 2"
            broker.set_down(False)
            messages = there.take(2)
            assert {message.id for message in messages} == {store.result(said), f"{booked}-1-1"}
            store.wait_for_all()
            assert there.rest() == []
    store.check()


@pytest.mark.parametrize(
    "url, says",
    [
        ("broker://nobody/invoices", "names the broker 'nobody', and [brokers] in the settings has shop"),
        ("nowhere://host/invoices", "no transport for nowhere:// is installed"),
        ("invoices", "does not name a queue"),
    ],
)
def test_what_can_never_be_sent_fails_its_flow_at_once(store: Store, name: str, url: str, says: str) -> None:
    with shop(store, f"memory://{name}"):
        error = store.run("say", "failed", url=url, event=1)
    assert error["type"] == "StepFailed"
    assert "after 1 attempt(s): Undeliverable: " in error["message"]
    assert says in error["message"]


def test_what_can_never_be_sent_of_a_transactional_step_is_kept_for_an_operator(store: Store, name: str) -> None:
    with receiver(f"memory://{name}") as there, Client(store.database) as client:
        with serving(store.url, REGISTRY):
            (execution,) = store.start("publish_many_of_step", url=URL, n=1)
            assert store.result(execution) == 1
            dead = "SELECT execution_id FROM milepost_steps WHERE name = 'milepost.publish' AND state = 'dead'"
            (sending,) = wait_until(lambda: store.rows(dead), "the message being kept")[0]
        client.retry(sending)
        with shop(store, there.url):
            assert [message.id for message in there.take(1)] == [f"{execution}-1-1"]
            store.wait_for_all()
    store.check()


def test_a_url_with_a_password_is_recorded_nowhere(store: Store, name: str) -> None:
    @flow
    async def careless() -> str:
        return await publish("amqp://user:" + "SECRET@host/orders", 1)

    with serving(store.url, Registry([careless])):
        error = store.run("careless", "failed")
    assert "broker://shop/QUEUE" in error["message"]
    assert store.rows("SELECT seq FROM milepost_steps WHERE seq > 0") == []
    assert "SECRET" not in str(store.rows("SELECT * FROM milepost_executions"))


def test_a_plain_step_is_told_where_to_publish(store: Store, name: str) -> None:
    with receiver(f"memory://{name}") as there, shop(store, there.url):
        error = store.run("wrong_place", "failed", url=URL)
        assert "await publish() in the flow" in error["message"]
        assert there.rest() == []
