"""Versions of rules as the store has them, and which of them decides.

Versions never change, and activations are only added, each later than those before. So which version an execution
decides by follows from when it began: on every worker, and in every attempt, the same.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LATEST: Final = "latest"


class RuleState(StrEnum):
    """How far a version has come."""

    DRAFT = "draft"
    TESTED = "tested"
    ACTIVE = "active"
    RETIRED = "retired"


class RuleVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of rules. Times are microseconds since 1970."""

    name: str
    number: int
    """Counted from 1 for each name."""
    hash: str
    """The SHA-256 of its content, in hexadecimal."""
    state: str
    author: str | None = None
    comment: str | None = None
    effective_from_us: int | None = None
    """The first business date it is for; None: since it was activated."""
    effective_until_us: int | None = None
    """The first business date that it is not for any more; None: for ever."""
    created_us: int
    tags: tuple[str, ...] = ()
    content: str | None = None
    """The model as it is stored; None in lists of versions."""


class Activation(msgspec.Struct, frozen=True):
    """From ``from_us`` on, executions that begin decide by this version, on the dates it is for."""

    number: int
    from_us: int
    is_rollback: bool = False
    """It takes back the latest one that stands; ``number`` is what is active again."""
    author: str | None = None
    comment: str | None = None


class Binding(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which version a call asks for; without anything: the one that is active when the execution begins."""

    version: int | Literal["latest"] | None = None
    tag: str | None = None
    as_of_us: int | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow asks of rules."""

    rule: str
    decision: str | None
    """The name of a decision, or of a decision service; None: the one that no other requires."""
    binding: Binding
    inputs: bytes
    """As :mod:`engine.rules.recorded` writes values."""
    begun_us: int
    """When the execution began: it says which version is active."""
    now_us: int
    """What ``now()`` is to the rules."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What rules decided: the checkpoint of a decision."""

    rule: str
    version: int
    hash: str
    """Of the version's content."""
    decision: str
    outcome: msgspec.Raw
    """As :mod:`engine.rules.recorded` writes values."""
    inputs_digest: str
    matched: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """For each table that was decided: the name of its decision, and the rules that matched, counted from 1."""
    problems: tuple[str, ...] = ()
    """Why something is null, where it is."""


class Shelf(msgspec.Struct, frozen=True):
    """What is known of the rules of one name: versions by number, activations in their order, and tags."""

    versions: Mapping[int, RuleVersion]
    activations: Sequence[Activation]
    tags: Mapping[str, int]

    def bound(self, binding: Binding, begun_us: int) -> RuleVersion | None:
        """Return the version that a call decides by, in an execution begun at ``begun_us``; None if there is none."""
        if binding.version == LATEST:
            return self.versions[max(self.versions)] if self.versions else None
        if binding.version is not None:
            return self.versions.get(binding.version)
        if binding.tag is not None:
            return self.versions.get(self.tags.get(binding.tag, 0))
        return self.active(begun_us, begun_us if binding.as_of_us is None else binding.as_of_us)

    def active(self, begun_us: int, date_us: int) -> RuleVersion | None:
        """Return the version for a business date by activations up to ``begun_us``: the newest one for it."""
        for activation in reversed(standing(self.activations, begun_us)):
            version = self.versions[activation.number]
            first_us = activation.from_us if version.effective_from_us is None else version.effective_from_us
            if first_us <= date_us and (version.effective_until_us is None or date_us < version.effective_until_us):
                return version
        return None


def standing(activations: Sequence[Activation], until_us: int) -> list[Activation]:
    """Return the activations made up to a time that were not taken back by then."""
    found: list[Activation] = []
    for activation in activations:
        if activation.from_us > until_us:
            break
        if activation.is_rollback:
            found.pop()
        else:
            found.append(activation)
    return found
