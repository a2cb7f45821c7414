"""Taking in messages of other programs: starts, signals and dead messages, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.errors import ExecutionFinished, ExecutionNotFound, Unusable
from engine.model.messages import ByKey, Dead, Decision, Received, Routed, Signal, Start
from engine.model.work import Pointer
from engine.store.dead_messages import bury, known_dead
from engine.store.executions import lock_executions
from engine.store.signals import send_signal
from engine.store.start import NewExecution, Started, ids_by_key, start_executions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.store.database import Transaction


class TakenIn(msgspec.Struct):
    """What became of messages."""

    offered: list[Pointer] = msgspec.field(default_factory=list[Pointer])
    """What is to be published."""
    executions: list[str] = msgspec.field(default_factory=list[str])
    """The executions that were started, or got a signal, also where that had been done before."""
    dead: list[tuple[Received, Dead]] = msgspec.field(default_factory=list[tuple[Received, Dead]])
    """The messages that no execution could get."""

    def add(self, other: TakenIn) -> None:
        """Take note of what became of others."""
        self.offered += other.offered
        self.executions += other.executions


def take_in(tx: Transaction, messages: Sequence[tuple[Received, Decision]], resend_us: int | None = None) -> TakenIn:
    """Start executions, send signals and record dead messages; each start and signal once by its key.

    A signal that no execution can get makes its message a dead one. Taking in the same messages again changes nothing;
    nor does it where rules, which have changed meanwhile, decide otherwise about one that is recorded.
    """
    messages, settled = _unsettled(tx, messages)
    taken = TakenIn(executions=settled, dead=[(one, made) for one, made in messages if isinstance(made, Dead)])
    # What is started with signals comes later, as a signal may be impossible.
    plain = [made for _, made in messages if isinstance(made, Start) or (isinstance(made, Routed) and not made.signals)]
    _start_each(tx, plain, taken, resend_us)
    # Behind the starts: a batch may hold the start of an execution and a signal to it.
    alone = [(one, made) for one, made in messages if isinstance(made, Signal)]
    together = [(one, made) for one, made in messages if isinstance(made, Routed) and made.signals]
    named = _lock(tx, [made for _, made in alone] + [one for _, made in together for one in made.signals])
    for message, signal in alone:
        try:
            _signal(tx, [signal], named, taken, resend_us)
        except Unusable as error:
            taken.dead.append((message, Dead(str(error))))
    for message, routed in together:
        _act_or_bury(tx, message, routed, taken, resend_us)
    bury(tx, taken.dead)
    return taken


def _unsettled(
    tx: Transaction, messages: Sequence[tuple[Received, Decision]]
) -> tuple[list[tuple[Received, Decision]], list[str]]:
    """Leave out what rules said of messages that are recorded; return the rest, and what had been started instead."""
    judged = [(one.trigger, one.info.id) for one, made in messages if _was_judged(made) and one.info.id is not None]
    dead = known_dead(tx, judged)
    started = ids_by_key(tx, sorted({key for _, made in messages for key in _keys(made)}))
    kept: list[tuple[Received, Decision]] = []
    settled: list[str] = []
    for message, made in messages:
        if _was_judged(made) and (message.trigger, message.info.id) in dead:
            continue
        if isinstance(made, Dead | Routed) and made.key in started:
            settled += _executions(made, started)
            continue
        kept.append((message, made))
    return kept, settled


def _keys(made: Decision) -> list[str]:
    """Return by which keys it is known that a message was recorded: that of the first start, before all others."""
    keys = [made.key] if isinstance(made, Dead | Routed) else []
    others = [one.key for one in made.starts] if isinstance(made, Routed) else []
    return [key for key in (*keys, *others) if key is not None]


def _executions(made: Decision, started: Mapping[str, str]) -> list[str]:
    return [started[key] for key in dict.fromkeys(_keys(made)) if key in started]


def _was_judged(made: Decision) -> bool:
    """Tell whether rules let a message in, or said what it does."""
    return isinstance(made, Routed) or (isinstance(made, Start) and bool(made.attributes))


def _start_each(tx: Transaction, plain: Sequence[Start | Routed], taken: TakenIn, resend_us: int | None) -> set[int]:
    """Start all of them, the first of each message before any others; return the places of those that were settled.

    If that first one is there already, another delivery of the message was quicker, and what it came to is all.
    """
    firsts = [
        (place, one.starts[0] if isinstance(one, Routed) else one) for place, one in enumerate(plain) if _has(one)
    ]
    started = _start(tx, [first for _, first in firsts], taken, resend_us)
    settled: set[int] = set()
    others: list[Start] = []
    for (place, first), done in zip(firsts, started, strict=True):
        made = plain[place]
        if isinstance(made, Routed) and done.existed and first.key == made.key:
            settled.add(place)
        elif isinstance(made, Routed):
            others += made.starts[1:]
    _start(tx, others, taken, resend_us)
    return settled


def _has(made: Start | Routed) -> bool:
    return isinstance(made, Start) or bool(made.starts)


def _start(tx: Transaction, starts: Sequence[Start], taken: TakenIn, resend_us: int | None) -> list[Started]:
    new = [
        NewExecution(
            one.flow, one.version, one.input, one.queue, one.priority, one.delay_us, idempotency_key=one.key,
            attributes=one.attributes,
        )
        for one in starts
    ]  # fmt: skip
    found = start_executions(tx, new, resend_us) if new else []
    taken.executions += [one.id for one in found]
    taken.offered += [one.offered for one in found if one.offered is not None]
    return found


def _lock(tx: Transaction, signals: Sequence[Signal]) -> dict[str, str]:
    """Lock all that signals go to, in the lock order, so that each then finds its execution locked; return the ids of
    those that are named by their keys."""
    named = ids_by_key(tx, sorted({one.target.key for one in signals if isinstance(one.target, ByKey)}))
    lock_executions(tx, [*named.values(), *(one.target for one in signals if not isinstance(one.target, ByKey))])
    return named


def _signal(
    tx: Transaction, signals: Sequence[Signal], named: dict[str, str], taken: TakenIn, resend_us: int | None
) -> None:
    """Send signals. Raises Unusable for one that no execution can get."""
    for one in signals:
        id = named.get(one.target.key) if isinstance(one.target, ByKey) else one.target
        if id is None:
            key = one.target.key if isinstance(one.target, ByKey) else ""
            raise _undelivered(one, f"no execution was started with the key {key!r}, or it was pruned")
        try:
            sent = send_signal(tx, id, one.name, one.payload, one.key, resend_us)
        except (ExecutionFinished, ExecutionNotFound) as error:
            raise _undelivered(one, str(error)) from error
        taken.executions.append(id)
        taken.offered += sent.offered


def act_once(tx: Transaction, routed: Routed, resend_us: int | None = None) -> TakenIn:
    """Do all that rules said an event does, unless that was done. Raises Unusable for a signal that nobody can get."""
    done = ids_by_key(tx, _keys(routed))
    if routed.key in done:
        return TakenIn(executions=_executions(routed, done))
    return _act(tx, routed, resend_us)


def _act(tx: Transaction, routed: Routed, resend_us: int | None) -> TakenIn:
    taken = TakenIn()
    if not _start_each(tx, [routed], taken, resend_us):
        _signal(tx, routed.signals, _lock(tx, routed.signals), taken, resend_us)
    return taken


def _act_or_bury(tx: Transaction, message: Received, routed: Routed, taken: TakenIn, resend_us: int | None) -> None:
    """Do all that a message comes to, or nothing of it, and it is dead."""
    try:
        with tx.connection.begin_nested():
            taken.add(_act(tx, routed, resend_us))
    except Unusable as error:
        taken.dead.append((message, Dead(str(error))))


def _undelivered(signal: Signal, reason: str) -> Unusable:
    return Unusable(f"the signal {signal.name!r} cannot be delivered: {reason}")
