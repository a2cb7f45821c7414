"""Random flows under random orders of events: live, replayed from every point, and compared with a second telling."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from engine.driver import FlowRun
from engine.errors import DeterminismError
from engine.model.decisions import Cancelled, Completed, Decision, Ending, Failed
from engine.model.history import ErrorInfo, Event, History, KnownCommand
from engine.model.states import CANCEL_SEQ, FLOW_SEQ, StepState
from tests.unit.driver.executions import SECOND_US, STARTED_US, known, plain, start_of
from tests.unit.driver.reference import Interpreter, Outcome
from tests.unit.driver.shapes import (
    Call,
    Const,
    Seq,
    compiled,
    grown,
    parts_of,
    rebuilt,
    shapes,
)

choices = st.lists(st.integers(0, 5039), max_size=40)
cancels = st.one_of(st.none(), st.integers(0, 12))


class World:
    """Lets a flow run to its end: picks open commands, answers them in batches, and remembers every drive."""

    def __init__(self, shape: Any, choices: list[int], cancel_at: int | None) -> None:
        self.flow = compiled(shape)
        self.start = start_of(self.flow)
        self.reference = Interpreter(shape)
        self.live = FlowRun(self.flow, self.start)
        self.choices = choices
        self.cancel_at = cancel_at
        self.events: list[Event] = []
        """Everything that was consumed, in order."""
        self.single: list[Decision] = []
        """What each of these events decided, given alone."""
        self.ending: Ending | None = None
        self._one_by_one = FlowRun(self.flow, self.start)

    def run(self) -> None:
        """Go on until the flow ends, comparing each drive with the reference."""
        self._batch([("begin", 0)])
        while self.ending is None:
            self._batch(self._chosen())
            assert len(self.events) < 500
        _check_ending(self.ending, self.reference.ended)
        self.live.close()

    def _choice(self) -> int:
        return self.choices.pop(0) if self.choices else 0

    def _chosen(self) -> list[tuple[str, int]]:
        """Pick a few open commands, and at some moment the request to cancel."""
        choice = self._choice()
        open_seqs = sorted(self.reference.open)
        count = min(len(open_seqs), 1 + choice // 840 % 3)
        chosen = [("answer", open_seqs.pop(choice % 840 % len(open_seqs))) for _ in range(count)]
        if self.cancel_at is not None and len(self.events) >= self.cancel_at:
            self.cancel_at = None
            chosen.insert(choice % (len(chosen) + 1), ("cancel", CANCEL_SEQ))
        return chosen

    def _batch(self, chosen: list[tuple[str, int]]) -> None:
        """Answer the chosen commands in one drive; what the first answers withdraw gets its answer all the same."""
        outcomes = [
            (what, seq, self.reference.outcome_of(seq, self._choice() % 3 > 0) if what == "answer" else ("value", None))
            for what, seq in chosen
        ]
        events: list[Event] = []
        issued, withdrawn = len(self.reference.issued), len(self.reference.withdrawn)
        for what, seq, outcome in outcomes:
            events.append(self._event(what, seq, outcome, len(self.events) + len(events)))
            if self.reference.ended is None:
                self._tell_reference(what, seq, outcome)
        before = self.live.position
        decision = self.live.advance(events)
        consumed = events[: self.live.position - before]
        self._remember(consumed, decision)
        assert [(c.seq, c.kind, c.name) for c in decision.commands] == self.reference.issued[issued:]
        assert sorted(decision.cancels) == sorted(self.reference.withdrawn[withdrawn:])
        assert (decision.ending is None) == (self.reference.ended is None)
        self.ending = decision.ending

    def _tell_reference(self, what: str, seq: int, outcome: Outcome) -> None:
        if what == "begin":
            self.reference.begin()
        elif what == "cancel":
            self.reference.cancel()
        else:
            self.reference.deliver(seq, outcome)

    def _event(self, what: str, seq: int, outcome: Outcome, place: int) -> Event:
        at_us = STARTED_US + place * SECOND_US
        if what != "answer":
            return Event(FLOW_SEQ if what == "begin" else CANCEL_SEQ, StepState.COMPLETED, None, at_us)
        kind, value = outcome
        if kind == "value":
            return Event(seq, StepState.COMPLETED, None if value is None else json.dumps(value), at_us)
        if value == "FlowTimeout:":
            return Event(seq, StepState.COMPLETED, None, at_us)
        info = ErrorInfo(type="LookupError", message="failed", attempts=1)
        return Event(seq, StepState.FAILED, msgspec.json.encode(info).decode(), at_us)

    def _remember(self, consumed: list[Event], decision: Decision) -> None:
        """Give the same events one by one to another run, which must decide the same in all."""
        singles = [self._one_by_one.advance([each]) for each in consumed]
        assert [c for single in singles for c in single.commands] == decision.commands
        assert [c for single in singles for c in single.cancels] == decision.cancels
        assert [c for single in singles for c in single.cancel_children] == decision.cancel_children
        assert plain(singles[-1].ending) == plain(decision.ending)
        for place, single in enumerate(singles, start=len(self.events) + 1):
            assert all(decision.cancelled_at[seq] == place for seq in single.cancels)
        self.events += consumed
        self.single += singles

    def known(self, position: int) -> tuple[KnownCommand, ...]:
        """Return what was issued by the first ``position`` events."""
        return tuple(known(c) for single in self.single[:position] for c in single.commands)

    def history(self, position: int) -> History:
        return History(self.start, self.known(position), tuple(self.events[:position]))

    def check_replays(self) -> None:
        """Replay from every point, and go on from there both step by step and all at once."""
        for position in range(len(self.events) + 1):
            self._check_replay(position, self.events[position : position + 1], self.single[position : position + 1])
            self._check_replay(position, self.events[position:], self.single[position:])

    def _check_replay(self, position: int, unread: list[Event], expected: list[Decision]) -> None:
        run = FlowRun(self.flow, self.start)
        run.replay(self.history(position))
        assert run.position == position
        decision = run.advance(unread)
        assert decision.commands == [c for each in expected for c in each.commands]
        assert decision.cancels == [c for each in expected for c in each.cancels]
        assert decision.cancel_children == [c for each in expected for c in each.cancel_children]
        ending = expected[-1].ending if expected else self.ending
        assert plain(decision.ending) == plain(ending)
        run.close()


def _check_ending(ending: Ending | None, outcome: Outcome | None) -> None:
    assert outcome is not None
    kind, value = outcome
    event(f"ending: {kind}")
    if kind == "value":
        assert isinstance(ending, Completed), (ending, outcome)
        assert json.loads(ending.output) == value
    elif kind == "cancelled":
        assert ending == Cancelled()
    else:
        assert isinstance(ending, Failed), (ending, outcome)
        name, _, step = value.partition(":")
        assert ending.error.type == name
        assert step in ending.error.message


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shape=shapes(), choices=choices, cancel_at=cancels)
def test_a_flow_decides_what_its_shape_says_live_and_replayed(
    shape: Any, choices: list[int], cancel_at: int | None
) -> None:
    world = World(shape, list(choices), cancel_at)
    world.run()
    world.check_replays()
    event(f"events: {min(len(world.events), 30) // 5 * 5}")


@settings(max_examples=500, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(2, 60))
def test_a_large_flow_decides_what_its_shape_says_live_and_replayed(seed: int, size: int) -> None:
    world = grown_world(seed, size)
    world.run()
    world.check_replays()
    event(f"events: {min(len(world.events), 50) // 10 * 10}")


def grown_world(seed: int, size: int) -> World:
    """Return the world of a random shape; the two numbers, which Hypothesis prints, bring it back."""
    random = Random(seed)
    shape = grown(random, size)
    cancel_at = random.randrange(size + 1) if random.random() < 0.5 else None
    return World(shape, [random.randrange(5040) for _ in range(100)], cancel_at)


def _renamed(part: Any) -> Any:
    return Call(name=part.name + "renamed")


def _removed(part: Any) -> Any:
    return Const()


def _preceded(part: Any) -> Any:
    return Seq((Call(name=part.name + "added"), part))


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(1, 40),
    pick=st.integers(0, 1000),
    change=st.sampled_from([_renamed, _removed, _preceded]),
)
def test_changed_code_is_noticed_wherever_history_passed_it(seed: int, size: int, pick: int, change: Any) -> None:
    world = grown_world(seed, size)
    world.run()
    shape = world.reference.shape
    calls = {part.name: part for part in parts_of(shape) if isinstance(part, Call)}
    passed = [command for command in world.known(len(world.events)) if _base(command.name) in calls]
    if not passed:
        event("nothing was passed")
        return
    victim = passed[pick % len(passed)]
    call = calls[_base(victim.name)]
    changed = compiled(rebuilt(shape, lambda part: change(part) if part == call else part))
    for position in range(len(world.events) + 1):
        run = FlowRun(changed, world.start)
        if any(_base(command.name) == call.name for command in world.known(position)):
            with pytest.raises(DeterminismError) as caught:
                run.replay(world.history(position))
            assert caught.value.seq is not None
        else:
            run.replay(world.history(position))
        run.close()


def _base(name: str) -> str:
    """Return the name of the shape's part, without the places in the maps around it."""
    return name.partition(".")[0] + "."


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 60), stop=st.integers(0, 20))
def test_a_flow_can_be_dropped_anywhere_without_a_sound(seed: int, size: int, stop: int) -> None:
    world = grown_world(seed, size)
    world.run()
    position = min(stop, len(world.events))
    run = FlowRun(world.flow, world.start)
    run.replay(world.history(position))
    run.close()
    assert run.advance([]).commands == []
