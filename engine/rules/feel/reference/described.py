"""What is told of a built-in function beyond what its code says: what it means, and examples."""

from __future__ import annotations

from typing import NamedTuple


class Described(NamedTuple):
    """A function in words. The results of the examples are not written here: they are what comes of evaluating them."""

    meaning: str
    examples: tuple[str, ...]
    result: str | None = None
    """What it returns, where that is not of one type."""


def described(meaning: str, *examples: str, result: str | None = None) -> Described:
    """Return what is told of a function."""
    return Described(meaning, examples, result)
