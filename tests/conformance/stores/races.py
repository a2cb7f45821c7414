"""Everything that writes to a store, done again and again on the same few executions, to race with everything else."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import insert, select, update

from engine.errors import ExecutionFinished, LeaseLost, NothingToRetry
from engine.model.decisions import Command
from engine.model.ids import new_execution_id
from engine.model.states import FLOW_SEQ, StepKind, StepState
from engine.model.work import ANY_ATTEMPT, Checkpoint, Claimed, Park, Pointer, Progress
from engine.store.cancels import cancel
from engine.store.database import Transaction
from engine.store.holds import pause, resume
from engine.store.prune import prune, prune_workers
from engine.store.retries import retry_step
from engine.store.schema import executions, steps
from engine.store.signals import send_signal
from engine.store.start import NewExecution, start_executions
from engine.store.sweep import adopt_unannounced, find_dead, release_orphans, sweep_due
from engine.store.transactional import record_in_transaction
from engine.store.workers import WorkerState, declare_dead, living_workers, owned_steps, renew_lease
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import DONE, ERROR, back, drive, event, first_drive, recorded, step

_COMMAND_SEQS, _CHILD_SEQS = 500_000, 1_000_000


class Racer:
    """One thread's side: a worker and a client on connections of their own."""

    def __init__(self, store: Store, ids: Sequence[str], seed: int) -> None:
        self._store = store
        self._database = store.open()
        self._ids = list(ids)
        self._random = random.Random(seed)
        self._worker = store.worker(database=self._database)
        # Each of the two has every other seq, so that the next one is the other's.
        self._next_seq = 1000 + seed % 2
        self._next_command = _COMMAND_SEQS + 5 * (seed % 2)

    def do(self, name: str) -> None:
        """Do one of the ``OPERATIONS``. What the store refuses with good reason is no failure."""
        try:
            with contextlib.suppress(ExecutionFinished, NothingToRetry):
                OPERATIONS[name](self)
        except LeaseLost:
            self._worker = self._store.worker(database=self._database)

    # -- what the operations are made of -----------------------------------------------------------------------------

    def _shuffled(self) -> list[str]:
        return self._random.sample(self._ids, len(self._ids))

    def _write(self, call: Callable[..., Any], *arguments: Any) -> Any:
        with self._database.write() as tx:
            return call(tx, *arguments)

    def _read(self, call: Callable[..., Any], *arguments: Any) -> Any:
        with self._database.read() as tx:
            return call(tx, *arguments)

    def _steps(self) -> list[Claimed]:
        """Give the worker a new step of every execution, claimed already."""
        self._next_seq += 2
        seq, ids = self._next_seq, self._shuffled()

        def make(tx: Transaction) -> None:
            row = {
                "seq": seq, "kind": StepKind.STEP, "name": "charge", "queue": "default", "priority": 5,
                "state": StepState.CLAIMED, "attempt": 1, "max_attempts": 3, "dead_letter": seq % 2,
                "owner": self._worker.id, "created_us": tx.now_us,
            }  # fmt: skip
            tx.connection.execute(insert(steps), [row | {"execution_id": id} for id in ids])

        self._write(make)
        return [Claimed(id, seq, 1, StepKind.STEP, "charge", "default", 5, None, 3) for id in ids]

    def _base(self, id: str) -> int:
        with self._database.read() as tx:
            return tx.connection.execute(select(executions.c.advanced).where(executions.c.id == id)).scalar_one()

    def _new_steps(self) -> list[Command]:
        self._next_command += 10
        seq = self._next_command
        return [step(seq), event(seq + 1), step(seq + 2, dead_letter=True)]

    def _children(self) -> dict[str, str]:
        """Make a child of every execution; return each child with its parent."""
        children = {new_execution_id(self._store.clock.now_us): id for id in self._ids}

        def make(tx: Transaction) -> None:
            start_executions(tx, [NewExecution("packing", 1, "{}", queue="children", id=child) for child in children])
            for child, parent in children.items():
                seq = self._random.randrange(_CHILD_SEQS, 2**31)
                row = {
                    "execution_id": parent, "seq": seq, "kind": StepKind.CHILD, "name": "packing", "queue": "default",
                    "priority": 5, "state": StepState.WAITING, "attempt": 0, "max_attempts": 1, "dead_letter": 0,
                    "child_id": child, "created_us": tx.now_us,
                }  # fmt: skip
                tx.connection.execute(insert(steps).values(row))
                parentage = update(executions).where(executions.c.id == child)
                tx.connection.execute(parentage.values(parent_id=parent, parent_seq=seq))

        self._write(make)
        return children

    # -- the operations ----------------------------------------------------------------------------------------------

    def claim(self) -> None:
        self._worker.claim(room=4)

    def commit(self) -> None:
        claims = self._steps()
        checkpoints = [
            recorded(claim, advance=drive(claim.execution_id, self._base(claim.execution_id), (claim.seq,),
                                          *self._new_steps(), cancels=(claim.seq + 1,)))
            for claim in self._random.sample(claims, len(claims))
        ]  # fmt: skip
        self._worker.flush(*checkpoints, claim_due=True, room=2, take_woken=True)

    def end_children(self) -> None:
        children = self._children()
        pointers = [Pointer(child, FLOW_SEQ, ANY_ATTEMPT, "children") for child in children]
        flows = self._worker.flush(pointers=pointers).claimed
        ends = [first_drive(flow, ending=DONE, parent_id=children[flow.execution_id]) for flow in flows]
        self._worker.flush(*ends, *(recorded(claim) for claim in self._steps()))

    def cancel_children(self) -> None:
        children = self._children()
        checkpoints: list[Checkpoint] = []
        for claim in self._steps():
            own = [child for child, parent in children.items() if parent == claim.execution_id]
            advance = drive(
                claim.execution_id, self._base(claim.execution_id), (claim.seq,), *self._new_steps(),
                cancel_children=own,
            )  # fmt: skip
            checkpoints.append(recorded(claim, advance=advance))
        self._worker.flush(*checkpoints)

    def give_back(self) -> None:
        claims = self._steps()
        # Neither way of giving a step back may lock in another order than the others.
        reschedules = [back(claim, error=self._random.choice([None, ERROR])) for claim in claims]
        reports = [Progress(claim.execution_id, claim.seq, claim.attempt, "1") for claim in claims]
        self._random.shuffle(reports)
        self._worker.flush(reschedules=reschedules, progress=reports)

    def bury_letters(self) -> None:
        self._worker.flush(reschedules=[back(claim, error=ERROR, dead=True) for claim in self._steps()])

    def drive_flows(self) -> None:
        pointers = [Pointer(id, FLOW_SEQ, ANY_ATTEMPT, "default") for id in self._shuffled()]
        flows = self._worker.flush(pointers=pointers).claimed
        parks = [Park(flow.execution_id, flow.attempt, ERROR) for flow in flows[1:]]
        self._worker.flush(parks=parks, reschedules=[back(flow, refund=True) for flow in flows[:1]])

    def record_alone(self) -> None:
        for claim in self._steps():
            self._write(record_in_transaction, self._worker.id, claim, "1", None)

    def sweep(self) -> None:
        def turn(tx: Transaction) -> None:
            sweep_due(tx, None)
            release_orphans(tx, None)
            adopt_unannounced(tx, 0)

        self._write(turn)

    def signal(self) -> None:
        for id in self._shuffled():
            self._write(send_signal, id, "approved", "1")

    def cancel(self) -> None:
        for id in self._shuffled():
            self._write(cancel, id)

    def pause(self) -> None:
        for id in self._shuffled():
            self._write(pause, id)

    def resume(self) -> None:
        for id in self._shuffled():
            self._write(resume, id)

    def retry(self) -> None:
        for id in self._shuffled():
            with contextlib.suppress(NothingToRetry):
                self._write(retry_step, id)

    def start(self) -> None:
        keys = [f"order-{self._random.randrange(40)}" for _ in range(4)]
        self._write(
            start_executions, [NewExecution("order", 1, "{}", idempotency_key=key, queue="others") for key in keys]
        )

    def prune(self) -> None:
        self._write(prune, self._store.clock.now_us + 1, 5)
        self._write(prune_workers, 2**60)

    def bury_workers(self) -> None:
        self._store.worker(database=self._database)
        self._read(find_dead, self._worker.id)
        others = [worker.id for worker in self._read(living_workers) if worker.state == WorkerState.ALIVE]
        self._random.shuffle(others)
        self._write(declare_dead, others)

    def beat(self) -> None:
        self._write(renew_lease, self._worker.id, 10**9)
        self._read(owned_steps, self._worker.id)


OPERATIONS: dict[str, Callable[[Racer], None]] = {
    name: getattr(Racer, name)
    for name in (
        "claim", "commit", "end_children", "cancel_children", "give_back", "bury_letters", "drive_flows",
        "record_alone", "sweep", "signal", "cancel", "pause", "resume", "retry", "start", "prune", "bury_workers",
        "beat",
    )
}  # fmt: skip
