"""Dead messages: those of other programs that no execution could get, kept for an operator."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from engine.definitions.trigger import queue_of
from engine.errors import MessageNotFound
from engine.model.messages import DeadMessage, MessageInfo, Received
from engine.store.batches import BatchInsert
from engine.store.schema import dead_messages

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from engine.model.messages import Dead
    from engine.store.batches import Row
    from engine.store.database import Transaction

MAX_PAGE = 1000
"""The most that one page may have."""

INSERT = BatchInsert(
    dead_messages,
    ("trigger_name", "source", "message_id", "message_key", "headers", "body", "reason", "received_us"),
)
_COLUMNS = (
    dead_messages.c.id,
    dead_messages.c.trigger_name,
    dead_messages.c.source,
    dead_messages.c.message_id,
    dead_messages.c.message_key,
    dead_messages.c.headers,
    dead_messages.c.body,
    dead_messages.c.reason,
    dead_messages.c.received_us,
)

Name = tuple[str, str]
"""The trigger and the message's id."""


def bury(tx: Transaction, messages: Sequence[tuple[Received, Dead]]) -> int:
    """Record messages that cannot be used; return how many are new. One that is recorded already stays as it is.

    A message without an id is recorded each time that it comes.
    """
    named = {(one.trigger, one.info.id): (one, verdict) for one, verdict in messages if one.info.id is not None}
    nameless = [(one, verdict) for one, verdict in messages if one.info.id is None]
    # In one order everywhere, so that two transactions with the same messages wait for each other in one direction.
    rows: dict[Name, Row] = {name: _row(tx, *named[name]) for name in sorted(named)}
    rows = _without(rows, known_dead(tx, rows))
    while rows:
        try:
            with tx.connection.begin_nested():
                tx.dialect.insert(tx.connection, INSERT, [*rows.values()])
            break
        except IntegrityError:
            known = known_dead(tx, rows)
            if not known:
                raise
            rows = _without(rows, known)
    tx.dialect.insert(tx.connection, INSERT, [_row(tx, *one) for one in nameless])
    return len(rows) + len(nameless)


def _without(rows: Mapping[Name, Row], known: set[Name]) -> dict[Name, Row]:
    return {name: row for name, row in rows.items() if name not in known}


def known_dead(tx: Transaction, names: Collection[Name]) -> set[Name]:
    """Return which of these messages are dead ones."""
    if not names:
        return set()
    name = (dead_messages.c.trigger_name, dead_messages.c.message_id)
    query = select(*name).where(tx.dialect.among(name, "names"))
    return {(row[0], row[1]) for row in tx.connection.execute(query, tx.dialect.bound("names", names))}


def find_dead_messages(
    tx: Transaction, *, trigger: str | None = None, limit: int = 100, before: int | None = None
) -> list[DeadMessage]:
    """Return a page of dead messages, the newest first; ``before`` is the last id of the page before."""
    query = select(*_COLUMNS).order_by(dead_messages.c.id.desc()).limit(min(limit, MAX_PAGE))
    if trigger is not None:
        query = query.where(dead_messages.c.trigger_name == trigger)
    if before is not None:
        query = query.where(dead_messages.c.id < before)
    return [_message(row) for row in tx.connection.execute(query)]


def count_dead_messages(tx: Transaction, trigger: str | None = None) -> int:
    """Return how many dead messages there are."""
    query = select(func.count()).select_from(dead_messages)
    if trigger is not None:
        query = query.where(dead_messages.c.trigger_name == trigger)
    return int(tx.connection.execute(query).scalar_one())


def get_dead_message(tx: Transaction, id: int) -> DeadMessage:
    """Return one dead message. Raises MessageNotFound."""
    row = tx.connection.execute(select(*_COLUMNS).where(dead_messages.c.id == id)).first()
    if row is None:
        raise MessageNotFound(f"there is no dead message {id}: it was replayed or dropped, or the number is wrong")
    return _message(row)


def drop_dead_message(tx: Transaction, id: int) -> None:
    """Delete one dead message. Raises MessageNotFound, also if another transaction deleted it meanwhile."""
    if not tx.connection.execute(delete(dead_messages).where(dead_messages.c.id == id)).rowcount:
        raise MessageNotFound(f"there is no dead message {id}: it was replayed or dropped, or the number is wrong")


def _row(tx: Transaction, message: Received, verdict: Dead) -> Row:
    # What came from elsewhere is written with escapes: not every database takes every sign in a text.
    return (
        message.trigger, message.source, message.info.id, _json(message.info.key), _json(message.info.headers),
        base64.b64encode(message.body).decode(), verdict.reason, tx.now_us,
    )  # fmt: skip


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _message(row: Sequence[Any]) -> DeadMessage:
    id, trigger, source, message_id, key, headers, body, reason, received_us = row
    info = MessageInfo(
        queue=queue_of(source),
        id=message_id,
        key=None if key is None else json.loads(key),
        headers=json.loads(headers),
    )
    message = Received(trigger=trigger, source=source, info=info, body=base64.b64decode(body))
    return DeadMessage(id=id, message=message, reason=reason, received_us=received_us)
