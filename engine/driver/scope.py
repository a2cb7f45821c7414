"""What flow code reaches of its run while it is driven: issuing commands, starting branches, time and randomness."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, cast

from engine.codec import check_size
from engine.definitions.lazy import Lazy
from engine.driver.branches import Branch
from engine.driver.futures import Future
from engine.driver.ledger import CommandFuture, Ledger
from engine.driver.members import as_coroutine, release
from engine.driver.scheduler import Scheduler
from engine.driver.signals import ContinueAsNew
from engine.errors import AlreadyAwaited
from engine.model.decisions import Command
from engine.model.history import FlowStart
from engine.model.ids import derived_execution_id
from engine.model.states import StepKind

if TYPE_CHECKING:
    from engine.definitions.flow import Flow
    from engine.definitions.step import Step

_BYTES_PER_CHARACTER = 4


class Scope:
    """The run's side towards flow code. It is the current run of the thread while the flow is driven."""

    __slots__ = (
        "_flow",
        "_patches",
        "_random",
        "_short",
        "_start",
        "_unawaited",
        "ledger",
        "max_value_bytes",
        "now_us",
        "position",
        "scheduler",
    )

    def __init__(self, flow: Flow[..., Any], start: FlowStart, max_value_bytes: int, max_steps: int) -> None:
        self._flow = flow
        self._start = start
        self.max_value_bytes = max_value_bytes
        self._short = max_value_bytes // _BYTES_PER_CHARACTER
        self._patches: dict[str, bool] = {}
        self._random: Random | None = None
        self.scheduler = Scheduler()
        self.ledger = Ledger(start, self.scheduler, max_steps)
        self._unawaited = self.scheduler.unawaited
        self.now_us = start.started_us
        """The time of the latest event, in microseconds since 1970; it never goes back."""
        self.position = 0
        """The position of the event that the flow is given now."""

    @property
    def started_us(self) -> int:
        """The flow's time when it began."""
        return self._start.started_us

    @property
    def origin_id(self) -> str:
        """The execution's id; a rerun has that of the execution whose past it took over."""
        return self._start.seed_id or self._start.execution_id

    # Awaiting

    def created(self, lazy: Lazy[Any]) -> None:
        """Note that flow code made ``lazy``; it has to be awaited before the flow returns."""
        self._unawaited.add(lazy)

    def begin(self, lazy: Lazy[Any]) -> Future:
        """Return the future of ``lazy``, which the running branch awaits. Raises ``AlreadyAwaited`` the second time."""
        branch = self.scheduler.active
        if branch is not None and branch.cancel_kept and not branch.shields:
            release(lazy, self._unawaited)
            return branch.take_kept_cancellation()
        return self._issue(lazy)

    def _issue(self, lazy: Lazy[Any]) -> Future:
        if lazy.begun:
            raise AlreadyAwaited(
                f"{lazy.describe()} was awaited before; a call is issued once, so make a new call, or keep the "
                f"first result"
            )
        lazy.begun = True
        self._unawaited.discard(lazy)
        return lazy.start(self)  # type: ignore[return-value]

    def spawn(self, awaitable: Any) -> Future:
        """Start an awaitable beside the branch that is running; an error in starting it is its result."""
        try:
            if isinstance(awaitable, Lazy):
                return self._issue(cast("Lazy[Any]", awaitable))
            branch = Branch(self.scheduler, as_coroutine(awaitable))
        except Exception as error:  # noqa: BLE001 - the flow gets it
            failed = Future()
            failed.fail(error)
            return failed
        self.scheduler.schedule(branch)
        return branch

    # Commands

    def issue_step(self, step: Step[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> CommandFuture:
        """Issue a call of a step. Raises ``CodecError`` for arguments that do not fit or cannot be written."""
        name = step.name
        text = step.arguments.encode(args, kwargs)
        if len(text) > self._short:
            check_size(text, self.max_value_bytes, f"the arguments of step {name!r}")
        ledger = self.ledger
        seq = ledger.number(StepKind.STEP, name)
        if not ledger.replaying:
            ledger.commands.append(
                Command(
                    seq,
                    StepKind.STEP,
                    name,
                    step.queue or self._start.queue,
                    self._start.priority if step.priority is None else step.priority,
                    text,
                    None,
                    step.max_attempts,
                    step.timeout_us,
                    step.inline,
                    step.dead_letter,
                    step.own_retry,
                    issued=self.position,
                )
            )
        return ledger.expect(seq, StepKind.STEP, name, step.result)

    def issue_child(self, flow: Flow[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> CommandFuture:
        """Start a child flow. Raises ``CodecError`` for arguments that do not fit or cannot be written."""
        seq, child_id = self._start_child(flow, args, kwargs, detached=False)
        return self.ledger.expect(seq, StepKind.CHILD, flow.name, flow.result, child_id)

    def detach(self, flow: Flow[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Start a child flow that nobody waits for, and return its execution id."""
        return self._start_child(flow, args, kwargs, detached=True)[1]

    def _start_child(
        self, flow: Flow[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], *, detached: bool
    ) -> tuple[int, str]:
        text = flow.arguments.encode(args, kwargs)
        check_size(text, self.max_value_bytes, f"the arguments of child flow {flow.name!r}")
        ledger = self.ledger
        seq = ledger.number(StepKind.CHILD, flow.name)
        child_id = ledger.known_child(seq) if ledger.replaying else None
        if child_id is None:
            child_id = derived_execution_id(self.now_us, self._start.execution_id, seq)
        if not ledger.replaying:
            ledger.commands.append(
                Command(
                    seq,
                    StepKind.CHILD,
                    flow.name,
                    flow.queue or self._start.queue,
                    self._start.priority if flow.priority is None else flow.priority,
                    text,
                    child_id=child_id,
                    child_version=flow.version,
                    detached=detached,
                    issued=self.position,
                )
            )
        return seq, child_id

    def issue_wait(self, kind: str, name: str, delay_us: int | None, codec: Any = None) -> CommandFuture:
        """Issue a timer, or a wait for an event with ``delay_us`` as its timeout (None: none)."""
        seq = self._issue_plain(kind, name, delay_us)
        return self.ledger.expect(seq, kind, name, codec)

    def _issue_plain(self, kind: str, name: str, delay_us: int | None) -> int:
        ledger = self.ledger
        seq = ledger.number(kind, name)
        if not ledger.replaying:
            start = self._start
            ledger.commands.append(
                Command(seq, kind, name, start.queue, start.priority, delay_us=delay_us, issued=self.position)
            )
        return seq

    def continue_as_new(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ContinueAsNew:
        """Return the signal that ends this execution. Raises ``CodecError`` for arguments that do not fit the flow."""
        text = self._flow.arguments.encode(args, kwargs)
        check_size(text, self.max_value_bytes, f"the arguments of flow {self._flow.name!r}")
        return ContinueAsNew(text)

    # Surroundings

    def patched(self, name: str) -> bool:
        """Tell whether this execution runs the code behind the marker ``name``, and record it where it is new."""
        decided = self._patches.get(name)
        if decided is None:
            decided = self._patches[name] = self._decide_patch(name)
        return decided

    def _decide_patch(self, name: str) -> bool:
        # While recorded events are replayed, earlier code has passed this place: it had the marker if it is recorded.
        if self.ledger.replaying:
            known = self.ledger.known_next()
            if known is None or known.kind != StepKind.MARKER or known.name != name:
                return False
        self._issue_plain(StepKind.MARKER, name, None)
        return True

    @property
    def random(self) -> Random:
        """The run's random numbers: the same ones whenever the execution is replayed."""
        if self._random is None:
            self._random = Random(self.origin_id)
        return self._random

    def shield(self) -> Branch:
        """Keep cancellations from the branch that is running, which is returned, until its ``unshield``."""
        branch = self.scheduler.active
        if branch is None:
            raise RuntimeError("no branch is running")
        branch.shields += 1
        return branch
