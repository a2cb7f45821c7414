"""Taking in messages of other programs: starts, signals and dead messages, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.errors import ExecutionFinished, ExecutionNotFound
from engine.model.messages import ByKey, Dead, Decision, Received, Signal, Start
from engine.model.work import Pointer
from engine.store.dead_messages import bury
from engine.store.executions import lock_executions
from engine.store.signals import send_signal
from engine.store.start import NewExecution, ids_by_key, start_executions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.store.database import Transaction


class TakenIn(msgspec.Struct):
    """What became of messages."""

    offered: list[Pointer] = msgspec.field(default_factory=list[Pointer])
    """What is to be published."""
    executions: list[str] = msgspec.field(default_factory=list[str])
    """The executions that were started, or got a signal, also where that had been done before."""
    dead: list[tuple[Received, Dead]] = msgspec.field(default_factory=list[tuple[Received, Dead]])
    """The messages that no execution could get."""


def take_in(tx: Transaction, messages: Sequence[tuple[Received, Decision]], resend_us: int | None = None) -> TakenIn:
    """Start executions, send signals and record dead messages; each start and signal once by its key.

    A signal that no execution can get makes its message a dead one. Taking in the same messages again changes nothing.
    """
    taken = TakenIn(dead=[(one, decided) for one, decided in messages if isinstance(decided, Dead)])
    _start(tx, [decided for _, decided in messages if isinstance(decided, Start)], taken, resend_us)
    # Behind the starts: a batch may hold the start of an execution and a signal to it.
    _signal(tx, [(one, decided) for one, decided in messages if isinstance(decided, Signal)], taken, resend_us)
    bury(tx, taken.dead)
    return taken


def _start(tx: Transaction, starts: Sequence[Start], taken: TakenIn, resend_us: int | None) -> None:
    new = [
        NewExecution(one.flow, one.version, one.input, one.queue, one.priority, idempotency_key=one.key)
        for one in starts
    ]
    for started in start_executions(tx, new, resend_us) if new else ():
        taken.executions.append(started.id)
        if started.offered is not None:
            taken.offered.append(started.offered)


def _signal(tx: Transaction, signals: Sequence[tuple[Received, Signal]], taken: TakenIn, resend_us: int | None) -> None:
    named = ids_by_key(tx, sorted({one.target.key for _, one in signals if isinstance(one.target, ByKey)}))
    addressed: list[tuple[str, Received, Signal]] = []
    for message, one in signals:
        if not isinstance(one.target, ByKey):
            addressed.append((one.target, message, one))
        elif one.target.key in named:
            addressed.append((named[one.target.key], message, one))
        else:
            reason = f"no execution was started with the key {one.target.key!r}, or it was pruned"
            taken.dead.append((message, _undelivered(one, reason)))
    # All of them first, in the lock order; each signal then finds its execution locked.
    lock_executions(tx, [id for id, _, _ in addressed])
    for id, message, one in addressed:
        try:
            sent = send_signal(tx, id, one.name, one.payload, one.key, resend_us)
        except (ExecutionFinished, ExecutionNotFound) as error:
            taken.dead.append((message, _undelivered(one, str(error))))
            continue
        taken.executions.append(id)
        taken.offered += sent.offered


def _undelivered(signal: Signal, reason: str) -> Dead:
    return Dead(f"the signal {signal.name!r} cannot be delivered: {reason}")
