"""Dead messages as a client sees them: looked at, replayed by the code of today, dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from engine import (
    AsyncClient,
    Client,
    MessageInfo,
    MessageNotFound,
    MessageRefused,
    Registry,
    UnknownDefinition,
    flow,
    on_message,
)
from engine.errors import ArgumentsError
from engine.model.messages import Dead, Received
from engine.store.dead_messages import bury
from engine.store.migrations import migrate

URL = "kafka://host/orders"


@dataclass
class Order:
    id: int


WANTED = {7}
"""The orders that the filter lets through: as if the code had changed."""


@on_message(URL, filter=lambda order: order.id in WANTED)
@flow
async def fulfil(order: Order, info: MessageInfo) -> int:
    return order.id


@on_message(URL, signal="paid")
def paid(target: str) -> str:
    return target


REGISTRY = Registry([fulfil, paid])


@pytest.fixture
def client(store_url: str) -> Iterator[Client]:
    with Client(store_url, registry=REGISTRY) as made:
        migrate(made.database)
        WANTED.clear()
        WANTED.add(7)
        yield made


def put(client: Client, body: bytes, trigger: str = "fulfil", id: str | None = "m1") -> int:
    """Keep a message as a worker does that could not use it; return its number."""
    message = Received(trigger=trigger, source=URL, info=MessageInfo(queue="orders", id=id), body=body)
    with client.database.write() as tx:
        bury(tx, [(message, Dead("it was so"))])
    return client.dead_messages(limit=1)[0].id


def test_a_replayed_message_starts_what_it_would_have_started(client: Client) -> None:
    number = put(client, b'{"id": 7}')
    found = client.dead_message(number)
    assert (found.message.body, found.reason) == (b'{"id": 7}', "it was so")
    (id,) = client.replay_message(number)
    execution = client.get(id)
    assert (execution.flow, execution.idempotency_key) == ("fulfil", "fulfil:m1")
    assert client.count_dead_messages() == 0
    with pytest.raises(MessageNotFound):
        client.replay_message(number)


def test_a_replay_that_is_refused_changes_nothing(client: Client) -> None:
    number = put(client, b'{"id": 8}')
    before = client.dead_message(number)
    with pytest.raises(MessageRefused, match=f"dead message {number} of 'fulfil' stays one: refused by filter"):
        client.replay_message(number)
    assert (client.dead_message(number), client.find()) == (before, [])
    WANTED.add(8)
    assert client.replay_message(number) == [client.find()[0].id]


def test_a_replayed_message_that_had_started_is_only_dropped(client: Client) -> None:
    started = client.replay_message(put(client, b'{"id": 7}'))
    assert client.replay_message(put(client, b'{"id": 7}')) == started
    assert len(client.find()) == 1


def test_a_signal_is_replayed_once_there_is_somebody_to_get_it(client: Client) -> None:
    number = put(client, b"0" * 26, "paid")
    with pytest.raises(MessageRefused, match="there is no execution"):
        client.replay_message(number)
    assert client.count_dead_messages("paid") == 1
    execution = client.start(fulfil, Order(1), MessageInfo(queue="q"))
    number = put(client, execution.id.encode(), "paid", "m2")
    assert client.replay_message(number) == [execution.id]
    with client.database.read() as tx:
        rows = tx.connection.exec_driver_sql("SELECT name, payload, signal_key FROM milepost_signals").all()
    assert [tuple(row) for row in rows] == [("paid", f'"{execution.id}"', "paid:m2")]


def test_a_replay_needs_the_trigger(client: Client) -> None:
    number = put(client, b"{}", "gone")
    with pytest.raises(UnknownDefinition, match="there is no trigger 'gone' here; load its module"):
        client.replay_message(number)
    with Client(client.database) as other, pytest.raises(UnknownDefinition, match="give it a registry"):
        other.replay_message(number)


def test_a_dropped_message_is_gone(client: Client) -> None:
    first, second = put(client, b"1"), put(client, b"2", id="m2")
    client.drop_message(first)
    assert [one.id for one in client.dead_messages()] == [second]
    assert client.dead_messages("paid") == []
    with pytest.raises(MessageNotFound):
        client.drop_message(first)


@pytest.mark.parametrize("number", ["1", -1, None, True])
def test_numbers_are_numbers(client: Client, number: Any) -> None:
    for call in (client.dead_message, client.drop_message, client.replay_message):
        with pytest.raises(ArgumentsError):
            call(number)


def test_the_same_from_an_event_loop(client: Client) -> None:
    first, second = put(client, b'{"id": 7}'), put(client, b"{", id="m2")

    async def run() -> list[int]:
        async with AsyncClient(client.database, registry=REGISTRY) as other:
            assert await other.count_dead_messages() == 2
            assert [one.id for one in await other.dead_messages()] == [second, first]
            assert (await other.dead_message(first)).id == first
            await other.replay_message(first)
            await other.drop_message(second)
            return [one.id for one in await other.dead_messages()]

    assert asyncio.run(run()) == []
