"""No two of the store's writes ever wait for each other in a circle, whatever they are and however they meet."""

from __future__ import annotations

import random
import threading
from contextlib import ExitStack

import pytest

from engine.errors import StoreUnavailable
from engine.store import executions, flush, locking, transactional
from engine.store.database import Transaction
from engine.store.executions import LockedExecution
from tests.conformance.stores.races import OPERATIONS, Racer
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import event, step
from tests.conformance.transports.helpers import Background

ROUNDS = 2
"""How often every pair races here; a change of the lock order wants a hundred, once."""


def arena(store: Store) -> list[str]:
    """Make the few executions that are raced about."""
    worker = store.worker()
    ids = [store.start() for _ in range(3)]
    for id in ids:
        worker.begin(id, *(step(seq, dead_letter=seq % 3 == 0) for seq in range(1, 9)), event(9), event(10))
    return ids


def race(racers: tuple[Racer, Racer], names: tuple[str, str], rounds: int) -> None:
    """Do two things at the same time, again and again; raises what either of them raised."""
    barrier = threading.Barrier(2)

    def run(racer: Racer, name: str) -> None:
        for _ in range(rounds):
            try:
                barrier.wait(60)
            except threading.BrokenBarrierError:
                return
            try:
                racer.do(name)
            except BaseException:
                barrier.abort()
                raise

    racing = [Background(lambda pair=pair: run(*pair)) for pair in zip(racers, names, strict=True)]
    # Both have ended before what either of them raised ends the test.
    with ExitStack() as both:
        for one in racing:
            both.callback(one.join)


@pytest.mark.parametrize("first", OPERATIONS)
def test_no_write_deadlocks_with_any_other(server_store: Store, first: str) -> None:
    store = server_store
    racers = Racer(store, ids := arena(store), 1), Racer(store, ids, 2)
    names = list(OPERATIONS)
    for second in names[names.index(first) :]:
        try:
            race(racers, (first, second), ROUNDS)
        except StoreUnavailable as error:
            pytest.fail(f"{first} against {second}: {error.__cause__ or error}")
        for racer in racers:
            racer.do("resume")


def test_locks_taken_in_no_order_are_found_out(server_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store = server_store
    genuine, chance = executions.lock_executions, random.Random(1)

    def one_by_one(tx: Transaction, ids: object) -> dict[str, LockedExecution]:
        wanted = sorted(set(ids))  # type: ignore[call-overload]
        return {
            id: execution
            for wish in chance.sample(wanted, len(wanted))
            for id, execution in genuine(tx, [wish]).items()
        }

    for module in (flush, locking, transactional):
        monkeypatch.setattr(module, "lock_executions", one_by_one)
    racers = Racer(store, ids := arena(store), 1), Racer(store, ids, 2)
    with pytest.raises(StoreUnavailable, match=r"(?i)deadlock"):
        race(racers, ("commit", "commit"), 200)
