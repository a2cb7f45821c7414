"""Rules in a row: what one gives is what the next is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast, overload

from engine.rules.errors import ModelError
from engine.rules.tracing import Firing, Trace

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")


class Pipeline(Generic[A, B]):
    """Tables, rule sets and functions of one argument, one after the other."""

    def __init__(self, links: tuple[Callable[[Any], Any], ...]) -> None:
        if not links:
            raise ModelError("a pipeline has no links: give it tables, rule sets or functions of one argument")
        self.links = links

    def __call__(self, given: A) -> B:
        """Return what the last link makes of what those before it made. Raises what they raise."""
        return self.trace(given).outcome

    def trace(self, given: A) -> Trace[B]:
        """Return the outcome, and what fired in all links; of functions, nothing is told."""
        value: Any = given
        fired: list[Firing] = []
        problems: list[str] = []
        for link in self.links:
            trace: Any = getattr(link, "trace", None)
            if trace is None:
                value = link(value)
                continue
            traced = cast("Trace[Any]", trace(value))
            value = traced.outcome
            fired += traced.fired
            problems += traced.problems
        return Trace(cast("B", value), tuple(fired), tuple(problems))


@overload
def pipeline(one: Callable[[A], B], two: Callable[[B], C], /) -> Pipeline[A, C]: ...


@overload
def pipeline(one: Callable[[A], B], two: Callable[[B], C], three: Callable[[C], D], /) -> Pipeline[A, D]: ...


@overload
def pipeline(
    one: Callable[[A], B], two: Callable[[B], C], three: Callable[[C], D], four: Callable[[D], E], /
) -> Pipeline[A, E]: ...


def pipeline(*links: Callable[[Any], Any]) -> Pipeline[Any, Any]:
    """Put tables, rule sets and functions of one argument in a row; for more than four, put pipelines in a row."""
    return Pipeline(links)
