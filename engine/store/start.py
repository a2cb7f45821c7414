"""Starting executions, many at a time, each idempotency key once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from engine.model.ids import new_execution_id
from engine.model.states import FLOW_SEQ, ExecutionState
from engine.model.work import Pointer
from engine.store.executions import INSERT_ATTRIBUTES, INSERT_EXECUTIONS, INSERT_STEPS, flow_step_row
from engine.store.schema import executions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.store.batches import Row
    from engine.store.database import Transaction

KEYS_PER_QUERY = 500


class NewExecution(msgspec.Struct, frozen=True):
    """An execution to start. ``input`` is a JSON object of the flow's arguments, keyed by parameter name."""

    flow: str
    version: int
    input: str
    queue: str = "default"
    priority: int = 5
    delay_us: int | None = None
    """Begin so many microseconds from now; None: at once."""
    idempotency_key: str | None = None
    """At most one execution is started with a key, as long as that one is not pruned."""
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    """What it can be found by."""
    id: str | None = None
    """An id made by ``new_execution_id``; None: the store makes one."""


class Started(msgspec.Struct, frozen=True):
    """What became of a start."""

    id: str
    existed: bool
    """An execution with this idempotency key was there already, and nothing was started."""
    offered: Pointer | None = None
    """The step that is ready now, to be published; None if it existed or begins later."""


def start_executions(tx: Transaction, new: Sequence[NewExecution], resend_us: int | None = None) -> list[Started]:
    """Start executions in one batch; return what became of each, in the same order.

    ``resend_us``: steps are offered by messages, and offered again after so long; None where they are claimed without.
    When two transactions start the same idempotency key, the second one waits for the first, and then finds its
    execution.
    """
    taken = ids_by_key(tx, [one.idempotency_key for one in new if one.idempotency_key is not None])
    started: list[Started | None] = []
    to_insert: dict[str, NewExecution] = {}
    for one in new:
        key = one.idempotency_key
        if key is not None and key in taken:
            started.append(Started(taken[key], existed=True))
            continue
        execution_id = one.id or new_execution_id(tx.now_us)
        if key is not None:
            taken[key] = execution_id
        to_insert[execution_id] = one
        started.append(Started(execution_id, existed=False, offered=_offered(execution_id, one)))
    lost = _insert(tx, to_insert, resend_us)
    return [Started(lost[one.id], existed=True) if one.id in lost else one for one in started if one is not None]


def _offered(execution_id: str, new: NewExecution) -> Pointer | None:
    return None if new.delay_us else Pointer(execution_id, FLOW_SEQ, 0, new.queue, new.priority)


def _insert(tx: Transaction, new: Mapping[str, NewExecution], resend_us: int | None) -> dict[str, str]:
    """Insert executions; return those that lost the race for their key, with the id of the one that won it."""
    keyed = [(id, one) for id, one in new.items() if one.idempotency_key is not None]
    lost: dict[str, str] = {}
    while keyed:
        try:
            with tx.connection.begin_nested():
                _insert_executions(tx, keyed)
            break
        except IntegrityError:
            won = ids_by_key(tx, [one.idempotency_key or "" for _, one in keyed])
            beaten = {id: won[one.idempotency_key] for id, one in keyed if one.idempotency_key in won}
            if not beaten:
                # Not a key: an id that the caller chose is in use.
                raise
            lost |= beaten
            keyed = [(id, one) for id, one in keyed if id not in beaten]
    _insert_executions(tx, [(id, one) for id, one in new.items() if one.idempotency_key is None])
    _insert_rest(tx, [(id, one) for id, one in new.items() if id not in lost], resend_us)
    return lost


def _insert_executions(tx: Transaction, new: Sequence[tuple[str, NewExecution]]) -> None:
    # In the order of their keys, so that two transactions with the same keys wait for each other in one direction only.
    rows: list[Row] = [
        (
            id, one.flow, one.version, one.queue, one.priority, ExecutionState.RUNNING, 0, 1, None, None,
            one.idempotency_key, None, tx.now_us,
        )
        for id, one in sorted(new, key=lambda pair: (pair[1].idempotency_key or "", pair[0]))
    ]  # fmt: skip
    tx.dialect.insert(tx.connection, INSERT_EXECUTIONS, rows)


def _insert_rest(tx: Transaction, new: Sequence[tuple[str, NewExecution]], resend_us: int | None) -> None:
    """Insert the flows' own steps, and attributes."""
    steps: list[Row] = []
    attributes: list[Row] = []
    for id, one in new:
        not_before_us = tx.now_us + one.delay_us if one.delay_us else None
        steps.append(
            flow_step_row(
                id,
                one.flow,
                one.queue,
                one.priority,
                one.input,
                tx.now_us,
                ready_us=tx.turn_us(),
                not_before_us=not_before_us,
                resend_us=resend_us,
            )
        )
        attributes += [(id, name, value) for name, value in one.attributes.items()]
    tx.dialect.insert(tx.connection, INSERT_STEPS, steps)
    tx.dialect.insert(tx.connection, INSERT_ATTRIBUTES, attributes)


def ids_by_key(tx: Transaction, keys: Sequence[str]) -> dict[str, str]:
    """Return the ids of the executions that were started with these idempotency keys, by key."""
    found: dict[str, str] = {}
    for first in range(0, len(keys), KEYS_PER_QUERY):
        wanted = keys[first : first + KEYS_PER_QUERY]
        query = select(executions.c.idempotency_key, executions.c.id).where(executions.c.idempotency_key.in_(wanted))
        found |= {row[0]: row[1] for row in tx.connection.execute(query)}
    return found
