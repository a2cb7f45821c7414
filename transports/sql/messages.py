"""Queues as rows: what waits, who was handed it, and until when it is theirs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import bindparam, delete, func, insert, select, update

from transports.protocol import Delivery, Message
from transports.sql.schema import DatabaseTime, in_order, messages, queues

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from sqlalchemy import Connection

_CHUNK = 500
"""How many ids one statement names."""

_waiting = (
    select(
        messages.c.id,
        messages.c.queue,
        messages.c.priority,
        messages.c.deliveries,
        messages.c.message_key,
        messages.c.message_id,
        messages.c.headers,
        messages.c.body,
    )
    .where(messages.c.queue == bindparam("from_queue"), messages.c.visible_us <= DatabaseTime())
    .order_by(messages.c.priority, messages.c.id)
    .limit(bindparam("limit"))
    # Any other plan would lock every message of the queue on its way to the first ones.
    .with_hint(messages, f"FORCE INDEX ({in_order.name})", "mysql")
    .with_hint(messages, f"FORCE INDEX ({in_order.name})", "mariadb")
    .with_for_update(skip_locked=True)
)
_first_waiting = (
    select(messages.c.id)
    .where(messages.c.queue.in_(bindparam("queues", expanding=True)), messages.c.visible_us <= DatabaseTime())
    .limit(1)
)
_take = (
    update(messages)
    .where(messages.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        visible_us=DatabaseTime() + bindparam("visibility_us"),
        consumer=bindparam("taker"),
        deliveries=messages.c.deliveries + 1,
    )
)
_mine = (messages.c.id.in_(bindparam("ids", expanding=True)), messages.c.consumer == bindparam("holder"))
_settle = delete(messages).where(*_mine)
_give_back = update(messages).where(*_mine).values(visible_us=0, consumer=None)
_count = (
    select(func.count())
    .select_from(messages)
    .where(messages.c.queue == bindparam("of_queue"), messages.c.visible_us <= DatabaseTime())
)
_known = select(queues.c.name).where(queues.c.name.in_(bindparam("names", expanding=True)))


def known_queues(connection: Connection, names: Iterable[str]) -> set[str]:
    """Return those of the queues that were declared."""
    return {name for chunk in _chunks(list(names)) for name in connection.execute(_known, {"names": chunk}).scalars()}


def add_queue(connection: Connection, name: str) -> None:
    """Declare a queue that was not there; the database refuses if it is."""
    connection.execute(insert(queues), {"name": name})


def add(connection: Connection, batch: Sequence[Message]) -> None:
    """Put messages into their queues."""
    connection.execute(insert(messages), [_to_row(message) for message in batch])


def _to_row(message: Message) -> dict[str, Any]:
    return {
        "queue": message.queue,
        "priority": message.priority,
        "visible_us": 0,
        "deliveries": 0,
        "message_key": None if message.key is None else json.dumps(message.key),
        "message_id": None if message.id is None else json.dumps(message.id),
        "headers": headers_to_text(message),
        "body": message.body,
    }


def any_waiting(connection: Connection, names: Sequence[str]) -> bool:
    """Tell whether there is anything to take in these queues, without a lock."""
    return connection.execute(_first_waiting, {"queues": names}).first() is not None


def take(connection: Connection, names: Sequence[str], limit: int, consumer: str, visibility_us: int) -> list[Delivery]:
    """Hand up to ``limit`` messages to a consumer, from the first queue as far as it goes, then from the next."""
    taken: list[Delivery] = []
    for name in names:
        rows = connection.execute(_waiting, {"from_queue": name, "limit": limit - len(taken)}).all()
        taken += [_to_delivery(row) for row in rows]
        if len(taken) >= limit:
            break
    for ids in _chunks([cast("int", delivery.token) for delivery in taken]):
        connection.execute(_take, {"ids": ids, "visibility_us": visibility_us, "taker": consumer})
    return taken


def _to_delivery(row: Any) -> Delivery:
    number, queue, priority, deliveries, key, name, headers, body = row
    key = None if key is None else json.loads(key)
    name = str(number) if name is None else json.loads(name)
    message = Message(queue, bytes(body), headers_from_text(headers), key, priority, name)
    return Delivery(message, number, deliveries > 0)


def settle(connection: Connection, ids: Collection[int], consumer: str) -> None:
    """Delete messages that this consumer still holds."""
    for chunk in _chunks(sorted(ids)):
        connection.execute(_settle, {"ids": chunk, "holder": consumer})


def give_back(connection: Connection, ids: Collection[int], consumer: str) -> None:
    """Let others take messages that this consumer still holds."""
    for chunk in _chunks(sorted(ids)):
        connection.execute(_give_back, {"ids": chunk, "holder": consumer})


def count_waiting(connection: Connection, name: str) -> int:
    """Return how many messages wait in a queue."""
    return int(connection.execute(_count, {"of_queue": name}).scalar_one())


def headers_to_text(message: Message) -> str | None:
    """Write the headers of a message as JSON; None if there are none."""
    return json.dumps(dict(message.headers)) if message.headers else None


def headers_from_text(text: str | None) -> dict[str, str]:
    """Read back what ``headers_to_text`` wrote."""
    return {} if text is None else cast("dict[str, str]", json.loads(text))


def _chunks(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
