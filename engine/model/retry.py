"""Retry policies: whether a failed attempt is followed by another one, and how long that one waits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, Literal, Protocol, cast

import msgspec

from engine.errors import CodecError, DefinitionError, InvalidDuration, NonRetryable, RetryAfter
from engine.model.durations import parse_duration

MAX_ATTEMPTS: Final = 1_000_000_000
"""The most attempts a policy can name; ``attempts=None`` stands for no limit."""


_POLICIES_KEPT: Final = 256
_policies: Final = msgspec.json.Encoder()


class _Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    first_us: int
    longest_us: int
    factor: float
    jitter: float
    no_retry_on: tuple[str, ...] = ()


class RandomSource(Protocol):
    """Where jitter comes from: a ``random.Random``, or anything with its ``random`` method."""

    def random(self) -> float:
        """Return a number from 0 up to, but not including, 1."""
        ...


@dataclass(frozen=True, slots=True)
class Retry:
    """What happens after an attempt at a step failed.

    ``attempts`` counts all attempts, the first one too; None means no limit. ``backoff`` is the wait before the next
    attempt: ``"5s"`` is always the same, ``"1s..1m"`` starts with 1 second and grows by ``factor`` up to 1 minute.
    ``jitter`` is the share of each wait, 0 to 1, of which a random part is left out, so that steps that failed
    together do not all come back together; a wait is never longer than ``backoff`` says. An error of a class in
    ``no_retry_on``, or of a subclass, fails the step at once. When the attempts are used up the step fails, or with
    ``then="dead_letter"`` waits for an operator. Raises ``DefinitionError`` for a policy that cannot work.
    """

    attempts: int | None = 3
    backoff: str | int | float | timedelta = "1s..1m"
    factor: float = 2.0
    jitter: float = 0.2
    no_retry_on: tuple[type[BaseException], ...] = ()
    then: Literal["fail", "dead_letter"] = "fail"
    first_us: int = field(init=False, repr=False, compare=False)
    """The wait after the first attempt, in microseconds, before jitter."""
    longest_us: int = field(init=False, repr=False, compare=False)
    """The wait that is never exceeded, in microseconds."""
    final_names: frozenset[str] = field(init=False, repr=False, compare=False)
    """The full names of the classes in ``no_retry_on``."""

    def __post_init__(self) -> None:
        _check_attempts(self.attempts)
        _check_number("factor", self.factor, 1.0, 1e6)
        _check_number("jitter", self.jitter, 0.0, 1.0)
        _check_errors(self.no_retry_on)
        if self.then not in ("fail", "dead_letter"):
            raise DefinitionError(f"Retry(then={self.then!r}): use 'fail' or 'dead_letter'")
        first_us, longest_us = _parse_backoff(self.backoff)
        object.__setattr__(self, "first_us", first_us)
        object.__setattr__(self, "longest_us", longest_us)
        object.__setattr__(self, "final_names", frozenset(_full_name(error) for error in self.no_retry_on))


def next_delay_us(policy: Retry, attempt: int, rnd: RandomSource) -> int:
    """Return the wait in microseconds between attempt number ``attempt`` (from 1), which failed, and the next one."""
    delay_us = min(_grown_us(policy, attempt), policy.longest_us)
    if policy.jitter:
        delay_us -= int(delay_us * policy.jitter * rnd.random())
    return delay_us


def should_retry(policy: Retry, error: BaseException, attempt: int, max_attempts: int) -> bool:
    """Tell whether attempt number ``attempt`` (from 1), which failed with ``error``, is followed by another one.

    ``max_attempts`` is what the step's row says, which an operator may have changed. A ``NonRetryable``, an error that
    the policy lists, and a ``CodecError`` (the same values would be refused again) are not retried.
    """
    return attempt < max_attempts and not is_final(policy, error)


def is_final(policy: Retry, error: BaseException) -> bool:
    """Tell whether an error is of a kind that is not retried. Classes that the policy lists are known by name."""
    if isinstance(error, (NonRetryable, CodecError)):
        return True
    return bool(policy.final_names) and any(_full_name(kind) in policy.final_names for kind in type(error).__mro__)


def encode_policy(policy: Retry) -> str:
    """Return a policy as JSON text, for a call that has one of its own."""
    return _policies.encode(
        _Policy(policy.first_us, policy.longest_us, policy.factor, policy.jitter, tuple(sorted(policy.final_names)))
    ).decode()


@lru_cache(_POLICIES_KEPT)
def decode_policy(text: str) -> Retry:
    """Return a policy that decides as the one that was written; its attempts are in the step's row."""
    read = msgspec.json.decode(text, type=_Policy)
    backoff = f"{read.first_us}us..{read.longest_us}us"
    policy = Retry(attempts=None, backoff=backoff, factor=read.factor, jitter=read.jitter)
    object.__setattr__(policy, "final_names", frozenset(read.no_retry_on))
    return policy


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def delay_for(policy: Retry, error: BaseException, attempt: int, rnd: RandomSource) -> int:
    """Return the wait in microseconds after attempt number ``attempt`` (from 1) failed with ``error``.

    The delay of a ``RetryAfter`` is taken as it is; one that is no duration is passed over, as it must not hide the
    error it was raised for.
    """
    if isinstance(error, RetryAfter):
        try:
            return parse_duration(error.delay)
        except InvalidDuration:
            pass
    return next_delay_us(policy, attempt, rnd)


def _grown_us(policy: Retry, attempt: int) -> int:
    try:
        return int(policy.first_us * float(policy.factor) ** max(attempt - 1, 0))
    except OverflowError:
        return policy.longest_us


def _parse_backoff(backoff: Any) -> tuple[int, int]:
    try:
        if not isinstance(backoff, str) or ".." not in backoff:
            constant_us = parse_duration(backoff)
            return constant_us, constant_us
        first, _, longest = backoff.partition("..")
        first_us, longest_us = parse_duration(first.strip()), parse_duration(longest.strip())
    except InvalidDuration as error:
        raise DefinitionError(f"Retry(backoff={backoff!r}): {error}; write it like '5s' or '1s..1m'") from error
    if first_us > longest_us:
        raise DefinitionError(
            f"Retry(backoff={backoff!r}): it ends below where it starts; write the shorter wait first"
        )
    if first_us == 0 and longest_us > 0:
        raise DefinitionError(f"Retry(backoff={backoff!r}): nothing can grow from 0; start with a wait such as 100ms")
    return first_us, longest_us


def _check_attempts(attempts: Any) -> None:
    if attempts is None:
        return
    if isinstance(attempts, bool) or not isinstance(attempts, int) or not 1 <= attempts <= MAX_ATTEMPTS:
        raise DefinitionError(
            f"Retry(attempts={attempts!r}): give a whole number from 1 to {MAX_ATTEMPTS:,}, or None for no limit"
        )


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        raise DefinitionError(f"Retry({name}={value!r}): give a number from {low:g} to {high:g}")


def _check_errors(errors: Any) -> None:
    if type(errors) is not tuple or not all(_is_error_class(error) for error in cast(tuple[Any, ...], errors)):
        raise DefinitionError(f"Retry(no_retry_on={errors!r}): give a tuple of exception classes, like (ValueError,)")


def _is_error_class(error: object) -> bool:
    return isinstance(error, type) and issubclass(error, BaseException)
