"""What a shape means, told a second time: a direct interpreter with neither coroutines nor a scheduler.

Everything is a function that is given what to do afterwards. An interpreter says which commands are open; it is given
one outcome at a time, and goes as far as that leads, depth first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.unit.driver.shapes import (
    Call,
    Catch,
    Const,
    Finally,
    Gather,
    Listen,
    Map,
    Member,
    Race,
    Raise,
    Seq,
    Sleep,
    Swallow,
    Timeout,
    Undo,
    fails,
    is_wrapped,
)

Outcome = tuple[str, Any]
Then = Callable[[Outcome], None]
CANCELLED: Outcome = ("cancelled", None)


class Interpreter:
    """Runs one shape. ``issued`` and ``withdrawn`` grow, ``open`` is what may come next, ``ended`` is the outcome."""

    def __init__(self, shape: Any) -> None:
        self.shape = shape
        self.issued: list[tuple[int, str, str]] = []
        self.withdrawn: list[int] = []
        self.open: dict[int, tuple[Any, str, Then]] = {}
        self.root = Branch()
        self.ended: Outcome | None = None

    def begin(self) -> None:
        self.evaluate(self.shape, "", self.root, self._end)

    def cancel(self) -> None:
        self.root.cancel()

    def outcome_of(self, seq: int, in_time: bool) -> Outcome:
        """Return what the world answers to an open command."""
        shape, items, _ = self.open[seq]
        if isinstance(shape, Call):
            name = shape.name + items
            if fails(shape, items):
                return ("error", f"{'ChildFailed' if shape.child else 'StepFailed'}:{name}")
            return ("value", f"result of {name}")
        if isinstance(shape, Listen):
            if shape.timed and not in_time:
                return ("error", "FlowTimeout:")
            return ("value", f"payload of {shape.name}{items}")
        return ("value", None)

    def deliver(self, seq: int, outcome: Outcome) -> None:
        """Give an open command its outcome; one that was withdrawn takes no notice."""
        if seq in self.open:
            self.open.pop(seq)[2](outcome)

    def _end(self, outcome: Outcome) -> None:
        self.ended = outcome

    # Shapes

    def evaluate(self, shape: Any, items: str, branch: Branch, then: Then) -> None:
        match shape:
            case Const():
                then(("value", "const"))
            case Raise():
                then(("error", "ValueError:"))
            case Seq():
                self._sequence(shape.parts, [], items, branch, then)
            case Catch():
                self._handle("error", shape, items, branch, then)
            case Swallow():
                self._handle("cancelled", shape, items, branch, then)
            case Finally():
                self._finally(shape, items, branch, then)
            case Undo():
                self._undo(shape.parts, [], [], items, branch, then)
            case _:
                branch.wait(lambda done: self.start(shape, items, done), then)

    def _sequence(self, parts: Any, values: list[Any], items: str, branch: Branch, then: Then) -> None:
        def after(outcome: Outcome) -> None:
            if outcome[0] == "value":
                self._sequence(parts[1:], [*values, outcome[1]], items, branch, then)
            else:
                then(outcome)

        if parts:
            self.evaluate(parts[0], items, branch, after)
        else:
            then(("value", values))

    def _handle(self, kind: str, shape: Any, items: str, branch: Branch, then: Then) -> None:
        def after_body(outcome: Outcome) -> None:
            if outcome[0] != kind:
                then(outcome)
                return
            word = outcome[1] if kind == "error" else "swallowed"
            self.evaluate(shape.handler, items, branch, lambda end: then(_with_word(word, end)))

        self.evaluate(shape.body, items, branch, after_body)

    def _finally(self, shape: Any, items: str, branch: Branch, then: Then) -> None:
        def after_body(outcome: Outcome) -> None:
            self.evaluate(shape.cleanup, items, branch, lambda end: then(outcome if end[0] == "value" else end))

        self.evaluate(shape.body, items, branch, after_body)

    def _undo(
        self, parts: Any, values: list[Any], compensations: list[Any], items: str, branch: Branch, then: Then
    ) -> None:
        def after_part(outcome: Outcome) -> None:
            if outcome[0] == "value":
                self._undo(parts[1:], [*values, outcome[1]], [*compensations, parts[0][1]], items, branch, then)
            else:
                branch.shields += 1
                self._compensate(compensations, outcome, items, branch, then)

        if parts:
            self.evaluate(parts[0][0], items, branch, after_part)
        else:
            then(("value", values))

    def _compensate(self, left: list[Any], cause: Outcome, items: str, branch: Branch, then: Then) -> None:
        if left:
            self.evaluate(left[-1], items, branch, lambda _: self._compensate(left[:-1], cause, items, branch, then))
        else:
            branch.shields -= 1
            then(cause)

    # Commands and groups

    def start(self, shape: Any, items: str, done: Then) -> Any:
        """Start what the engine has an awaitable for, and return a handle to cancel it with."""
        match shape:
            case Call() | Sleep() | Listen():
                return self._issue(shape, items, done)
            case Gather():
                group = AllOf(len(shape.members), lambda i, end: self.join(shape.members[i], items, end), done)
                group.keep_errors = shape.keep_errors
            case Race():
                group = FirstOf(len(shape.members), lambda i, end: self.join(shape.members[i], items, end), done)
            case Timeout():
                group = InTime(2, lambda i, end: self._timed(i, shape.member, items, end), done)
            case Map():
                group = AllOf(
                    shape.count, lambda i, end: self.join(Member(shape.body, i % 2 == 0), f"{items}{i}", end), done
                )
                group.limit = shape.limit
            case _:
                raise AssertionError(shape)
        group.fill()
        return group

    def _timed(self, index: int, member: Member, items: str, done: Then) -> Any:
        if index == 0:
            return self.join(member, items, done)
        return self._issue(Sleep(), items, done, name="timeout")

    def _issue(self, shape: Any, items: str, done: Then, name: str = "sleep") -> Any:
        seq = len(self.issued) + 1
        if isinstance(shape, Call):
            self.issued.append((seq, "child" if shape.child else "step", shape.name + items))
        elif isinstance(shape, Listen):
            self.issued.append((seq, "event", shape.name + items))
        else:
            self.issued.append((seq, "timer", name))
        self.open[seq] = (shape, items, done)
        return Withdrawal(self, seq)

    def join(self, member: Member, items: str, done: Then) -> Any:
        """Start a member of a group."""
        if not is_wrapped(member):
            return self.start(member.body, items, done)
        branch = Branch()
        self.evaluate(member.body, items, branch, done)
        return branch


def _with_word(word: str, end: Outcome) -> Outcome:
    return ("value", [word, end[1]]) if end[0] == "value" else end


class Withdrawal:
    """The handle of an open command."""

    def __init__(self, interpreter: Interpreter, seq: int) -> None:
        self.interpreter = interpreter
        self.seq = seq

    def cancel(self) -> None:
        if self.seq in self.interpreter.open:
            done = self.interpreter.open.pop(self.seq)[2]
            self.interpreter.withdrawn.append(self.seq)
            done(CANCELLED)


class Branch:
    """What is cancelled as one: at most once, and not while it compensates."""

    def __init__(self) -> None:
        self.waiting: Any = None
        self.cancelled = False
        self.kept = False
        self.shields = 0

    def wait(self, start: Callable[[Then], Any], then: Then) -> None:
        if self.kept and not self.shields:
            self.kept, self.cancelled = False, True
            then(CANCELLED)
            return
        finished = False

        def done(outcome: Outcome) -> None:
            nonlocal finished
            finished = True
            self.waiting = None
            then(outcome)

        handle = start(done)
        if not finished:
            self.waiting = handle

    def cancel(self) -> None:
        if self.cancelled:
            return
        if self.shields:
            self.kept = True
            return
        self.cancelled = True
        if self.waiting is not None:
            self.waiting.cancel()


class Group:
    """Members side by side. The group is done when all that were started are."""

    limit = 1_000_000
    keep_errors = False

    def __init__(self, count: int, start: Callable[[int, Then], Any], done: Then) -> None:
        self.count = count
        self.start = start
        self.done = done
        self.next = 0
        self.running: dict[int, Any] = {}
        self.values: list[Any] = [None] * count
        self.verdict: Outcome | None = None
        self.filling = False
        self.over = False

    def fill(self) -> None:
        if self.filling:
            return
        self.filling = True
        while self.verdict is None and self.next < self.count and len(self.running) < self.limit:
            index, self.next = self.next, self.next + 1
            self.running[index] = None
            handle = self.start(index, lambda outcome, index=index: self.member(index, outcome))
            if index in self.running:
                self.running[index] = handle
        self.filling = False
        self.settle()

    def member(self, index: int, outcome: Outcome) -> None:
        del self.running[index]
        if self.verdict is None:
            verdict = self.judge(index, outcome)
            if verdict is not None:
                self.close(verdict)
            else:
                self.fill()
        self.settle()

    def judge(self, index: int, outcome: Outcome) -> Outcome | None:
        raise NotImplementedError

    def close(self, verdict: Outcome) -> None:
        self.verdict = verdict
        for handle in list(self.running.values()):
            if handle is not None:
                handle.cancel()

    def cancel(self) -> None:
        if self.verdict is None:
            self.close(CANCELLED)
        self.verdict = CANCELLED
        self.settle()

    def settle(self) -> None:
        if self.over or self.filling or self.running or (self.verdict is None and self.next < self.count):
            return
        self.over = True
        self.done(self.verdict or ("value", self.values))


class AllOf(Group):
    """``gather`` and ``bounded_map``."""

    def judge(self, index: int, outcome: Outcome) -> Outcome | None:
        if outcome[0] == "value" or (self.keep_errors and outcome[0] == "error"):
            self.values[index] = outcome[1]
            return None
        return outcome


class FirstOf(Group):
    """``race``."""

    def judge(self, index: int, outcome: Outcome) -> Outcome | None:
        return ("value", [index, outcome[1]]) if outcome[0] == "value" else outcome


class InTime(Group):
    """``with_timeout``: the second member is the timer."""

    def judge(self, index: int, outcome: Outcome) -> Outcome | None:
        if index == 1 and outcome[0] == "value":
            return ("error", "FlowTimeout:")
        return outcome
