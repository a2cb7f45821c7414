"""How the quick way to decide a table gets at the values of its columns: ``c0``, ``c1`` and so on of its code."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from engine.rules.feel import code

Keep = Callable[[str, object], ast.expr]
"""Has the code know a value by a name."""


class Reading(Protocol):
    """What the function takes, and the statements that get the values of columns from it."""

    @property
    def parameters(self) -> Sequence[str]:
        """The names of its parameters."""
        ...

    def statements(self, places: Sequence[int], keep: Keep, misfit: ast.stmt) -> Iterator[ast.stmt]:
        """Yield the statements for the columns at these places; ``misfit`` is what to do with what is not as told."""
        ...


class ByColumn:
    """An argument for each column."""

    def __init__(self, count: int) -> None:
        self.parameters = [f"c{place}" for place in range(count)]

    def statements(self, places: Sequence[int], keep: Keep, misfit: ast.stmt) -> Iterator[ast.stmt]:
        """Yield nothing: the arguments are the values."""
        return iter(())


class ByName:
    """One mapping, which has the values by these names. The function raises KeyError if one is missing."""

    parameters = ("inputs",)

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def statements(self, places: Sequence[int], keep: Keep, misfit: ast.stmt) -> Iterator[ast.stmt]:
        """Yield a look into the mapping for each column."""
        for place in places:
            found = ast.Subscript(code.name("inputs"), code.constant(self._names[place]), ast.Load())
            yield code.assign(f"c{place}", found)
