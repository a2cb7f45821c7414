"""Which of the new ones each old one has become."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.rules.changes.pairing import merged, pair_alike, pair_by, settled

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12)


def paired(old: list[tuple[int, int]], new: list[tuple[int, int]]) -> dict[int, int]:
    pairs: dict[int, int] = {}
    pair_by(pairs, old, new, lambda one: one)
    pair_alike(pairs, old, new, lambda one, other: sum(a == b for a, b in zip(one, other, strict=True)))
    return pairs


@given(ROWS, ROWS)
def test_each_one_is_told_of_once(old: list[tuple[int, int]], new: list[tuple[int, int]]) -> None:
    pairs = paired(old, new)
    assert len(set(pairs.values())) == len(pairs)
    order = merged(pairs, len(old), len(new))
    assert sorted(left for left, _ in order if left is not None) == [*range(len(old))]
    assert [right for _, right in order if right is not None] == [*range(len(new))]
    stay = sorted(settled(pairs))
    assert [pairs[place] for place in stay] == sorted(pairs[place] for place in stay)


@given(ROWS)
def test_what_is_the_same_stays(rows: list[tuple[int, int]]) -> None:
    pairs = paired(rows, rows)
    assert pairs == {place: place for place in range(len(rows))}
    assert settled(pairs) == {*range(len(rows))}


@given(ROWS, st.data())
def test_one_that_was_taken_out_is_the_only_one_gone(rows: list[tuple[int, int]], data: st.DataObject) -> None:
    rows = [*dict.fromkeys(rows)]
    if not rows:
        return
    gone = data.draw(st.integers(0, len(rows) - 1))
    pairs = paired(rows, rows[:gone] + rows[gone + 1 :])
    assert {*range(len(rows))} - pairs.keys() == {gone}
    assert settled(pairs) == pairs.keys()


def test_only_those_that_changed_their_order_have_moved() -> None:
    assert settled({0: 1, 1: 2, 2: 3, 3: 0}) == {0, 1, 2}
    assert settled({}) == set()
