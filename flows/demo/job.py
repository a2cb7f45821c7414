"""The job from start to end: start the executions, watch them, kill a worker half-way, wait for the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.client import Client
from engine.store.database import Database
from flows.demo.census import take_census
from flows.demo.fleet import WorkerProcess
from flows.demo.killing import Death, kill
from flows.demo.stage import Stage
from flows.demo.trouble import DemoFailed
from flows.demo.view import Progress
from flows.flights.data import Flight
from flows.flights.flow import compensate
from flows.flights.policy import award_for

LOOK_SECONDS = 0.15
LAST_OF = 4
"""One flight of so many is held back until a worker has been killed."""
A_FEW = 2
"""So many of those are started at each look where all else is done and no worker was caught at work."""
STEPS_WITHOUT_PAYMENT = 2
STEPS_WITH_PAYMENT = 4


@dataclass(frozen=True)
class Ran:
    """What the job was, for the proofs."""

    started: dict[str, str]
    """The flight's key for each execution."""
    death: Death | None
    seconds: float


def start_all(database: Database, flights: list[Flight]) -> dict[str, str]:
    """Start one execution for each flight; return the flight's key by the execution's id."""
    with Client(database) as client:
        handles = client.start_many(compensate, [(flight,) for flight in flights], keys=[f.key for f in flights])
    return {handle.id: flight.key for handle, flight in zip(handles, flights, strict=True)}


def steps_of(flights: list[Flight]) -> int:
    """Return how many steps the flights will take, by the rules."""
    paid = sum(award_for(flight.delay_minutes, flight.miles).euros > 0 for flight in flights)
    return paid * STEPS_WITH_PAYMENT + (len(flights) - paid) * STEPS_WITHOUT_PAYMENT


def run_job(
    stage: Stage,
    database: Database,
    workers: list[WorkerProcess],
    flights: list[Flight],
    show: Callable[[Progress], None],
    limit_seconds: float,
) -> Ran:
    """Run everything; ``show`` is called after every look. Raises :class:`DemoFailed` after ``limit_seconds``.

    A worker is killed as soon as half of the steps are done, at a moment at which its hands are full.
    """
    began = time.monotonic()
    progress = Progress(len(flights), steps_of(flights), workers)
    first = len(flights) - len(flights) // LAST_OF
    last = flights[first:]
    started = start_all(database, flights[:first])
    pause = threading.Event()
    while True:
        census = take_census(database, stage.desk.ledger)
        progress.update(census, time.monotonic() - began)
        show(progress)
        if progress.death is None and (census.steps_done * 2 >= progress.steps_expected or not census.unfinished):
            _kill_one(database, progress, began)
            # However long the looks take, there is something to do at the next one.
            some = len(last) if progress.death is not None else A_FEW
            started |= start_all(database, last[:some])
            del last[:some]
        for worker in workers:
            if progress.death is None or progress.death.worker is not worker:
                worker.check()
        if not census.unfinished and sum(census.executions.values()) == len(flights):
            return Ran(started, progress.death, progress.seconds)
        if progress.seconds > limit_seconds:
            raise DemoFailed(
                f"after {limit_seconds:.0f} s, {census.unfinished + len(last)} executions were not finished; look into "
                f"{stage.log(1).parent}"
            )
        pause.wait(LOOK_SECONDS)


def _kill_one(database: Database, progress: Progress, began: float) -> None:
    killed = (kill(database, worker, least_held=1) for worker in progress.workers)
    death = next(filter(None, killed), None)
    if death is not None:
        progress.death, progress.killed_at_seconds = death, time.monotonic() - began
