"""An execution in memory: what a store and a worker do around the driver, with every drive checked by a replay."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import msgspec

from engine.definitions.flow import Flow
from engine.driver import FlowRun, drive
from engine.model.decisions import Command, Completed, Decision, Ending, Failed
from engine.model.history import ErrorInfo, Event, FlowStart, History, KnownCommand
from engine.model.states import CANCEL_SEQ, FLOW_SEQ, StepState

EXECUTION_ID = "0" * 26
STARTED_US = 1_700_000_000_000_000
SECOND_US = 1_000_000


opened: list[FlowRun] = []
"""The runs that the test at hand has made; they are closed after it."""


def start_of(flow: Flow[..., Any], *args: Any, **kwargs: Any) -> FlowStart:
    return FlowStart(
        execution_id=EXECUTION_ID,
        flow=flow.name,
        version=flow.version,
        input=flow.arguments.encode(args, kwargs),
        queue="default",
        priority=5,
        started_us=STARTED_US,
    )


def known(command: Command, cancelled: Collection[int] = ()) -> KnownCommand:
    return KnownCommand(command.seq, command.kind, command.name, cancelled=command.seq in cancelled)


def plain(ending: Ending | None) -> object:
    """Return the ending without the parts that tell where the engine's own frames are."""
    if isinstance(ending, Failed):
        return Failed(msgspec.structs.replace(ending.error, traceback=""))
    return ending


def same(one: Decision, other: Decision) -> bool:
    return (one.commands, one.cancels, one.cancel_children, plain(one.ending)) == (
        other.commands,
        other.cancels,
        other.cancel_children,
        plain(other.ending),
    )


class Execution:
    """Drives a flow live, event by event, and replays its whole history beside every drive."""

    def __init__(self, flow: Flow[..., Any], *args: Any, **kwargs: Any) -> None:
        self.flow = flow
        self.start = start_of(flow, *args, **kwargs)
        self.run = FlowRun(flow, self.start)
        opened.append(self.run)
        self.commands: dict[int, Command] = {}
        self.consumed: list[Event] = []
        self.cancelled: list[int] = []
        self.cancelled_children: list[str] = []
        self.ending: Ending | None = None
        self.clock_us = STARTED_US
        self.begun = self.give(self.event(FLOW_SEQ, StepState.COMPLETED, None))

    def history(self, *unread: Event) -> History:
        return History(
            start=self.start,
            known=tuple(known(command, self.cancelled) for command in self.commands.values()),
            consumed=tuple(self.consumed),
            unread=unread,
        )

    def event(self, seq: int, state: str, output: str | None) -> Event:
        self.clock_us += SECOND_US
        return Event(seq, state, output, self.clock_us)

    def give(self, *events: Event) -> Decision:
        """Advance the live run, and check that a replay of everything before decides the same."""
        replayed = drive(self.flow, self.history(*events))
        before = self.run.position
        decision = self.run.advance(events)
        assert same(decision, replayed), (decision, replayed)
        self.consumed += events[: self.run.position - before]
        self.commands.update((command.seq, command) for command in decision.commands)
        self.cancelled += decision.cancels
        self.cancelled_children += decision.cancel_children
        self.ending = decision.ending
        again = drive(self.flow, self.history())
        assert again.commands == []
        assert plain(again.ending) == plain(decision.ending)
        return decision

    def complete(self, seq: int, value: Any = None) -> Decision:
        """Give the result of a step, a child or an event."""
        return self.give(self.done(seq, value))

    def done(self, seq: int, value: Any = None) -> Event:
        return self.event(seq, StepState.COMPLETED, json.dumps(value))

    def fail(self, seq: int, kind: str = "ValueError", message: str = "no good") -> Decision:
        """Give the failure of a step or a child."""
        return self.give(self.failed(seq, kind, message))

    def failed(self, seq: int, kind: str = "ValueError", message: str = "no good") -> Event:
        info = ErrorInfo(type=kind, message=message, attempts=3)
        return self.event(seq, StepState.FAILED, msgspec.json.encode(info).decode())

    def fire(self, seq: int) -> Decision:
        """Let a timer fire, or the time of an event wait run out."""
        return self.give(self.event(seq, StepState.COMPLETED, None))

    def cancel(self) -> Decision:
        """Give the request to cancel the execution."""
        return self.give(self.event(CANCEL_SEQ, StepState.COMPLETED, None))

    @property
    def names(self) -> list[str]:
        """The names of all commands, in the order in which they were issued."""
        return [command.name for command in self.commands.values()]

    @property
    def result(self) -> Any:
        assert isinstance(self.ending, Completed), self.ending
        return json.loads(self.ending.output)

    @property
    def error(self) -> ErrorInfo:
        assert isinstance(self.ending, Failed), self.ending
        return self.ending.error
