from __future__ import annotations

import pytest

from engine.rules.feel.evaluation import BudgetExceeded, Evaluation, Limits, bounded_evaluation
from engine.rules.feel.rendering import text_of
from engine.rules.feel.values import Value
from tests.unit.rules.feel.calls import NOW


def test_problems_are_kept_for_who_asks() -> None:
    problems: list[str] = []
    assert Evaluation(NOW, problems).problem("a") is None
    assert Evaluation(NOW).problem("b") is None
    assert problems == ["a"]


def test_now_may_be_a_moment_or_what_tells_it() -> None:
    assert Evaluation(NOW).now() == NOW
    assert Evaluation(lambda: NOW).now() == NOW


def test_steps_are_counted_over_the_whole_evaluation() -> None:
    ev = Evaluation(NOW, limits=Limits(steps=3))
    ev.spend()
    ev.spend(2)
    with pytest.raises(BudgetExceeded, match="more than 3 steps"):
        ev.spend()


def test_an_evaluation_that_is_overdue_is_stopped_within_some_thousand_steps() -> None:
    asked: list[int] = []
    ev = Evaluation(NOW, limits=Limits(steps=1_000_000), overdue=lambda: asked.append(1) or len(asked) == 3)
    for _ in range(25_000):
        ev.spend()
    assert len(asked) == 2
    with pytest.raises(BudgetExceeded, match="longer than it may here"):
        ev.spend(10_002)


def test_one_that_is_not_overdue_may_take_all_its_steps() -> None:
    ev = Evaluation(NOW, limits=Limits(steps=25_000), overdue=lambda: False)
    for _ in range(25_000):
        ev.spend()
    with pytest.raises(BudgetExceeded, match="more than 25000 steps"):
        ev.spend()


def test_what_is_made_is_counted_and_limited() -> None:
    ev = Evaluation(NOW, limits=Limits(steps=1_000, max_items=10, max_text=20))
    ev.room_for_items(10)
    ev.room_for_text(20)
    with pytest.raises(BudgetExceeded, match="list of 11 elements"):
        ev.room_for_items(11)
    with pytest.raises(BudgetExceeded, match="string of 21 characters"):
        ev.room_for_text(21)
    for _ in range(98):
        ev.room_for_items(10)
    with pytest.raises(BudgetExceeded, match="steps"):
        ev.spend(20)


def test_values_nested_too_deep_end_an_evaluation() -> None:
    nested: Value = None
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(BudgetExceeded, match="nested too deep"), bounded_evaluation():
        text_of(Evaluation(NOW), nested)
