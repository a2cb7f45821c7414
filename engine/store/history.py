"""Reading an execution back: what the driver needs to go on where another worker stopped."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import and_, or_, select

from engine.model.history import Event, FlowStart, History, KnownCommand
from engine.model.states import CANCEL_SEQ, FLOW_SEQ, StepState
from engine.store.schema import executions, steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Select

    from engine.store.database import Transaction
    from engine.store.dialects.base import Dialect


class LoadedHistory(msgspec.Struct, frozen=True):
    """A history, and where the execution stands."""

    history: History
    advanced: int
    """Events consumed so far; the consumed part of ``history`` may begin later than the first (``after``)."""
    after: int
    state: str


_START = (
    executions.c.id,
    executions.c.flow,
    executions.c.version,
    executions.c.queue,
    executions.c.priority,
    executions.c.created_us,
    executions.c.parent_id,
    executions.c.advanced,
    executions.c.state,
    executions.c.seed_id,
)
_STEP = (
    steps.c.execution_id,
    steps.c.seq,
    steps.c.kind,
    steps.c.name,
    steps.c.state,
    steps.c.position,
    steps.c.output,
    steps.c.finished_us,
    steps.c.child_id,
)


def load_histories(tx: Transaction, wanted: Mapping[str, int]) -> dict[str, LoadedHistory]:
    """Load executions, each from the event after the given position on; 0 loads all.

    The commands that a flow issued are loaded only with the whole history: whoever has a live drive of it knows them.
    """
    if not wanted:
        return {}
    found = tx.connection.execute(_starts(tx.dialect), {"ids": list(wanted)}).all()
    whole = [id for id, after in wanted.items() if after == 0]
    known: dict[str, list[KnownCommand]] = defaultdict(list)
    consumed: dict[str, list[tuple[int, Event]]] = defaultdict(list)
    unread: dict[str, list[Event]] = defaultdict(list)
    begun: dict[str, tuple[str, int]] = {row[0]: (row[1], row[2]) for row in _beginnings(tx, whole)}
    for row in _step_rows(tx, wanted):
        execution_id, seq, kind, name, state, position, output, finished_us, child_id = row
        if seq == FLOW_SEQ:
            continue
        if seq != CANCEL_SEQ and wanted[execution_id] == 0:
            known[execution_id].append(KnownCommand(seq, kind, name, child_id, state == StepState.CANCELLED))
        if state in (StepState.COMPLETED, StepState.FAILED):
            event = Event(seq, state, output, finished_us)
            if position is None:
                unread[execution_id].append(event)
            elif position > wanted[execution_id]:
                consumed[execution_id].append((position, event))
    loaded: dict[str, LoadedHistory] = {}
    for row in found:
        execution_id, flow, version, queue, priority, created_us, parent_id, advanced, state, seed_id = row
        input_text, started_us = begun.get(execution_id, ("{}", created_us))
        start = FlowStart(execution_id, flow, version, input_text, queue, priority, started_us, parent_id, seed_id)
        beginning = Event(FLOW_SEQ, StepState.COMPLETED, None, started_us)
        past = [event for _, event in sorted(consumed[execution_id], key=_by_position)]
        fresh = sorted(unread[execution_id], key=_by_time)
        if advanced == 0:
            fresh.insert(0, beginning)
        elif wanted[execution_id] == 0:
            past.insert(0, beginning)
        commands = tuple(sorted(known[execution_id], key=_by_seq))
        history = History(start, commands, tuple(past), tuple(fresh))
        loaded[execution_id] = LoadedHistory(history, advanced, wanted[execution_id], state)
    return loaded


def _by_position(pair: tuple[int, Event]) -> int:
    return pair[0]


def _by_seq(command: KnownCommand) -> int:
    return command.seq


def _by_time(event: Event) -> tuple[int, int]:
    return (event.at_us, event.seq)


def _step_rows(tx: Transaction, wanted: Mapping[str, int]) -> Any:
    """Rows of steps: all of them for a whole history, else only what may be news."""
    conditions: list[Any] = []
    whole = [id for id, after in wanted.items() if after == 0]
    if whole:
        conditions.append(tx.dialect.one_of(steps.c.execution_id, "whole"))
    for execution_id, after in wanted.items():
        if after:
            news = or_(steps.c.position.is_(None), steps.c.position > after)
            finished = steps.c.state.in_((StepState.COMPLETED, StepState.FAILED))
            conditions.append(and_(steps.c.execution_id == execution_id, finished, news))
    return tx.connection.execute(select(*_STEP).where(or_(*conditions)), {"whole": whole} if whole else {})


def _beginnings(tx: Transaction, ids: list[str]) -> Any:
    """The input of each execution, and when it began: later than it was made where its start was put off, and earlier
    where a rerun took over a past."""
    return tx.connection.execute(_flow_steps(tx.dialect), {"ids": ids})


@lru_cache
def _starts(dialect: Dialect) -> Select[*tuple[Any, ...]]:
    return select(*_START).where(dialect.one_of(executions.c.id, "ids"))


@lru_cache
def _flow_steps(dialect: Dialect) -> Select[*tuple[Any, ...]]:
    of = steps.c
    return select(of.execution_id, of.input, of.created_us).where(
        dialect.one_of(of.execution_id, "ids"), of.seq == FLOW_SEQ
    )
