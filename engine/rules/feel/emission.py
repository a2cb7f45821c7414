"""What the compiler keeps while it goes through a tree: statements, and which Python variable stands for which name."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from engine.rules.feel import code
from engine.rules.feel.builtins import BUILTINS

if TYPE_CHECKING:
    from engine.rules.feel.scope import Scope
    from engine.rules.feel.values import Function


class Block:
    """Statements that come before an expression."""

    def __init__(self) -> None:
        self.statements: list[ast.stmt] = []

    def add(self, statement: ast.stmt) -> None:
        """Add the next statement."""
        self.statements.append(statement)


class Found(NamedTuple):
    """What a name may stand for."""

    value: ast.expr | None
    """A variable; None if there is none of that name."""
    builtin: Function | None
    """A built-in function."""
    items: list[str]
    """Items of filters around it, the innermost first, which may have an entry of that name that counts before."""


class Environment:
    """The names of a place. Those of the whole expression are loaded into variables once, at its beginning."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._frames: tuple[tuple[str | None, str], ...] = ()
        self.loaded: dict[str, str] = {}
        """Names of the whole expression that are used, each with its variable."""

    def with_local(self, name: str, variable: str) -> Environment:
        """Return an environment in which a name stands for a Python variable."""
        return self._within((name, variable))

    def with_item(self, variable: str) -> Environment:
        """Return an environment within a filter: ``item``, and entries of the item."""
        return self._within((None, variable))

    def _within(self, frame: tuple[str | None, str]) -> Environment:
        inner = Environment(self._scope)
        inner._frames = (*self._frames, frame)
        inner.loaded = self.loaded
        return inner

    def find(self, name: str) -> Found:
        """Return what a name stands for here."""
        items: list[str] = []
        for known, variable in reversed(self._frames):
            if known == name:
                return Found(code.name(variable), None, items)
            if known is None:
                if name == "item":
                    # An entry that is called so counts before the item itself.
                    return Found(code.name(variable), None, [*items, variable])
                items.append(variable)
        if self._scope.type_of(name) is not None:
            variable = self.loaded.setdefault(name, f"g{len(self.loaded)}")
            return Found(code.name(variable), None, items)
        return Found(None, BUILTINS.get(name), items)
