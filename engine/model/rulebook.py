"""Versions of rules as the store has them, and which of them decides.

Versions never change, and activations are only added, each later than those before; so are shadows. So which version
an execution decides by follows from when it began, and from the key that it asks with: on every worker, and in every
attempt, the same.
"""

from __future__ import annotations

import itertools
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from engine.model.shares import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
    share: int = ALL
    """Of how many buckets, as :mod:`engine.model.shares` has them. The others decide by what was active before."""

    @property
    def is_rollout(self) -> bool:
        """Whether it is for some executions only."""
        return self.share < ALL

    def is_for(self, bucket: int | None) -> bool:
        """Tell whether a bucket is in its share. None is in that of all only."""
        return not self.is_rollout or (bucket is not None and bucket < self.share)


class Shadow(msgspec.Struct, frozen=True):
    """From ``from_us`` on, executions that begin have this version decide as well, and its outcome does not count."""

    number: int | None
    """None: no version does."""
    from_us: int
    share: int = ALL
    author: str | None = None
    comment: str | None = None


class Binding(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which version a call asks for; without anything: the one that is active when the execution begins."""

    version: int | Literal["latest"] | None = None
    tag: str | None = None
    as_of_us: int | None = None

    def date_us(self, begun_us: int) -> int:
        """Return the business date that a version is to be for, in an execution begun at ``begun_us``."""
        return begun_us if self.as_of_us is None else self.as_of_us


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
    bucket: int | None = None
    """Of the key that rollouts go by. None: no rollout and no shadow is for it."""


class ShadowAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a version decided whose outcome does not count."""

    version: int
    hash: str
    outcome: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    """Left out if it is the one that counts, or if there is none."""
    matched: tuple[tuple[str, tuple[int, ...]], ...] = ()
    error: str | None = None
    """Why there is no outcome."""


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
    shadow: ShadowAnswer | None = None


class Shelf(msgspec.Struct, frozen=True):
    """What is known of the rules of one name: versions by number, activations and shadows in their order, and tags."""

    versions: Mapping[int, RuleVersion]
    activations: Sequence[Activation]
    tags: Mapping[str, int]
    shadows: Sequence[Shadow] = ()

    def bound(self, binding: Binding, begun_us: int, bucket: int | None = None) -> RuleVersion | None:
        """Return the version that a call decides by, in an execution begun at ``begun_us``; None if there is none."""
        if binding.version == LATEST:
            return self.versions[max(self.versions)] if self.versions else None
        if binding.version is not None:
            return self.versions.get(binding.version)
        if binding.tag is not None:
            return self.versions.get(self.tags.get(binding.tag, 0))
        return self.active(begun_us, binding.date_us(begun_us), bucket)

    def active(self, begun_us: int, date_us: int, bucket: int | None = None) -> RuleVersion | None:
        """Return the version for a business date by activations up to ``begun_us``: the newest one for it.

        Without a bucket, the one for whoever is in no rollout.
        """
        found = (one for one in self.activations_for(begun_us, date_us) if one.is_for(bucket))
        return next((self.versions[one.number] for one in found), None)

    def activations_for(self, begun_us: int, date_us: int) -> Iterator[Activation]:
        """Yield the activations up to ``begun_us`` whose versions are for a business date, the newest first."""
        for activation in reversed(standing(self.activations, begun_us)):
            version = self.versions[activation.number]
            first_us = activation.from_us if version.effective_from_us is None else version.effective_from_us
            if first_us <= date_us and (version.effective_until_us is None or date_us < version.effective_until_us):
                yield activation

    def shadow(self, binding: Binding, begun_us: int, bucket: int | None) -> RuleVersion | None:
        """Return the version whose outcome does not count; it stands beside what is active, and nothing else."""
        found = shadow_at(self.shadows, begun_us)
        if found is None or binding.version is not None or binding.tag is not None:
            return None
        is_for_it = bucket is not None and bucket < found.share
        return self.versions[found.number] if is_for_it and found.number is not None else None

    def split(self, at_us: int) -> dict[int, int]:
        """Return by which versions executions that begin at a time decide, and of how many buckets each."""
        bounds = sorted({0, ALL, *(one.share for one in standing(self.activations, at_us))})
        found: dict[int, int] = {}
        for first, end in itertools.pairwise(bounds):
            version = self.active(at_us, at_us, first)
            if version is not None:
                found[version.number] = found.get(version.number, 0) + end - first
        return found

    def reachable(self, at_us: int) -> list[int]:
        """Return the versions that may decide for executions that begin at a time, on whichever date."""
        return reachable(self.versions, standing(self.activations, at_us))


def standing(activations: Sequence[Activation], until_us: int) -> list[Activation]:
    """Return the activations made up to a time that were not taken back by then.

    A rollout has one place however its share changes: the next activation of its version takes that place.
    """
    found: list[Activation] = []
    for activation in activations:
        if activation.from_us > until_us:
            break
        if activation.is_rollback:
            found.pop()
            continue
        if found and found[-1].is_rollout and found[-1].number == activation.number:
            found.pop()
        found.append(activation)
    return found


def reachable(versions: Mapping[int, RuleVersion], stand: Sequence[Activation]) -> list[int]:
    """Return the versions that some date and some bucket lead to: back to the newest that is for all of both."""
    found: dict[int, None] = {}
    for activation in reversed(stand):
        found[activation.number] = None
        version = versions[activation.number]
        is_for_every_date = version.effective_from_us is None and version.effective_until_us is None
        if is_for_every_date and not activation.is_rollout:
            break
    return list(found)


def shadow_at(shadows: Sequence[Shadow], at_us: int) -> Shadow | None:
    """Return the shadow that was set last up to a time; None where there is none, or it was taken off."""
    found = next((one for one in reversed(shadows) if one.from_us <= at_us), None)
    return None if found is None or found.number is None else found
