"""Everything that is known when the job is over, read back from the store, the ledger and the letters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from engine.model.states import FLOW_SEQ, StepKind
from engine.store.database import Database
from engine.store.schema import executions, steps
from flows.demo.killing import Death, StepKey
from flows.demo.stage import Stage
from flows.flights.data import Flight
from flows.flights.flow import compensate
from flows.flights.ledger import Entry


@dataclass(frozen=True)
class StepFact:
    """One row of the store's steps. ``started_us`` is when its latest attempt was claimed."""

    execution_id: str
    seq: int
    kind: str
    name: str
    state: str
    attempt: int
    started_us: int | None
    output: str | None


@dataclass(frozen=True)
class Facts:
    """What the proofs go by."""

    flights: list[Flight]
    started: dict[str, str]
    """The flight's key for each execution that was started."""
    states: dict[str, str]
    """The state of every execution in the store."""
    steps: dict[StepKey, StepFact]
    entries: list[Entry]
    letters: set[str]
    death: Death | None

    def of_kind(self, kind: str) -> list[StepFact]:
        """Return the steps of one kind."""
        return [step for step in self.steps.values() if step.kind == kind]

    def settled_euros(self, execution_id: str) -> int | None:
        """Return what the execution's recorded result says was paid."""
        fact = self.steps.get((execution_id, FLOW_SEQ))
        if fact is None or fact.output is None:
            return None
        return compensate.result.decode(fact.output).euros


def gather_facts(
    stage: Stage, database: Database, flights: list[Flight], started: dict[str, str], death: Death | None
) -> Facts:
    """Read everything back."""
    columns = (
        steps.c.execution_id, steps.c.seq, steps.c.kind, steps.c.name, steps.c.state, steps.c.attempt,
        steps.c.started_us, steps.c.output,
    )  # fmt: skip
    with database.read() as tx:
        states = tx.connection.execute(select(executions.c.id, executions.c.state)).all()
        rows = tx.connection.execute(select(*columns)).all()
    return Facts(
        flights=flights,
        started=started,
        states={row[0]: row[1] for row in states},
        steps={(row[0], row[1]): StepFact(*row) for row in rows},
        entries=stage.desk.ledger.entries(),
        letters=_names_in(stage.desk.letters),
        death=death,
    )


def _names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def paid_steps(facts: Facts) -> dict[str, StepFact]:
    """Return the completed steps that paid, by the idempotency key that each of them gave to the bank."""
    return {
        f"{step.execution_id}-{step.seq}": step
        for step in facts.of_kind(StepKind.STEP)
        if step.name == "pay" and step.state == "completed"
    }
