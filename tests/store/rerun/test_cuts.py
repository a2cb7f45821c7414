"""What a rerun keeps of the past, and what it runs again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from engine.errors import ExecutionNotFound, StoreError
from engine.model.work import Claimed
from engine.store.cancels import cancel
from engine.store.holds import pause
from engine.store.prune import prune
from engine.store.schema import executions, metadata, signals
from engine.store.signals import send_signal
from tests.store.rerun import sample_flows
from tests.store.rerun.sample_flows import calls, registry
from tests.store.rerun.working import SECOND_US, Clock, Engine


def rows_of(engine: Engine, execution_id: str) -> list[Any]:
    """Everything that the store has of an execution."""
    with engine.database.read() as tx:
        found = [tx.connection.execute(select(executions).where(executions.c.id == execution_id)).all()]
        for table in metadata.sorted_tables:
            if "execution_id" in table.c:
                query = select(table).where(table.c.execution_id == execution_id)
                found.append(sorted(map(repr, tx.connection.execute(query))))
    return found


def one_at_a_time(*names: str) -> Callable[[list[Claimed]], list[Claimed]]:
    """End the waiting steps with these names in their arguments one by one, in this order; others never."""
    order = list(names)

    def choose(waiting: list[Claimed]) -> list[Claimed]:
        for claim in waiting:
            if order and f'"{order[0]}"' in (claim.input or ""):
                order.pop(0)
                return [claim]
        return []

    return choose


def test_a_rerun_keeps_what_came_before_the_step(any_engine: Engine) -> None:
    old = any_engine.start("line")
    assert any_engine.finish(old) == ["a1", "b1", "c1", "d1"]
    before = rows_of(any_engine, old)
    new = any_engine.rerun(old, 3)
    assert any_engine.execution(new).advanced == 2
    assert any_engine.finish(new) == ["a1", "b1", "c2", "d2"]
    assert any_engine.seqs_run(new) == [3, 4]
    assert rows_of(any_engine, old) == before


@pytest.mark.parametrize("from_seq", [0, 1])
def test_a_rerun_from_the_beginning_has_no_past(engine: Engine, from_seq: int) -> None:
    old = engine.start("surroundings")
    first = engine.finish(old)
    new = engine.rerun(old, from_seq)
    view = engine.execution(new)
    assert (view.advanced, view.unread, view.rerun_of) == (0, 1, old)
    again = engine.finish(new)
    assert engine.seqs_run(new) == [1, 2, 3]
    assert [one[3] for one in again] == ["a2", "b2", "c2"]
    for one, other in zip(first, again, strict=True):
        assert one[0] < other[0]
        assert one[1] != other[1]


@pytest.mark.parametrize("from_seq", [2, 3])
def test_time_and_random_numbers_of_the_past_come_with_it(engine: Engine, from_seq: int) -> None:
    old = engine.start("surroundings")
    first = engine.finish(old)
    new = engine.rerun(old, from_seq)
    engine.forget()
    again = engine.finish(new)
    # What was asked before step N, and what is asked for at its event.
    assert [one[:3] for one in again[:from_seq]] == [one[:3] for one in first[:from_seq]]
    assert [one[1:3] for one in again] == [one[1:3] for one in first]
    assert [one[3] for one in again] == [one[3] for one in first[: from_seq - 1]] + ["b2", "c2"][from_seq - 2 :]
    # And in every replay of it.
    history = engine.history(new).history
    assert history.start.seed_id == old
    assert history.start.started_us == engine.history(old).history.start.started_us


def test_a_rerun_is_the_same_kind_of_execution_without_a_parent_or_a_key(any_engine: Engine) -> None:
    old = any_engine.start("line", priority=2, idempotency_key="once", attributes={"team": "blue"})
    any_engine.finish(old)
    for from_seq in (1, 3):
        view = any_engine.execution(any_engine.rerun(old, from_seq))
        assert (view.flow, view.version, view.queue, view.priority) == ("line", 1, "default", 2)
        assert (view.parent_id, view.idempotency_key, view.rerun_of) == (None, None, old)
        assert view.attributes == {"team": "blue"}


@pytest.mark.parametrize("from_seq", [-1, -2, 5, 99])
def test_only_a_step_that_the_flow_asked_for_can_be_chosen(engine: Engine, from_seq: int) -> None:
    old = engine.start("tidying")
    engine.work(wait=False)
    engine.call(cancel, old)
    engine.work(wait=False)
    assert -1 in engine.steps(old)
    with pytest.raises(StoreError, match=rf"has no step {from_seq} that its flow asked for.*engine show"):
        engine.rerun(old, from_seq)


def test_an_unknown_execution_is_not_found(engine: Engine) -> None:
    for from_seq in (1, 3):
        with pytest.raises(ExecutionNotFound):
            engine.rerun("0" * 26, from_seq)


# -- side by side ------------------------------------------------------------------------------------------------------


def test_a_result_that_came_after_the_cut_is_made_again(any_engine: Engine) -> None:
    """a and b are asked for together; a ends, and c is asked for: b's result comes after that."""
    any_engine.order = one_at_a_time("a", "b", "c", "d", "e")
    old = any_engine.start("crossing")
    assert any_engine.finish(old) == [[["a1", "c1"], ["b1", "d1"]], "e1"]
    new = any_engine.rerun(old, 3)
    view = any_engine.steps(new)
    assert {seq: step.state for seq, step in view.items()} == {0: "ready", 1: "completed", 2: "ready"}
    assert (view[2].attempt, view[1].position) == (0, None)
    any_engine.order = list
    assert any_engine.finish(new) == [[["a1", "c2"], ["b2", "d2"]], "e2"]
    assert sorted(any_engine.seqs_run(new)) == [2, 3, 4, 5]


def test_steps_asked_for_together_are_run_again_together(engine: Engine) -> None:
    old = engine.start("crossing")
    engine.finish(old)
    new = engine.rerun(old, 2)
    assert engine.finish(new) == [[["a2", "c2"], ["b2", "d2"]], "e2"]
    assert sorted(engine.seqs_run(new)) == [1, 2, 3, 4, 5]


def test_what_was_given_up_before_the_cut_stays_so(engine: Engine) -> None:
    engine.order = one_at_a_time("a", "c", "d", "f", "g")
    old = engine.start("racing")
    assert engine.finish(old) == [0, "a1", "c1", 0, "d1", "f1", "g1"]
    assert {seq: step.position for seq, step in engine.steps(old).items() if step.state == "cancelled"} == {2: 2, 5: 4}
    new = engine.rerun(old, 7)
    assert {seq: engine.steps(new)[seq].state for seq in (2, 5)} == {2: "cancelled", 5: "cancelled"}
    engine.order = list
    assert engine.finish(new) == [0, "a1", "c1", 0, "d1", "f1", "g2"]
    assert engine.seqs_run(new) == [7]


def test_what_was_given_up_at_the_cut_is_not_run(any_engine: Engine) -> None:
    """Step 6 was asked for as soon as d had won, which is also when e was given up."""
    any_engine.order = one_at_a_time("a", "c", "d", "f", "g")
    old = any_engine.start("racing")
    any_engine.finish(old)
    new = any_engine.rerun(old, 6)
    any_engine.order = list
    assert any_engine.finish(new) == [0, "a1", "c1", 0, "d1", "f2", "g2"]
    assert any_engine.seqs_run(new) == [6, 7]
    assert any_engine.steps(new)[5].state == "cancelled"


def test_what_was_given_up_after_the_cut_may_win_now(engine: Engine) -> None:
    engine.order = one_at_a_time("a", "c", "d", "f", "g")
    old = engine.start("racing")
    engine.finish(old)
    new = engine.rerun(old, 4)
    engine.order = one_at_a_time("e", "f", "g")
    assert engine.finish(new) == [0, "a1", "c1", 1, "e1", "f2", "g2"]


def test_a_loser_at_the_cut_runs_if_changed_code_still_wants_it(engine: Engine) -> None:
    """The event at the cut is read by the code of today, which may have been mended."""
    engine.order = one_at_a_time("a", "b", "c")

    @sample_flows.flow(name="mended")
    async def before() -> list[Any]:
        winner = await sample_flows.race(sample_flows.note("a"), sample_flows.note("b"))
        return [winner.value, await sample_flows.note("c")]

    @sample_flows.flow(name="mended")
    async def after() -> list[Any]:
        return [await sample_flows.gather(sample_flows.note("a"), sample_flows.note("b")), await sample_flows.note("c")]

    engine = Engine(engine.database, engine.clock, registry(before))
    engine.order = one_at_a_time("a", "c")
    old = engine.start("mended")
    assert engine.finish(old) == ["a1", "c1"]
    engine = Engine(engine.database, engine.clock, registry(after))
    assert engine.finish(engine.rerun(old, 3)) == [["a1", "b1"], "c2"]


def test_the_event_at_which_a_step_was_given_up_is_known_within_a_drive(engine: Engine) -> None:
    """b and a end in one flush, so that the flow reads both in one drive, and gives c up at the second of them."""

    def together(waiting: list[Claimed]) -> list[Claimed]:
        ready = {name: claim for claim in waiting for name in "abde" if f'"{name}"' in (claim.input or "")}
        return [ready[name] for name in "bade" if name in ready]

    engine.order = together
    old = engine.start("late_loser")
    assert engine.finish(old) == [0, "a1", "d1", "e1"]
    history = engine.steps(old)
    assert [(step.seq, step.state, step.position) for step in history.values() if step.seq in (1, 2, 3)] == [
        (1, "completed", 3),
        (2, "completed", 2),
        (3, "cancelled", 3),
    ]
    # From step 3: the cut is at b's end. a's came after it.
    new = engine.rerun(old, 3)
    assert {seq: step.state for seq, step in engine.steps(new).items()} == {0: "ready", 1: "ready", 2: "completed"}
    # From step 4, which was asked for when a ended: c is known, and given up just then.
    new = engine.rerun(old, 4)
    assert {seq: step.state for seq, step in engine.steps(new).items()} == {
        0: "ready", 1: "completed", 2: "completed", 3: "waiting",
    }  # fmt: skip
    assert engine.finish(new) == [0, "a1", "d2", "e2"]
    assert calls["c"] == 0


def test_the_last_event_of_a_drive_is_not_taken_for_an_earlier_one(engine: Engine) -> None:
    """b, a and d end in one flush: c is given up at the second event of three."""

    @sample_flows.flow
    async def three() -> list[Any]:
        async def losing() -> list[str]:
            winner = await sample_flows.race(sample_flows.note("a"), sample_flows.sleep("1h"))
            return [winner.value, await sample_flows.note("x")]

        async def other() -> list[str]:
            return [await sample_flows.note("b"), await sample_flows.note("y")]

        return [*await sample_flows.gather(losing(), other()), await sample_flows.note("z")]

    engine = Engine(engine.database, engine.clock, registry(three))
    old = engine.start("three")
    result = engine.finish(old)
    assert result == [["a1", "x1"], ["b1", "y1"], "z1"]
    # Steps: 1 a, 2 sleep, 3 b, 4 x (asked for at a's end), 5 y (asked for at b's end).
    assert engine.steps(old)[2].position == 2
    new = engine.rerun(old, 5)
    assert engine.steps(new)[2].state == "cancelled"
    assert engine.finish(new) == [["a1", "x2"], ["b1", "y2"], "z2"]


# -- timers ------------------------------------------------------------------------------------------------------------


def test_timers_that_fired_are_kept_and_others_begin_anew(engine: Engine) -> None:
    old = engine.start("timing")
    assert engine.finish(old) == ["a1", "b1", True]
    began_us = engine.steps(old)[3].created_us
    engine.clock.now_us += 10 * SECOND_US
    new = engine.rerun(old, 2)
    assert engine.steps(new)[1].state == "completed"
    engine.work(lambda: 4 in engine.steps(new), wait=False)
    assert engine.finish(new) == ["a2", "b2", True]
    # From the last step: the timers of 1 h and of 30 min had both fired; the later one is what the flow reads first.
    new = engine.rerun(old, 5)
    assert engine.seqs_run(new) == []
    assert engine.finish(new) == ["a1", "b3", True]
    assert began_us < engine.execution(new).created_us


def test_a_pause_takes_its_whole_time_again_and_a_moment_stays(engine: Engine) -> None:
    """The cut is after a, which ended at once: both timers are open there."""

    @sample_flows.flow
    async def open_timers() -> Any:
        async def first() -> str:
            return await sample_flows.note("a") + await sample_flows.note("b")

        moment = sample_flows.now() + sample_flows.timedelta(hours=1)
        return await sample_flows.gather(first(), sample_flows.sleep_until(moment), sample_flows.sleep("30m"))

    engine = Engine(engine.database, engine.clock, registry(open_timers))
    old = engine.start("open_timers")
    engine.finish(old)
    moment_us = engine.steps(old)[2].created_us + 3600 * SECOND_US
    engine.clock.now_us = moment_us - 60 * SECOND_US
    new = engine.rerun(old, 4)
    due = {seq: step.due_us for seq, step in engine.steps(new).items()}
    assert due[2] == moment_us
    assert due[3] is not None
    assert 1799 * SECOND_US < due[3] - engine.clock.now_us <= 1800 * SECOND_US
    # A rerun of the rerun finds the same moment, and one that is over is due at once.
    engine.finish(new)
    engine.clock.now_us += SECOND_US
    newer = engine.rerun(new, 4)
    due_us = engine.steps(newer)[2].due_us
    assert due_us is not None
    assert due_us <= engine.clock.now_us
    assert engine.finish(newer)[0] == "a1b3"


# -- children ----------------------------------------------------------------------------------------------------------


def test_children_that_ended_are_kept_and_others_are_started_anew(any_engine: Engine) -> None:
    any_engine.order = one_at_a_time("a", "b", "c", "e", "d", "f")
    old = any_engine.start("parent")
    first = any_engine.finish(old)
    assert first[0] == "a1"
    ids = {seq: step.child_id for seq, step in any_engine.steps(old).items() if step.child_id}
    detached = ids[2]
    any_engine.order = list
    # From the last step: both children had ended.
    new = any_engine.rerun(old, 6)
    assert {seq: step.child_id for seq, step in any_engine.steps(new).items() if step.child_id} == ids
    assert any_engine.finish(new) == [*first[:5], "f2"]
    assert any_engine.seqs_run(new) == [6]
    # From the detached child's place: it is not asked for yet, so another one is started.
    newer = any_engine.rerun(old, 2)
    again = any_engine.finish(newer)
    assert again[1] != detached
    assert any_engine.execution(again[1]).parent_id is None
    assert any_engine.steps(newer)[1].child_id == ids[1]
    # From the step after it: the flow is told the same id as before, and nothing is started.
    newest = any_engine.rerun(old, 4)
    any_engine.forget()
    assert any_engine.finish(newest)[1] == detached
    assert any_engine.execution(str(any_engine.steps(newest)[4].child_id)).parent_id == newest


def test_a_child_that_was_open_at_the_cut_is_started_for_the_new_execution(engine: Engine) -> None:

    @sample_flows.flow(version=3, name="child")
    async def newer_child(name: str) -> str:
        return await sample_flows.note(name)

    @sample_flows.flow
    async def beside() -> Any:
        async def branch() -> str:
            return await sample_flows.note("a") + await sample_flows.note("b")

        return await sample_flows.gather(newer_child("slow"), branch())

    engine = Engine(engine.database, engine.clock, registry(beside, newer_child))
    engine.order = one_at_a_time("a", "b", "slow")
    old = engine.start("beside", priority=3)
    assert engine.finish(old) == ["slow1", "a1b1"]
    first = engine.steps(old)[1]
    # What the child was is known from its parent's step alone.
    engine.call(prune, engine.clock.now_us + 1)
    old = engine.start("beside", priority=3)
    engine.order = one_at_a_time("a", "b", "slow")
    engine.finish(old)
    new = engine.rerun(old, 3)
    step = engine.steps(new)[1]
    assert step.child_id not in (None, first.child_id, engine.steps(old)[1].child_id)
    view = engine.execution(str(step.child_id))
    assert (view.flow, view.version, view.priority, view.parent_id, view.parent_seq) == ("child", 3, 3, new, 1)
    engine.order = list
    engine.forget()
    assert engine.finish(new) == ["slow3", "a2b3"]


def test_a_child_given_up_at_the_cut_does_nothing(engine: Engine) -> None:
    engine.order = one_at_a_time("a", "b", "c")
    old = engine.start("racing_child")
    assert engine.finish(old) == [1, "a1", "b1", "c1"]
    engine.order = list
    new = engine.rerun(old, 3)
    given_up = engine.steps(new)[1]
    assert given_up.child_id != engine.steps(old)[1].child_id
    assert engine.finish(new) == [1, "a1", "b2", "c2"]
    assert engine.steps(new)[1].state == "cancelled"
    engine.work()
    assert engine.execution(str(given_up.child_id)).state == "cancelled"
    assert engine.seqs_run(str(given_up.child_id)) == []
    # Given up before the cut, it stays what it was.
    assert engine.steps(engine.rerun(old, 4))[1].child_id == engine.steps(old)[1].child_id


# -- markers, signals --------------------------------------------------------------------------------------------------


def test_markers_before_the_cut_are_kept(engine: Engine) -> None:
    engine = Engine(engine.database, engine.clock, registry(sample_flows.patching))
    old = engine.start("patching")
    assert engine.finish(old) == ["a1", "extra1", "b1", True, "c1"]
    assert engine.steps(old)[2].kind == "marker"
    for from_seq, expected in (
        (5, ["a1", "extra1", "b1", True, "c2"]),
        (4, ["a1", "extra1", "b2", True, "c3"]),
        (3, ["a1", "extra2", "b3", True, "c4"]),
        (2, ["a1", "extra3", "b4", True, "c5"]),
    ):
        new = engine.rerun(old, from_seq)
        engine.forget()
        assert engine.finish(new) == expected


def test_code_that_changed_after_the_cut_is_run_as_new(engine: Engine) -> None:
    """What ran before the change has no marker before the cut, and is asked at the cut."""
    before = Engine(engine.database, engine.clock, registry(sample_flows.patching_before))
    old = before.start("patching")
    assert before.finish(old) == ["a1", "b1", "c1"]
    after = Engine(engine.database, engine.clock, registry(sample_flows.patching))
    # From b, which the earlier code asked for at the end of a: the changed code asks for more there.
    assert after.finish(after.rerun(old, 2)) == ["a1", "extra1", "b2", True, "c2"]
    # From c: the place had been passed.
    assert after.finish(after.rerun(old, 3)) == ["a1", "b1", False, "c3"]


def test_signals_that_were_taken_before_the_cut_come_with_it(any_engine: Engine) -> None:
    old = any_engine.start("listening")
    any_engine.work(wait=False)
    any_engine.call(send_signal, old, "first", '"one"', "k1")
    any_engine.work(wait=False)
    any_engine.call(send_signal, old, "second", '"two"', "k2")
    any_engine.call(send_signal, old, "second", '"too late"', "k3")
    assert any_engine.finish(old) == ["one", "a1", "two", "b1"]

    def keys(execution_id: str) -> list[Any]:
        query = select(signals.c.signal_key, signals.c.payload, signals.c.taken_by_seq).order_by(signals.c.id)
        with any_engine.database.read() as tx:
            return list(map(tuple, tx.connection.execute(query.where(signals.c.execution_id == execution_id))))

    assert keys(any_engine.rerun(old, 1)) == []
    # The wait's event is the one that is read first.
    assert keys(any_engine.rerun(old, 2)) == [("k1", '"one"', 1)]
    last = any_engine.rerun(old, 4)
    assert keys(last) == [("k1", '"one"', 1), ("k2", '"two"', 3)]
    assert any_engine.finish(last)[:3] == ["one", "a1", "two"]
    new = any_engine.rerun(old, 3)
    assert keys(new) == [("k1", '"one"', 1)]
    any_engine.work(wait=False)
    assert not any_engine.call(send_signal, new, "first", '"again"', "k1").delivered
    assert any_engine.call(send_signal, new, "second", '"other"', "k2").delivered
    assert any_engine.finish(new)[:3] == ["one", "a1", "other"]


def test_a_wait_that_was_open_at_the_cut_waits_its_whole_time_again(engine: Engine) -> None:

    @sample_flows.flow
    async def waiting() -> Any:
        async def branch() -> str:
            return await sample_flows.note("a") + await sample_flows.note("b")

        return await sample_flows.gather(
            sample_flows.wait_for_event("go", timeout="1h"), branch(), sample_flows.wait_for_event("ever")
        )

    engine = Engine(engine.database, engine.clock, registry(waiting))
    old = engine.start("waiting")
    engine.work(wait=False)
    engine.call(send_signal, old, "go", "1", "k")
    engine.call(send_signal, old, "ever", "2", "l")
    engine.finish(old)
    engine.clock.now_us += 7200 * SECOND_US
    new = engine.rerun(old, 4)
    waits = engine.steps(new)
    assert (waits[1].state, waits[3].state, waits[3].due_us) == ("waiting", "waiting", None)
    assert waits[1].due_us is not None
    assert waits[1].due_us - engine.clock.now_us > 3599 * SECOND_US
    engine.call(send_signal, new, "go", "3", "k")
    engine.call(send_signal, new, "ever", "4", "l")
    assert engine.finish(new) == [3, "a1b2", 4]


# -- in every state ----------------------------------------------------------------------------------------------------


def test_a_rerun_of_a_rerun(any_engine: Engine) -> None:
    old = any_engine.start("surroundings")
    first = any_engine.finish(old)
    new = any_engine.rerun(old, 2)
    second = any_engine.finish(new)
    third = any_engine.finish(any_engine.rerun(new, 3))
    assert [one[3] for one in third] == ["a1", "b2", "c3"]
    assert [one[1:3] for one in third] == [one[1:3] for one in first]
    assert [one[0] for one in third] == [one[0] for one in second]
    assert any_engine.execution(new).rerun_of == old


def test_a_rerun_of_a_failed_execution(engine: Engine) -> None:
    old = engine.start("failing")
    engine.work()
    assert engine.execution(old).state == "failed"
    assert engine.finish(engine.rerun(old, 2)) == ["a1", "b", "c1"]
    # The past keeps the failure of a step that the flow has read.
    assert engine.execution(old).state == "failed"


def test_a_rerun_of_a_parked_execution(engine: Engine) -> None:
    engine.order = one_at_a_time("a", "b")
    old = engine.start("line")
    engine.work(wait=False)

    @sample_flows.flow(name="line")
    async def changed() -> list[str]:
        return [await sample_flows.note("a"), await sample_flows.note("other")]

    broken = Engine(engine.database, engine.clock, registry_with(changed))
    broken.call(cancel, old)
    broken.work(wait=False)
    assert broken.execution(old).state == "parked"
    # From before the difference, the changed code can go on; the request to cancel came later.
    assert broken.finish(broken.rerun(old, 2)) == ["a1", "other1"]


def registry_with(changed: Any) -> Any:
    """The known flows, with one of them changed."""
    others = [one for one in sample_flows.FLOWS if one.name != changed.name]
    return sample_flows.Registry([*others, sample_flows.note, sample_flows.fail, changed])


def test_a_rerun_of_a_paused_execution_runs(engine: Engine) -> None:
    engine.order = one_at_a_time("a", "b")
    old = engine.start("line")
    engine.work(wait=False)
    engine.call(pause, old)
    engine.order = list
    new = engine.rerun(old, 2)
    assert engine.finish(new)[0] == "a1"
    assert engine.execution(old).state == "paused"


def test_a_rerun_of_a_cancelled_execution(any_engine: Engine) -> None:
    old = any_engine.start("tidying")
    any_engine.work(wait=False)
    any_engine.call(cancel, old)
    any_engine.work(wait=False)
    assert any_engine.execution(old).state == "cancelled"
    # From the timer: it was asked for before the request came, which is not part of the past then.
    new = any_engine.rerun(old, 2)
    assert -1 not in any_engine.steps(new)
    assert any_engine.finish(new) == ["a1"]
    # From the clean-up: the request is what the flow reads first, or has read.
    for from_seq, runs in ((3, [3, 4]), (4, [4])):
        new = any_engine.rerun(old, from_seq)
        any_engine.work(lambda new=new: any_engine.execution(new).state == "cancelled", wait=False)
        assert any_engine.seqs_run(new) == runs


def test_a_rerun_of_a_running_execution(engine: Engine) -> None:
    engine.order = one_at_a_time("a", "b", "c")
    old = engine.start("line")
    engine.work(wait=False)
    assert engine.execution(old).state == "running"
    new = engine.rerun(old, 4)
    engine.order = list
    assert engine.finish(new)[:3] == ["a1", "b1", "c1"]
    assert engine.seqs_run(new) == [4]
    assert engine.finish(old)[:3] == ["a1", "b1", "c1"]


def test_a_rerun_of_an_execution_that_went_on_as_another(any_engine: Engine) -> None:
    old = any_engine.start("rounds")
    any_engine.work()
    ended = any_engine.execution(old)
    assert ended.state == "continued"
    new = any_engine.rerun(old, 2)
    any_engine.work()
    again = any_engine.execution(new)
    assert again.state == "continued"
    assert again.continued_to not in (None, ended.continued_to)
    assert any_engine.result(str(again.continued_to)) == ["a3", "b4"]
    # And of the one that went on: it has a history of its own.
    assert any_engine.finish(any_engine.rerun(str(ended.continued_to), 2)) == ["a2", "b5"]
    assert any_engine.history(str(again.continued_to)).history.start.seed_id is None


# -- children that go on as others -------------------------------------------------------------------------------------


@pytest.mark.parametrize("forget", [False, True])
def test_a_child_that_went_on_is_cancelled_when_its_first_ones_were_pruned(engine: Engine, forget: bool) -> None:
    parent = engine.start("keeper")
    engine.work(wait=False)
    first = engine.steps(parent)[1].child_id
    for _ in range(2):
        engine.pass_time()
        engine.work(wait=False)
    living = engine.steps(parent)[1].child_id
    assert living != first
    assert engine.execution(str(living)).state == "running"
    assert engine.call(prune, engine.clock.now_us + 1) == 2
    if forget:
        engine.forget()
    engine.call(send_signal, parent, "stop", "null")
    assert engine.finish(parent) == "1"
    engine.work(wait=False)
    assert engine.execution(str(living)).state == "cancelled"


def test_a_delayed_start_begins_when_it_begins(engine: Engine) -> None:
    made_us = engine.clock.now_us
    later = engine.start("surroundings", delay_us=3600 * SECOND_US)
    engine.finish(later)
    assert engine.history(later).history.start.started_us >= made_us + 3600 * SECOND_US


def test_the_clock_goes_on() -> None:
    clock = Clock()
    assert clock() < clock()
