"""One seed, run from its beginning to its end."""

from __future__ import annotations

import random
import traceback
from collections import Counter
from typing import Any, NamedTuple

from tests.simulation.database import SimulatedDatabase
from tests.simulation.flows import stage
from tests.simulation.processes import Processes, simulated
from tests.simulation.scenario import drawn
from tests.simulation.violations import ERROR, Violation
from tests.simulation.world import World


class Course(NamedTuple):
    """How a simulation went."""

    seed: int
    mode: str
    invariant: str | None
    """Which invariant did not hold; None: all did."""
    what: str
    lines: list[str]
    fired: Counter[str]

    def told(self) -> str:
        """Return a failure in words, and how it is seen again."""
        last = "\n".join(self.lines)
        command = f"python -m tests.simulation --seed {self.seed} --mode {self.mode} --verbose"
        return f"seed {self.seed} ({self.mode})\n{last}\n{self.what}\nTo see it again: {command}"


_kept: dict[str, Any] = {}


def run(seed: int, *, mode: str | None = None, verbose: bool = False, **changes: float) -> Course:
    """Run the simulation of a seed. The database, its tables and idle threads are kept for the next one.

    ``changes``: other values than those that the seed draws for its scenario.
    """
    database: SimulatedDatabase = _kept.setdefault("database", None) or SimulatedDatabase()
    _kept["database"] = database
    scenario = drawn(random.Random(f"scenario {seed}"), mode).changed(**changes)
    world = World(seed, scenario, database, Processes(), _kept.setdefault("hands", []), verbose=verbose)
    stage.actors = world
    invariant, what = None, "every invariant held"
    with simulated(world):
        try:
            world.begin()
            world.run()
        except Violation as violation:
            invariant, what = violation.invariant, str(violation)
        except Exception:  # noqa: BLE001 - whatever it is, the seed belongs to it
            invariant, what = ERROR, traceback.format_exc()
        finally:
            world.close()
    return Course(seed, scenario.mode, invariant, what, list(world.diary.lines), world.diary.fired)
