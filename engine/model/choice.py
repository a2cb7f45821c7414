"""Why a version of rules decided and not another: what the call asked for, and which shares its key is in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engine.model.shares import bucket_of

if TYPE_CHECKING:
    from engine.model.rulebook import Binding, Shelf


class Call(NamedTuple):
    """What a decision was bound to when a flow asked for it."""

    binding: Binding
    begun_us: int
    """When the execution began."""
    key: str | None
    """What rollouts go by."""

    def bucket(self, rule: str) -> int | None:
        """Return the bucket that its key has for the rules of a name; None without a key."""
        return None if self.key is None else bucket_of(rule, self.key)


class Rollout(NamedTuple):
    """A version that was for a share of executions when one began."""

    number: int
    share: int
    """Of how many buckets."""
    is_in: bool
    """Whether the key is in it."""


class Choice(NamedTuple):
    """How the version that decided follows from a call."""

    call: Call
    bucket: int | None
    rollouts: tuple[Rollout, ...]
    """The rollouts that were asked about the key, the newest first: none, if something else than what is active was
    asked for."""


def choice_of(shelf: Shelf, rule: str, call: Call) -> Choice:
    """Return how a version is found among those of a name, as it was found when the call was made."""
    bucket = call.bucket(rule)
    found: list[Rollout] = []
    if call.binding.version is None and call.binding.tag is None:
        for activation in shelf.activations_for(call.begun_us, call.binding.date_us(call.begun_us)):
            is_in = activation.is_for(bucket)
            if activation.is_rollout:
                found.append(Rollout(activation.number, activation.share, is_in))
            if is_in:
                break
    return Choice(call, bucket, tuple(found))
