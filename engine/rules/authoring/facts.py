"""Facts: the typed, immutable state that rules look at, and that each conclusion replaces."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

import msgspec
from pydantic import BaseModel

from engine.rules.authoring.hints import converter, fields_of
from engine.rules.authoring.names import suggestion
from engine.rules.errors import ModelError
from engine.rules.feel.exchange import from_python
from engine.rules.feel.values import Value
from engine.rules.tracing import Change

S = TypeVar("S")


class Facts(Generic[S]):
    """A type of facts: how its fields are read, and how one with other values is made."""

    def __init__(self, type_: type[S]) -> None:
        fields = fields_of(type_)
        if fields is None:
            raise ModelError(
                f"{type_!r} has no fields that rules could look at: use a dataclass, a msgspec.Struct, a pydantic "
                f"model, a TypedDict or a named tuple"
            )
        self.type = type_
        self.hints = fields
        self._converters: dict[str, Callable[[Any], Any]] = {}

    def values(self, facts: S) -> dict[str, Any]:
        """Return the fields of facts, by name."""
        if isinstance(facts, Mapping):
            given = cast("Mapping[str, Any]", facts)
            return {name: given.get(name) for name in self.hints}
        return {name: getattr(facts, name) for name in self.hints}

    def feel(self, facts: S, names: tuple[str, ...]) -> dict[str, Value]:
        """Return some fields as FEEL has them."""
        values = self.values(facts)
        return {name: from_python(values[name]) for name in names}

    def check(self, name: str, where: str) -> None:
        """Raise ModelError if there is no such field."""
        if name not in self.hints:
            raise ModelError(f"{where}: {self.type.__name__} has no field {name!r}{suggestion(name, self.hints)}")

    def convert(self, name: str, value: Any, where: str) -> Any:
        """Return a value that FEEL came to as one of the field's type. Raises RuleError."""
        convert = self._converters.get(name)
        if convert is None:
            convert = self._converters[name] = converter(self.hints[name], f"{where}: {name}")
        return convert(value)

    def replaced(self, facts: S, changes: Mapping[str, Any]) -> S:
        """Return facts with other values; the given ones stay as they are."""
        if not changes:
            return facts
        copy: Any = facts
        if isinstance(copy, Mapping):
            return cast("S", {**cast("Mapping[str, Any]", copy), **changes})
        if isinstance(copy, BaseModel):
            return cast("S", copy.model_copy(update=dict(changes)))
        if isinstance(copy, msgspec.Struct):
            return cast("S", msgspec.structs.replace(copy, **changes))
        if isinstance(copy, tuple):
            return cast("S", cast(Any, copy)._replace(**changes))
        return cast("S", dataclasses.replace(copy, **changes))

    def changes(self, before: S, after: S) -> tuple[Change, ...]:
        """Return the fields that differ."""
        if before is after:
            return ()
        old, new = self.values(before), self.values(after)
        return tuple(Change(name, old[name], new[name]) for name in self.hints if not _same(old[name], new[name]))


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
