"""How far the job is: counts taken from the store and the ledger while the workers are at it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from engine.model.states import StepKind, StepState
from engine.store.database import Database
from engine.store.schema import executions, steps
from flows.flights.ledger import Ledger


@dataclass(frozen=True)
class Census:
    """One look at the store and the ledger."""

    executions: dict[str, int]
    """Executions by state."""
    steps_done: int
    to_retry: int
    """Steps whose latest attempt failed or was lost, and that wait for the next."""
    attempts_repeated: int
    """Attempts at steps beyond the first."""
    holding: dict[int, int]
    """Steps that each worker is at, by its identity in the store."""
    payments: dict[int, int]
    """Payments that each worker has made, by its process id."""

    @property
    def completed(self) -> int:
        """Executions that are completed."""
        return self.executions.get("completed", 0)

    @property
    def unfinished(self) -> int:
        """Executions that may still go on by themselves."""
        return self.executions.get("running", 0)


def take_census(database: Database, ledger: Ledger) -> Census:
    """Count everything once."""
    is_step = steps.c.kind == StepKind.STEP
    done = is_step & (steps.c.state == StepState.COMPLETED)
    again = steps.c.state.in_((StepState.READY, StepState.WAITING)) & (steps.c.attempt > 0)
    repeated = func.coalesce(func.sum(steps.c.attempt - 1), 0)
    with database.read() as tx:
        run = tx.connection.execute
        by_state = run(select(executions.c.state, func.count()).group_by(executions.c.state)).all()
        steps_done = run(select(func.count()).where(done)).scalar_one()
        to_retry = run(select(func.count()).where(is_step, again)).scalar_one()
        attempts_repeated = run(select(repeated).where(is_step, steps.c.attempt > 1)).scalar_one()
        owned = select(steps.c.owner, func.count()).where(steps.c.owner.is_not(None)).group_by(steps.c.owner)
        holding = run(owned).all()
    return Census(
        executions={row[0]: row[1] for row in by_state},
        steps_done=steps_done,
        to_retry=to_retry,
        attempts_repeated=attempts_repeated,
        holding={int(row[0]): row[1] for row in holding},
        payments=ledger.payments_by_payer(),
    )
