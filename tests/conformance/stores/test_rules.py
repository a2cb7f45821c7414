"""Versions of rules: they never change, and what was active at a time stays so for ever."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from engine.errors import RuleNotFound, StoreError
from engine.model.rulebook import Binding, RuleState
from engine.model.topics import RULES
from engine.store.database import Transaction
from engine.store.generations import read_generations
from engine.store.rules.versions import (
    activate,
    add_version,
    mark_tested,
    read_content,
    read_shelf,
    read_shelves,
    rollback,
    tag_version,
)
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import SECOND, START_US
from tests.conformance.transports.helpers import Background

DAY = 86_400 * SECOND
NAME = "credit"


def added(store: Store, *contents: str, **known: Any) -> list[int]:
    return [store.write(add_version, NAME, one, f"{one:0>64}", **known)[0] for one in contents]


def active(store: Store, begun_us: int, date_us: int | None = None) -> int | None:
    binding = Binding(as_of_us=date_us)
    found = store.read(read_shelf, NAME).bound(binding, begun_us)
    return None if found is None else found.number


def states(store: Store) -> list[str]:
    return [version.state for version in store.read(read_shelf, NAME).versions.values()]


def test_versions_are_numbered_and_keep_what_they_were_given(store: Store) -> None:
    assert added(store, "a", "b", author="eva", comment="why ✓", effective_from_us=5, effective_until_us=9) == [1, 2]
    first = store.read(read_shelf, NAME).versions[1]
    assert (first.author, first.comment, first.effective_from_us, first.effective_until_us) == ("eva", "why ✓", 5, 9)
    assert (first.state, first.created_us, first.hash) == (RuleState.DRAFT, store.clock.now_us, f"{'a':0>64}")
    assert store.read(read_content, NAME, 2) == "b"


def test_the_same_content_is_the_same_version(store: Store) -> None:
    added(store, "a", "b")
    assert store.write(add_version, NAME, "a", f"{'a':0>64}", author="other") == (1, False)
    assert store.read(read_shelf, NAME).versions[1].author is None
    assert store.write(add_version, "other", "a", f"{'a':0>64}") == (1, True)


def test_the_same_content_is_not_for_other_dates(store: Store) -> None:
    added(store, "a")
    with pytest.raises(StoreError, match="version 1"):
        added(store, "a", effective_from_us=START_US)


def test_what_is_not_there_is_said(store: Store) -> None:
    with pytest.raises(RuleNotFound, match="credit"):
        store.write(activate, NAME, 1)
    added(store, "a")
    for call in (activate, mark_tested, lambda tx, name, number: tag_version(tx, name, "best", number)):
        with pytest.raises(RuleNotFound, match="2"):
            store.write(call, NAME, 2)
    with pytest.raises(RuleNotFound):
        store.read(read_content, NAME, 2)
    assert store.read(read_generations) == {RULES: 1}, "what is refused changes nothing"


def test_who_began_before_an_activation_keeps_what_was_active(store: Store) -> None:
    added(store, "a", "b")
    assert active(store, START_US) is None
    store.write(activate, NAME, 1)
    store.clock.go_on(10)
    store.write(activate, NAME, 2)
    assert [active(store, START_US + at * SECOND) for at in (-1, 0, 9, 10, 11)] == [None, 1, 1, 2, 2]
    assert states(store) == ["retired", "active"]


def test_each_rollback_takes_back_one_activation_more(store: Store) -> None:
    added(store, "a", "b", "c")
    for number in (1, 2, 3):
        store.write(activate, NAME, number)
        store.clock.go_on(10)
    assert store.write(rollback, NAME) == 2
    assert states(store) == ["retired", "active", "retired"]
    store.clock.go_on(10)
    assert store.write(rollback, NAME) == 1
    with pytest.raises(StoreError, match="active before"):
        store.write(rollback, NAME)
    assert [active(store, START_US + at * SECOND) for at in (5, 15, 25, 35, 45)] == [1, 2, 3, 2, 1]


def test_a_version_that_was_taken_back_can_be_activated_again(store: Store) -> None:
    added(store, "a", "b")
    for number in (1, 2):
        store.write(activate, NAME, number)
    store.write(rollback, NAME)
    store.write(activate, NAME, 2)
    assert active(store, store.clock.now_us) == 2
    assert store.write(rollback, NAME) == 1


def test_a_version_for_later_dates_leaves_today_to_the_one_before(store: Store) -> None:
    added(store, "a")
    store.write(add_version, NAME, "b", f"{'b':0>64}", effective_from_us=START_US + DAY)
    store.write(activate, NAME, 1)
    store.write(activate, NAME, 2)
    assert [active(store, START_US + at) for at in (0, DAY - 1, DAY)] == [1, 1, 2]
    assert states(store) == ["active", "active"]
    # A business date is its own matter: what began today can decide as of tomorrow.
    assert active(store, START_US, START_US + DAY) == 2


def test_a_version_for_later_dates_that_is_taken_back_never_decides(store: Store) -> None:
    added(store, "a")
    store.write(add_version, NAME, "b", f"{'b':0>64}", effective_from_us=START_US + DAY)
    store.write(activate, NAME, 1)
    store.write(activate, NAME, 2)
    store.write(rollback, NAME)
    assert active(store, START_US + 2 * DAY) == 1
    assert states(store) == ["active", "retired"]


def test_as_of_a_date_decides_what_was_in_force_then(store: Store) -> None:
    added(store, "a", "b")
    store.write(activate, NAME, 1)
    store.clock.go_on(86_400)
    store.write(activate, NAME, 2)
    now_us = store.clock.now_us
    assert [active(store, now_us, date) for date in (START_US - 1, START_US, now_us - 1, now_us)] == [None, 1, 1, 2]
    # A correction of the past is for those who begin after it.
    store.clock.go_on(10)
    store.write(add_version, NAME, "c", f"{'c':0>64}", effective_from_us=START_US - DAY)
    store.write(activate, NAME, 3)
    assert active(store, now_us, START_US) == 1
    assert active(store, store.clock.now_us, START_US) == 3


def test_a_version_that_ends_gives_its_dates_back(store: Store) -> None:
    added(store, "a")
    store.write(add_version, NAME, "b", f"{'b':0>64}", effective_until_us=START_US + DAY)
    store.write(activate, NAME, 1)
    store.write(activate, NAME, 2)
    assert [active(store, START_US + at) for at in (0, DAY - 1, DAY)] == [2, 2, 1]


def test_tags_move_and_versions_are_tested(store: Store) -> None:
    added(store, "a", "b")
    store.write(tag_version, NAME, "best", 1)
    store.write(mark_tested, NAME, 1)
    shelf = store.read(read_shelf, NAME)
    assert (shelf.tags, shelf.versions[1].tags, states(store)) == ({"best": 1}, ("best",), ["tested", "draft"])
    store.write(tag_version, NAME, "best", 2)
    store.write(activate, NAME, 2)
    store.write(mark_tested, NAME, 2)
    shelf = store.read(read_shelf, NAME)
    assert (shelf.tags, shelf.versions[2].tags, states(store)) == ({"best": 2}, ("best",), ["tested", "active"])
    assert [shelf.bound(one, 0).number for one in (Binding(tag="best"), Binding(version=1), Binding("latest"))] == [  # type: ignore[union-attr]
        2, 1, 2,
    ]  # fmt: skip
    assert shelf.bound(Binding(tag="worst"), 0) is None
    assert shelf.bound(Binding(version=3), 0) is None


def test_every_change_counts_its_topic_up(store: Store) -> None:
    added(store, "a")
    store.write(activate, NAME, 1)
    store.write(tag_version, NAME, "best", 1)
    store.write(mark_tested, NAME, 1)
    assert store.read(read_generations) == {RULES: 4}


def test_changes_side_by_side_take_turns(server_store: Store) -> None:
    """One that has to wait is active from its turn on, not from when it was asked for."""
    store = server_store
    added(store, "a", "b")
    store.clock.go_on(1)
    holding, waiting = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        activate(tx, NAME, 1)
        holding.set()
        assert waiting.wait(30)
        store.clock.go_on(10)

    def second(tx: Transaction) -> None:
        waiting.set()
        activate(tx, NAME, 2)

    first = Background(lambda: store.write(slow))
    assert holding.wait(30)
    store.write(second)
    first.join()
    made = [(one.number, one.from_us - START_US) for one in store.read(read_shelf, NAME).activations]
    assert made == [(1, SECOND), (2, 11 * SECOND)]


def test_shelves_of_all_names_are_read_at_once(store: Store) -> None:
    added(store, "a", "b")
    store.write(add_version, "other", "a", f"{'a':0>64}")
    store.write(tag_version, "other", "best", 1)
    store.write(activate, NAME, 2)
    shelves = store.read(read_shelves)
    assert {name: len(shelf.versions) for name, shelf in shelves.items()} == {NAME: 2, "other": 1}
    assert [len(shelves[name].activations) for name in (NAME, "other")] == [1, 0]
    assert shelves[NAME].tags == {}
