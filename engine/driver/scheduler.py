"""Runs the branches of a flow, one at a time, in an order that depends on nothing but what they do.

Work that is found while a piece of work runs is done before anything that was waiting already: a group's first member
runs until it blocks, with all that it starts, before the second begins. So the order of commands is the order in which
one would read them, and it needs no recursion however deeply groups are nested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from engine.definitions.lazy import Lazy
    from engine.driver.branches import Branch


class Work(Protocol):
    """Something that can be run for one stretch."""

    def step(self) -> None:
        """Run until it blocks or ends."""
        ...


class Scheduler:
    """The work of one run that is ready, and the branch that is running."""

    __slots__ = ("_abort", "_found", "_ready", "active", "branches", "unawaited")

    def __init__(self) -> None:
        self._ready: list[Work] = []
        self._found: list[Work] = []
        self.active: Branch | None = None
        """The branch whose code is running."""
        self.branches: dict[Branch, None] = {}
        """The branches that have not ended, in the order in which they were made."""
        self.unawaited: set[Lazy[Any]] = set()
        """What flow code made and has not awaited. Cleared when an error or a cancellation is raised in a branch: what
        was made before that may rightly be left behind."""
        self._abort: BaseException | None = None

    def schedule(self, work: Work) -> None:
        """Have ``work`` run, after what was scheduled by the same piece of work and before everything older."""
        self._found.append(work)

    @property
    def has_found_work(self) -> bool:
        """Whether the piece of work that is running has scheduled something."""
        return bool(self._found)

    def stop(self, error: BaseException) -> None:
        """End the drive with ``error`` when the piece of work that is running blocks; the first error counts.

        It is not raised through flow code, which could swallow it.
        """
        if self._abort is None:
            self._abort = error

    def run(self) -> None:
        """Run what is ready until everything blocks. Raises what ``stop`` was given."""
        found = self._found
        ready = self._ready
        while found or ready:
            if found:
                if len(found) > 1:
                    found.reverse()
                ready += found
                found.clear()
            ready.pop().step()
            if self._abort is not None:
                raise self._abort
