"""What a pattern is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from engine.rules.feel.regex.charsets import Charset


class BadPattern(Exception):
    """A pattern, its flags or a replacement cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class One:
    """One character of a set."""

    of: Charset


@dataclass(frozen=True, slots=True)
class Edge:
    """A place without characters: the start or the end of the text, or of a line of it."""

    kind: Literal["start", "end", "line start", "line end"]


@dataclass(frozen=True, slots=True)
class Sequence:
    """One part after the other; without parts, nothing at all."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several, the first one that leads on."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part again and again, as often as possible, or if it is lazy as seldom; None is without limit."""

    part: Node
    least: int
    most: int | None
    lazy: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A part whose text is kept by its number."""

    number: int
    part: Node


@dataclass(frozen=True, slots=True)
class Same:
    """The text of a group again; nothing, if the group took no part."""

    number: int
    any_case: bool


Node: TypeAlias = "One | Edge | Sequence | Choice | Repeat | Group | Same"
"""A part of a pattern."""
