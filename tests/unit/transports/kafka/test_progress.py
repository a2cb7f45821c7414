"""How far a partition has been settled, when settling is done in any order and by one consumer after another."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from transports.kafka.progress import WINDOW, Progress, from_metadata, to_metadata

TOPIC = "ACvcVF1rS4f+oR1c3wC6wQ"


@given(st.integers(0, 1 << 40), st.sets(st.integers(0, WINDOW - 1)), st.integers(0, WINDOW))
def test_what_is_written_beside_an_offset_is_read_back(offset: int, ahead: set[int], seen: int) -> None:
    settled = {offset + place for place in ahead}
    text = to_metadata(TOPIC, offset, settled, offset + seen)
    assert len(text.encode()) < 4096
    assert from_metadata(TOPIC, offset, text) == (offset, settled, offset + seen)
    assert from_metadata("AAAAAAAAAAEAAAAAAAAAAg", offset, text) is None, "the topic was made anew since"


@given(st.text())
def test_what_others_write_there_says_nothing(text: str) -> None:
    assert from_metadata(TOPIC, 7, text) == (7, frozenset(), 7)
    assert from_metadata(TOPIC, 7, None) == (7, frozenset(), 7)
    assert from_metadata(TOPIC, 7, f"milepost2:{TOPIC}:3:*") == (7, frozenset(), 7)


@given(st.integers(0, 2**32))
def test_every_message_is_settled_once_whoever_has_the_partition(seed: int) -> None:
    rng = random.Random(seed)
    # Some offsets are not messages: transactions leave such gaps.
    offsets = [offset for offset in range(40) if rng.random() < 0.8]
    settled: list[int] = []
    committed: tuple[int, str] | None = None
    while set(settled) != set(offsets):
        start = from_metadata(TOPIC, *committed) if committed else None
        progress = Progress("topic", TOPIC, 0, "queue", start)
        for offset in offsets:
            if offset < (start.offset if start else 0) or progress.is_settled(offset):
                continue
            again = progress.hand_out(offset)
            assert start is None or again is (offset < start.seen)
            if rng.random() < 0.6:
                waiting = rng.choice(list(progress.held))
                assert progress.settle(waiting)
                settled.append(waiting)
        committed = progress.snapshot()
        progress.gone = True
        assert not any(progress.settle(offset) for offset in list(progress.held))
    assert sorted(settled) == offsets


def test_no_more_is_handed_out_than_can_be_written_down() -> None:
    progress = Progress("topic", TOPIC, 0, "queue", None)
    progress.hand_out(5)
    assert progress.has_room(5 + WINDOW - 1)
    assert not progress.has_room(5 + WINDOW)
    progress.settle(5)
    assert progress.has_room(5 + WINDOW)
