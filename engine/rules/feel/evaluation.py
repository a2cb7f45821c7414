"""What one evaluation carries with it: the moment it takes for now, what went wrong so far, and how much it may do."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.errors import MilepostError


class BudgetExceeded(MilepostError):
    """An evaluation was stopped because it did more, or would have made more, than it may."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one evaluation may do, and how large a value a single operation may make."""

    steps: int = 10_000_000
    """Steps in all: about one for each element, character or call that is looked at."""
    depth: int = 100
    """Calls of functions that are written in FEEL within each other."""
    max_items: int = 1_000_000
    """Elements of a list or a context."""
    max_text: int = 10_000_000
    """Code points of a string."""


DEFAULT_LIMITS: Final = Limits()
_LOOK_STEPS: Final = 10_000
"""After so many steps it is asked whether an evaluation is overdue: a fraction of a second."""


@contextmanager
def bounded_evaluation() -> Generator[None]:
    """Have an evaluation stopped that makes values nested deeper than Python can follow, as loops can.

    It goes around a whole evaluation. Raises ``BudgetExceeded``.
    """
    try:
        yield
    except RecursionError:
        raise BudgetExceeded(
            "lists, contexts or calls were nested too deep in each other, and the evaluation was stopped"
        ) from None


class Evaluation:
    """One evaluation: hand the same one to everything that is evaluated together.

    ``now`` is the moment that ``now()`` and ``today()`` see, with its zone, or what tells it; it is asked once. Give a
    list as ``problems`` to learn why something is null, and one as ``matched`` to learn which rules match of each table
    that is decided: the decision it belongs to, and their places from 0. ``overdue`` is asked now and then, and tells
    whether the evaluation has taken too long: this is the one thing by which machines differ.
    """

    __slots__ = (
        "_depth", "_limits", "_look_at", "_moment", "_now", "_overdue", "_steps_left", "decision", "matched", "problems"
    )  # fmt: skip

    def __init__(
        self,
        now: datetime | Callable[[], datetime],
        problems: list[str] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        matched: list[tuple[str, list[int]]] | None = None,
        overdue: Callable[[], bool] | None = None,
    ) -> None:
        self._now = now
        self._moment: datetime | None = None
        self._limits = limits
        self._steps_left = limits.steps
        self._overdue = overdue
        self._look_at = 0 if overdue is None else max(limits.steps - _LOOK_STEPS, 0)
        self._depth = 0
        self.problems = problems
        self.matched = matched
        self.decision = ""
        """The name of the decision that is evaluated, where several are."""

    def now(self) -> datetime:
        """Return the moment that is now for the whole of this evaluation."""
        if self._moment is None:
            self._moment = self._now if isinstance(self._now, datetime) else self._now()
        return self._moment

    def problem(self, text: str) -> None:
        """Say why a value is null; an error in FEEL is null, so this returns None, to be returned on."""
        if self.problems is not None:
            self.problems.append(text)

    def enter(self) -> None:
        """Count a call that begins. Raises ``BudgetExceeded`` if calls go too deep; else ``leave`` has to follow."""
        if self._depth >= self._limits.depth:
            raise BudgetExceeded(
                f"functions called each other {self._depth} levels deep, and the evaluation was stopped: a recursion"
                f" may not end"
            )
        self._depth += 1

    def leave(self) -> None:
        """Count a call that has ended."""
        self._depth -= 1

    def spend(self, steps: int = 1) -> None:
        """Count steps. Raises ``BudgetExceeded`` when there were too many, or they took too long."""
        self._steps_left -= steps
        if self._steps_left < self._look_at:
            self._look()

    def _look(self) -> None:
        if self._steps_left < 0:
            raise BudgetExceeded(
                f"the evaluation took more than {self._limits.steps} steps, and was stopped: let it work on shorter"
                f" lists, or allow more steps"
            )
        if self._overdue is not None and self._overdue():
            raise BudgetExceeded(
                "the evaluation took longer than it may here, and was stopped: let it work on shorter lists and texts"
            )
        self._look_at = max(self._steps_left - _LOOK_STEPS, 0)

    def room_for_items(self, count: int) -> None:
        """Count the making of a list of ``count`` elements. Raises ``BudgetExceeded`` if that is too many."""
        if count > self._limits.max_items:
            raise BudgetExceeded(
                f"a list of {count} elements was to be made, and the evaluation was stopped: a list may have"
                f" {self._limits.max_items}"
            )
        self.spend(count)

    def room_for_text(self, length: int) -> None:
        """Count the making of a string of ``length`` characters. Raises ``BudgetExceeded`` if that is too many."""
        if length > self._limits.max_text:
            raise BudgetExceeded(
                f"a string of {length} characters was to be made, and the evaluation was stopped: a string may have"
                f" {self._limits.max_text}"
            )
        self.spend(length >> 6)
