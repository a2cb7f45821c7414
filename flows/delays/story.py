"""The story from start to end: flights leave, the policy is changed, the others leave, all land, and a worker dies."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from engine.client import Client
from engine.model.states import ExecutionState
from engine.rules.files import read_rules
from engine.rules.stored import content_hash
from engine.store.database import Database
from flows.delays.data import Trip
from flows.delays.desk import Desk
from flows.delays.editing import make_room, raise_and_add
from flows.delays.flow import LANDED, POLICY, look_after
from flows.delays.record import (
    Decided,
    Facts,
    explain_some,
    read_cases,
    read_decisions,
    read_fates,
    read_states,
)
from flows.delays.site import Site
from flows.demo.fleet import WorkerProcess
from flows.demo.killing import Death, StepKey, kill
from flows.demo.trouble import DemoFailed

LOOK_SECONDS = 0.05
A_FEW = 10
LEAST_HELD = 2
"""A worker is killed when it is at so many steps at least."""


@dataclass
class Story:
    """One run. It is told to the console as it goes."""

    site: Site
    database: Database
    client: Client
    workers: list[WorkerProcess]
    """Those that live."""
    console: Console
    deadline: float
    """On the monotonic clock."""
    _chapters: int = 0
    _pause: threading.Event = field(default_factory=threading.Event)

    def tell(self, before: list[Trip], after: list[Trip]) -> Facts:
        """Let the first flights leave before the change and the others after it. Raises :class:`DemoFailed`."""
        desk = Desk(self.site, self.console)
        self.chapter("The policy is brought in from its workbook, and activated")
        first = self._bring_in(desk, "as agreed in January")
        self.chapter(f"{len(before)} flights leave late; all are decided at the gate, and are in the air now")
        old = self._depart(before)
        self.chapter("Somebody raises a sum in the workbook and adds a line; `check` finds that two lines clash")
        raise_and_add(self.site.workbook)
        desk.rules("check", self.site.workbook)
        make_room(self.site.workbook)
        self._say("One cell is corrected, and nothing is left to say.")
        desk.rules("check", self.site.workbook)
        self.chapter("The change is brought in, looked at, tried out and activated, while all of them are in the air")
        second = self._bring_in(desk, "from July on", instead_of=first)
        changed_us = self._activated_us(second)
        self.chapter(f"{len(after)} more flights leave")
        new = self._depart(after)
        self.chapter("All of them land, and a worker is killed while it is at it")
        trips = old | new
        death, recorded = self._land_and_kill(trips)
        self._until(lambda: _are_completed(self.database, trips), "not all executions were completed")
        decisions = read_decisions(self.database, trips)
        return Facts(
            before=old,
            after=new,
            states=read_states(self.database, trips),
            cases=read_cases(self.database, trips),
            decisions=decisions,
            explained=explain_some(self.client, [one for each in decisions.values() for one in each]),
            versions=(first, second),
            changed_us=changed_us,
            death=death,
            recorded=recorded,
            went_on=read_fates(self.database, death.held.keys()),
        )

    def _bring_in(self, desk: Desk, comment: str, instead_of: int | None = None) -> int:
        """Import the workbook as it is now, and activate what comes of it; return the number of the version."""
        desk.rules("import", self.site.workbook, "--comment", comment)
        number = self._number()
        if instead_of is not None:
            desk.rules("diff", POLICY, instead_of, number)
            desk.rules("test", POLICY, self.site.scenarios, "--version", number)
        desk.rules("activate", POLICY, "--version", number)
        return number

    def _number(self) -> int:
        """Return the number of the version that is the workbook as it is now."""
        workbook = self.site.workbook
        wanted = content_hash(read_rules(workbook.name, workbook.read_bytes()))
        return next(one.number for one in self.client.rules()[POLICY].versions.values() if one.hash == wanted)

    def _activated_us(self, number: int) -> int:
        activations = self.client.rules()[POLICY].activations
        return max(one.from_us for one in activations if one.number == number)

    def _depart(self, trips: list[Trip]) -> dict[str, Trip]:
        """Start an execution for each flight, and wait until the policy has decided at the gate."""
        handles = self.client.start_many(look_after, [(trip.flight,) for trip in trips])
        started = {handle.id: trip for handle, trip in zip(handles, trips, strict=True)}

        def all_decided() -> bool:
            return len(read_decisions(self.database, started)) == len(started)

        self._until(all_decided, "not all flights were decided at the gate")
        versions = {one.version for each in read_decisions(self.database, started).values() for one in each}
        self._say(f"{len(started)} decisions at the gate by version {', '.join(map(str, sorted(versions)))}.")
        return started

    def _land_and_kill(self, trips: dict[str, Trip]) -> tuple[Death, dict[StepKey, Decided]]:
        """Land all flights, and kill a worker half-way; return this, and which decisions were on record before."""
        in_the_air = [*list(trips.items())[::2], *list(trips.items())[1::2]]
        self._land(in_the_air, len(trips) // 2)
        deaths, recorded = list[Death](), dict[StepKey, Decided]()

        def has_died() -> bool:
            # There is something to do at every look, however long they take.
            self._land(in_the_air, A_FEW)
            decisions = read_decisions(self.database, trips)
            recorded.update({(one.execution_id, one.seq): one for each in decisions.values() for one in each})
            killed = (kill(self.database, worker, LEAST_HELD) for worker in self.workers)
            deaths.extend(death for death in itertools.islice(filter(None, killed), 1))
            return bool(deaths)

        self._until(has_died, f"no worker was at {LEAST_HELD} steps at once")
        (death,) = deaths
        self.workers.remove(death.worker)
        self._say(
            f"Worker {death.worker.number} (process {death.worker.pid}) was killed with SIGKILL while it was at "
            f"{len(death.held)} steps; {len(recorded)} decisions were on record."
        )
        self._land(in_the_air, len(in_the_air))
        return death, recorded

    def _land(self, in_the_air: list[tuple[str, Trip]], count: int) -> None:
        """Let the first of those that are in the air land."""
        for execution_id, trip in in_the_air[:count]:
            self.client.signal(execution_id, LANDED, trip.arrival_delay)
        del in_the_air[:count]

    def _until(self, condition: Callable[[], bool], otherwise: str) -> None:
        while not condition():
            for worker in self.workers:
                worker.check()
            if time.monotonic() > self.deadline:
                raise DemoFailed(f"{otherwise} in time; --limit gives more, --directory keeps the logs")
            self._pause.wait(LOOK_SECONDS)

    def chapter(self, title: str) -> None:
        """Begin a chapter, which has a number."""
        self._chapters += 1
        self.console.print()
        self.console.print(Text(f"{self._chapters}. {title}", style="bold"), soft_wrap=True)

    def _say(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)


def _are_completed(database: Database, trips: dict[str, Trip]) -> bool:
    states = read_states(database, trips)
    ended = [state for state in states.values() if state not in (ExecutionState.RUNNING, ExecutionState.COMPLETED)]
    if ended:
        raise DemoFailed(f"{len(ended)} executions are {', '.join(sorted(set(ended)))}")
    return all(states.get(one) == ExecutionState.COMPLETED for one in trips)
