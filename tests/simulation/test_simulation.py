"""Whatever happens, in whatever order: every invariant holds after every step of it, and all work ends (I1 to I7)."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor

import pytest

from tests.simulation.course import run
from tests.simulation.many import courses, processes

SEEDS = int(os.environ.get("MILEPOST_SIMULATION_SEEDS", "2000"))
"""How many are run; ``python -m tests.simulation --seeds 100000`` runs more, and shows how far it is."""
CHUNK = 100
CHUNKS = range(0, SEEDS, CHUNK)
OFTEN = 24
"""How often, at least, each fault is to be met in 2,000 seeds."""

BOUNDARIES = {
    "flush": ("before the transaction", "in the transaction", "after the commit", "before reading"),
    "sweep": ("before reading", "before the transaction", "in the transaction", "after the commit"),
    "heartbeat": ("before the transaction", "in the transaction", "after the commit"),
    "register": ("before the transaction", "in the transaction", "after the commit"),
    "step": ("before the transaction", "in the transaction", "after the commit"),
    "leave": ("before the transaction", "in the transaction", "after the commit"),
    "receive": ("before receiving", "after receiving"),
    "mail": ("before acknowledging", "after acknowledging", "before publishing", "after publishing"),
}
"""The places at which each call of a worker can be stopped; a step here is a transactional one."""
FAULTS = {
    "commit lost", "commit not answered", "store away", "outage of the store", "clock jumps", "refused: whole",
    "refused: decision", "refused: results", "crash seen", "crash unseen", "crash: at any moment",
    "crash: before user code", "crash: in user code", "step kills its worker", "step raises", "step hangs",
    "step timed out", "attempts exhausted", "attempt broken off", "progress reported", "zombie",
    "freeze: at any moment", "loop is stuck", "lease lost", "worker drained", "flow cache dropped",
    "step not begun: no lease", "step not begun: no time left", "fenced: a result", "fenced: a drive",
    "fenced: a step given back", "operator: pause", "operator: resume", "operator: cancel", "operator: retry",
    "signal to a waiting flow", "signal to nobody yet", "hint lost", "client did not publish", "message dropped",
    "message doubled", "message delayed", "message overtaken", "message refused", "message not confirmed",
    "operator: pause a queue", "operator: resume a queue", "broadcast lost",
    "message delivered again", "acknowledgement failed", "broker error", "broker wiped", "outage of the broker",
}  # fmt: skip


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with processes(min(os.cpu_count() or 1, 4)) as pool:
        yield pool


@functools.cache
def fired(pool: Executor, first: int) -> Counter[str]:
    """Run one chunk of seeds; return what happened, and fail for the first of them in which an invariant did not
    hold."""
    happened: Counter[str] = Counter()
    for course in courses(pool, range(first, min(first + CHUNK, SEEDS))):
        assert course.invariant is None, course.told()
        happened += course.fired
    return happened


@pytest.mark.parametrize("first", CHUNKS)
def test_every_invariant_holds(pool: Executor, first: int) -> None:
    assert fired(pool, first)


@pytest.mark.skipif(SEEDS < 2000, reason="what is seldom may not happen at all in so few seeds")
def test_everything_that_can_go_wrong_did(pool: Executor) -> None:
    happened: Counter[str] = sum((fired(pool, first) for first in CHUNKS), Counter())
    wanted = FAULTS | {f"{call} {place}" for call, places in BOUNDARIES.items() for place in places}
    for call, places in BOUNDARIES.items():
        wanted |= {f"crash: {call} {place}" for place in places}
        # Nobody acts while a transaction is open: SQLite has one writer.
        between = [place for place in places if place != "in the transaction"]
        wanted |= {f"{fate}: {call} {place}" for place in between for fate in ("pause", "linger", "freeze")}
    often = OFTEN * SEEDS // 2000
    seldom = {name: happened[name] for name in sorted(wanted) if happened[name] < often}
    assert not seldom, f"in {SEEDS} seeds, fewer than {often} times each: {seldom}"


def test_a_seed_always_takes_the_same_course() -> None:
    for seed in range(4):
        first, second = run(seed, verbose=True), run(seed, verbose=True)
        assert first.lines == second.lines
        assert first.fired == second.fired


def test_a_failure_says_how_to_see_it_again() -> None:
    told = run(3)._replace(invariant="I1", what="I1 nothing stuck: made up").told()
    assert "I1 nothing stuck: made up" in told
    assert "python -m tests.simulation --seed 3 --mode" in told
