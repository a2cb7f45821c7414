"""The database goes away in the middle of a flush: its outcome is found out, and it happens once."""

from __future__ import annotations

import threading

import pytest

from engine.errors import StoreUnavailable
from engine.model.states import ExecutionState, StepState
from engine.model.work import Flush, Flushed
from engine.store.flush import run_flush
from engine.store.workers import declare_dead, flushes_of
from engine.worker import recording
from engine.worker.recording import Recorder
from tests.conformance.stores.outages import session_ends_after, unanswered_commit
from tests.conformance.stores.subject import Store, Worker
from tests.conformance.stores.values import DONE, back, child, drive, recorded, step
from tests.conformance.transports.helpers import Background

CHILD = "01jxt21q000000000000000001"


class Runs:
    """Counts how often flushes are run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        monkeypatch.setattr(recording, "run_flush", self._run)

    def _run(self, tx: object, flush: Flush) -> Flushed:
        self.count += 1
        return run_flush(tx, flush)  # type: ignore[arg-type]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(monkeypatch)


def persist(store: Store, flush: Flush, *, gives_up: bool = False) -> Flushed:
    """Run a flush as a worker does: until the database has answered."""
    recorder = Recorder(store.database, lambda _seconds: gives_up)
    recorder._worker_id, recorder._flushes = flush.worker_id, flush.number - 1
    return recorder.record(flush)


def everything(store: Store, worker: Worker) -> tuple[Flush, str]:
    """Build a flush that does a bit of everything, and name the execution that it ends."""
    id, other = store.running(worker, step(1)), store.running(worker, step(1), step(2))
    store.start()
    last, again, back_again = worker.claim_one(id, 1), worker.claim_one(other, 1), worker.claim_one(other, 2)
    flush = worker.build(
        recorded(last, advance=drive(id, 1, (1,), ending=DONE)),
        recorded(again, advance=drive(other, 1, (1,), step(3), child(4, CHILD))),
        reschedules=[back(back_again, 5)],
        claim_due=True,
    )
    return flush, id


def assert_happened(store: Store, worker: Worker, flush: Flush, flushed: Flushed, id: str) -> None:
    assert flushed.finished == [id]
    assert store.execution(id).state == ExecutionState.COMPLETED
    assert store.execution(id).advanced == 2
    (other,) = {checkpoint.execution_id for checkpoint in flush.checkpoints} - {id}
    assert store.states(other) == {0: "waiting", 1: "completed", 2: "waiting", 3: "claimed", 4: "waiting"}
    assert [claim.attempt for claim in flushed.claimed] == [1, 1, 1]
    for claim in flushed.claimed:
        view = store.step(claim.execution_id, claim.seq)
        assert (view.state, view.owner, view.attempt) == (StepState.CLAIMED, worker.id, claim.attempt)
    assert store.read(flushes_of, worker.id) == flush.number


@pytest.mark.parametrize("happens", [True, False])
def test_a_commit_that_is_not_answered_is_looked_up(store: Store, runs: Runs, happens: bool) -> None:
    worker = store.worker()
    flush, id = everything(store, worker)
    with unanswered_commit(store, happens=happens):
        flushed = persist(store, flush)
    assert runs.count == (1 if happens else 2)
    assert_happened(store, worker, flush, flushed, id)


@pytest.mark.parametrize("happens", [True, False])
def test_a_commit_that_is_not_answered_is_unavailable(store: Store, happens: bool) -> None:
    worker = store.worker()
    flush, _ = everything(store, worker)
    with unanswered_commit(store, happens=happens), pytest.raises(StoreUnavailable):
        worker.run(flush)
    assert store.read(flushes_of, worker.id) == (flush.number if happens else flush.number - 1)


def test_a_flush_whose_session_ends_after_any_of_its_statements_happens_once(server_store: Store, runs: Runs) -> None:
    store, count = server_store, 0
    while True:
        count += 1
        store.empty()
        worker = store.worker()
        flush, id = everything(store, worker)
        runs.count = 0
        with session_ends_after(store, count) as seen:
            flushed = persist(store, flush)
        if len(seen) < count:
            break
        assert runs.count == 2
        assert_happened(store, worker, flush, flushed, id)
    assert count > 4


def test_a_commit_that_is_still_under_way_is_waited_for(server_store: Store) -> None:
    store = server_store
    worker = store.worker()
    flush, _ = everything(store, worker)
    with store.open().write() as tx:
        run_flush(tx, flush)
        asking = Background(lambda: store.read(flushes_of, worker.id))
        threading.Event().wait(0.2)
        assert asking.running
    assert asking.join() == flush.number


def test_whoever_gives_up_is_told_so(store: Store) -> None:
    worker = store.worker()
    flush, _ = everything(store, worker)
    with unanswered_commit(store, happens=False), pytest.raises(StoreUnavailable):
        persist(store, flush, gives_up=True)


def test_a_worker_declared_dead_while_its_commit_was_not_answered_still_learns_that_it_happened(store: Store) -> None:
    worker = store.worker()
    flush, id = everything(store, worker)
    with unanswered_commit(store, happens=True), pytest.raises(StoreUnavailable):
        worker.run(flush)
    store.write(declare_dead, [worker.id])
    assert store.read(flushes_of, worker.id) == flush.number
    assert store.execution(id).state == ExecutionState.COMPLETED
