"""Looking through trees of expressions."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, cast

from engine.rules.feel import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator


def walk(node: object) -> Iterator[object]:
    """Yield a node and all that it is made of."""
    if isinstance(node, tuple):
        for part in cast("tuple[object, ...]", node):
            yield from walk(part)
    elif is_dataclass(node) and not isinstance(node, type):
        yield node
        for one in fields(node):
            yield from walk(getattr(node, one.name))


def called(node: object) -> set[str]:
    """Return the names that a tree calls as functions."""
    calls = (one.function for one in walk(node) if isinstance(one, nodes.Call))
    return {function.name for function in calls if isinstance(function, nodes.Name)}
