"""Children that go on as other executions: whoever gives one up reaches the one that lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engine.model.decisions import Continued
from engine.store.history import load_histories
from engine.store.migrations import migrate
from engine.store.prune import prune
from tests.conformance.stores.soundness import faults
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import DONE, child, drive, first_drive, recorded, step

CHILD = "01jxt21q000000000000000001"


@contextmanager
def opened(url: str) -> Iterator[Store]:
    store = Store(url)
    migrate(store.database)
    try:
        yield store
        assert faults(store.database) == []
    finally:
        store.close()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with opened(store_url) as made:
        yield made


def test_the_step_of_a_parent_stands_for_the_child_that_goes_on(store: Store) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD), child(2, CHILD[:-1] + "2", detached=True))
    worker.flush(first_drive(worker.claim_one(CHILD, 0), ending=Continued("{}"), parent_id=parent))
    successor = store.execution(CHILD).continued_to
    assert store.step(parent, 1).child_id == successor
    # The history has it too, so that a replay gives up the right one, also when the first one was pruned.
    store.clock.go_on(1)
    store.write(prune, store.clock.now_us)
    known = store.read(load_histories, {parent: 0})[parent].history.known
    assert [command.child_id for command in known] == [successor, CHILD[:-1] + "2"]


def test_a_detached_child_keeps_the_id_that_its_flow_was_told(store: Store) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD, detached=True), step(2))
    worker.flush(first_drive(worker.claim_one(CHILD, 0), ending=Continued("{}")))
    assert store.read(load_histories, {parent: 0})[parent].history.known[0].child_id == CHILD


def test_a_child_that_goes_on_in_the_flush_that_gives_it_up_is_cancelled(store: Store) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD), step(2))
    last, flow = worker.claim_one(parent, 2), worker.claim_one(CHILD, 0)
    flushed = worker.flush(
        recorded(last, advance=drive(parent, 1, (2,), ending=DONE, cancels=(1,), cancel_children=(CHILD,))),
        first_drive(flow, ending=Continued("{}"), parent_id=parent),
    )
    successor = store.execution(CHILD).continued_to
    assert successor is not None
    assert flushed.cancelled_children == [successor]
    assert [one.seq for one in store.unread(successor)] == [0, -1]
