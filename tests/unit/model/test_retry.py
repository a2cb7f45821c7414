from __future__ import annotations

from dataclasses import FrozenInstanceError
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import (
    ArgumentsError,
    CodecError,
    DefinitionError,
    FlowCancelled,
    InvalidDuration,
    NonRetryable,
    RetryAfter,
    StepTimeout,
)
from engine.model.retry import (
    MAX_ATTEMPTS,
    Retry,
    decode_policy,
    delay_for,
    encode_policy,
    is_final,
    next_delay_us,
    should_retry,
)

SECOND_US = 1_000_000


class Never:
    """A source of randomness that must not be asked."""

    def random(self) -> float:
        raise AssertionError("asked for randomness")


class Fixed:
    def __init__(self, number: float) -> None:
        self.number = number

    def random(self) -> float:
        return self.number


def policies() -> st.SearchStrategy[Retry]:
    def build(first_us: int, more_us: int, factor: float, jitter: float) -> Retry:
        return Retry(backoff=f"{first_us}us..{first_us + more_us}us", factor=factor, jitter=jitter)

    wide = st.integers(1, 10**12)
    return st.builds(build, wide, st.just(0) | wide, st.floats(1, 1e6), st.floats(0, 1))


def test_the_default() -> None:
    policy = Retry()
    assert (policy.attempts, policy.first_us, policy.longest_us, policy.then) == (3, SECOND_US, 60 * SECOND_US, "fail")


def test_growth_without_jitter_needs_no_randomness() -> None:
    policy = Retry(backoff="1s..10s", factor=3, jitter=0)
    delays = [next_delay_us(policy, attempt, Never()) for attempt in (1, 2, 3, 4, 10**9)]
    assert delays == [SECOND_US, 3 * SECOND_US, 9 * SECOND_US, 10 * SECOND_US, 10 * SECOND_US]


def test_a_single_backoff_never_grows() -> None:
    policy = Retry(backoff="5s", jitter=0)
    assert {next_delay_us(policy, attempt, Never()) for attempt in range(1, 50)} == {5 * SECOND_US}


def test_a_factor_of_one_never_grows() -> None:
    policy = Retry(backoff="1s..1h", factor=1, jitter=0)
    assert next_delay_us(policy, 10**9, Never()) == SECOND_US


def test_no_wait_at_all() -> None:
    assert next_delay_us(Retry(backoff=0), 7, Random(1)) == 0


@pytest.mark.parametrize("number, share", [(0.0, 1.0), (0.5, 0.9), (0.999_999, 0.8)])
def test_jitter_leaves_out_a_part(number: float, share: float) -> None:
    delay_us = next_delay_us(Retry(backoff="10s", jitter=0.2), 1, Fixed(number))
    assert delay_us == pytest.approx(10 * SECOND_US * share, abs=10)


@given(policies(), st.integers(1, 2_000_000_000), st.integers())
def test_a_delay_stays_within_what_the_policy_says(policy: Retry, attempt: int, seed: int) -> None:
    delay_us = next_delay_us(policy, attempt, Random(seed))
    assert type(delay_us) is int
    assert int(policy.first_us * (1 - policy.jitter)) - 1 <= delay_us <= policy.longest_us


@given(policies(), st.integers(1, 500), st.floats(0, 1, exclude_max=True))
def test_delays_never_shrink_from_attempt_to_attempt(policy: Retry, attempt: int, number: float) -> None:
    here, next_one = (next_delay_us(policy, one, Fixed(number)) for one in (attempt, attempt + 1))
    assert next_one >= here - 1  # each is rounded by itself


@given(policies(), st.integers(1, 1000), st.integers())
def test_the_same_randomness_gives_the_same_delay(policy: Retry, attempt: int, seed: int) -> None:
    assert next_delay_us(policy, attempt, Random(seed)) == next_delay_us(policy, attempt, Random(seed))


class Declined(ValueError):
    pass


@pytest.mark.parametrize(
    "error, expected",
    [
        (RuntimeError("busy"), True),
        (StepTimeout("slow"), True),
        (RetryAfter("5s"), True),
        (NonRetryable("no"), False),
        (ValueError("listed"), False),
        (Declined("a subclass of what is listed"), False),
        (CodecError("would be refused again"), False),
        (ArgumentsError("would be refused again"), False),
    ],
)
def test_which_errors_are_retried(error: Exception, expected: bool) -> None:
    assert should_retry(Retry(no_retry_on=(ValueError, KeyError)), error, 1, 3) is expected


def test_an_error_that_is_not_an_exception_may_be_listed() -> None:
    assert not should_retry(Retry(no_retry_on=(FlowCancelled,)), FlowCancelled(), 1, 3)


@given(st.integers(1, 100), st.integers(1, 100))
def test_the_row_says_how_many_attempts_there_are(attempt: int, max_attempts: int) -> None:
    assert should_retry(Retry(attempts=1), RuntimeError(), attempt, max_attempts) is (attempt < max_attempts)


def test_the_delay_an_error_asks_for_wins() -> None:
    policy = Retry(backoff="1s..2s")
    assert delay_for(policy, RetryAfter("1h"), 1, Never()) == 3600 * SECOND_US
    assert delay_for(policy, RetryAfter(0.5), 9, Never()) == SECOND_US // 2
    assert delay_for(policy, RetryAfter(0), 9, Never()) == 0


@pytest.mark.parametrize("delay", ["soon", -1, float("nan"), None])
def test_a_delay_that_is_none_falls_back_on_the_policy(delay: Any) -> None:
    assert delay_for(Retry(backoff="5s", jitter=0), RetryAfter(delay), 1, Never()) == 5 * SECOND_US


def test_other_errors_wait_as_the_policy_says() -> None:
    assert delay_for(Retry(backoff="5s", jitter=0), RuntimeError(), 1, Never()) == 5 * SECOND_US


@pytest.mark.parametrize(
    "options, hint",
    [
        ({"attempts": 0}, "attempts=0"),
        ({"attempts": -1}, "attempts=-1"),
        ({"attempts": True}, "attempts=True"),
        ({"attempts": 2.0}, "attempts=2.0"),
        ({"attempts": MAX_ATTEMPTS + 1}, "attempts="),
        ({"backoff": "soon"}, "write it like"),
        ({"backoff": ""}, "write it like"),
        ({"backoff": None}, "write it like"),
        ({"backoff": "1s.."}, "write it like"),
        ({"backoff": "..1s"}, "write it like"),
        ({"backoff": "1s..2s..3s"}, "write it like"),
        ({"backoff": "1s...3s"}, "write it like"),
        ({"backoff": -1}, "negative"),
        ({"backoff": "2s..1s"}, "shorter wait first"),
        ({"backoff": "0s..1m"}, "nothing can grow from 0"),
        ({"factor": 0.5}, "factor=0.5"),
        ({"factor": float("nan")}, "factor=nan"),
        ({"factor": "2"}, "factor='2'"),
        ({"factor": True}, "factor=True"),
        ({"jitter": -0.1}, "jitter=-0.1"),
        ({"jitter": 1.1}, "jitter=1.1"),
        ({"no_retry_on": ValueError}, "give a tuple"),
        ({"no_retry_on": [ValueError]}, "give a tuple"),
        ({"no_retry_on": ("ValueError",)}, "give a tuple"),
        ({"no_retry_on": (int,)}, "give a tuple"),
        ({"then": "retry"}, "'fail' or 'dead_letter'"),
    ],
)
def test_policies_that_cannot_work(options: dict[str, Any], hint: str) -> None:
    with pytest.raises(DefinitionError, match=hint) as caught:
        Retry(**options)
    assert not isinstance(caught.value, InvalidDuration)


def test_policies_are_values() -> None:
    policy = Retry(attempts=None, backoff="1s..1m", then="dead_letter")
    assert policy == Retry(attempts=None, backoff="1s..1m", then="dead_letter")
    assert hash(policy) == hash(Retry(attempts=None, backoff="1s..1m", then="dead_letter"))
    assert policy != Retry()
    with pytest.raises(FrozenInstanceError):
        policy.attempts = 5


@given(policies(), st.integers(1, 50), st.floats(0, 0.999))
def test_a_policy_that_was_written_down_waits_as_it_did(policy: Retry, attempt: int, number: float) -> None:
    read = decode_policy(encode_policy(policy))
    assert next_delay_us(read, attempt, Fixed(number)) == next_delay_us(policy, attempt, Fixed(number))


def test_a_policy_that_was_written_down_knows_its_errors_by_name() -> None:
    class Refused(ValueError): ...

    read = decode_policy(encode_policy(Retry(no_retry_on=(ValueError, LookupError))))
    assert [is_final(read, error) for error in (ValueError(), Refused(), KeyError(), OSError())] == [
        True, True, True, False
    ]  # fmt: skip
    assert not is_final(decode_policy(encode_policy(Retry())), ValueError())
    assert is_final(decode_policy(encode_policy(Retry())), NonRetryable())
