"""What finished history costs: the store's hot operations, and their query plans, as finished steps pile up.

    python -m benchmarks.growth --store sqlite:////tmp/growth.db
    python -m benchmarks.growth --store postgresql://user:password@host/empty --sizes 0,1000000,5000000

The store must be empty: the tables are made, and filled. For each size it prints the median time of every operation and
its ratio to that at the first size, in the same session; and at the end the plan of every query.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy import event, text

from benchmarks.filling import analyse, fill
from engine.model.decisions import Command, Decision
from engine.model.history import FlowStart
from engine.model.work import Advance, Checkpoint, Claimed, Flush, Pointer, Reschedule, StepOutcome
from engine.store.database import Database, Transaction
from engine.store.flush import run_flush
from engine.store.history import load_histories
from engine.store.migrations import migrate
from engine.store.query import find_executions, queue_depths
from engine.store.start import NewExecution, start_executions
from engine.store.sweep import find_dead, release_orphans, sweep_due
from engine.store.workers import owned_steps, register_worker, renew_lease

BATCH = 100
PLAN_LINES = 12
QUEUE = "bench"
LEASE_US = 3_600_000_000


@dataclass
class Bench:
    """One store, and a worker that is registered in it."""

    database: Database
    worker_id: int = 0
    flushes: int = 0
    ids: list[str] = field(default_factory=list)

    def flush(self, tx: Transaction, **parts: object) -> list[Claimed]:
        """Run one flush of the worker, and return what it claimed."""
        self.flushes += 1
        room = BATCH if parts.get("claim_due") or parts.get("pointers") else 0
        flush = Flush(self.worker_id, LEASE_US, (QUEUE,), room, number=self.flushes, **parts)  # type: ignore[arg-type]
        return run_flush(tx, flush).claimed


Operation = Callable[[Bench], Iterator[Callable[[Transaction], object]]]
"""Yields what is measured; what stands between two of them prepares the next."""


def started(bench: Bench, count: int = BATCH) -> list[str]:
    """Start executions on the worker's queue."""
    with bench.database.write() as tx:
        return [one.id for one in start_executions(tx, [NewExecution("bench", 1, "{}", QUEUE) for _ in range(count)])]


def claim(bench: Bench) -> Iterator[Callable[[Transaction], object]]:
    """Claim 100 ready steps."""
    started(bench)
    claimed: list[Claimed] = []
    yield lambda tx: claimed.extend(bench.flush(tx, claim_due=True))
    assert len(claimed) == BATCH
    give_back(bench, claimed)


def give_back(bench: Bench, claimed: list[Claimed]) -> None:
    """Let go of claimed steps for a long time, so that they are in nobody's way."""
    back = [Reschedule(each.execution_id, each.seq, each.attempt, LEASE_US, refund=True) for each in claimed]
    with bench.database.write() as tx:
        bench.flush(tx, reschedules=back)


def claim_by_message(bench: Bench) -> Iterator[Callable[[Transaction], object]]:
    """Claim 100 steps that messages point at."""
    pointers = [Pointer(id, 0, 0, QUEUE) for id in started(bench)]
    claimed: list[Claimed] = []
    yield lambda tx: claimed.extend(bench.flush(tx, pointers=pointers))
    assert len(claimed) == BATCH
    give_back(bench, claimed)


def commit(bench: Bench) -> Iterator[Callable[[Transaction], object]]:
    """Record 100 drives with their next steps."""
    drives = driven(bench, LEASE_US)
    yield lambda tx: bench.flush(tx, checkpoints=drives)


def driven(bench: Bench, delay_us: int) -> list[Checkpoint]:
    """Return what is to be recorded of 100 flows that were driven to their first sleep."""
    started(bench)
    with bench.database.write() as tx:
        claimed = bench.flush(tx, claim_due=True)
    sleep = Command(1, "timer", "sleep", QUEUE, 5, delay_us=delay_us)
    drives: list[Checkpoint] = []
    for each in claimed:
        begun = FlowStart(each.execution_id, "bench", 1, "{}", QUEUE, 5, 0)
        advance = Advance(begun, 0, (0,), (), Decision([sleep], [], [], None), each.attempt)
        drives.append(Checkpoint(each.execution_id, (), advance))
    return drives


def sweep_timers(bench: Bench) -> Iterator[Callable[[Transaction], object]]:
    """Make 100 due timers ready."""
    drives = driven(bench, 0)
    with bench.database.write() as tx:
        bench.flush(tx, checkpoints=drives)
    swept: list[Pointer] = []
    yield lambda tx: swept.extend(sweep_due(tx, None).offered)
    assert len(swept) == BATCH
    with bench.database.write() as tx:
        claimed = bench.flush(tx, claim_due=True)
    outcomes = [
        Checkpoint(each.execution_id, (StepOutcome(each.execution_id, each.seq, each.attempt, "completed", None, 0),))
        for each in claimed
    ]
    with bench.database.write() as tx:
        bench.flush(tx, checkpoints=outcomes)
        woken = bench.flush(tx, claim_due=True)
    give_back(bench, woken)


def sweep_nothing(bench: Bench) -> Iterator[Callable[[Transaction], object]]:
    """Sweep when nothing is due and nobody is dead."""

    def sweep(tx: Transaction) -> None:
        find_dead(tx, bench.worker_id)
        sweep_due(tx, None)
        release_orphans(tx, None)

    yield sweep


def heartbeat(bench: Bench) -> Iterator[Callable[[Transaction], object]]:
    """Renew the lease, and look what is owned."""

    def beat(tx: Transaction) -> None:
        renew_lease(tx, bench.worker_id, LEASE_US)
        owned_steps(tx, bench.worker_id)

    yield beat


def start(bench: Bench) -> Iterator[Callable[[Transaction], object]]:
    """Start 100 executions."""
    new = [NewExecution("bench", 1, "{}", "elsewhere", delay_us=LEASE_US) for _ in range(BATCH)]
    yield lambda tx: start_executions(tx, new)


def load(bench: Bench) -> Iterator[Callable[[Transaction], object]]:
    """Load the history of one execution."""
    (id,) = started(bench, 1)
    yield lambda tx: load_histories(tx, {id: 0})
    with bench.database.write() as tx:
        give = bench.flush(tx, claim_due=True)
    give_back(bench, give)


def depths(bench: Bench) -> Iterator[Callable[[Transaction], object]]:
    """Count what is on the queues."""
    yield queue_depths


def find(bench: Bench) -> Iterator[Callable[[Transaction], object]]:
    """Find the latest 50 executions in a state."""
    yield lambda tx: find_executions(tx, state="running")


OPERATIONS: tuple[Operation, ...] = (
    claim, claim_by_message, commit, sweep_timers, sweep_nothing, heartbeat, start, load, depths, find,
)  # fmt: skip


def measure(bench: Bench, operation: Operation, rounds: int) -> float:
    """Return the median time of an operation with its transaction, in milliseconds."""
    times: list[float] = []
    for _ in range(rounds):
        for measured in operation(bench):
            began = time.perf_counter()
            with bench.database.write() as tx:
                measured(tx)
            times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def plans(bench: Bench) -> dict[str, list[str]]:
    """Return the plan of every statement that the operations send, by its text."""
    seen: dict[str, tuple[str, object]] = {}

    def note(_conn: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "UPDATE")):
            seen.setdefault(statement, (statement, parameters))

    event.listen(bench.database.engine, "before_cursor_execute", note)
    for operation in OPERATIONS:
        measure(bench, operation, 1)
    event.remove(bench.database.engine, "before_cursor_execute", note)
    explain = {"sqlite": "EXPLAIN QUERY PLAN "}.get(bench.database.dialect.name, "EXPLAIN ")
    found: dict[str, list[str]] = {}
    for statement, parameters in seen.values():
        if "milepost_steps" not in statement:
            continue
        with bench.database.read() as tx:
            rows = tx.connection.exec_driver_sql(explain + statement, parameters)  # type: ignore[arg-type]
            found[" ".join(statement.split())] = [" ".join(str(part) for part in row) for row in rows]
            tx.connection.rollback()
    return found


def main(arguments: list[str] | None = None) -> int:
    """Fill, measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", required=True, help="the URL of an empty store")
    parser.add_argument("--sizes", default="0,1000000,5000000", help="finished steps, growing (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=30, help="how often each operation is run (default: 30)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    bench = Bench(Database(options.store))
    migrate(bench.database)
    with bench.database.write() as tx:
        if tx.connection.execute(text("SELECT 1 FROM milepost_executions LIMIT 1")).first():
            console.print("the store is not empty: give another one")
            return 2
        bench.worker_id = register_worker(tx, "benchmark", [QUEUE], LEASE_US)
    sizes = [int(size) for size in options.sizes.split(",")]
    figures: dict[int, dict[str, float]] = {}
    filled = 0
    for size in sizes:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task(f"filling to {size:,} finished steps", total=size - filled)
            for added in fill(bench.database, filled, size):
                progress.update(task, advance=added)
        filled = size
        analyse(bench.database)
        measure(bench, claim, 3)
        figures[size] = {each.__name__: measure(bench, each, options.rounds) for each in OPERATIONS}
        console.print(f"measured at {size:,} finished steps")
    found = plans(bench)
    if options.json:
        json.dump({"ms": figures, "plans": found}, sys.stdout, indent=2)
        print()
    else:
        show(figures, found)
    bench.database.close()
    return 0


def show(figures: dict[int, dict[str, float]], found: dict[str, list[str]]) -> None:
    """Print the figures as a table, and the plans."""
    console = Console(highlight=False)
    first = next(iter(figures))
    table = Table("operation", "", *(f"at {size:,}" for size in figures), box=None)
    for operation in OPERATIONS:
        base = figures[first][operation.__name__]
        cells = [f"{ms[operation.__name__]:.2f} ms  x{ms[operation.__name__] / base:.2f}" for ms in figures.values()]
        table.add_row(operation.__name__, (operation.__doc__ or "").rstrip("."), *cells)
    console.print(table)
    for statement, plan in found.items():
        console.print(f"\n{statement[:300]}", style="bold", markup=False, soft_wrap=True)
        for line in plan[:PLAN_LINES]:
            console.print(f"    {line}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
