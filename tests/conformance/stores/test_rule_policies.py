"""Scenarios and requirements of rules: kept by name, and changed in turns with activations."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec
import pytest

from engine.errors import RuleNotFound
from engine.model.policy import EVERY, Guard, Required, RulePolicy, RuleScenario
from engine.model.topics import RULES
from engine.store.database import Transaction
from engine.store.generations import read_generations
from engine.store.rules.policies import read_guard, read_required, require
from engine.store.rules.scenarios import add_scenarios, find_scenarios, remove_scenarios
from engine.store.rules.versions import activate, add_version
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import SECOND, START_US
from tests.conformance.transports.helpers import Background

NAME = "credit"
TESTED = RulePolicy(tested=True)


class Refused(Exception):
    """What the caller says of scenarios that cannot be added."""


def scenario(name: str, *, rule: str = NAME, inputs: str = "{}") -> RuleScenario:
    return RuleScenario(rule=rule, name=name, decision="rate", inputs=inputs, expected="null", now_us=7, author="eva")


def admit(_there: Sequence[RuleScenario]) -> None:
    pass


def add(store: Store, *names: str, rule: str = NAME, inputs: str = "{}", replace: bool = False) -> None:
    made = [scenario(name, rule=rule, inputs=inputs) for name in names]
    store.write(add_scenarios, rule, made, replace=replace, admit=admit)


def names(store: Store, rule: str = NAME) -> list[str]:
    return [one.name for one in store.read(find_scenarios, rule)]


@pytest.fixture
def rules(store: Store) -> Store:
    for name in (NAME, "other"):
        store.write(add_version, name, "a", f"{'a':0>64}")
    return store


def test_scenarios_keep_what_they_were_given(rules: Store) -> None:
    long = '{"text":"' + "ü✓" * 50_000 + '"}'
    add(rules, "b ✓", inputs=long)
    add(rules, "a", "B")
    assert names(rules) == ["B", "a", "b ✓"]
    found = rules.read(find_scenarios, NAME)[2]
    assert found == msgspec.structs.replace(scenario("b ✓", inputs=long), created_us=START_US)
    assert names(rules, "other") == []


def test_scenarios_are_replaced_by_name_and_removed_together(rules: Store) -> None:
    add(rules, "a", "b", "c")
    add(rules, "b", "d", inputs="[1]", replace=True)
    assert [one.inputs for one in rules.read(find_scenarios, NAME)] == ["{}", "[1]", "{}", "[1]"]
    with pytest.raises(RuleNotFound, match="'x'"):
        rules.write(remove_scenarios, NAME, ["a", "x"])
    assert names(rules) == ["a", "b", "c", "d"], "all or none"
    rules.write(remove_scenarios, NAME, ["d", "a"])
    assert names(rules) == ["b", "c"]


def test_whoever_adds_scenarios_sees_those_that_stay_and_may_refuse(rules: Store) -> None:
    add(rules, "a", "b")
    seen: list[str] = []

    def refuse(there: Sequence[RuleScenario]) -> None:
        seen.extend(one.name for one in there)
        raise Refused

    for replace in (False, True):
        with pytest.raises(Refused):
            rules.write(add_scenarios, NAME, [scenario("b"), scenario("c")], replace=replace, admit=refuse)
    assert (seen, names(rules)) == (["a", "b", "a"], ["a", "b"])


def test_there_are_no_scenarios_and_no_requirements_of_rules_that_are_not_there(store: Store) -> None:
    for call in (lambda: add(store, "a"), lambda: store.write(remove_scenarios, NAME, ["a"])):
        with pytest.raises(RuleNotFound, match="credit"):
            call()
    with pytest.raises(RuleNotFound, match="credit"):
        store.write(require, NAME, TESTED)
    store.write(require, EVERY, TESTED)
    assert store.read(read_required, NAME).policy == TESTED, "of every name, also of those to come"


def test_what_is_required_is_that_of_the_name_or_that_of_every_one(rules: Store) -> None:
    strict = RulePolicy(row_coverage=0.8, no_gaps=True, backtest_changes=0.0)
    assert rules.read(read_required, NAME) == Required(RulePolicy())
    rules.write(require, EVERY, TESTED, author="eva")
    assert rules.read(read_required, NAME) == Required(TESTED, EVERY, "eva", START_US)
    rules.clock.go_on(5)
    rules.write(require, NAME, strict, author="bob")
    assert rules.read(read_required, NAME) == Required(strict, NAME, "bob", START_US + 5 * SECOND)
    assert rules.read(read_required, "other").policy == TESTED
    rules.write(require, NAME, RulePolicy())
    assert rules.read(read_required, NAME) == Required(RulePolicy(), NAME, None, START_US + 5 * SECOND)
    rules.write(require, NAME, None)
    assert rules.read(read_required, NAME).name == EVERY
    rules.write(require, EVERY, None)
    assert rules.read(read_required, NAME).name is None


def test_a_guard_has_scenarios_only_where_something_depends_on_them(rules: Store) -> None:
    add(rules, "a")
    add(rules, "b", rule="other")
    assert rules.read(read_guard, NAME) == Guard(RulePolicy())
    rules.write(require, NAME, RulePolicy(no_gaps=True))
    assert rules.read(read_guard, NAME).scenarios == ()
    rules.write(require, NAME, TESTED)
    guard = rules.read(read_guard, NAME)
    assert [one.name for one in guard.scenarios] == ["a"]
    rules.clock.go_on(1)
    add(rules, "a", inputs="[]", replace=True)
    assert rules.read(read_guard, NAME) != guard


def test_every_change_counts_the_topic_of_rules_up(rules: Store) -> None:
    before = rules.read(read_generations)[RULES]
    add(rules, "a")
    rules.write(require, NAME, TESTED)
    rules.write(remove_scenarios, NAME, ["a"])
    assert rules.read(read_generations)[RULES] == before + 3


def change(store: Store, what: str) -> None:
    if what == "scenario":
        add(store, "late")
    else:
        store.write(require, NAME, RulePolicy(tested=True, no_gaps=True))


@pytest.fixture
def guarded(server_store: Store) -> Store:
    server_store.write(add_version, NAME, "a", f"{'a':0>64}")
    server_store.write(require, NAME, TESTED)
    return server_store


@pytest.mark.parametrize("what", ["scenario", "requirement"])
def test_what_an_activation_depends_on_cannot_change_within_its_turn(guarded: Store, what: str) -> None:
    begun, waiting = threading.Event(), threading.Event()
    seen: list[Guard] = []

    def changing() -> None:
        assert begun.wait(30)
        waiting.set()
        change(guarded, what)

    def activating(tx: Transaction) -> None:
        activate(tx, NAME, 1)
        begun.set()
        assert waiting.wait(30)
        seen.append(read_guard(tx, NAME))
        # Long enough for a change that did not wait to be there.
        threading.Event().wait(0.3)
        seen.append(read_guard(tx, NAME))

    other = Background(changing)
    guarded.write(activating)
    other.join()
    assert seen == [Guard(TESTED)] * 2
    assert guarded.read(read_guard, NAME) != Guard(TESTED)


def test_an_activation_that_waited_for_its_turn_sees_what_was_changed_meanwhile(guarded: Store) -> None:
    holding, waiting = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        add_scenarios(tx, NAME, [scenario("late")], replace=False, admit=admit)
        holding.set()
        assert waiting.wait(30)
        threading.Event().wait(0.3)

    def activating(tx: Transaction) -> Guard:
        # As a transaction that has looked at something before its turn.
        assert tx.now_us
        waiting.set()
        activate(tx, NAME, 1)
        return read_guard(tx, NAME)

    first = Background(lambda: guarded.write(slow))
    assert holding.wait(30)
    guard = guarded.write(activating)
    first.join()
    assert [one.name for one in guard.scenarios] == ["late"]
