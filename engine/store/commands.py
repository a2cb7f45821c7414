"""The rows that a flow's commands become."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select

from engine.model.states import FLOW_SEQ, ExecutionState, StepKind, StepState
from engine.model.work import Claimed, Pointer
from engine.store.batches import BatchUpdate
from engine.store.executions import FLOW_ATTEMPTS, INSERT_EXECUTIONS, INSERT_STEPS, flow_step_row
from engine.store.schema import signals

if TYPE_CHECKING:
    from engine.model.decisions import Command, InlineResult
    from engine.model.work import Advance, Flush, Flushed
    from engine.store.batches import Row
    from engine.store.database import Transaction
    from engine.store.executions import LockedExecution

TIMEOUT_GRACE_US = 5_000_000
"""The worker itself ends an attempt at its timeout; the sweeper steps in so much later."""
NOTHING_TO_READ = 0
"""Position of a step whose end the flow is not told of."""
MOST_GRANTED = 32_767
"""The most attempts that a retry gives a dead letter: its policy may say that there is no end to them."""

TAKE_SIGNAL = BatchUpdate(signals, keys=("id",), sets=("taken_by_seq",), guard="taken_by_seq IS NULL")


def wait_text(delay_us: int) -> str:
    """Return the input of a timer, or of a wait with a timeout: how long it was to last, from its commit."""
    return f'{{"delay_us":{delay_us}}}'


class CommandRows:
    """Collects the rows of many executions' commands, and writes them in a few statements."""

    def __init__(self, tx: Transaction, flush: Flush, flushed: Flushed) -> None:
        self._tx = tx
        self._flushed = flushed
        self._owner = flush.worker_id
        self._queues = frozenset(flush.queues) if flush.take_new else frozenset[str]()
        self._room = flush.room
        self._going_on = ""
        """The execution of which a step has been taken."""
        self._resend_us = flush.resend_us
        self._steps: list[Row] = []
        self._executions: list[Row] = []
        self._events: list[tuple[LockedExecution, Command]] = []

    def add(self, execution: LockedExecution, advance: Advance) -> None:
        """Take in what one drive issued."""
        if advance.inline:
            position = {seq: advance.base + 1 + index for index, seq in enumerate(advance.consumed)}
            for result in advance.inline:
                self._steps.append(self._inline(execution.id, result, position[result.command.seq]))
        given_up = advance.decision.cancels
        for command in advance.decision.commands:
            if given_up and command.seq in given_up:
                # Asked for and given up in one drive: nothing is started, but a replay must find it.
                position = advance.decision.cancelled_at.get(command.seq, execution.advanced)
                row = self._row(
                    execution.id, command, StepState.CANCELLED, position=position, finished_us=self._tx.now_us
                )
                self._steps.append(row)
            elif command.kind == StepKind.STEP:
                self._steps.append(self._step(execution.id, command))
            elif command.kind == StepKind.TIMER:
                self._steps.append(self._row(execution.id, command, StepState.WAITING, due_us=self._due(command)))
            elif command.kind == StepKind.EVENT:
                self._events.append((execution, command))
            elif command.kind == StepKind.CHILD:
                self._child(execution, command)
            else:
                row = self._row(
                    execution.id, command, StepState.COMPLETED, position=NOTHING_TO_READ, finished_us=self._tx.now_us
                )
                self._steps.append(row)

    def write(self) -> None:
        """Write all rows."""
        if self._events:
            self._match_signals()
        self._tx.dialect.insert(self._tx.connection, INSERT_EXECUTIONS, self._executions)
        self._tx.dialect.insert(self._tx.connection, INSERT_STEPS, self._steps)

    # -- one row each ------------------------------------------------------------------------------------------------

    def _row(  # noqa: PLR0913 - the columns that differ
        self, execution_id: str, c: Command, state: str, *, attempt: int = 0, owner: int | None = None,
        ready: bool = False, due_us: int | None = None, position: int | None = None, output: str | None = None,
        started_us: int | None = None, finished_us: int | None = None,
    ) -> Row:  # fmt: skip
        now_us = self._tx.now_us
        return (
            execution_id, c.seq, c.kind, c.name, c.queue, c.priority, state, attempt, c.max_attempts,
            min(c.max_attempts, MOST_GRANTED) if c.dead_letter else 0, c.timeout_us, owner,
            c.queue if ready else None, self._tx.turn_us() if ready else None, due_us, position, c.issued, c.child_id,
            c.child_version, c.input if c.delay_us is None else wait_text(c.delay_us), output, now_us, started_us,
            finished_us, c.retry,
        )  # fmt: skip

    def _inline(self, execution_id: str, result: InlineResult, position: int) -> Row:
        now_us, event = self._tx.now_us, result.event
        return self._row(
            execution_id, result.command, event.state, attempt=1, position=position, output=event.output,
            started_us=now_us, finished_us=event.at_us,
        )  # fmt: skip

    def _step(self, execution_id: str, c: Command) -> Row:
        """A step that may run at once: taken by this worker to go on with, or offered to all."""
        if self._takes(execution_id, c):
            claim = Claimed(
                execution_id, c.seq, 1, c.kind, c.name, c.queue, c.priority, c.input, c.max_attempts, c.timeout_us,
                c.dead_letter, retry=c.retry,
            )  # fmt: skip
            self._flushed.claimed.append(claim)
            now_us = self._tx.now_us
            due_us = None if c.timeout_us is None else now_us + c.timeout_us + TIMEOUT_GRACE_US
            return self._row(
                execution_id, c, StepState.CLAIMED, attempt=1, owner=self._owner, due_us=due_us, started_us=now_us
            )
        self._flushed.offered.append(Pointer(execution_id, c.seq, 0, c.queue, c.priority))
        return self._row(execution_id, c, StepState.READY, ready=True, due_us=self._resend())

    def _child(self, execution: LockedExecution, c: Command) -> None:
        """A child is a new execution, and a step of its parent that the child's end completes."""
        assert c.child_id is not None, "the driver names every child"
        now_us = self._tx.now_us
        parent = (None, None) if c.detached else (execution.id, c.seq)
        self._executions.append(
            (
                c.child_id,
                c.name,
                c.child_version,
                c.queue,
                c.priority,
                ExecutionState.RUNNING,
                0,
                1,
                *parent,
                None,
                None,
                now_us,
            )
        )
        owner = None
        if self._takes(execution.id, c):
            owner = self._owner
            claim = Claimed(c.child_id, FLOW_SEQ, 1, StepKind.FLOW, c.name, c.queue, c.priority, c.input, FLOW_ATTEMPTS)
            self._flushed.claimed.append(claim)
        else:
            self._flushed.offered.append(Pointer(c.child_id, FLOW_SEQ, 0, c.queue, c.priority))
        self._steps.append(
            flow_step_row(
                c.child_id,
                c.name,
                c.queue,
                c.priority,
                c.input or "{}",
                now_us,
                owner=owner,
                ready_us=self._tx.turn_us(),
                resend_us=self._resend_us,
            )
        )
        if c.detached:
            row = self._row(execution.id, c, StepState.COMPLETED, position=NOTHING_TO_READ, finished_us=now_us)
        else:
            row = self._row(execution.id, c, StepState.WAITING)
        self._steps.append(row)

    def _match_signals(self) -> None:
        """Complete event waits for which a signal was sent before the flow asked."""
        tx = self._tx
        query = (
            select(signals.c.execution_id, signals.c.name, signals.c.id, signals.c.payload)
            .where(signals.c.execution_id.in_({execution.id for execution, _ in self._events}))
            .where(signals.c.taken_by_seq.is_(None))
            .order_by(signals.c.id)
        )
        waiting: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        for execution_id, name, signal_id, payload in tx.connection.execute(query):
            waiting[execution_id, name].append((signal_id, payload))
        taken: list[Row] = []
        for execution, command in self._events:
            queue = waiting.get((execution.id, command.name))
            if queue:
                signal_id, payload = queue.pop(0)
                taken.append((signal_id, command.seq))
                execution.unread += 1
                row = self._row(execution.id, command, StepState.COMPLETED, output=payload, finished_us=tx.now_us)
            else:
                due_us = None if command.delay_us is None else self._due(command)
                row = self._row(execution.id, command, StepState.WAITING, due_us=due_us)
            self._steps.append(row)
        tx.dialect.update(tx.connection, TAKE_SIGNAL, taken)

    def _takes(self, execution_id: str, c: Command) -> bool:
        """Whether this worker goes on with it: with the first thing that each drive asks for, if it has room.

        What is to be done side by side is everybody's.
        """
        if self._room <= 0 or execution_id == self._going_on or c.queue not in self._queues:
            return False
        self._room -= 1
        self._going_on = execution_id
        return True

    def _due(self, command: Command) -> int:
        due_us = self._tx.now_us + (command.delay_us or 0)
        earliest = self._flushed.next_due_us
        self._flushed.next_due_us = due_us if earliest is None else min(earliest, due_us)
        return due_us

    def _resend(self) -> int | None:
        return None if self._resend_us is None else self._tx.now_us + self._resend_us
