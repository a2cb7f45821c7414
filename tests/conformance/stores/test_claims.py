"""Claiming: who gets which steps, and in what order."""

from __future__ import annotations

import threading

from engine.model.states import FLOW_SEQ, StepState
from engine.model.work import ANY_ATTEMPT, Claimed, Pointer
from engine.store.claim import POINTERS_PER_QUERY
from engine.store.commands import TIMEOUT_GRACE_US
from engine.store.flush import run_flush
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import SECOND, back, step
from tests.conformance.transports.helpers import Background


def keys(claims: list[Claimed]) -> list[tuple[str, int]]:
    return [(claim.execution_id, claim.seq) for claim in claims]


def test_a_claim_makes_the_worker_the_owner_at_the_next_attempt(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1, "charge", priority=3, input='{"sum":7}', max_attempts=5))
    store.clock.go_on(2)
    (claim,) = worker.claim()
    assert claim == Claimed(
        id, 1, 1, "step", "charge", "default", 3, '{"sum":7}', 5, dead_letter=False, waited_us=2 * SECOND
    )
    view = store.step(id, 1)
    assert (view.state, view.owner, view.attempt) == (StepState.CLAIMED, worker.id, 1)
    assert view.started_us == store.clock.now_us


def test_the_most_urgent_come_first_and_among_them_the_oldest(store: Store) -> None:
    ids: dict[str, str] = {}
    for name, priority in [("late", 9), ("old", 5), ("new", 5), ("urgent", 1)]:
        ids[name] = store.start(priority=priority)
        store.clock.go_on(1)
    claims = store.worker().claim()
    assert [claim.execution_id for claim in claims] == [ids[name] for name in ("urgent", "old", "new", "late")]


def test_no_more_is_claimed_than_there_is_room_for(store: Store) -> None:
    ids = []
    for _ in range(5):
        ids.append(store.start())
        store.clock.go_on(1)
    worker = store.worker()
    assert worker.claim(room=0) == []
    assert [claim.execution_id for claim in worker.claim(room=2)] == ids[:2]
    assert [claim.execution_id for claim in worker.claim(room=7)] == ids[2:]
    assert worker.claim() == []


def test_room_is_shared_by_the_queues_in_the_order_in_which_they_are_served(store: Store) -> None:
    second, first = store.start(queue="second"), [store.start(queue="first") for _ in range(2)]
    worker = store.worker("first", "second")
    assert {claim.execution_id for claim in worker.claim(room=2)} == set(first)
    assert [claim.execution_id for claim in worker.claim(room=2)] == [second]


def test_a_worker_claims_from_the_queues_it_serves_alone(store: Store) -> None:
    mine, other = store.start(queue="mine"), store.start(queue="mine ")
    assert [claim.execution_id for claim in store.worker("mine").claim()] == [mine]
    assert [claim.execution_id for claim in store.worker("mine ", "more").claim()] == [other]


def test_a_step_may_be_on_another_queue_than_its_flow(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1, queue="gpu"), step(2))
    assert keys(worker.claim()) == [(id, 2)]
    assert keys(store.worker("gpu").claim()) == [(id, 1)]


def test_a_pointer_claims_what_it_points_at(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), step(2))
    (claim,) = worker.flush(pointers=[Pointer(id, 2, 0, "default")]).claimed
    assert (claim.seq, claim.attempt) == (2, 1)
    assert store.states(id) == {0: StepState.WAITING, 1: StepState.READY, 2: StepState.CLAIMED}


def test_i4_a_pointer_at_another_attempt_claims_nothing(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    worker.flush(reschedules=[back(worker.claim_one(id, 1))])
    for attempt in (0, 2):
        assert worker.flush(pointers=[Pointer(id, 1, attempt, "default")]).claimed == []
    (claim,) = worker.flush(pointers=[Pointer(id, 1, 1, "default")]).claimed
    assert claim.attempt == 2


def test_a_pointer_at_any_attempt_claims_what_is_ready(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    any_attempt = Pointer(id, 1, ANY_ATTEMPT, "default")
    worker.flush(reschedules=[back(worker.claim_one(id, 1))])
    assert [claim.attempt for claim in worker.flush(pointers=[any_attempt]).claimed] == [2]
    assert worker.flush(pointers=[any_attempt]).claimed == []


def test_doubled_and_unknown_pointers_are_harmless(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    pointer = Pointer(id, 1, 0, "default")
    strays = [Pointer(id, 7, 0, "default"), Pointer("0" * 26, 1, 0, "default")]
    assert keys(worker.flush(pointers=[pointer, *strays, pointer]).claimed) == [(id, 1)]
    assert worker.flush(pointers=[pointer, *strays]).claimed == []
    assert store.worker().flush(pointers=[pointer]).claimed == []


def test_many_pointers_are_claimed_in_one_flush(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, *(step(seq) for seq in range(1, 2 * POINTERS_PER_QUERY + 2)))
    pointers = [Pointer(id, seq, 0, "default") for seq in range(2 * POINTERS_PER_QUERY + 1, 0, -1)]
    assert len(worker.flush(pointers=pointers).claimed) == len(pointers)


def test_a_timeout_is_set_when_the_attempt_begins(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1, timeout_us=10 * SECOND))
    assert store.step(id, 1).due_us is None
    store.clock.go_on(100)
    assert worker.claim_one(id, 1).timeout_us == 10 * SECOND
    assert store.step(id, 1).due_us == store.clock.now_us + 10 * SECOND + TIMEOUT_GRACE_US


def test_two_claimers_share_what_there_is_without_doubles(store: Store) -> None:
    workers = [store.worker(database=store.open()) for _ in range(2)]
    wanted = {(id, FLOW_SEQ) for id in (store.start() for _ in range(60))}
    barrier = threading.Barrier(2)

    def claim_all(index: int) -> list[Claimed]:
        taken: list[Claimed] = []
        barrier.wait()
        while got := workers[index].claim(room=4):
            taken += got
        return taken

    racing = [Background(lambda index=index: claim_all(index)) for index in range(2)]
    taken = [keys(one.join()) for one in racing]
    # Whoever finds nothing for a moment, as the other one holds the last rows, has ended.
    rest = keys(workers[0].claim())
    assert sorted(taken[0] + taken[1] + rest) == sorted(wanted)


def test_a_claimer_passes_over_rows_that_another_one_is_at(server_store: Store) -> None:
    store = server_store
    first, second = store.worker(), store.worker(database=store.open())
    ids = [store.start() for _ in range(6)]
    flush = first.build(claim_due=True, room=4)
    with store.database.write() as tx:
        taken = run_flush(tx, flush).claimed
        # The first one's transaction is open, and nobody waits for it.
        others = Background(second.claim).join()
    assert len(taken) == 4
    assert {claim.execution_id for claim in taken + others} == set(ids)
    assert len(others) == 2


def test_a_claimer_of_messages_leaves_what_others_are_pointed_at(server_store: Store) -> None:
    store = server_store
    first, second = store.worker(), store.worker(database=store.open())
    a, b = (store.running(first, step(1), step(2)) for _ in range(2))
    flush = first.build(pointers=[Pointer(a, 1, 0, "default"), Pointer(b, 2, 0, "default")])
    with store.database.write() as tx:
        assert sorted(keys(run_flush(tx, flush).claimed)) == sorted([(a, 1), (b, 2)])
        pointers = [Pointer(a, 2, 0, "default"), Pointer(b, 1, 0, "default")]
        others = Background(lambda: second.flush(pointers=pointers)).join()
    assert sorted(keys(others.claimed)) == sorted([(a, 2), (b, 1)])


def test_a_message_that_came_late_keeps_nobody_from_what_it_points_at(server_store: Store) -> None:
    """Whoever has the right message has no other: passed over, the step would wait until it is offered again."""
    store = server_store
    first, second = store.worker(), store.worker(database=store.open())
    id = store.running(first, step(1))
    late = first.build(pointers=[Pointer(id, 1, 7, "default"), Pointer(id, FLOW_SEQ, ANY_ATTEMPT, "default")])
    with store.database.write() as tx:
        assert run_flush(tx, late).claimed == []
        others = Background(lambda: second.flush(pointers=[Pointer(id, 1, 0, "default")])).join()
    assert keys(others.claimed) == [(id, 1)]


def test_two_workers_with_the_same_message_claim_it_once(store: Store) -> None:
    workers = [store.worker(database=store.open()) for _ in range(2)]
    id = store.running(workers[0], *(step(seq) for seq in range(1, 41)))
    pointers = [Pointer(id, seq, 0, "default") for seq in range(1, 41)]
    barrier = threading.Barrier(2)

    def claim(index: int) -> list[Claimed]:
        barrier.wait()
        return workers[index].flush(pointers=pointers[:: 1 if index else -1]).claimed

    racing = [Background(lambda index=index: claim(index)) for index in range(2)]
    taken = [key for one in racing for key in keys(one.join())]
    taken += keys(workers[0].flush(pointers=pointers).claimed)
    assert sorted(taken) == [(id, seq) for seq in range(1, 41)]
