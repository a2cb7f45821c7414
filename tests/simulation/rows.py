"""The rows of the store as the witness reads them: by plain SQL, without any of the store's own code."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple


class Step(NamedTuple):
    """A row of the steps table."""

    execution_id: str
    seq: int
    kind: str
    name: str
    queue: str
    state: str
    attempt: int
    owner: int | None
    ready_queue: str | None
    due_at_us: int | None
    held_due_us: int | None
    position: int | None
    child_id: str | None
    input: str | None
    output: str | None
    created_us: int
    finished_us: int | None

    @property
    def id(self) -> str:
        """How a person calls it."""
        return f"{self.execution_id[-4:]}/{self.seq}"


class Execution(NamedTuple):
    """A row of the executions table."""

    id: str
    flow: str
    version: int
    queue: str
    priority: int
    state: str
    advanced: int
    unread: int
    parent_id: str | None
    parent_seq: int | None
    continued_to: str | None
    error: str | None
    created_us: int
    finished_us: int | None


STEPS = f"SELECT {', '.join(Step._fields)} FROM milepost_steps"
EXECUTIONS = f"SELECT {', '.join(Execution._fields)} FROM milepost_executions"
WORKERS = "SELECT id FROM milepost_workers WHERE state = 'alive'"
SAVED = "SELECT execution_id, seq, attempt FROM sim_ledger"


class Rows:
    """All rows as they are now. ``refresh`` returns what changed, each as it was and as it is."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw
        self._seen_steps: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self._seen_executions: dict[str, tuple[Any, ...]] = {}
        self._changes = -1
        self.steps: dict[str, dict[int, Step]] = {}
        self.executions: dict[str, Execution] = {}

    def refresh(self) -> tuple[list[tuple[Step | None, Step]], list[tuple[Execution | None, Execution]]]:
        """Read what changed since the last time."""
        changes = self._raw.total_changes
        if changes == self._changes:
            return [], []
        self._changes = changes
        return self._changed_steps(), self._changed_executions()

    def _changed_steps(self) -> list[tuple[Step | None, Step]]:
        changed: list[tuple[Step | None, Step]] = []
        seen, found = self._seen_steps, 0
        for row in self._raw.execute(STEPS):
            found += 1
            key = row[:2]
            if seen.get(key) != row:
                seen[key] = row
                step = Step._make(row)
                of_execution = self.steps.setdefault(step.execution_id, {})
                changed.append((of_execution.get(step.seq), step))
                of_execution[step.seq] = step
        assert found == len(seen), "nothing here deletes steps"
        return changed

    def _changed_executions(self) -> list[tuple[Execution | None, Execution]]:
        changed: list[tuple[Execution | None, Execution]] = []
        for row in self._raw.execute(EXECUTIONS):
            if self._seen_executions.get(row[0]) != row:
                self._seen_executions[row[0]] = row
                execution = Execution._make(row)
                changed.append((self.executions.get(execution.id), execution))
                self.executions[execution.id] = execution
        return changed

    def living_workers(self) -> set[int]:
        """Return the workers that nobody has declared dead."""
        return {row[0] for row in self._raw.execute(WORKERS)}

    def next_due_us(self) -> int | None:
        """Return when the next step falls due, by the database's clock."""
        return self._raw.execute("SELECT MIN(due_at_us) FROM milepost_steps WHERE due_at_us IS NOT NULL").fetchone()[0]

    def saved(self) -> list[tuple[str, int, int]]:
        """Return what transactional steps have written: execution, seq, attempt."""
        return self._raw.execute(SAVED).fetchall()

    def state_of(self, execution_id: str, seq: int) -> tuple[str, int, int | None] | None:
        """Return the state, the attempt and the owner of a step as they are at this moment."""
        query = "SELECT state, attempt, owner FROM milepost_steps WHERE execution_id = ? AND seq = ?"
        return self._raw.execute(query, (execution_id, seq)).fetchone()
