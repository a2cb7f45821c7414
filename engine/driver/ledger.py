"""The ledger of one run: what its code issued, checked against what was recorded when it ran before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.driver.futures import PENDING, Future
from engine.driver.mismatch import (
    already_given,
    different_command,
    never_issued,
    not_recorded,
    still_awaited,
    unknown_event,
)
from engine.driver.scheduler import Scheduler
from engine.errors import TooManySteps
from engine.model.decisions import Command
from engine.model.history import Event, FlowStart, KnownCommand
from engine.model.states import StepKind


class CommandFuture(Future):
    """The result of an issued command, which an event will bring."""

    __slots__ = ("_ledger", "child_id", "codec", "kind", "name", "seq")

    def __init__(self, ledger: Ledger, seq: int, kind: str, name: str, codec: Any, child_id: str | None) -> None:
        self.state = PENDING
        self.value = None
        self.error = None
        self.waiter = None
        self._ledger = ledger
        self.seq = seq
        self.kind = kind
        self.name = name
        self.codec = codec
        """Reads the output of its event; None where there is no value."""
        self.child_id = child_id

    def cancel(self) -> None:
        """Ask for it not to go on."""
        if self.state == PENDING:
            self._ledger.withdraw(self)
            self.give_up()


class Ledger:
    """Numbers commands, remembers which are open, and compares them with the recorded ones during a replay."""

    __slots__ = (
        "_known",
        "_scheduler",
        "_start",
        "_withdrawn",
        "cancel_children",
        "cancelled_at",
        "cancels",
        "commands",
        "last_seq",
        "max_steps",
        "open",
        "position",
        "replaying",
    )

    def __init__(self, start: FlowStart, scheduler: Scheduler, max_steps: int) -> None:
        self._start = start
        self.max_steps = max_steps
        self._scheduler = scheduler
        self._known: dict[int, KnownCommand] = {}
        self._withdrawn: set[int] = set()
        self.replaying = False
        """Whether the events being given were given before, so that nothing new may be issued."""
        self.last_seq = 0
        """The seq of the latest command."""
        self.open: dict[int, CommandFuture] = {}
        """The futures of commands that are neither finished nor withdrawn."""
        self.commands: list[Command] = []
        self.cancels: list[int] = []
        self.cancelled_at: dict[int, int] = {}
        self.cancel_children: list[str] = []
        self.position = 0
        """The position of the event that the flow is given now."""

    def start_replay(self, known: Iterable[KnownCommand]) -> None:
        """Expect exactly the ``known`` commands from now on."""
        self._known = {command.seq: command for command in known}
        self.replaying = True

    def end_replay(self) -> None:
        """Go over to new ground.

        Raises ``DeterminismError`` if known commands were never issued, or if the code still waits for one that was
        given up: it would wait for ever (I1).
        """
        self.replaying = False
        missing = [command for seq, command in self._known.items() if seq > self.last_seq]
        if missing:
            raise never_issued(self._start, min(missing, key=lambda command: command.seq), self.last_seq)
        for seq in self.open:
            known = self._known.get(seq)
            if known is not None and known.cancelled:
                raise still_awaited(self._start, known)

    def known_next(self) -> KnownCommand | None:
        """Return the recorded command at the next seq, if there is one."""
        return self._known.get(self.last_seq + 1)

    def known_child(self, seq: int) -> str | None:
        """Return the execution that the recorded child command at ``seq`` started."""
        known = self._known.get(seq)
        return None if known is None else known.child_id

    def number(self, kind: str, name: str) -> int:
        """Take the next seq for a command, and check that it is the recorded one there.

        Flow code that runs into a mismatch, or asks for too much, is not told; it goes on until it blocks, and the
        drive ends there. What is recorded was allowed when it was issued, and is not counted again.
        """
        self.last_seq = seq = self.last_seq + 1
        if self.replaying:
            known = self._known.get(seq)
            if known is None:
                self._scheduler.stop(not_recorded(self._start, seq, kind, name))
            elif known.kind != kind or known.name != name:
                self._scheduler.stop(different_command(self._start, known, kind, name))
        elif seq > self.max_steps:
            self._scheduler.stop(
                TooManySteps(
                    f"flow {self._start.flow!r} asked for {kind} {name!r}, which is more than the {self.max_steps:,} "
                    f"steps that one execution may have (limits.max_steps); a flow that runs for long starts afresh "
                    f"with continue_as_new"
                )
            )
        return seq

    def expect(self, seq: int, kind: str, name: str, codec: Any = None, child_id: str | None = None) -> CommandFuture:
        """Return the future of the command at ``seq``."""
        future = self.open[seq] = CommandFuture(self, seq, kind, name, codec, child_id)
        return future

    def take(self, event: Event) -> CommandFuture | None:
        """Return the future that ``event`` finishes, or None if the flow gave it up meanwhile.

        Raises ``DeterminismError`` if the code never issued a command at that seq, or was given its event before.
        """
        future = self.open.pop(event.seq, None)
        if future is not None:
            return future
        if event.seq in self._withdrawn:
            self._withdrawn.discard(event.seq)
            return None
        if 0 < event.seq <= self.last_seq:
            raise already_given(self._start, event)
        raise unknown_event(self._start, event, self._known.get(event.seq), self.last_seq)

    def withdraw(self, future: CommandFuture) -> None:
        """Record that the flow no longer wants the result of an open command."""
        del self.open[future.seq]
        self._withdrawn.add(future.seq)
        self.cancels.append(future.seq)
        self.cancelled_at[future.seq] = self.position
        if future.kind == StepKind.CHILD and future.child_id is not None:
            self.cancel_children.append(future.child_id)

    def forget_decided(self) -> None:
        """Drop what was decided so far: it is recorded, or about to be."""
        self.commands = []
        self.cancels = []
        self.cancelled_at = {}
        self.cancel_children = []
