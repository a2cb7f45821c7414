"""What the store has on record of the flights: their decisions, how they ended, and what became of a worker's steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from engine.client import Client
from engine.definitions.deciding import DECIDE, decide_by_rules
from engine.model.states import FLOW_SEQ, StepState
from engine.rules.recorded import read_value
from engine.store.database import Database
from engine.store.schema import executions, steps
from flows.delays.data import Trip
from flows.delays.flow import Case, look_after
from flows.demo.killing import Death, StepKey

EVERY = 10


@dataclass(frozen=True)
class Decided:
    """A decision on record. ``attempt`` counts how often it was claimed, ``rule`` is the line that matched."""

    execution_id: str
    seq: int
    attempt: int
    finished_us: int
    version: int
    rule: int
    action: str
    dollars: int


@dataclass(frozen=True)
class Facts:
    """What the checks go by. Versions are those before and after the change."""

    before: dict[str, Trip]
    """The flights that left before the change, by execution."""
    after: dict[str, Trip]
    states: dict[str, str]
    cases: dict[str, Case]
    """The results of the executions that completed."""
    decisions: dict[str, list[Decided]]
    """By execution: at the gate, and on arrival."""
    explained: list[bool]
    """Of every tenth decision, whether it comes to the same when its version decides once more."""
    versions: tuple[int, int]
    changed_us: int
    """When the second version became active, by the database's clock."""
    death: Death
    recorded: dict[StepKey, Decided]
    """Decisions on record shortly before the worker was killed."""
    went_on: dict[StepKey, tuple[str, int]]
    """State and attempt, in the end, of the steps that it was at."""

    @property
    def trips(self) -> dict[str, Trip]:
        """All flights, by execution."""
        return self.before | self.after

    def taken(self, executions: Iterable[str]) -> list[Decided]:
        """Return all decisions of these executions."""
        return [one for execution_id in executions for one in self.decisions.get(execution_id, [])]


def read_decisions(database: Database, among: Collection[str]) -> dict[str, list[Decided]]:
    """Return the decisions on record of these executions, each in the order in which they were asked for."""
    columns = (steps.c.execution_id, steps.c.seq, steps.c.attempt, steps.c.finished_us, steps.c.output)
    wanted = (steps.c.name == DECIDE) & (steps.c.state == StepState.COMPLETED) & steps.c.execution_id.in_(among)
    found: defaultdict[str, list[Decided]] = defaultdict(list)
    with database.read() as tx:
        for row in tx.connection.execute(select(*columns).where(wanted).order_by(*columns[:2])):
            found[row[0]].append(_decided(*row))
    return dict(found)


def read_states(database: Database, among: Collection[str]) -> dict[str, str]:
    """Return the states of these executions."""
    with database.read() as tx:
        query = select(executions.c.id, executions.c.state).where(executions.c.id.in_(among))
        return {row[0]: row[1] for row in tx.connection.execute(query)}


def read_cases(database: Database, among: Collection[str]) -> dict[str, Case]:
    """Return the results of those of these executions that completed."""
    wanted = steps.c.execution_id.in_(among) & (steps.c.seq == FLOW_SEQ) & (steps.c.state == StepState.COMPLETED)
    with database.read() as tx:
        rows = tx.connection.execute(select(steps.c.execution_id, steps.c.output).where(wanted)).all()
    return {row[0]: look_after.result.decode(row[1]) for row in rows}


def read_fates(database: Database, keys: Collection[StepKey]) -> dict[StepKey, tuple[str, int]]:
    """Return the state and the attempt of these steps."""
    columns = (steps.c.execution_id, steps.c.seq, steps.c.state, steps.c.attempt)
    query = select(*columns).where(steps.c.execution_id.in_({execution_id for execution_id, _ in keys}))
    with database.read() as tx:
        rows = tx.connection.execute(query).all()
    return {(row[0], row[1]): (row[2], row[3]) for row in rows if (row[0], row[1]) in keys}


def explain_some(client: Client, decisions: Collection[Decided]) -> list[bool]:
    """Have every tenth decision taken once more by its version; return whether it comes to what is on record."""
    return [client.explain_decision(one.execution_id, one.seq).agrees for one in list(decisions)[::EVERY]]


def _decided(execution_id: str, seq: int, attempt: int, finished_us: int, output: str) -> Decided:
    answer = decide_by_rules.result.decode(output)
    outcome: Any = read_value(bytes(answer.outcome))
    rules = dict(answer.matched).get(answer.decision, ())
    return Decided(
        execution_id, seq, attempt, finished_us, answer.version, rules[0] if rules else 0, outcome["action"],
        int(outcome["dollars"]),
    )  # fmt: skip
