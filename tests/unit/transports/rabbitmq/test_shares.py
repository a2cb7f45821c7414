"""How the room for messages is shared out among queues."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transports.rabbitmq.intake import share_out


@given(st.lists(st.text(max_size=3), min_size=1, max_size=8, unique=True), st.integers(0, 100), st.data())
def test_all_room_is_given_and_everybody_has_some(queues: list[str], more: int, data: st.DataObject) -> None:
    busy = frozenset(data.draw(st.sets(st.sampled_from(queues))))
    shares = share_out(queues, len(queues) + more, busy)
    assert list(shares) == queues
    assert sum(shares.values()) == len(queues) + more
    assert min(shares.values()) >= 1


def test_busy_queues_get_what_quiet_ones_do_not_need() -> None:
    assert share_out(["a", "b", "c"], 100, frozenset({"b"})) == {"a": 1, "b": 98, "c": 1}
    assert share_out(["a", "b", "c"], 100, frozenset()) == {"a": 34, "b": 33, "c": 33}
