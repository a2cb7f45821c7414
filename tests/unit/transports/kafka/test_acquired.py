"""What one poll of a share group has brought: each record is handed out and settled once, and none is forgotten."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports import Message, Refused
from transports.kafka.acquired import Acquired, Batch, Place, Token
from transports.kafka.settings import read_settings


def batch_of(count: int) -> Batch:
    return Batch(
        Acquired(Place("topic", 0, offset), Message("work", str(offset).encode()), redelivered=False)
        for offset in range(count)
    )


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_every_record_is_accepted_or_given_back_once(seed: int, count: int) -> None:
    rng = random.Random(seed)
    batch = batch_of(count)
    tokens: list[Token] = []
    settled: set[Place] = set()
    told: list[Place] = []
    for _ in range(rng.randrange(60)):
        match rng.randrange(4):
            case 0:
                limit = rng.randrange(4)
                taken = batch.hand_out(limit)
                assert len(taken) <= limit
                tokens += [delivery.token for delivery in taken if isinstance(delivery.token, Token)]
            case 1 if tokens:
                token = rng.choice(tokens)
                assert batch.settle(token.place) is (token.place not in settled)
                settled.add(token.place)
            case 2:
                told += batch.take_settled()
            case _:
                assert batch.is_done is (len(told) == count)
    told += batch.take_settled() + batch.take_waiting()
    assert sorted([*told, *batch.held]) == [Place("topic", 0, offset) for offset in range(count)]
    batch.gone = True
    assert not any(batch.settle(token.place) for token in tokens)


def test_what_may_be_at_another_consumer_is_not_settled() -> None:
    batch = batch_of(1)
    [delivery] = batch.hand_out(5)
    batch.gone = True
    assert isinstance(delivery.token, Token)
    assert not batch.settle(delivery.token.place)
    assert not batch.is_due


@pytest.mark.parametrize(
    "option", ["assignment=range", "session_seconds=9", "heartbeat_seconds=1", "handover_seconds=1"]
)
def test_what_means_nothing_in_a_share_group_is_refused(option: str) -> None:
    name = option.partition("=")[0]
    with pytest.raises(Refused, match=f"{name} means nothing"):
        read_settings(f"kafka://host?group_protocol=share&{option}", {})
    assert not read_settings(f"kafka://host?{option}", {}).shares


def test_a_share_group_is_never_called_as_a_consumer_group_is() -> None:
    for prefix in ("", "orders."):
        names = {
            read_settings(f"kafka://host?prefix={prefix}&group_protocol={kind}", {}).group
            for kind in ("classic", "share")
        }
        assert len(names) == 2
