"""Rollouts and shadows: what a time and a bucket lead to stays so for ever, and a rollout is one activation."""

from __future__ import annotations

import pytest

from engine.errors import RuleNotFound, StoreError
from engine.model.rulebook import Binding
from engine.model.shares import ALL
from engine.model.topics import RULES
from engine.store.generations import read_generations
from engine.store.rules.versions import activate, add_version, read_shelf, rollback, set_shadow
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import SECOND, START_US

DAY = 86_400 * SECOND
NAME = "credit"
TEN, HALF = ALL // 10, ALL // 2
LAST = ALL - 1


@pytest.fixture
def versions(store: Store) -> Store:
    """A store with three versions, of which the first is active."""
    for content in "abc":
        store.write(add_version, NAME, content, f"{content:0>64}")
    store.write(activate, NAME, 1)
    store.clock.go_on(10)
    return store


def active(store: Store, bucket: int | None, begun_us: int | None = None) -> int | None:
    begun_us = store.clock.now_us if begun_us is None else begun_us
    found = store.read(read_shelf, NAME).bound(Binding(), begun_us, bucket)
    return None if found is None else found.number


def split(store: Store) -> dict[int, int]:
    return store.read(read_shelf, NAME).split(store.clock.now_us)


def states(store: Store) -> list[str]:
    return [version.state for version in store.read(read_shelf, NAME).versions.values()]


def test_a_share_decides_by_the_new_version_and_the_others_by_what_was_active(versions: Store) -> None:
    before_us = versions.clock.now_us - 1
    versions.write(activate, NAME, 2, share=TEN)
    assert [active(versions, bucket) for bucket in (0, TEN - 1, TEN, LAST, None)] == [2, 2, 1, 1, 1]
    assert active(versions, 0, before_us) == 1, "who began before keeps what was active"
    assert split(versions) == {2: TEN, 1: ALL - TEN}
    assert states(versions) == ["active", "active", "draft"]


def test_a_rollout_grows_to_all_and_is_taken_back_as_one(versions: Store) -> None:
    for share in (TEN, HALF):
        versions.write(activate, NAME, 2, share=share)
        versions.clock.go_on(10)
    assert [active(versions, bucket) for bucket in (0, TEN, HALF - 1, HALF)] == [2, 2, 2, 1]
    assert [active(versions, TEN, START_US + at * SECOND) for at in (9, 10, 19, 20)] == [1, 1, 1, 2]
    versions.write(activate, NAME, 2)
    assert (split(versions), states(versions)) == ({2: ALL}, ["retired", "active", "draft"])
    versions.clock.go_on(10)
    assert versions.write(rollback, NAME) == 1
    assert (split(versions), states(versions)) == ({1: ALL}, ["active", "retired", "draft"])
    assert active(versions, 0, versions.clock.now_us - SECOND) == 2, "what was decided stays decided"


def test_a_rollout_shrinks_and_is_taken_back(versions: Store) -> None:
    for share in (HALF, TEN):
        versions.write(activate, NAME, 2, share=share)
    assert split(versions) == {2: TEN, 1: ALL - TEN}
    assert versions.write(rollback, NAME) == 1
    assert split(versions) == {1: ALL}
    with pytest.raises(StoreError, match="active before"):
        versions.write(rollback, NAME)


def test_a_rollout_of_another_version_takes_the_same_keys_first(versions: Store) -> None:
    versions.write(activate, NAME, 2, share=HALF)
    versions.write(activate, NAME, 3, share=TEN)
    assert split(versions) == {3: TEN, 2: HALF - TEN, 1: HALF}
    assert states(versions) == ["active"] * 3
    assert versions.write(rollback, NAME) == 2
    assert split(versions) == {2: HALF, 1: HALF}
    # What is taken back goes back to a rollout, which can grow as before.
    versions.write(activate, NAME, 2, share=HALF + 1)
    assert split(versions) == {2: HALF + 1, 1: HALF - 1}


def test_a_version_for_some_dates_leaves_the_others_alone(versions: Store) -> None:
    now_us = versions.clock.now_us
    versions.write(add_version, NAME, "d", f"{'d':0>64}", effective_from_us=now_us + DAY)
    versions.write(activate, NAME, 4, share=HALF)
    shelf = versions.read(read_shelf, NAME)

    def found(date_us: int, bucket: int) -> int | None:
        version = shelf.bound(Binding(as_of_us=date_us), now_us, bucket)
        return None if version is None else version.number

    assert [found(now_us + DAY - 1, bucket) for bucket in (0, LAST)] == [1, 1]
    assert [found(now_us + DAY, bucket) for bucket in (0, HALF - 1, HALF, LAST)] == [4, 4, 1, 1]
    assert split(versions) == {1: ALL}


def test_who_names_a_version_is_in_no_rollout(versions: Store) -> None:
    versions.write(activate, NAME, 2, share=HALF)
    shelf = versions.read(read_shelf, NAME)
    found = [shelf.bound(one, versions.clock.now_us, 0) for one in (Binding(1), Binding("latest"), Binding())]
    assert [one and one.number for one in found] == [1, 3, 2]


def test_a_share_is_refused_where_it_does_not_say_how_the_others_decide(store: Store) -> None:
    for content in "ab":
        store.write(add_version, NAME, content, f"{content:0>64}")
    with pytest.raises(StoreError, match="beyond 10% could decide nothing"):
        store.write(activate, NAME, 1, share=TEN)
    store.write(activate, NAME, 1)
    with pytest.raises(StoreError, match="active for all already"):
        store.write(activate, NAME, 1, share=TEN)
    assert store.read(read_generations) == {RULES: 3}, "what is refused changes nothing"


def shadow(store: Store, bucket: int | None = 0, begun_us: int | None = None, **named: object) -> int | None:
    binding = Binding(**named)  # type: ignore[arg-type]
    begun_us = store.clock.now_us if begun_us is None else begun_us
    found = store.read(read_shelf, NAME).shadow(binding, begun_us, bucket)
    return None if found is None else found.number


def test_a_shadow_stands_beside_what_is_active_from_when_it_is_set(versions: Store) -> None:
    before_us = versions.clock.now_us - 1
    versions.write(set_shadow, NAME, 2)
    assert [shadow(versions), shadow(versions, begun_us=before_us)] == [2, None]
    assert (states(versions), split(versions)) == (["active", "draft", "draft"], {1: ALL})
    assert [shadow(versions, version=1), shadow(versions, version="latest"), shadow(versions, tag="a")] == [None] * 3
    assert shadow(versions, as_of_us=5) == 2
    versions.clock.go_on(10)
    versions.write(set_shadow, NAME, 3, share=TEN, author="eva", comment="why ✓")
    assert [shadow(versions, bucket) for bucket in (0, TEN - 1, TEN, None)] == [3, 3, None, None]
    assert shadow(versions, begun_us=versions.clock.now_us - 1) == 2
    last = versions.read(read_shelf, NAME).shadows[-1]
    assert (last.number, last.share, last.author, last.comment) == (3, TEN, "eva", "why ✓")
    versions.clock.go_on(10)
    versions.write(set_shadow, NAME, None)
    assert [shadow(versions), shadow(versions, begun_us=versions.clock.now_us - 1)] == [None, 3]
    assert versions.read(read_generations) == {RULES: 7}


def test_a_shadow_is_a_version_that_is_there(versions: Store) -> None:
    with pytest.raises(RuleNotFound, match="no version 4"):
        versions.write(set_shadow, NAME, 4)
    with pytest.raises(RuleNotFound, match="no rules 'other'"):
        versions.write(set_shadow, "other", None)
