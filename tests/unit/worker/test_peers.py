"""What a worker holds copies of: read again when it has changed, at once when it hears so, and never more often."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import StoreUnavailable
from engine.model.topics import QUEUES, STEPS
from engine.store.database import Database, Transaction
from engine.store.generations import bump
from engine.store.schema import generations, metadata
from engine.worker.peers import BETWEEN_SECONDS, LOOK_SECONDS, UNTOLD_LOOK_SECONDS, Peers

RULES = "rules"


class Told:
    """A worker's copies, on a clock that the test sets."""

    def __init__(self, *, told: bool = True) -> None:
        self.database = Database("sqlite://")
        metadata.create_all(self.database.engine, [generations])
        self.now = 100.0
        self.read: list[str] = []
        self.fails = False
        self.peers = Peers(
            self.database,
            {QUEUES: lambda tx: self._reload(tx, QUEUES), RULES: lambda tx: self._reload(tx, RULES)},
            lambda: self.read.append(STEPS),
            told=told,
            monotonic=lambda: self.now,
        )

    def _reload(self, tx: Transaction, topic: str) -> None:
        if self.fails:
            raise StoreUnavailable("away")
        assert tx.now_us
        self.read.append(topic)

    def change(self, *topics: str) -> None:
        with self.database.write() as tx:
            for topic in topics:
                bump(tx, topic)

    def turn(self, later: float = LOOK_SECONDS) -> list[str]:
        """Have a turn after so many seconds; return what was read."""
        self.now += later
        self.read = []
        self.peers.turn()
        return self.read


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    yield made
    made.database.close()


def test_everything_is_read_once_at_first_and_then_when_it_has_changed(told: Told) -> None:
    assert told.turn() == [QUEUES, RULES]
    assert told.turn() == []
    told.change(RULES)
    assert told.turn() == [RULES]
    told.change(QUEUES, RULES, "unknown")
    assert told.turn() == [QUEUES, RULES]
    assert told.turn() == []


def test_a_store_that_was_replaced_by_an_older_one_is_another_generation(told: Told) -> None:
    told.change(QUEUES, QUEUES)
    told.turn()
    with told.database.write() as tx:
        tx.connection.execute(generations.update().values(generation=1))
    assert told.turn() == [QUEUES]


def test_what_could_not_be_read_is_read_again(told: Told) -> None:
    told.turn()
    told.change(QUEUES)
    told.fails = True
    with pytest.raises(StoreUnavailable):
        told.turn()
    told.fails = False
    assert told.turn() == [QUEUES]


def test_a_look_is_called_for_by_topics_that_mean_something(told: Told) -> None:
    assert told.peers.hear([QUEUES])
    assert told.peers.hear([STEPS, "unknown"])
    assert not told.peers.hear(["unknown", ""])
    assert not told.peers.hear([])


def test_given_up_steps_are_looked_for_when_somebody_says_so(told: Told) -> None:
    told.turn()
    told.peers.hear([STEPS])
    told.peers.hear([STEPS])
    assert told.turn() == [STEPS]
    assert told.turn() == []


def test_the_next_look_is_soon_where_nobody_is_told(told: Told) -> None:
    assert told.peers.turn() == LOOK_SECONDS
    untold = Told(told=False)
    assert untold.peers.turn() == UNTOLD_LOOK_SECONDS
    untold.database.close()


@given(st.lists(st.floats(0, 0.5), max_size=60))
def test_however_much_is_heard_looks_are_bounded_in_rate_and_none_is_forgotten(gaps: list[float]) -> None:
    told = Told()
    told.turn()
    looked: list[float] = []
    waiting = False
    for gap in gaps:
        told.peers.hear([STEPS])
        waiting = told.turn(gap) != [STEPS]
        if not waiting:
            looked.append(told.now)
    assert all(later - earlier >= BETWEEN_SECONDS - 1e-9 for earlier, later in itertools.pairwise(looked))
    assert (told.turn(BETWEEN_SECONDS + 1e-9) == [STEPS]) == waiting
    told.database.close()
